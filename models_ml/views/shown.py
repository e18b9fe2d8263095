"""What the pages of runs and versions show, computed from rows: a template gets values and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Job
from models_ml import curves
from models_ml.curves import Series
from models_ml.models import TrainingRun
from models_ml.queries.runs import Curves
from models_ml.wording import figure_lines, plan_lines

# The figure that is followed, and the same on rows the model does not learn from.
LOSS, HELD_OUT = "loss", "eval_loss"


def run_panel(run: TrainingRun, found: Curves) -> dict[str, Any]:
    """The part of a run's page that moves: state, pace, curve, figures."""
    job, version = run.job, run.model_version
    losses = [
        Series(_("Training loss"), found.get(LOSS, [])),
        Series(_("Validation loss"), found.get(HELD_OUT, []), style=1, dots=True),
    ]
    return {
        "run": run,
        "job": job,
        "version": version,
        "seconds_left": seconds_left(job) if job is not None else None,
        "chart": curves.draw(losses, title=_("Loss by step"), axis=_("step")),
        "lines": [one for one in losses if one.points],
        "sentences": [curves.sentence(one.label, one.points) for one in losses if one.points],
        "table": table_of(found),
        "rate": next((value for _step, value in reversed(found.get("learning_rate", []))), None),
        "plan": plan_lines(run.plan),
        "figures": figure_lines(run.metrics),
    }


def seconds_left(job: Job) -> float | None:
    """How long a running job will take at the pace of its present attempt."""
    if job.status != "running" or job.started_at is None:
        return None
    elapsed = (timezone.now() - job.started_at).total_seconds()
    first = float(job.checkpoint.get("first_percent", 0))
    return curves.seconds_left(elapsed=elapsed, first_percent=first, percent=job.percent)


def table_of(found: Curves, rows: int = 12) -> list[dict[str, Any]]:
    """The curve as a short table: some steps, evenly chosen, with both losses. Its text alternative."""
    losses = {name: dict(found.get(name, [])) for name in (LOSS, HELD_OUT)}
    steps = sorted({step for values in losses.values() for step in values})
    chosen = (
        [steps[round(place * (len(steps) - 1) / (rows - 1))] for place in range(rows)] if len(steps) > rows else steps
    )
    return [{"step": step, "loss": losses[LOSS].get(step), "held_out": losses[HELD_OUT].get(step)} for step in chosen]


def comparison(runs: Sequence[TrainingRun], found: Mapping[int, Curves]) -> dict[str, Any]:
    """Runs over each other: one chart a figure, and the rows of settings and figures, those that differ marked."""
    charts = [
        _chart(title, name, runs, found)
        for title, name in ((_("Training loss"), LOSS), (_("Validation loss"), HELD_OUT))
    ]
    settings = [dict(plan_lines(run.plan)) for run in runs]
    figures = [dict(figure_lines(run.metrics)) for run in runs]
    return {
        "runs": [{"row": run, "line": Series(run.name, [], style)} for style, run in enumerate(runs)],
        "charts": [chart for chart in charts if chart["svg"]],
        "settings": _side_by_side(settings),
        "figures": _side_by_side(figures),
    }


def _chart(title: str, name: str, runs: Sequence[TrainingRun], found: Mapping[int, Curves]) -> dict[str, Any]:
    lines = [
        Series(run.name, found.get(run.pk, {}).get(name, []), style, dots=name == HELD_OUT)
        for style, run in enumerate(runs)
    ]
    return {
        "title": title,
        "svg": curves.draw(lines, title=title, axis=_("step")),
        "sentences": [curves.sentence(line.label, line.points) for line in lines if line.points],
    }


def _side_by_side(columns: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    labels = dict.fromkeys(label for column in columns for label in column)
    rows = [(label, [column.get(label, "–") for column in columns]) for label in labels]
    return [{"label": label, "values": values, "differs": len(set(values)) > 1} for label, values in rows]
