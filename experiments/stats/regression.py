"""Lin's regression adjustment from rows, with heteroscedasticity-consistent standard errors.

From moments, `adjustment.adjust(slope="separate")` gives the same difference; only leverages and squared residuals need
rows. The interacted regression falls apart into one regression an arm, so that is what is computed.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from experiments.stats.inference import Effect
from experiments.stats.moments import Floats
from experiments.stats.results import ArmEstimate

# White (1980), and the corrections of MacKinnon and White (1985, J. Econometrics 29:305).
Correction = Literal["HC0", "HC1", "HC2", "HC3"]
CORRECTIONS: tuple[Correction, ...] = ("HC0", "HC1", "HC2", "HC3")


def interacted(
    outcome: npt.ArrayLike, treated: npt.ArrayLike, covariates: npt.ArrayLike, *, correction: Correction = "HC2"
) -> Effect:
    """Adjusted arm values of y ~ treated * (x - mean x) (Lin 2013, Ann. Appl. Stat. 7:295, section 4).

    `outcome` has shape (n,), `treated` is 0/1 of shape (n,), `covariates` shape (n, k). The covariates' mean is taken
    as given, which is right for the effect on these very units and close for others like them. Raises ValueError for
    shapes that do not fit, an unknown correction, too few rows in an arm or covariates that are collinear in one.
    """
    if correction not in CORRECTIONS:
        raise ValueError(f"correction: {correction!r} is not one of {', '.join(CORRECTIONS)}")
    values, arms = np.asarray(outcome, dtype=float), np.asarray(treated)
    features = np.asarray(covariates, dtype=float)
    features = features[:, None] if features.ndim == 1 else features
    if not (values.ndim == 1 and arms.shape == values.shape and len(features) == len(values)):
        raise ValueError(f"covariates: shape {features.shape} does not go with {values.shape} outcomes")
    if not np.isin(arms, (0, 1)).all():
        raise ValueError("treated: something other than 0 and 1")
    centred = features - features.mean(axis=0)
    # Statsmodels' HC1 counts all rows and all coefficients of the one interacted regression.
    scale = len(values) / max(len(values) - 2 * (1 + features.shape[1]), 1) if correction == "HC1" else 1.0
    control, treatment = (
        _arm(values[arms == arm], centred[arms == arm], correction=correction, scale=scale) for arm in (0, 1)
    )
    return Effect(control, treatment)


def _arm(values: Floats, features: Floats, *, correction: Correction, scale: float) -> ArmEstimate:
    """The intercept of one arm's regression, which is the arm's value at the mean of all units' covariates."""
    design = np.column_stack([np.ones(len(values)), features])
    if len(values) <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(f"covariates: {features.shape[1]} of them are too many or collinear for {len(values)} rows")
    basis, triangle = np.linalg.qr(design)
    coefficients = np.linalg.solve(triangle, basis.T @ values)
    squares = (values - design @ coefficients) ** 2
    power = {"HC2": 1, "HC3": 2}.get(correction, 0)
    if power:
        # A row that its own coefficient fits exactly has leverage 1 and residual 0.
        squares = squares / np.maximum(1 - (basis**2).sum(axis=1), 1e-12) ** power
    # How much each row weighs in the intercept: the first row of inverse(X'X) X'.
    weights = np.linalg.solve(triangle, basis.T)[0]
    return ArmEstimate(len(values), float(coefficients[0]), math.sqrt(scale * float(weights**2 @ squares)))
