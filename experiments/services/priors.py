"""Learning from the shop's own past experiments how far true effects spread, and handing that to the next analysis.

Every finished experiment counts, live or imported, won or lost: leaving out those that "failed" is what makes a history
lie. Left out are those whose split was broken (sample ratio mismatch), those with adaptive allocation (their plain arm
values are biased) and arms that were dropped. What was learned from is kept beside it, so that the prior for an
experiment that is itself in the history can be learned anew without it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction

from experiments.models import Analysis, Arm, Experiment, LearnedPrior
from experiments.queries.finished import arms_with_moments, finished_analyses
from experiments.stats.learning import Learned, LogValue, Past, learn
from experiments.stats.ratios import arm_ratio
from experiments.stats.shrinkage import HEADLINES, Prior

METHOD = "restricted_likelihood"


def learn_priors() -> int:
    """Learn the prior of every metric from the newest final analysis of each experiment; how many were learned.

    Run again on the same history it writes the same figures. Priors of metrics that no finished experiment has any
    more are removed.
    """
    history: dict[str, list[tuple[Past, str]]] = defaultdict(list)
    for analysis in finished_analyses():
        for metric, past in _pasts(analysis):
            history[metric].append((past, analysis.created_at.isoformat()))
    with transaction.atomic():
        LearnedPrior.objects.exclude(metric__in=history).delete()
        for metric, found in sorted(history.items()):
            _write(metric, found)
    return len(history)


def prior_for(metric: str, exclude_experiment: Experiment | None = None) -> Prior:
    """What past experiments say of a metric's true log lifts, the experiment named left out of them.

    The default prior (headlines, `experiments` 0) where nothing was learned, or nothing is left.
    """
    return priors_for([metric], exclude_experiment)[metric]


def priors_for(metrics: Sequence[str], exclude_experiment: Experiment | None = None) -> dict[str, Prior]:
    """`prior_for` of several metrics, in one query."""
    found = {row.metric: row for row in LearnedPrior.objects.filter(metric__in=metrics)}
    key = "" if exclude_experiment is None else str(exclude_experiment.pk)
    return {metric: _prior(found[metric], key) if metric in found else HEADLINES for metric in metrics}


def _prior(row: LearnedPrior, without: str) -> Prior:
    past = row.details.get("past", {})
    if without not in past:
        return Prior(row.mean, row.spread, row.experiments)
    return learn([_read(key, arms) for key, arms in past.items() if key != without]).prior


# --- from analyses to a history ---------------------------------------------------------------------------------------
def _pasts(analysis: Analysis) -> Iterator[tuple[str, Past]]:
    """The experiment on each of its metrics on which at least two arms have a logarithm, the control among them."""
    arms = arms_with_moments(analysis)
    for entry in analysis.settings.get("metrics", []):
        definition = entry["definition"]
        values = _log_values(arms, definition)
        if values and values[0] is not None and (rest := [one for one in values[1:] if one is not None]):
            yield definition["key"], Past(str(analysis.experiment_id), values[0], tuple(rest))


def _log_values(arms: Iterable[Arm], definition: Mapping[str, Any]) -> list[LogValue | None]:
    numerator, denominator = definition["numerator"], definition["denominator"]
    needed = {numerator, denominator} - {None}
    found: list[LogValue | None] = []
    for arm in arms:
        moments = arm.moments.value()
        found.append(LogValue.of(arm_ratio(moments, numerator, denominator)) if needed <= {*moments.columns} else None)
    return found


# --- rows -------------------------------------------------------------------------------------------------------------
def _write(metric: str, found: Sequence[tuple[Past, str]]) -> None:
    learned = learn([past for past, _ in found])
    LearnedPrior.objects.update_or_create(
        metric=metric,
        defaults={
            "experiments": learned.prior.experiments,
            "mean": learned.prior.mean,
            "spread": learned.prior.spread,
            "details": _details(learned, found),
        },
    )


def _details(learned: Learned, found: Sequence[tuple[Past, str]]) -> dict[str, Any]:
    times = [time for _, time in found]
    return {
        "method": METHOD,
        "raw_mean": learned.raw_mean,
        "mean_error": learned.mean_error,
        "log_spread_error": learned.spread_error,
        "moment_spread": learned.moment_spread,
        "default_spread": HEADLINES.spread,
        "first": min(times),
        "last": max(times),
        "past": {
            past.key: [[arm.value, arm.variance] for arm in (past.control, *past.challengers)] for past, _ in found
        },
    }


def _read(key: str, arms: Sequence[Sequence[float]]) -> Past:
    control, *challengers = (LogValue(value, variance) for value, variance in arms)
    return Past(key, control, tuple(challengers))
