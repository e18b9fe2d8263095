"""What an import tells at the terminal: what it understood, what it refused and why, the figures. Pure: text lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from experiments.analysis import Metric
from experiments.importing.build import ImportedArm, ImportedExperiment
from experiments.importing.reading import Import
from experiments.stats import metrics as statistics
from experiments.stats.metrics import MetricDefinition
from experiments.stats.ratios import arm_ratio
from experiments.stats.results import Comparison

# Up to so many experiments are told one by one, more are summed up.
TOLD_SINGLY = 3
CELL_SHOWN = 24


def understanding(found: Import) -> Iterator[str]:
    """The file, the columns and what each is used for, the metrics and the first rows."""
    yield f"{found.file_name}: {', '.join(f'{name} {value}' for name, value in found.about.items())}"
    yield f"{len(found.rows.reason) + len(found.rows.misshapen):,} rows, {len(found.columns)} columns"
    for asked, column in found.request.columns().items():
        yield f"  {asked:<24} {column}"
    unused = [column for column in found.columns if column not in found.request.columns().values()]
    yield f"  {'not used':<24} {', '.join(unused) or 'none'}"
    for metric in found.metrics:
        goal = ", the goal" if metric["key"] == found.request.goal_metric else ""
        yield f"metric {metric['key']}: {metric['kind']}, shown as {metric['format']}{goal}"
    yield "first rows:"
    for row in found.rows.first_rows:
        yield "  " + ", ".join(f"{column}={_short(cell)}" for column, cell in row.items())


def refusals(found: Import) -> Iterator[str]:
    """How many rows were refused, by reason, with the first of them."""
    rows = found.rows
    refused = rows.refused()
    total = sum(refused.values()) + len(rows.misshapen)
    yield f"{total:,} of {len(rows.reason) + len(rows.misshapen):,} rows refused" + (":" if total else "")
    examples = {reason.sentence: reason.examples for reason in rows.ledger.reasons}
    for sentence, count in refused.items():
        yield f"  {count:>9,}  {sentence} ({'; '.join(examples[sentence][:3])})"
    if rows.misshapen:
        row, cells = rows.misshapen[0]
        yield f"  {len(rows.misshapen):>9,}  has another number of cells than the header (row {row}: {cells})"


def figures(found: Import, results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The figures of each experiment where they are few, and the summary where they are many."""
    if len(found.experiments) <= TOLD_SINGLY:
        for experiment, result in zip(found.experiments, results, strict=True):
            yield from _single(experiment, result, found)
    else:
        yield from _summary(found, results)
    for title, built in (("", found.cleaned), ("uncleaned: ", found.uncleaned)):
        reasons = Counter(problem for _, problem in built.skipped) if built else Counter[str]()
        for problem, count in reasons.most_common(5):
            yield f"{title}{count:,} experiments left out: {problem}"


def _single(experiment: ImportedExperiment, result: dict[str, Any], found: Import) -> Iterator[str]:
    yield ""
    yield f"{experiment.name} ({experiment.key})"
    ratio = result["sample_ratio"]
    counts = ", ".join(f"{arm.name} {arm.moments.n:,}" for arm in experiment.arms)
    mark = "FLAGGED: the arms do not have the shares they should" if ratio["flagged"] else "not flagged at p < 0.001"
    yield f"  arms: {counts} (control: {experiment.arms[0].name})"
    yield f"  sample ratio: chi-square {ratio['statistic']:.3f}, p {ratio['p_value']:.4g}, {mark}"
    for metric in found.metrics:
        yield from _metric(Metric.from_dict(metric).definition, experiment.arms)
    yield f"  {result['verdict']['sentence']}"


def _metric(metric: MetricDefinition, arms: Sequence[ImportedArm]) -> Iterator[str]:
    yield f"  {metric.key}"
    control = arms[0]
    yield f"    {_value(metric, control)}"
    for arm in arms[1:]:
        found = statistics.compare(metric, control.moments, arm.moments)
        if math.isnan(found.statistic):
            yield f"    {_value(metric, arm)}; no test ({', '.join(note.value for note in found.notes)})"
            continue
        letter = "z" if found.degrees_of_freedom is None else "t"
        test = f"{letter} {found.statistic:.4f}, p {found.p_value:.5g}"
        yield f"    {_value(metric, arm)}; {_difference(metric, found)}, {test}"


def _difference(metric: MetricDefinition, found: Comparison) -> str:
    # A share's difference is in percentage points.
    points = metric.kind == "proportion"
    span, scale, form, unit = found.difference, 100 if points else 1, "+.3f" if points else "+.6g", " points" * points
    ends = f"{scale * span.lower:{form}} to {scale * span.upper:{form}}"
    return f"difference {scale * span.estimate:{form}}{unit} ({ends})"


def _value(metric: MetricDefinition, arm: ImportedArm) -> str:
    moments = arm.moments
    if metric.kind == "proportion":
        total = round(moments.total(metric.numerator))
        share = f" = {total / moments.n:.5%}" if moments.n else ""
        return f"{arm.name}: {total:,} of {moments.n:,}{share}"
    return f"{arm.name}: {arm_ratio(moments, metric.numerator, metric.denominator).value:,.6g} over {moments.n:,}"


def _summary(found: Import, results: Sequence[dict[str, Any]]) -> Iterator[str]:
    arms = sum(len(experiment.arms) for experiment in found.experiments)
    units = sum(result["units"] for result in results)
    flagged = [one.key for one, result in zip(found.experiments, results, strict=True) if _flagged(result)]
    yield ""
    yield f"{len(found.experiments):,} experiments, {arms:,} arms, {units:,} units"
    verdicts = Counter(result["verdict"]["code"] for result in results)
    yield "verdicts: " + ", ".join(f"{code} {count:,}" for code, count in verdicts.most_common())
    share = len(flagged) / len(found.experiments)
    some = f" ({', '.join(flagged[:3])}{'…' if len(flagged) > 3 else ''})" if flagged else ""
    yield f"sample ratio flagged (p < 0.001): {len(flagged):,} experiments, {share:.1%}{some}"
    if found.request.group:
        yield from _by_group(found, results)


def _by_group(found: Import, results: Sequence[dict[str, Any]]) -> Iterator[str]:
    total, flagged = Counter[str](), Counter[str]()
    for experiment, result in zip(found.experiments, results, strict=True):
        total[experiment.group] += 1
        flagged[experiment.group] += _flagged(result)
    yield f"sample ratio flags by {found.request.group}:"
    for group in sorted(total, key=lambda name: (len(name), name)):
        share = flagged[group] / total[group]
        yield f"  {group or '(none)':<16} {flagged[group]:>6,} of {total[group]:>6,}  {share:>6.1%}"


def _flagged(result: dict[str, Any]) -> bool:
    return bool(result["sample_ratio"]["flagged"])


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= CELL_SHOWN else f"{cell[:CELL_SHOWN]}…")
