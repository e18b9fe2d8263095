"""Kernel regression on whitened evidence, and its predictions for each test as if that test had been left out.

Posterior mean of a Gaussian process (Rasmussen & Williams 2006, eq. 2.23). The left-out predictions come from the
inverse alone, without a second fit (ibid., eq. 5.12, for blocks): for the rows t of a test, residual =
[(A^-1)_tt]^-1 (A^-1 y)_t. They choose the scales and set the calibration, so that no test judges itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from models_ml.nn.scoring.calibration import fit_slope, log_loss
from models_ml.nn.scoring.evidence import pairs
from models_ml.nn.scoring.kernels import ENCODER, HANDMADE, NGRAMS, Features, Floats, kernel
from models_ml.nn.scoring.whitening import Evidence

# Prior variances of the views' shares of a utility. Their ratios were chosen on the tests that no figure is measured
# on (see DOUBT); the strengths multiply them and are tried on the training tests: the least left-out loss wins.
WITH_ENCODER = {ENCODER: 0.03, HANDMADE: 0.01, NGRAMS: 0.005}
TEXT_ONLY = {HANDMADE: 0.005, NGRAMS: 0.02}
STRENGTHS = (1.0, 0.5, 2.0)


@dataclass(frozen=True)
class Fit:
    """Dual weights, one a training text, and what the left-out predictions say."""

    scales: dict[str, float]
    weights: NDArray[np.float64]
    slope: float
    loss: float


@dataclass(frozen=True)
class Contests:
    """Pairs of rows with who won (1 or 0) and what the pair can tell."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    won: NDArray[np.float64]
    weight: NDArray[np.float64]


def contests(evidence: Evidence) -> Contests:
    """The pairs of the evidence's arms that have a winner."""
    row = {id(arm): place for place, arm in enumerate(evidence.arms)}
    found = [pair for pair in pairs(evidence.arms) if pair.z != 0]
    return Contests(
        np.array([row[id(pair.first)] for pair in found], dtype=np.intp),
        np.array([row[id(pair.second)] for pair in found], dtype=np.intp),
        np.array([pair.z > 0 for pair in found], dtype=float),
        np.array([pair.weight for pair in found], dtype=float),
    )


def whitened(evidence: Evidence, features: Features, view: str) -> Floats:
    """One view's kernel between training texts, whitened on both sides, [arms, arms]."""
    half = evidence.whiten @ kernel(view, features, features)
    return np.asarray((evidence.whiten @ half.T), dtype=np.float32)


def solve(evidence: Evidence, total: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Whitened dual weights and left-out utilities, each [arms], for a whitened kernel (which is overwritten)."""
    total[np.diag_indices_from(total)] += 1
    factor, failed = lapack.spotrf(total, lower=1, overwrite_a=1)
    inverse, unusable = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or unusable:
        raise FloatingPointError("the kernel matrix is not positive definite")
    dual = _symmetric_product(inverse, evidence.target)
    left_out = np.empty(len(dual))
    for block, (start, end) in zip(evidence.blocks, evidence.spans, strict=True):
        part = inverse[start:end, start:end].astype(float)
        full = np.tril(part) + np.tril(part, -1).T
        residual = np.linalg.solve(full, dual[start:end])
        left_out[start:end] = block @ (evidence.target[start:end] - residual)
    return dual, left_out


def _symmetric_product(lower: Floats, vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """A @ vector where only the lower half of the symmetric A is filled."""
    return np.asarray(blas.ssymv(1.0, lower, vector.astype(np.float32), lower=1), dtype=float)


def fit(evidence: Evidence, features: Features, scales: Mapping[str, float]) -> Fit:
    """Fit with each strength and keep the one with the least left-out log-loss."""
    judged = contests(evidence)
    base = np.zeros((len(evidence.arms), len(evidence.arms)), dtype=np.float32, order="F")
    for view, scale in scales.items():
        base += np.float32(scale) * whitened(evidence, features, view)
    attempts = [_attempt(evidence, np.float32(strength) * base, judged) for strength in STRENGTHS]
    best = min(range(len(attempts)), key=lambda place: attempts[place].loss)
    return replace(attempts[best], scales={view: scale * STRENGTHS[best] for view, scale in scales.items()})


def _attempt(evidence: Evidence, total: Floats, judged: Contests) -> Fit:
    dual, left_out = solve(evidence, total)
    gaps = left_out[judged.first] - left_out[judged.second]
    slope = fit_slope(gaps, judged.won)
    weights = np.asarray(evidence.whiten.T @ dual, dtype=float)
    return Fit({}, weights, slope, log_loss(slope * gaps, judged.won, judged.weight))
