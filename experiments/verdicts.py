"""What to do, from what is known: rules in the order they are asked; the first that speaks decides. Pure.

    invalid       the arms have not the shares they should have
    roll_back     it runs, and every other arm does harm: on the goal, or beyond the margin of a guardrail
    keep          the same once it is over, or staying costs little enough
    ship          an arm is clearly better, ran long enough and breaks no guardrail; or is unclear at little risk
    keep_running  nothing of that, and there is more to come
    cannot_tell   nothing of that, and no more will come

Harm is acted on at once; only what is good has to wait for the least run time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from experiments import wording
from experiments.wording import Change

Code = Literal["ship", "keep", "roll_back", "keep_running", "cannot_tell", "invalid"]
# A plan whose goal is reached with less than this chance, going on as it went, is said to be unlikely to get there.
FUTILE = 0.1


@dataclass(frozen=True, slots=True)
class Candidate:
    """An arm that could be shipped, as the rules see it.

    `change` says what the goal metric makes of it. `broken` and `unsure` are names of guardrails. `loss_ship` and
    `loss_keep` are the expected losses of either choice, as shares of the goal's value; `chance` is the chance that it
    turns out clearly better by the end of the plan. None is unknown.
    """

    key: str
    change: Change
    broken: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    loss_ship: float | None = None
    loss_keep: float | None = None
    chance: float | None = None

    @property
    def name(self) -> str:
        """How the arm is called."""
        return self.change.arm

    @property
    def wins(self) -> bool:
        """Clearly better on the goal and allowed."""
        return self.change.verdict == "better" and not self.broken

    @property
    def harms(self) -> bool:
        """Clearly worse on the goal, or not allowed."""
        return self.change.verdict == "worse" or bool(self.broken)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict is made from. `shares` are planned and seen ones where they do not fit each other."""

    control_key: str
    control: str
    metric: str
    units: int
    running: bool
    candidates: tuple[Candidate, ...]
    arms: int = 2
    planned_units: int | None = None
    shares: tuple[Sequence[float], Sequence[float]] | None = None
    measured: bool = True
    silent: bool = False
    next_look: int | None = None
    hours: float | None = None
    minimum_hours: int = 0
    loss_threshold: float | None = None

    @property
    def full(self) -> bool:
        """Whether the planned units are there."""
        return self.planned_units is not None and self.units >= self.planned_units


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, with the arm it is about, the sentence, the rule that spoke, and what else is worth saying."""

    code: Code
    arm: str | None
    sentence: str
    rule: str = ""
    advice: tuple[str, ...] = field(default=())
    numbers: dict[str, Any] = field(default_factory=dict)


def decide(facts: Facts) -> Verdict:
    """The verdict of the first rule that speaks."""
    for rule in RULES:
        found = rule(facts)
        if found is not None:
            name = rule.__name__.strip("_")
            return Verdict(found.code, found.arm, found.sentence, name, _advice(facts, found), _numbers(facts))
    raise AssertionError("the last rule speaks always")


# --- the rules, in their order --------------------------------------------------------------------------------------
def _shares_off(facts: Facts) -> Verdict | None:
    return None if facts.shares is None else Verdict("invalid", None, wording.invalid(*facts.shares))


def _nothing_measured(facts: Facts) -> Verdict | None:
    if facts.measured and facts.candidates:
        return None
    if facts.running:
        return Verdict("keep_running", None, wording.keep_running(facts.metric, facts.units, facts.planned_units))
    return Verdict("cannot_tell", None, wording.no_data(facts.metric))


def _nothing_due(facts: Facts) -> Verdict | None:
    if not facts.silent:
        return None
    if facts.next_look is None or facts.planned_units is None:
        return Verdict("keep_running", None, wording.before_end(facts.units, facts.planned_units))
    return Verdict("keep_running", None, wording.before_look(facts.units, facts.planned_units, facts.next_look))


def _harm(facts: Facts) -> Verdict | None:
    if not all(candidate.harms for candidate in facts.candidates):
        return None
    by_goal = all(candidate.change.verdict == "worse" for candidate in facts.candidates)
    if not facts.running and by_goal:
        return Verdict("keep", facts.control_key, wording.keep(facts.control, facts.metric, facts.arms))
    reasons = [_harm_of(candidate, facts.metric) for candidate in facts.candidates]
    if facts.running:
        return Verdict("roll_back", facts.control_key, wording.roll_back(facts.control, reasons))
    return Verdict("keep", facts.control_key, wording.keep_all(facts.control, reasons))


def _winner(facts: Facts) -> Verdict | None:
    best = _best(facts)
    if best is None:
        return None
    if facts.running and (reason := _not_yet(facts, best)) is not None:
        return Verdict("keep_running", None, reason)
    return Verdict("ship", best.key, wording.ship(best.change))


def _little_risk(facts: Facts) -> Verdict | None:
    open_candidates = [one for one in facts.candidates if not one.harms and one.loss_ship is not None]
    if facts.loss_threshold is None or not open_candidates or (facts.running and not facts.full):
        return None
    least = min(open_candidates, key=lambda one: one.loss_ship or 0.0)
    loss_ship, loss_keep = least.loss_ship or 0.0, least.loss_keep or 0.0
    if loss_ship <= min(facts.loss_threshold, loss_keep):
        return Verdict("ship", least.key, wording.small_loss(least.name, facts.metric, loss_ship))
    most = max(one.loss_keep or 0.0 for one in open_candidates)
    if most <= facts.loss_threshold:
        return Verdict("keep", facts.control_key, wording.small_gain(facts.control, facts.metric, most))
    return None


def _more_to_come(facts: Facts) -> Verdict | None:
    if not facts.running or facts.full:
        return None
    return Verdict("keep_running", None, wording.keep_running(facts.metric, facts.units, facts.planned_units))


def _nothing_found(facts: Facts) -> Verdict:
    return Verdict("cannot_tell", None, wording.cannot_tell(facts.metric, facts.units, running=facts.running))


RULES: tuple[Callable[[Facts], Verdict | None], ...] = (
    _shares_off,
    _nothing_measured,
    _nothing_due,
    _harm,
    _winner,
    _little_risk,
    _more_to_come,
    _nothing_found,
)


# --- parts of rules ---------------------------------------------------------------------------------------------------
def _best(facts: Facts) -> Candidate | None:
    winners = [candidate for candidate in facts.candidates if candidate.wins]
    return max(winners, key=lambda one: abs(one.change.difference.estimate), default=None)


def _not_yet(facts: Facts, best: Candidate) -> str | None:
    """Why a winner is not shipped while the test runs; None where nothing stands in the way."""
    if facts.hours is not None and facts.hours < facts.minimum_hours:
        return wording.too_early(best.name, facts.metric, hours=facts.hours, minimum=facts.minimum_hours)
    if best.unsure and not facts.full:
        return wording.guardrail_open(best.name, facts.metric, best.unsure)
    threshold, loss = facts.loss_threshold, best.loss_ship
    if threshold is not None and loss is not None and loss > threshold and not facts.full:
        return wording.too_risky(best.name, facts.metric, loss=loss, threshold=threshold)
    return None


def _harm_of(candidate: Candidate, metric: str) -> str:
    if candidate.broken:
        return wording.breaks(candidate.name, candidate.broken)
    return wording.is_worse(candidate.name, metric)


def _advice(facts: Facts, found: Verdict) -> tuple[str, ...]:
    shipped = next((one for one in facts.candidates if found.code == "ship" and one.key == found.arm), None)
    if shipped is not None and shipped.unsure:
        return (wording.open_guardrails(shipped.name, shipped.unsure),)
    chances = [one.chance for one in facts.candidates if not one.harms]
    if found.code != "keep_running" or facts.silent or not chances:
        return ()
    known = [chance for chance in chances if chance is not None]
    if len(known) < len(chances) or max(known) >= FUTILE:
        return ()
    names = [one.name for one in facts.candidates if not one.harms]
    return (wording.futile(names, facts.metric, max(known)),)


def _numbers(facts: Facts) -> dict[str, Any]:
    return {
        "units": facts.units,
        "planned_units": facts.planned_units,
        "hours": facts.hours,
        "minimum_hours": facts.minimum_hours,
        "loss_threshold": facts.loss_threshold,
        "arms": [
            {
                "arm": one.key,
                "goal": one.change.verdict,
                "guardrails_failed": list(one.broken),
                "guardrails_unclear": list(one.unsure),
                "expected_loss_ship": one.loss_ship,
                "expected_loss_keep": one.loss_keep,
                "chance_to_get_there": one.chance,
            }
            for one in facts.candidates
        ],
    }
