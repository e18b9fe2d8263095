"""How an arm looked to shoppers: who makes the copy lays down how it is drawn, a result asks for it.

Experiments know what an arm hands out and nothing of channels; the floor above knows the frame of each. What it gives
is drawn by a template of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.models import Arm, Experiment


@dataclass(frozen=True)
class Look:
    """One arm as it was shown: the template, and the `frame` it draws."""

    template: str
    frame: Any


# From an experiment and its arms to their looks by the arm's key; an arm that is not in it is shown as plain text.
Drawer = Callable[[Experiment, Sequence[Arm]], Mapping[str, Look]]
_DRAWERS: list[Drawer] = []


def register(drawer: Drawer) -> None:
    """Lay down who draws arms; once, in ready()."""
    _DRAWERS.append(drawer)


def looks(experiment: Experiment, arms: Sequence[Arm]) -> dict[str, Look]:
    """The looks of the arms, by key."""
    found: dict[str, Look] = {}
    for draw in _DRAWERS:
        found |= draw(experiment, arms)
    return found
