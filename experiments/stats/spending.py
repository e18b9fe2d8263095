"""Error spending functions: how much of the error rate may be used up by which share of the information.

Spending fixes the test whatever the dates of the looks turn out to be: a boundary asks only for the shares reached so
far. Every function here is of *one* side at its own alpha; a symmetric two-sided test spends alpha/2 on each side
(`two_sided`). A share of 1 or more spends everything, so an overrun last look is the last look.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

Spending = Callable[[float, float, float], float]

DEFAULT_SPENDING = "obrien_fleming"
# Close to O'Brien-Fleming's and between it and Pocock's, as is customary for either family.
DEFAULT_PARAMETERS = {"hwang_shih_decani": -4.0, "kim_demets": 3.0}


def obrien_fleming(share: float, alpha: float, _parameter: float = math.nan) -> float:
    """2 - 2 Phi(z_(alpha/2) / sqrt(t)): next to nothing early (Lan and DeMets 1983, Biometrika 70:659, alpha_1)."""
    return float(2 * special.ndtr(special.ndtri(alpha / 2) / math.sqrt(share)))


def pocock(share: float, alpha: float, _parameter: float = math.nan) -> float:
    """alpha ln(1 + (e - 1) t): nearly even (ibid., alpha_2)."""
    return alpha * math.log1p((math.e - 1) * share)


def hwang_shih_decani(share: float, alpha: float, parameter: float) -> float:
    """alpha (1 - exp(-gamma t)) / (1 - exp(-gamma)), alpha t at gamma = 0 (Hwang, Shih and De Cani 1990, Stat. Med.
    9:1439).
    """
    if parameter == 0:
        return alpha * share
    return alpha * math.expm1(-parameter * share) / math.expm1(-parameter)


def kim_demets(share: float, alpha: float, parameter: float) -> float:
    """alpha t^rho, rho > 0: the power family (Kim and DeMets 1987, Biometrika 74:149)."""
    return float(alpha * share**parameter)


FAMILIES: dict[str, Spending] = {
    function.__name__: function for function in (obrien_fleming, pocock, hwang_shih_decani, kim_demets)
}


def parameter_of(family: str, parameter: float | None) -> float:
    """The family's parameter, or its default; NaN where it has none. Raises ValueError for what the family cannot
    take.
    """
    if family not in FAMILIES:
        raise ValueError(f"spending: {family!r} is none of {', '.join(FAMILIES)}")
    if family not in DEFAULT_PARAMETERS:
        if parameter is not None:
            raise ValueError(f"parameter: {family} has none")
        return math.nan
    chosen = DEFAULT_PARAMETERS[family] if parameter is None else parameter
    if not abs(chosen) <= 50 or (family == "kim_demets" and chosen <= 0):
        raise ValueError(f"parameter: {chosen} is not possible for {family}")
    return chosen


def spent(share: float, alpha: float, *, family: str = DEFAULT_SPENDING, parameter: float | None = None) -> float:
    """What one side may have spent of its alpha by this share of the planned information.

    Raises ValueError for a share that is not positive and for an alpha not between 0 and 1.
    """
    if not share > 0:
        raise ValueError(f"information: {share} is not above 0")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha: {alpha} is not between 0 and 1")
    chosen = parameter_of(family, parameter)
    return alpha if share >= 1 else min(FAMILIES[family](share, alpha, chosen), alpha)


def two_sided(share: float, alpha: float, *, family: str = DEFAULT_SPENDING, parameter: float | None = None) -> float:
    """What both sides of a symmetric test have spent together: twice one side's spending of alpha/2."""
    return 2 * spent(share, alpha / 2, family=family, parameter=parameter)
