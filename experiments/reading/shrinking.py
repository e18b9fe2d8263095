"""What a lift is believed to be once past experiments have had their say: "expect +4 %, not +14 %".

The same effect that was judged is read once more, with the prior learned from the shop's own experiments, or, where
there are none, with that of public headline tests (`stats.shrinkage.HEADLINES`), which shrinks too little rather than
too much. A posterior does not depend on when somebody looked, so it needs no allowance for stopping early.
"""

from __future__ import annotations

from typing import Any

from experiments import wording
from experiments.reading.comparing import Compared
from experiments.reading.settings import AnalysisSettings, Metric
from experiments.stats import shrinkage
from experiments.stats.results import finite_or_none


def shrunk(
    settings: AnalysisSettings, metric: Metric, change: wording.Change, compared: Compared
) -> dict[str, Any] | None:
    """The shrunk lift with its interval, chance to win and the expected losses (shares of the control's value) of
    shipping and of keeping; None where a value is not positive or nothing varies.
    """
    prior = prior_for(settings, metric)
    found = shrinkage.shrink_effect(
        compared.effect, prior, direction=metric.definition.direction, confidence=settings.confidence
    )
    if found is None:
        return None
    return {
        "estimate": finite_or_none(found.estimate),
        "lower": finite_or_none(found.lower),
        "upper": finite_or_none(found.upper),
        "chance_to_win": found.chance_to_win,
        "expected_loss_ship": found.expected_loss_ship,
        "expected_loss_keep": found.expected_loss_keep,
        "weight": found.weight,
        "prior": {"mean": prior.mean, "spread": prior.spread, "experiments": prior.experiments},
        "sentence": wording.expected(change, estimate=found.estimate, experiments=prior.experiments),
    }


def prior_for(settings: AnalysisSettings, metric: Metric) -> shrinkage.Prior:
    """What is believed of a metric's log lifts before the experiment speaks."""
    own = settings.prior_of(metric.key)
    return shrinkage.HEADLINES if own is None else shrinkage.Prior(own.mean, own.spread, own.experiments)
