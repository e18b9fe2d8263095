"""Which strategy, how many arms, how long and on what share of the traffic: the most gained over the horizon.

Peculiar: of what is near the best (a hundredth of the oracle's yield, or twice the simulation error), a test that ends
is taken before adaptive allocation, because its result can be read plainly; then the one that ships fewer wrong arms.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from experiments.planning.inputs import PlanInputs
from experiments.planning.lengths import Length, days_needed_for, lengths, typical_lift
from experiments.planning.strategies import Outcome, simulate

NAMES = {
    "test_best": "Test, then ship the arm believed best",
    "test_proven": "Test, then ship only what is proven better",
    "even": "Even split to the end",
    "thompson": "Adaptive (Thompson with a floor)",
}
NEAR = 0.01
_SEARCH_REPLICATIONS = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """The recommendation, what it was chosen from, and what tests of each length find."""

    inputs: PlanInputs
    recommended: Outcome
    test_days: int
    share: float
    sentence: str
    outcomes: tuple[Outcome, ...]
    lift: float
    days_needed: int | None
    lengths: tuple[Length, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def make_plan(inputs: PlanInputs, *, lift: float | None = None, choose_arms: bool = False, seed: int = 0) -> Plan:
    """Compare the strategies and recommend one.

    `lift` is the lift to find (default: the prior's typical one). With `choose_arms` fewer arms than `inputs.arms` may
    be recommended. The share is `inputs.share`, unless less of the traffic gains as much.
    """
    chosen = _arms(inputs, seed) if choose_arms else inputs
    share = _share(chosen, seed)
    chosen = replace(chosen, share=share)
    outcomes = simulate(chosen, seed=seed)
    best = choose(outcomes, higher_is_better=inputs.higher_is_better)
    size = typical_lift(inputs) if lift is None else lift
    days = max(round(best.fraction * inputs.days), 1)
    return Plan(
        inputs=chosen,
        recommended=best,
        test_days=days,
        share=share,
        sentence=_sentence(best, days=days, inputs=chosen),
        outcomes=tuple(shown(outcomes)),
        lift=size,
        days_needed=days_needed_for(chosen, size),
        lengths=tuple(lengths(chosen, size)),
    )


def choose(outcomes: list[Outcome], *, higher_is_better: bool = True) -> Outcome:
    """The best of the outcomes near the top: a test before the rest, then the fewest wrong ships."""
    sign = 1 if higher_is_better else -1
    top = max(outcomes, key=lambda one: sign * one.lift)
    margin = max(2 * top.oracle_share_error, NEAR)
    near = [one for one in outcomes if abs(one.oracle_share - top.oracle_share) <= margin]
    return min(near, key=lambda one: (not one.kind.startswith("test"), one.wrong, -sign * one.lift))


def shown(outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes in the order of a table: the lengths of each strategy together."""
    order = list(NAMES)
    return sorted(outcomes, key=lambda one: (order.index(one.kind), one.fraction))


def _gain(inputs: PlanInputs, seed: int) -> float:
    found = simulate(inputs, seed=seed, replications=_SEARCH_REPLICATIONS, adaptive=False)
    sign = 1 if inputs.higher_is_better else -1
    return max(sign * one.lift for one in found)


def _arms(inputs: PlanInputs, seed: int) -> PlanInputs:
    """The number of arms, the control included, at which the most is gained."""
    return max((replace(inputs, arms=arms) for arms in range(2, inputs.arms + 1)), key=lambda one: _gain(one, seed))


def _share(inputs: PlanInputs, seed: int) -> float:
    """The least of a few parts of the share offered that gives up under a hundredth of the gain."""
    whole = _gain(inputs, seed)
    for part in (0.25, 0.5):
        if _gain(replace(inputs, share=inputs.share * part), seed) >= 0.99 * whole:
            return inputs.share * part
    return inputs.share


def _sentence(best: Outcome, *, days: int, inputs: PlanInputs) -> str:
    what = {
        "test_best": f"Test for {days} of {inputs.days} days, then show everyone the arm believed best",
        "test_proven": f"Test for {days} of {inputs.days} days, then ship an arm only if it is proven better",
        "even": f"Split evenly for all {inputs.days} days",
        "thompson": f"Let the traffic follow the evidence (adaptive) for all {inputs.days} days",
    }[best.kind]
    return (
        f"{what}, with {inputs.arms} arms on {inputs.share:.0%} of the traffic: expect {best.lift:+.1%} over showing "
        f"the control, {best.oracle_share:.1%} of what knowing the best arm would give, and a {best.wrong:.0%} chance "
        f"to end on an arm that is worse than the control."
    )
