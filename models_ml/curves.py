"""Curves of training as SVG, drawn in the web process at each look. Pure.

Peculiar: results are drawn by Altair in a worker and stored (experiments/charts.py); a curve that grows while it is
looked at, and any choice of runs over each other, would each need a drawing of its own and a worker that is free, while
the one queue that has the figures is busy training. So these lines are written here, with the page's own colours as CSS
variables. The sentence and the table beside a chart are its text alternative.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[int, float]]

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 26, 12, 34
# More points than pixels only make the page heavy.
MOST_POINTS = 400
COLOURS = ("var(--accent)", "var(--warn)", "var(--live)", "var(--good)", "var(--bad)", "var(--soft)")
# Lines differ by their dashes too: colour alone is not seen by everyone.
DASHES = ("", "7 4", "2 4", "10 3 2 3", "4 4", "1 3")


@dataclass(frozen=True)
class Series:
    """One line: `points` are (step, value) with growing steps. `style` picks colour and dashes, `dots` marks points."""

    label: str
    points: Points
    style: int = 0
    dots: bool = False

    @property
    def colour(self) -> str:
        """The CSS colour of the line."""
        return COLOURS[self.style % len(COLOURS)]

    @property
    def dashes(self) -> str:
        """The SVG dash pattern of the line; empty for a whole one."""
        return DASHES[self.style % len(DASHES)]


@dataclass(frozen=True)
class _Frame:
    """From figures to pixels."""

    first: float
    last: float
    low: float
    high: float

    def x(self, step: float) -> float:
        return LEFT + (step - self.first) / ((self.last - self.first) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.high - value) / ((self.high - self.low) or 1) * (HEIGHT - TOP - BOTTOM)


def draw(series: Sequence[Series], *, title: str, axis: str) -> str:
    """The picture, or an empty string where no line has a point. `axis` names what goes to the right."""
    shown = [Series(one.label, thinned(one.points), one.style, one.dots) for one in series if one.points]
    if not shown:
        return ""
    frame = _frame(shown)
    body = [*_grid(frame, axis), *(part for one in shown for part in _line(one, frame))]
    name = escape(title, quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{name}" '
        f'font-family="inherit" font-size="12">{"".join(body)}</svg>'
    )


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most about `most` of the points, evenly chosen; the first, the last and the lowest stay."""
    if len(points) <= most:
        return points
    step = math.ceil(len(points) / most)
    lowest = min(range(len(points)), key=lambda place: points[place][1])
    kept = {*range(0, len(points), step), len(points) - 1, lowest}
    return [points[place] for place in sorted(kept)]


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round values between two ends (1, 2 or 5 times a power of ten), about `wanted` of them."""
    if high <= low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 10) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def _frame(series: Iterable[Series]) -> _Frame:
    points = [point for one in series for point in one.points]
    steps, values = [step for step, _ in points], [value for _, value in points]
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 1.0
    return _Frame(min(steps), max(*steps, min(steps) + 1), low - margin, high + margin)


def _grid(frame: _Frame, axis: str) -> Iterable[str]:
    for value in ticks(frame.low, frame.high):
        y = frame.y(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
        yield _text(LEFT - 8, y + 4, f"{value:g}", "end")
    for step in ticks(frame.first, frame.last, 6):
        if step == int(step):
            yield _text(frame.x(step), HEIGHT - BOTTOM + 18, f"{step:,.0f}", "middle")
    yield _text(WIDTH - RIGHT, HEIGHT - 2, escape(axis), "end")


def _line(one: Series, frame: _Frame) -> Iterable[str]:
    places = [(frame.x(step), frame.y(value)) for step, value in one.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dashes = f' stroke-dasharray="{one.dashes}"' if one.dashes else ""
    yield (
        f'<polyline points="{path}" fill="none" stroke="{one.colour}" stroke-width="2" stroke-linejoin="round"{dashes}>'
        f"<title>{escape(one.label)}</title></polyline>"
    )
    if one.dots or len(places) == 1:
        for x, y in places:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{one.colour}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="var(--soft)">{words}</text>'


def sentence(label: str, points: Points) -> str:
    """What a line says, for those who do not see it: where it began, where it is, and its lowest value."""
    if not points:
        return ""
    (first, start), (last, end) = points[0], points[-1]
    if first == last:
        return f"{label}: {start:.3f} at step {first}."
    step, lowest = min(points, key=lambda point: point[1])
    way = "falls" if end < start else "rises" if end > start else "stays"
    return (
        f"{label} {way} from {start:.3f} at step {first} to {end:.3f} at step {last}; "
        f"the lowest is {lowest:.3f} at step {step}."
    )


def seconds_left(*, elapsed: float, first_percent: float, percent: float) -> float | None:
    """How long the rest takes at the pace of this attempt, which began at `first_percent`. None before it shows."""
    done = percent - first_percent
    if done < 1 or elapsed <= 0 or percent >= 100:
        return None
    return elapsed / done * (100 - percent)
