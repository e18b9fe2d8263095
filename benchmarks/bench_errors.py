"""Errors of the defaults by simulation: false calls under daily looks, power, and how often intervals hold the truth.

Every run simulates shoppers (skewed revenue, most buy nothing), not test statistics, and asks the very functions of a
result page. A rate comes with its simulation error; a claim fails where the rate is off by more than three of them (or
outside 94 to 96 %, for an interval). What a fixed test and a flat-prior rule do to the same data stands beside it.

    python benchmarks/bench_errors.py [runs]     (default 10,000; some minutes on two cores)
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from time import perf_counter

import numpy as np
import numpy.typing as npt
from surroundings import describe

from experiments.reading.looks import OVERRUN
from experiments.stats import adjustment, means, operating, proportions, ratios, roi, sample_ratio, sequences
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.inference import Normal, conclude, welch_satterthwaite
from experiments.stats.moments import Moments
from experiments.stats.proportions import Counts
from experiments.stats.results import Interval

Floats = npt.NDArray[np.float64]
ALPHA, DAILY = 0.05, 200
BUYERS = 0.2
CHUNK = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One measured rate and the claim about it (None: shown for comparison)."""

    name: str
    rate: float
    runs: int
    claim: str = ""
    holds: bool = True

    @property
    def error(self) -> float:
        """Standard error of the simulation."""
        return math.sqrt(max(self.rate * (1 - self.rate), 1 / self.runs) / self.runs)

    def __str__(self) -> str:
        verdict = f"{self.claim}: {'holds' if self.holds else 'FAILS'}" if self.claim else "for comparison"
        return f"  {self.name:<58} {self.rate:8.3%} +- {3 * self.error:7.3%}   {verdict}"


def at_most(name: str, hits: npt.ArrayLike, level: float) -> Line:
    line = _shown(name, hits)
    return Line(name, line.rate, line.runs, f"at most {level:.2%}", line.rate - 3 * line.error <= level)


def covers(name: str, hits: list[bool]) -> Line:
    rate = sum(hits) / len(hits)
    return Line(name, rate, len(hits), "94 to 96 %", 0.94 <= rate <= 0.96)


def shopped(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Revenue per shopper: most buy nothing, the rest log-normal amounts."""
    bought = random.random(shape) < BUYERS
    return np.where(bought, np.exp(random.normal(0.0, 0.6, shape) + 3.0), 0.0)


def statistics(runs: int, looks: int, *, lift: float = 0.0, seed: int) -> Floats:
    """Welch's statistic at each daily look, (runs, looks), from shoppers of two arms."""
    random = np.random.Generator(np.random.PCG64(seed))
    return np.concatenate([_chunk(random, size, looks, lift) for size in _sizes(runs)])


def _sizes(runs: int) -> Iterator[int]:
    for start in range(0, runs, CHUNK):
        yield min(CHUNK, runs - start)


def _chunk(random: np.random.Generator, size: int, looks: int, lift: float) -> Floats:
    units = DAILY * np.arange(1, looks + 1)
    found = []
    for factor in (1.0, 1.0 + lift):
        rows = shopped(random, (size, looks, DAILY)) * factor
        mean = rows.sum(axis=2).cumsum(axis=1) / units
        square = (rows**2).sum(axis=2).cumsum(axis=1) / units - mean**2
        found.append((mean, square / (units - 1)))
    (before, noise), (after, other) = found
    return np.asarray((after - before) / np.sqrt(noise + other))


def plan_bounds(looks: int, *, share: float = 1.0) -> Floats:
    """The default's boundary at each look, each asked of the reference of that look."""
    shares = tuple(look / looks for look in range(1, looks + 1))
    return np.array([GroupSequential(shares[: look + 1]).critical(ALPHA * share) for look in range(looks)])


def sequence_bounds(looks: int) -> Floats:
    rho = sequences.exact_rho(2 * DAILY * looks, alpha=ALPHA)
    return np.array(
        [sequences.ConfidenceSequence(2 * DAILY * look, rho).critical(ALPHA) for look in range(1, looks + 1)]
    )


def with_overrun(looks: int) -> Floats:
    planned = 2 * DAILY * looks
    after = [
        sequences.overrun(2 * DAILY * look, planned_n=planned).critical(ALPHA)
        for look in range(looks + 1, 2 * looks + 1)
    ]
    return np.concatenate([plan_bounds(looks, share=sequences.PLAN_SHARE), after])


def page_overrun(looks: int) -> Floats:
    """The boundaries of a page whose plan is overrun: the plan's, then, beyond a tenth more, a sequence at full alpha.

    In between nothing new is concluded.
    """
    planned, first = 2 * DAILY * looks, looks + int(looks * OVERRUN) + 1
    rho = sequences.exact_rho(planned, alpha=ALPHA)
    late = [sequences.ConfidenceSequence(2 * DAILY * look, rho).critical(ALPHA) for look in range(first, 2 * looks + 1)]
    return np.concatenate([plan_bounds(looks), np.full(first - looks - 1, np.inf), late])


def false_calls(runs: int, looks: int) -> list[Line]:
    """No difference: how often each rule ever calls one."""
    z = statistics(runs, 2 * looks, seed=looks)
    within, size = z[:, :looks], np.abs(z)
    ever = size[:, :looks]
    return [
        at_most(f"group sequential, {looks} looks", (ever > plan_bounds(looks)).any(axis=1), ALPHA),
        at_most(
            f"  with shares of alpha, overrun to {2 * looks} looks", (size > with_overrun(looks)).any(axis=1), ALPHA
        ),
        at_most(f"  as a page has it, overrun to {2 * looks} looks", (size > page_overrun(looks)).any(axis=1), ALPHA),
        at_most(f"confidence sequence, {looks} looks", (ever > sequence_bounds(looks)).any(axis=1), ALPHA),
        _shown(f"fixed test at each of {looks} looks", (ever > Normal().critical(ALPHA)).any(axis=1)),
        _shown(
            f"flat prior, 95 % to win or lose, {looks} looks", (np.abs(within) > Normal().critical(0.1)).any(axis=1)
        ),
    ]


def _shown(name: str, hits: npt.ArrayLike) -> Line:
    values = np.asarray(hits, dtype=np.float64)
    return Line(name, float(values.mean()), values.size)


def mismatches(runs: int, looks: int) -> list[Line]:
    """Units split evenly as planned: how often the check of the shares ever says otherwise."""
    random = np.random.Generator(np.random.PCG64(900 + looks))
    total = 2 * DAILY * np.arange(1, looks + 1)
    control = random.binomial(2 * DAILY, 0.5, (runs, looks)).cumsum(axis=1)
    off = np.abs(2 * control - total) // 2
    level = sample_ratio.MISMATCH_ALPHA
    flagged = {
        test: (off >= np.array([_limit(test, int(units)) for units in total])).any(axis=1)
        for test in (sample_ratio.sequential, sample_ratio.chi_square)
    }
    return [
        at_most(f"sequential check of shares, {looks} looks", flagged[sample_ratio.sequential], level),
        _shown(f"chi-square check at each of {looks} looks", flagged[sample_ratio.chi_square]),
    ]


@cache
def _limit(test: Callable[..., sample_ratio.SampleRatio], units: int) -> int:
    """The least shift of units from one arm to the other that the check flags: it rises with the shift."""
    low, high = 0, units // 2
    while high - low > 1:
        middle = (low + high) // 2
        flagged = test([units // 2 + middle, units // 2 - middle], [1, 1]).mismatch
        low, high = (low, middle) if flagged else (middle, high)
    return high


def power(runs: int, looks: int) -> list[Line]:
    """An effect that a fixed test finds with 80 %: what looking every day costs."""
    rows = shopped(np.random.Generator(np.random.PCG64(3)), (2_000_000,))
    lift, varied = 0.0, float(rows.std() / rows.mean()) * operating.fixed_drift()
    for _ in range(50):
        # A lift multiplies the noise of its arm as well.
        lift = varied * math.sqrt((1 + (1 + lift) ** 2) / (DAILY * looks))
    z = statistics(runs, looks, lift=lift, seed=50 + looks)
    found = (np.abs(z) > plan_bounds(looks)).any(axis=1)
    fixed = np.abs(z[:, -1]) > Normal().critical(ALPHA)
    watched = (np.abs(z) > sequence_bounds(looks)).any(axis=1)
    less = fixed.astype(np.float64) - found
    lost, error = float(less.mean()), float(less.std()) / math.sqrt(runs)
    name = f"power of the group sequential default, {looks} looks"
    claim = f"within 2.5 points of the fixed test ({lost * 100:.2f} +- {300 * error:.2f} less)"
    return [
        Line(name, float(found.mean()), runs, claim, lost - 3 * error <= 0.025),
        _shown("power of the fixed test, one look", fixed),
        _shown(f"power of the confidence sequence, {looks} looks", watched),
    ]


def coverage(runs: int) -> list[Line]:
    """How often the intervals of one look hold the truth."""
    random = np.random.Generator(np.random.PCG64(77))
    makers: dict[str, Callable[[np.random.Generator], tuple[Interval | None, float]]] = {
        "proportion: difference (score)": _proportion,
        "proportion: lift (score)": _proportion_lift,
        "mean: difference (Welch)": _mean,
        "mean: lift (Fieller)": _mean_lift,
        "ratio: clicks per impression (delta)": _ratio,
        "return on cost (Fieller)": _return,
        "mean with covariate (CUPED)": _cuped,
    }
    lines = []
    for name, make in makers.items():
        drawn = [make(random) for _ in range(runs)]
        lines.append(covers(name, [interval is not None and truth in interval for interval, truth in drawn]))
    return lines


def _counts(random: np.random.Generator) -> tuple[Counts, Counts]:
    return Counts(int(random.binomial(4_000, 0.05)), 4_000), Counts(int(random.binomial(6_000, 0.06)), 6_000)


def _proportion(random: np.random.Generator) -> tuple[Interval | None, float]:
    return proportions.score(*_counts(random)).difference, 0.01


def _proportion_lift(random: np.random.Generator) -> tuple[Interval | None, float]:
    return proportions.score(*_counts(random)).lift, 0.2


MEAN = BUYERS * math.exp(3.0 + 0.6**2 / 2)


def _revenues(random: np.random.Generator) -> tuple[Moments, Moments]:
    before, after = (shopped(random, (units, 1)) for units in (2_000, 1_500))
    return Moments.from_rows(("y",), before), Moments.from_rows(("y",), after * 1.1)


def _mean(random: np.random.Generator) -> tuple[Interval | None, float]:
    return means.welch(*_revenues(random), "y").difference, 0.1 * MEAN


def _mean_lift(random: np.random.Generator) -> tuple[Interval | None, float]:
    return means.welch(*_revenues(random), "y").lift, 0.1


def _ratio(random: np.random.Generator) -> tuple[Interval | None, float]:
    """A shopper's own rate goes with how much the shopper sees, so that impressions are not independent."""
    arms = []
    for factor in (1.0, 1.2):
        seen = 1 + random.poisson(4.0, 1_500)
        clicks = random.binomial(seen, factor * random.beta(2, 18, 1_500) * np.where(seen > 5, 0.5, 1.0))
        arms.append(Moments.from_rows(("clicks", "seen"), np.column_stack([clicks, seen])))
    found = ratios.compare_ratios(arms[0], arms[1], numerator="clicks", denominator="seen")
    return found.difference, 0.2 * _click_rate()


@cache
def _click_rate() -> float:
    """Clicks per impression of the control: E[N rate(N)] / E[N], N = 1 + Poisson(4)."""
    counts = np.arange(60)
    log = counts * math.log(4.0) - 4.0 - np.array([math.lgamma(count + 1) for count in counts])
    weights, seen = np.exp(log), counts + 1
    return float((weights * seen * np.where(seen > 5, 0.05, 0.1)).sum() / (weights * seen).sum())


def _return(random: np.random.Generator) -> tuple[Interval | None, float]:
    """A discount of 10 % on more orders: margin before the discount, and the discount as the cost."""
    arms = []
    for buyers, discount in ((0.2, 0.0), (0.25, 0.1)):
        amounts = (random.random(3_000) < buyers) * np.exp(random.normal(3.0, 0.6, 3_000))
        arms.append(Moments.from_rows(("margin", "cost"), np.column_stack([0.4 * amounts, discount * amounts])))
    found = roi.return_on_cost(arms[0], arms[1])
    return found.ratio, 0.4 * (0.25 - 0.2) / (0.1 * 0.25)


def _cuped(random: np.random.Generator) -> tuple[Interval | None, float]:
    arms = []
    for shift in (0.0, 1.0):
        before = shopped(random, (1_500,))
        arms.append(
            Moments.from_rows(("y", "pre"), np.column_stack([0.6 * before + shopped(random, (1_500,)) + shift, before]))
        )
    effect = adjustment.cuped_effect(arms[0], arms[1], "y", None, ("pre",))
    return conclude(effect, welch_satterthwaite(effect), method="cuped").difference, 1.0


def main() -> int:
    """0 where every claim holds."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    begun, lines = perf_counter(), []
    print(describe("numpy", "scipy"))
    print(f"{runs:,} runs each; +- is three standard errors of the simulation")
    for title, measured in (
        ("false calls without any difference", [line for looks in (14, 100) for line in false_calls(runs, looks)]),
        ("false alarms of the check of shares", [line for looks in (14, 100) for line in mismatches(10 * runs, looks)]),
        ("power", [line for looks in (14, 20) for line in power(runs, looks)]),
        ("intervals that hold the truth (95 %)", coverage(runs)),
    ):
        print(title)
        print("\n".join(map(str, measured)))
        lines += measured
    print(f"{perf_counter() - begun:.0f} s")
    return 0 if all(line.holds for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
