"""The sentence of a verdict, and the reasons beneath it."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.wording.changes import Change, span
from experiments.wording.figures import count, percent, shoppers


def ship(change: Change) -> str:
    """One arm is clearly better on the goal."""
    return f"Ship {change.arm}: its {change.metric.lower()} beats that of {change.control}, {span(change)}."


def keep(control: str, metric: str, arms: int) -> str:
    """Every other arm is clearly worse."""
    others = "the other arm is" if arms == 2 else f"all {arms - 1} other arms are"
    return f"Keep {control}: {others} clearly worse on {metric.lower()}."


def keep_all(control: str, reasons: Sequence[str]) -> str:
    """No other arm may be shown, each for a reason of its own."""
    return f"Keep {control}: {'; '.join(reasons)}."


def roll_back(control: str, reasons: Sequence[str]) -> str:
    """It still runs, and every other arm does harm."""
    return f"Roll back to {control}: {'; '.join(reasons)}."


def is_worse(arm: str, metric: str) -> str:
    """Part of a sentence: an arm is worse on a metric."""
    return f"{arm} is clearly worse on {metric.lower()}"


def breaks(arm: str, metrics: Sequence[str]) -> str:
    """Part of a sentence: an arm breaks guardrails."""
    return f"{arm} makes {' and '.join(metric.lower() for metric in metrics)} clearly worse than is allowed"


def too_early(arm: str, metric: str, *, hours: float, minimum: int) -> str:
    """An arm is ahead before the least time is over."""
    return (
        f"Keep running: {arm} is ahead on {metric.lower()}, but the test has run {hours:,.0f} of at least "
        f"{minimum:,} hours."
    )


def guardrail_open(arm: str, metric: str, open_metrics: Sequence[str]) -> str:
    """An arm is better, and what it may cost is not known yet."""
    others = " and ".join(one.lower() for one in open_metrics)
    return f"Keep running: {arm} is better on {metric.lower()}, but whether {others} holds cannot be told yet."


def too_risky(arm: str, metric: str, *, loss: float, threshold: float) -> str:
    """An arm is better, and yet shipping it could cost more than is allowed."""
    return (
        f"Keep running: {arm} is ahead on {metric.lower()}, but shipping it could cost {percent(loss, 2)} on average; "
        f"at most {percent(threshold, 2)} is allowed."
    )


def before_look(units: int, planned: int, due: int) -> str:
    """A group sequential test between its start and its first look."""
    return f"Keep running: {count(units)} of {count(planned)} planned shoppers; the first look is at {count(due)}."


def before_end(units: int, planned: int | None) -> str:
    """A test that is read once, at its end."""
    seen = f"{count(units)} of {count(planned)} planned shoppers" if planned else shoppers(units)
    return f"Keep running: {seen}; this test is read once, when it is stopped."


def small_loss(arm: str, metric: str, loss: float) -> str:
    """Nothing is clear, and yet one arm can be chosen at little risk."""
    return (
        f"Ship {arm}: it is not clearly better on {metric.lower()}, but if it is worse after all that costs "
        f"{percent(loss, 2)} on average, which is less than you said you mind."
    )


def small_gain(control: str, metric: str, loss: float) -> str:
    """Nothing is clear, and staying costs little."""
    return (
        f"Keep {control}: no arm is clearly better on {metric.lower()}, and staying costs {percent(loss, 2)} on "
        "average, which is less than you said you mind."
    )


def keep_running(metric: str, units: int, planned: int | None) -> str:
    """Nothing is clear, and the plan is not full."""
    seen = f"{count(units)} of {count(planned)} planned shoppers" if planned else shoppers(units)
    return f"Keep running: after {seen} no arm is clearly better than the control on {metric.lower()}."


def cannot_tell(metric: str, units: int, *, running: bool) -> str:
    """Nothing is clear, and no more will come."""
    ending = "; the planned number is reached, so stop it" if running else ""
    return f"No winner: after {shoppers(units)} no arm is clearly better on {metric.lower()}{ending}."


def no_data(metric: str) -> str:
    """The goal cannot be computed."""
    return f"Nothing can be said: {metric.lower()} was not measured in enough shoppers."


def invalid(planned: Sequence[float], seen: Sequence[float]) -> str:
    """The arms have not the shares they should have."""
    shares = [" / ".join(percent(value) for value in values) for values in (planned, seen)]
    return (
        "Do not trust this test: shoppers arrived in shares that chance does not explain "
        f"(planned {shares[0]}, seen {shares[1]}). Find the cause and run it again."
    )


def several_arms(comparisons: int) -> str:
    """Why a small p-value may not be enough."""
    return f"{comparisons} arms were compared with the control; the verdict allows for that (Holm)."


def two_arms(units: int) -> str:
    """Units that count for no arm."""
    return f"{shoppers(units)} saw more than one arm and {'counts' if units == 1 else 'count'} for none."


def futile(arms: Sequence[str], metric: str, chance: float) -> str:
    """Advice: the plan will hardly find anything."""
    ahead = "no arm" if len(arms) > 1 else arms[0]
    turns = "turns" if len(arms) == 1 else "will turn"
    return (
        f"Unlikely to get there: if it goes on as it went, {ahead} {turns} out clearly better on {metric.lower()} "
        f"with a chance of {percent(chance, 0)}. Stopping now loses little."
    )


def open_guardrails(arm: str, metrics: Sequence[str]) -> str:
    """Shipped though a guardrail is not settled."""
    return f"{arm}: whether {' and '.join(one.lower() for one in metrics)} holds was not settled; watch it."


def dropped(arms: Sequence[str]) -> str:
    """Arms that were taken out."""
    if len(arms) == 1:
        return f"{arms[0]} was taken out of the test and is compared with nothing."
    return f"{', '.join(arms)} were taken out of the test and are compared with nothing."


def adaptive() -> str:
    """Why an adaptive experiment's figures are not plain averages."""
    return (
        "The shares changed while the test ran, so plain averages would mislead; each shopper counts by the chance "
        "that the arm had when it was shown."
    )


def paused(reasons: Sequence[str]) -> str:
    """Notice of a pause that the platform made by itself."""
    return f"Paused by itself, nobody new enters. {' '.join(reasons)} Stop it, or resume it if that is acceptable."


def breach(reasons: Sequence[str]) -> str:
    """Notice of a broken guardrail where pausing is switched off."""
    return f"{' '.join(reasons)} It goes on, since pausing by itself is switched off."
