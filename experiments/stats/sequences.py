"""Always-valid inference: intervals and p-values that hold at every look at once, so that a running experiment may be
watched.

The asymptotic confidence sequence is the default for an open-ended experiment. The mixture boundaries beneath it, the
mSPRT and the t-mixture for linear models are here too, and the rule for a group sequential experiment that overruns
its plan. Nothing in this file makes a *fixed-horizon* result safe to peek at.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, special

from experiments.stats.inference import TWO_SIDED, Effect, Reading, Reference, conclude, undefined
from experiments.stats.moments import Moments
from experiments.stats.results import ArmEstimate, Comparison, Interval, Note

# A group sequential test followed by a confidence sequence at the full level up to twice the plan errs in 5.19 % at 20
# looks and 5.24 % at 100 (exact, by the recursion of `crossings`). With these shares of alpha for plan and overrun it
# is 4.96 % and 4.97 %, and at most alpha for every alpha from .001 to .2 and up to 100 looks; the price is .1 points
# of power within the plan.
PLAN_SHARE, OVERRUN_SHARE = 0.99, 0.2
OVERRUN_LIMIT = 2.0


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """Reference of the asymptotic confidence sequence after n units in all arms together, tuned by rho.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024, Ann. Stat. 52:2613; arXiv 2103.06476), eq. 9: the interval is
    estimate -+ s sqrt(2 (n rho^2 + 1) / (n^2 rho^2) ln(sqrt(n rho^2 + 1) / alpha)) with s^2 = n * se^2. In units of the
    standard error that is a critical value, so that the same Fieller set and the same tail follow from it.
    """

    n: int
    rho: float

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n: {self.n} units")
        if not (self.rho > 0 and math.isfinite(self.rho)):
            raise ValueError(f"rho: {self.rho} is not a positive number")

    @property
    def degrees_of_freedom(self) -> None:
        """None: the reference is a normal mixture."""
        return

    def log_e_value(self, statistic: float) -> float:
        """Logarithm of the e-process at this look: evidence against zero difference, on average at most 1 under it."""
        information = self.n * self.rho**2
        return statistic**2 * information / (2 * (information + 1)) - math.log1p(information) / 2

    def p_value(self, statistic: float) -> float:
        """min(1, 1/e-value): P(ever this small) is at most p if there is no difference."""
        return math.exp(-max(self.log_e_value(statistic), 0.0))

    def critical(self, alpha: float) -> float:
        """The statistic at which the e-value is 1/alpha."""
        information = self.n * self.rho**2
        return math.sqrt(2 * (information + 1) / information * (math.log1p(information) / 2 - math.log(alpha)))


@dataclass(frozen=True, slots=True)
class AtShare:
    """A reference that is given only a share of alpha, because another test has the rest."""

    base: Reference
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share: {self.share} is not between 0 and 1")

    @property
    def degrees_of_freedom(self) -> float | None:
        """Those of the reference beneath."""
        return self.base.degrees_of_freedom

    def p_value(self, statistic: float) -> float:
        """The least alpha whose share rejects."""
        return min(self.base.p_value(statistic) / self.share, 1.0)

    def critical(self, alpha: float) -> float:
        """The critical value of the share of alpha."""
        return self.base.critical(alpha * self.share)


def within_plan(reference: Reference) -> AtShare:
    """A group sequential reference that leaves a little for `overrun`: for what may go on after its plan."""
    return AtShare(reference, PLAN_SHARE)


def overrun(n: int, *, planned_n: float, alpha: float = 0.05) -> AtShare:
    """The reference after a plan ended without a decision (`within_plan` at its looks) and units kept coming.

    `n` and `planned_n` are units in all compared arms together. Together with the plan's looks the error rate is at
    most alpha up to twice the plan. Raises ValueError beyond: plan a new experiment.
    """
    if n > OVERRUN_LIMIT * planned_n:
        raise ValueError(f"n: {n} units are more than {OVERRUN_LIMIT:g} times the plan of {planned_n:g}")
    rho = exact_rho(planned_n, alpha=alpha * OVERRUN_SHARE)
    return AtShare(ConfidenceSequence(n, rho), OVERRUN_SHARE)


@dataclass(frozen=True, slots=True)
class MixtureT:
    """Reference of a coefficient's t statistic that holds at every look: a t likelihood ratio mixed over effects.

    Lindon, Ham, Tingley and Bojinov (arXiv 2210.08589), the Bayes factor of theorem 1 for one coefficient: with nu
    degrees of freedom and shrinkage r = phi / (phi + (sigma / se)^2), it is sqrt(r) ((1 + t^2/nu) / (1 + r t^2/nu))^
    ((nu + 1)/2). `phi` is the precision of the mixing distribution in units of the residual variance: large looks for
    small effects.
    """

    degrees_of_freedom: float
    shrinkage: float

    def log_e_value(self, statistic: float) -> float:
        """Logarithm of the e-process at this look."""
        freedom, square = self.degrees_of_freedom, statistic**2 / self.degrees_of_freedom
        gain = math.log1p(square) - math.log1p(self.shrinkage * square)
        return (math.log(self.shrinkage) + (freedom + 1) * gain) / 2

    def p_value(self, statistic: float) -> float:
        """min(1, 1/e-value)."""
        return math.exp(-max(self.log_e_value(statistic), 0.0))

    def critical(self, alpha: float) -> float:
        """The statistic at which the e-value is 1/alpha; infinite while there are too few units for any."""
        freedom = self.degrees_of_freedom
        root = math.exp((math.log(self.shrinkage) + 2 * math.log(alpha)) / (freedom + 1))
        if root <= self.shrinkage:
            return math.inf
        return math.sqrt(freedom * (1 - root) / (root - self.shrinkage))


def watch_regression(
    control: Moments, treatment: Moments, column: str, *, phi: float = 1.0, reading: Reading = TWO_SIDED
) -> Comparison:
    """The difference of two means as a coefficient of a linear model with one residual variance, valid at every look.

    Exact for normal outcomes from the first units on, where the asymptotic sequence needs many. Residual variance
    SSE/(n-2) and n-3 degrees of freedom, as the authors' package has them. Two-sided only.
    """
    if reading.alternative != "two-sided":
        raise ValueError(f"alternative: a confidence sequence is two-sided, not {reading.alternative!r}")
    if not (phi > 0 and math.isfinite(phi)):
        raise ValueError(f"phi: {phi} is not a positive number")
    sides, n = (control, treatment), control.n + treatment.n
    if min(side.n for side in sides) < 2:
        empty = (ArmEstimate(side.n, side.mean(column) if side.n else math.nan, math.nan) for side in sides)
        return undefined(_effect(*empty), Note.TOO_FEW_UNITS, method="regression_sequence", reading=reading)
    residual = sum(side.variance(column) * (side.n - 1) for side in sides) / (n - 2)
    arms = (ArmEstimate(side.n, side.mean(column), math.sqrt(residual / side.n)) for side in sides)
    shrinkage = phi / (phi + 1 / (1 / control.n + 1 / treatment.n))
    reference = MixtureT(max(n - 3, 1), shrinkage)
    return conclude(_effect(*arms), reference, method="regression_sequence", reading=reading)


def exact_rho(planned_n: float, *, alpha: float = 0.05) -> float:
    """The rho with the narrowest interval at planned_n units: sqrt((-W_-1(-alpha^2/e) - 1) / planned_n) (ibid.,
    appendix).
    """
    _check_plan(planned_n, alpha)
    lower_branch = float(special.lambertw(-(alpha**2) * math.exp(-1), k=-1).real)
    return math.sqrt((-lower_branch - 1) / planned_n)


def approximate_rho(planned_n: float, *, alpha: float = 0.05) -> float:
    """The closed form that GrowthBook and Eppo use: sqrt((-2 ln a + ln(1 - 2 ln a)) / planned_n) (ibid., eq. 10)."""
    _check_plan(planned_n, alpha)
    twice = -2 * math.log(alpha)
    return math.sqrt((twice + math.log1p(twice)) / planned_n)


def watch(
    effect: Effect, *, planned_n: float, reading: Reading = TWO_SIDED, rho: Callable[..., float] = exact_rho
) -> Comparison:
    """A comparison that may be read at every look: the confidence sequence of the difference of two estimates.

    `planned_n` is the number of units (all arms) at which the interval shall be narrowest; it must be fixed in advance.
    Two-sided only: a one-sided sequence needs another mixture.
    """
    if reading.alternative != "two-sided":
        raise ValueError(f"alternative: a confidence sequence is two-sided, not {reading.alternative!r}")
    reference = ConfidenceSequence(
        n=effect.control.n + effect.treatment.n, rho=rho(planned_n, alpha=1 - reading.confidence)
    )
    return conclude(effect, reference, method="confidence_sequence", reading=reading)


def always_valid(
    estimate: float, variance: float, *, n: int, rho: float, confidence: float = 0.95
) -> tuple[Interval, float]:
    """Interval and p-value of any asymptotically normal estimate with this variance, by the same sequence."""
    if not (variance > 0 and math.isfinite(variance)):
        raise ValueError(f"variance: {variance} is not a positive number")
    reference, error = ConfidenceSequence(n, rho), math.sqrt(variance)
    half = reference.critical(1 - confidence) * error
    return Interval(estimate, estimate - half, estimate + half, confidence), reference.p_value(estimate / error)


def mixture_rho(best_variance: float, *, alpha: float = 0.05, one_sided: bool = False) -> float:
    """Tuning of the normal mixture to be tightest at an intrinsic time: v / (2 ln(1/a) + ln(1 + 2 ln(1/a))).

    Howard, Ramdas, McAuliffe and Sekhon (2021, Ann. Stat. 49:1055), section 3.5; the one-sided boundary takes 2 alpha.
    """
    level = min(2 * alpha, 0.999) if one_sided else alpha
    _check_plan(best_variance, level)
    twice = -2 * math.log(level)
    return best_variance / (twice + math.log1p(twice))


def normal_mixture_boundary(variance: float, *, rho: float, alpha: float = 0.05, one_sided: bool = False) -> float:
    """Bound on a sub-Gaussian sum at intrinsic time `variance`, crossed ever with probability at most alpha.

    Two-sided: Howard et al. (2021), eq. 14, sqrt((v+r) ln((v+r)/(r a^2))). One-sided: ibid., proposition 6, by root
    finding.
    """
    _check_plan(rho, alpha)
    if not (variance >= 0 and math.isfinite(variance)):
        raise ValueError(f"variance: {variance} is negative or not finite")
    total = variance + rho
    two_sided = math.sqrt(total * (math.log(total / rho) - 2 * math.log(alpha)))
    if not one_sided:
        return two_sided

    def excess(bound: float) -> float:
        log_tail = float(special.log_ndtr(bound / math.sqrt(total)))
        return 0.5 * math.log(4 * rho / total) + bound**2 / (2 * total) + log_tail + math.log(alpha)

    # Half the mixture lies on each side, so the two-sided bound at alpha is beyond the one-sided one.
    return float(optimize.brentq(excess, 0.0, two_sided, xtol=1e-14, rtol=1e-14))


def mixture_sprt(
    estimate: float, variance: float, *, mixing_variance: float, confidence: float = 0.95
) -> tuple[Interval, float]:
    """Interval and p-value of the mixture sequential probability ratio test with mixing distribution N(0,
    mixing_variance).

    Johari, Koomen, Pekelis and Walsh (2022, Oper. Res. 70:1806), eq. 10 and 11: `variance` is that of the estimate
    and must be known rather than estimated. The running least p-value over looks is valid too.
    """
    for name, value in (("variance", variance), ("mixing_variance", mixing_variance)):
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name}: {value} is not a positive number")
    total = variance + mixing_variance
    log_ratio = (math.log(variance / total) + estimate**2 * mixing_variance / (variance * total)) / 2
    spread = variance * total / mixing_variance
    half = math.sqrt(spread * (math.log(total / variance) - 2 * math.log(1 - confidence)))
    return Interval(estimate, estimate - half, estimate + half, confidence), math.exp(-max(log_ratio, 0.0))


def _effect(control: ArmEstimate, treatment: ArmEstimate) -> Effect:
    return Effect(control, treatment)


def _check_plan(size: float, alpha: float) -> None:
    if not (size > 0 and math.isfinite(size)):
        raise ValueError(f"planned size: {size} is not a positive number")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is not between 0 and 1")
