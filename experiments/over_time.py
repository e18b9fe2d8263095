"""The lift of one arm at each look, as points and as a picture. Pure.

The band is the interval that held at the look. The dashed lines are the boundary: a lift above the upper one, or below
the lower one, was clear at that look. Both come from the same stored interval, so the picture cannot contradict the
verdict: 1 + boundary = (1 + lift) / (1 + end), since intervals of a lift are symmetric on the log scale, and the lift
is beyond the boundary exactly where the interval leaves out zero.

Drawn here and not in a worker, since it grows while it is looked at and speaks the reader's language; colours are the
page's own. The table beneath it is its text alternative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

WIDTH, HEIGHT = 640, 230
LEFT, RIGHT, TOP, BOTTOM = 58, 20, 12, 38
# An interval wider than this share of change is drawn cut off: the line would else be flat.
WIDEST = 2.0


@dataclass(frozen=True, slots=True)
class Point:
    """One look: when, after how many units, the lift with its interval, and the boundary it had to pass."""

    at: datetime
    units: int
    look: int | None
    is_final: bool
    estimate: float
    lower: float
    upper: float

    @property
    def above(self) -> float | None:
        """The least lift that was clearly better."""
        return (1 + self.estimate) / (1 + self.lower) - 1 if self.lower > -1 else None

    @property
    def below(self) -> float | None:
        """The largest lift that was clearly worse."""
        return (1 + self.estimate) / (1 + self.upper) - 1 if self.upper > -1 else None

    @property
    def is_clear(self) -> bool:
        """Whether the lift was beyond the boundary."""
        return self.lower > 0 or self.upper < 0


def points(rows: Sequence[Mapping[str, Any]], arm: str) -> list[Point]:
    """The looks at which the arm had a bounded lift. `rows` are those of `queries.over_time`."""
    found = []
    for row in rows:
        lift = next((one.get("lift") for one in row["comparisons"] or () if one["arm"] == arm), None)
        if lift and None not in (lift["estimate"], lift["lower"], lift["upper"]):
            ends = (float(lift[name]) for name in ("estimate", "lower", "upper"))
            found.append(Point(row["created_at"], int(row["units"] or 0), row["look"], row["is_final"], *ends))
    return found


class _Frame:
    """From figures to pixels."""

    def __init__(self, found: Sequence[Point], planned: int | None) -> None:
        self.first = 0.0
        self.last = float(max(planned or 0, *(one.units for one in found), 1))
        values = [0.0, *(cut(value) for one in found for value in (one.lower, one.upper, one.estimate))]
        margin = 0.06 * (max(values) - min(values)) or 0.1
        self.low, self.high = min(values) - margin, max(values) + margin

    def x(self, units: float) -> float:
        return LEFT + (units - self.first) / (self.last - self.first) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def draw(
    found: Sequence[Point],
    *,
    planned: int | None,
    title: str,
    axis: str,
    share: Callable[[float], str],
    count: Callable[[float], str],
) -> str:
    """The picture; `share` and `count` write numbers as the reader does. Empty for fewer than two looks."""
    if len(found) < 2:
        return ""
    frame = _Frame(found, planned)
    back = [*_grid(frame, axis, share, count), _band(frame, found), _across(frame.y(0), "var(--soft)")]
    parts = [*back, *_boundary(frame, found), *_line(frame, found)]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(title, quote=True)}" font-family="inherit" font-size="12">{"".join(parts)}</svg>'
    )


def cut(value: float) -> float:
    """Within what is drawn."""
    return min(WIDEST, max(-WIDEST, value))


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values between two ends (1, 2 or 5 times a power of ten), about `wanted` of them."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough - 1e-12)
    first = -(-low // step)
    return [place * step for place in range(int(first), int(high // step) + 1)]


def _grid(frame: _Frame, axis: str, share: Callable[[float], str], count: Callable[[float], str]) -> list[str]:
    made = []
    for value in ticks(frame.low, frame.high):
        y = frame.y(value)
        made.append(_across(y, "var(--line)"))
        made.append(_text(LEFT - 8, y + 4, share(value), "end"))
    for units in ticks(frame.first, frame.last, 6):
        anchor = "start" if units == frame.first else "middle"
        made.append(_text(frame.x(units), HEIGHT - BOTTOM + 18, count(units), anchor))
    made.append(_text(WIDTH - RIGHT, HEIGHT - 4, axis, "end"))
    return made


def _band(frame: _Frame, found: Sequence[Point]) -> str:
    upper = [(frame.x(one.units), frame.y(cut(one.upper))) for one in found]
    lower = [(frame.x(one.units), frame.y(cut(one.lower))) for one in reversed(found)]
    return f'<polygon points="{_path([*upper, *lower])}" fill="var(--accent-soft)" stroke="none"/>'


def _boundary(frame: _Frame, found: Sequence[Point]) -> list[str]:
    made = []
    for name in ("above", "below"):
        known = [(one.units, getattr(one, name)) for one in found if getattr(one, name) is not None]
        inside = [(units, value) for units, value in known if frame.low <= value <= frame.high]
        if len(inside) > 1:
            path = _path([(frame.x(units), frame.y(value)) for units, value in inside])
            look = 'fill="none" stroke="var(--warn)" stroke-width="1.5" stroke-dasharray="6 4"'
            made.append(f'<polyline points="{path}" {look}/>')
    return made


def _line(frame: _Frame, found: Sequence[Point]) -> list[str]:
    places = [(frame.x(one.units), frame.y(cut(one.estimate))) for one in found]
    line = f'<polyline points="{_path(places)}" fill="none" stroke="var(--accent)" stroke-width="2"/>'
    dots = [
        # Filled where the lift was clear: form tells it as well as colour.
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" stroke="var(--accent)" stroke-width="2" '
        f'fill="var({"--accent" if one.is_clear else "--card"})"/>'
        for one, (x, y) in zip(found, places, strict=True)
    ]
    return [line, *dots]


def _across(y: float, colour: str) -> str:
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>'


def _path(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--soft)">{escape(words)}</text>'
