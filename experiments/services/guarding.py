"""What the platform does by itself: a broken guardrail pauses the experiment, wrong shares raise a notice.

Each is done once: the audit trail remembers what was done for which phase, so that somebody who resumes after a pause
is not paused again for the same reason.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from core import audit, errors
from experiments import wording
from experiments.lifecycle import Status
from experiments.models import Analysis, Experiment
from experiments.services.experiments import pause_experiment

BREACH, SHARES = "guardrail_breach", "sample_ratio"


def guard(experiment: Experiment, analysis: Analysis) -> bool:
    """Act on an analysis of a running experiment. True where something was done; doing it twice does nothing more."""
    if experiment.status not in {Status.RUNNING, Status.PAUSED} or analysis.phase != experiment.phase:
        return False
    if analysis.results["sample_ratio"]["flagged"]:
        return _notify(experiment, SHARES, analysis.sentence, analysis)
    broken = [entry for entry in analysis.results.get("guardrails", ()) if entry["status"] == "failed"]
    if not broken or experiment.status != Status.RUNNING:
        return False
    sentence = wording.paused([entry["sentence"] for entry in broken])
    if not experiment.pause_on_breach:
        return _notify(experiment, BREACH, wording.breach([entry["sentence"] for entry in broken]), analysis)
    return _pause(experiment, sentence, analysis, what=[f"{entry['arm']}:{entry['metric']}" for entry in broken])


@transaction.atomic
def _pause(experiment: Experiment, sentence: str, analysis: Analysis, *, what: list[str]) -> bool:
    """running → paused with the notice; False where another process was first, or this was done before."""
    held = Experiment.objects.select_for_update().get(pk=experiment.pk)
    if held.phase != analysis.phase or set(what) <= _acted_on(held, BREACH):
        return False
    try:
        pause_experiment(held, actor=None)
    except errors.Conflict:
        return False
    _say(held, BREACH, sentence, analysis, what=what)
    return True


@transaction.atomic
def _notify(experiment: Experiment, code: str, sentence: str, analysis: Analysis) -> bool:
    held = Experiment.objects.select_for_update().get(pk=experiment.pk)
    if held.phase != analysis.phase or _acted_on(held, code):
        return False
    _say(held, code, sentence, analysis, what=[code])
    return True


def _say(experiment: Experiment, code: str, sentence: str, analysis: Analysis, *, what: list[str]) -> None:
    notice = {"code": code, "sentence": sentence, "at": timezone.now().isoformat()}
    Experiment.objects.filter(pk=experiment.pk).update(notice=notice)
    details: dict[str, Any] = {"phase": analysis.phase, "analysis": analysis.pk, "what": what, "sentence": sentence}
    audit.record(f"experiment.{code}", experiment, actor=None, **details)


def _acted_on(experiment: Experiment, code: str) -> set[str]:
    """What was acted on already in this phase."""
    entries = audit.history(experiment).filter(action=f"experiment.{code}", data__phase=experiment.phase)
    return {one for entry in entries for one in entry.data["what"]}
