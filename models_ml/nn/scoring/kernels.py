"""Likeness of two texts: a Gaussian kernel on encoder vectors, one on hand-made features, a linear one on n-grams.

Each view is centred and scaled on the training texts so that a text's squared length is 1 on average; then two
unrelated texts are 2 apart and one width of kernel (exp(-distance / 2)) suits every encoder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from models_ml.nn.scoring.features import handmade_matrix, hashed

ENCODER, HANDMADE, NGRAMS = "encoder", "handmade", "ngrams"
_WIDTH = 0.5
_LEAST_SPREAD = 1e-3

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """Three views of the same texts; `encoder` has no columns where no encoder is used."""

    encoder: Floats
    handmade: Floats
    ngrams: csr_matrix


@dataclass(frozen=True)
class Preparation:
    """What the training texts taught about the views: centres, scales and inverse document frequencies."""

    encoder_centre: Floats
    encoder_scale: Floats
    handmade_centre: Floats
    handmade_scale: Floats
    idf: Floats

    def features(self, texts: Sequence[str], vectors: Floats) -> Features:
        """The views of texts, given their encoder vectors, [texts, width]."""
        return Features(
            (vectors - self.encoder_centre) * self.encoder_scale,
            (handmade_matrix(texts).astype(np.float32) - self.handmade_centre) * self.handmade_scale,
            _weighted(hashed(texts), self.idf),
        )


def prepare(texts: Sequence[str], vectors: Floats) -> Preparation:
    """Learn the preparation from training texts."""
    counts = hashed(texts)
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    idf = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32)
    encoder, hand = _centre_and_scale(vectors), _centre_and_scale(handmade_matrix(texts).astype(np.float32))
    return Preparation(*encoder, *hand, idf)


def _centre_and_scale(rows: Floats) -> tuple[Floats, Floats]:
    if rows.shape[1] == 0:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(spread > _LEAST_SPREAD, 1 / np.maximum(spread, _LEAST_SPREAD), 0.0)
    size = math.sqrt(max(1, int(np.count_nonzero(scale))))
    return centre.astype(np.float32), (scale / size).astype(np.float32)


def _weighted(counts: csr_matrix, idf: Floats) -> csr_matrix:
    """Counts times inverse document frequency, each row scaled to length 1."""
    rows = counts @ diags(idf)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return csr_matrix((diags(1 / np.maximum(length, 1e-9)) @ rows).astype(np.float32))


def gaussian(one: Floats, other: Floats) -> Floats:
    """exp(-0.5 × squared distance), [rows of one, rows of other]."""
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None]
    distance = np.maximum(squares - 2 * one @ other.T, 0)
    return np.asarray(np.exp(-_WIDTH * distance), dtype=np.float32)


def linear(one: csr_matrix, other: csr_matrix) -> Floats:
    """Inner products of sparse rows, dense, [rows of one, rows of other]."""
    return np.asarray((one @ other.T).toarray(), dtype=np.float32)


def kernel(view: str, one: Features, other: Features) -> Floats:
    """The kernel of one view between two sets of texts."""
    if view == NGRAMS:
        return linear(one.ngrams, other.ngrams)
    return gaussian(getattr(one, view), getattr(other, view))
