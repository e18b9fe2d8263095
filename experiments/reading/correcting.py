"""Several arms against one control on the goal: p-values and intervals that allow for their number, and agree.

Holm's correction decides (`stats.multiplicity.simultaneous`). Where Bonferroni's intervals say of zero the same as
Holm, they are shown, for they also say how far from zero; where Holm sees more than they do, all intervals are the ones
compatible with Holm, whose price is that of a rejected comparison only the sign is known. Either set covers all
differences together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.reading.comparing import Compared
from experiments.reading.settings import AnalysisSettings
from experiments.stats import multiplicity
from experiments.stats.inference import Normal
from experiments.stats.lifts import fieller_lift
from experiments.stats.multiplicity import Simultaneous
from experiments.stats.results import Comparison, Interval


@dataclass(frozen=True, slots=True)
class Corrected:
    """What decides of one comparison: its p-value after correction, and the intervals that go with it."""

    p_value: float
    difference: Interval
    lift: Interval | None


def alone(comparison: Comparison) -> Corrected:
    """A comparison that nothing has to be allowed for."""
    return Corrected(comparison.p_value, comparison.difference, comparison.lift)


def together(settings: AnalysisSettings, compared: Sequence[Compared]) -> list[Corrected]:
    """All comparisons of a metric with the control, corrected for their number."""
    if settings.silent:
        return [alone(one.comparison) for one in compared]
    found = multiplicity.simultaneous(
        # What has no reference has no variance either, and nothing is asked of the stand-in.
        [(one.effect, one.reference or Normal()) for one in compared],
        confidence=settings.confidence,
    )
    if all(_agrees(one, settings.alpha) for one in found):
        return [_single_step(settings, one, by) for one, by in zip(compared, found, strict=True)]
    return [Corrected(by.p_value, by.difference, by.lift) for by in found]


def _agrees(found: Simultaneous, alpha: float) -> bool:
    return (found.p_value < alpha) == (0 not in found.single_step)


def _single_step(settings: AnalysisSettings, compared: Compared, found: Simultaneous) -> Corrected:
    """Bonferroni's interval of the difference, and Fieller's lift at the same critical value."""
    effect, half = compared.effect, found.single_step.upper - found.single_step.estimate
    lift = None
    if effect.variance > 0:
        lift, _ = fieller_lift(
            effect.control,
            effect.treatment,
            half / effect.variance**0.5,
            covariance=effect.covariance,
            confidence=settings.confidence,
        )
    return Corrected(found.p_value, found.single_step, lift)
