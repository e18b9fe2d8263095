"""When a group sequential experiment is looked at, and how much it knows by then. Pure.

Look k of K is due once k/K of the planned units are there. Looks that were passed over are skipped: the boundary asks
only for the shares at which somebody really looked.
"""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT_LOOKS = 20
# What still arrives after the plan was full belongs to its last look up to this share of the plan; beyond it the plan
# was overrun on purpose.
OVERRUN = 0.1


def due(units: int, *, planned: int, looks: int, taken: int) -> int | None:
    """The number of the look that is due now; None where the newest was taken already."""
    number = min(units * looks // planned, looks)
    return number if number > taken else None


def next_at(units: int, *, planned: int, looks: int) -> int | None:
    """The units at which the next look is due; None after the last."""
    number = units * looks // planned + 1
    return -(-number * planned // looks) if number <= looks else None


def overrun(units: int, *, planned: int) -> bool:
    """Whether the experiment went on far beyond its plan."""
    return units > planned * (1 + OVERRUN)


def final_information(taken: Sequence[float], units: int, *, planned: int) -> tuple[float, ...]:
    """The shares of the plan at all looks once no more units come: the last one is what was reached.

    Units that came after a last look that was full count with that look (overrunning data: Whitehead 1992, Drug Inf. J.
    26:135). Raises ValueError for no unit.
    """
    reached = units / planned
    if not reached > 0:
        raise ValueError("units: there are none")
    earlier = [share for share in taken if share < min(reached, 1.0)]
    return (*earlier, reached)
