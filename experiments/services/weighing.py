"""The rule by which adaptive experiments share out their next batch: Thompson's, from what past experiments believe.

Arms are taken to differ as much as past experiments' arms did (the learned prior of the metric, or the default one), so
few data move shares little and much data move them far. The floor is the caller's.
"""

from __future__ import annotations

from typing import cast

from experiments.services.allocation import Evidence
from experiments.services.priors import prior_for
from experiments.stats import bandits
from experiments.stats.bandits import Method
from experiments.stats.moments import Moments
from experiments.stats.ratios import arm_ratio


def weigh(evidence: Evidence) -> list[float]:
    """The wanted shares of `evidence.arms`: even ones until an arm has a value that varies."""
    totals = [_total(evidence, arm) for arm in evidence.arms]
    metric = evidence.metric
    found = [arm_ratio(one, metric.numerator, metric.denominator) for one in totals]
    if not any(one.n >= 2 and one.standard_error > 0 for one in found):
        return [1.0] * len(found)
    means, spreads = bandits.shrunk_posteriors(
        [one.value for one in found],
        [one.standard_error for one in found],
        spread=prior_for(metric.key).spread,
    )
    return bandits.thompson_shares(
        means.tolist(), spreads.tolist(), method=cast("Method", evidence.method), direction=metric.direction
    )


def _total(evidence: Evidence, arm: str) -> Moments:
    """All batches of an arm. A posterior does not ask why an arm was shown as often as it was."""
    known = [batch.moments[arm] for batch in evidence.batches if arm in batch.moments]
    columns = tuple(filter(None, (evidence.metric.numerator, evidence.metric.denominator)))
    return sum((one.select(columns) for one in known), Moments.empty(columns))
