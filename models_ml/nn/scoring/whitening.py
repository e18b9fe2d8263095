"""The weight of evidence as a linear model: correlated, unequal noise turned into independent noise of size one.

y_i = intercept + test effect + group effect + u(text_i) + doubt + sampling noise. Within a test and group, arms are
compared directly; across groups of one test (another image) and across tests the comparison still counts, but only as
much as the spread of those effects allows (recovery of inter-block information, Yates 1940). So a test with several
images, and even the level of a whole test, teach a little, and nothing counts more than it can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.sparse import csr_matrix

from models_ml.nn.scoring.evidence import Arm, by_test, log_odds, variances

# Variances on the log-odds scale. DOUBT is what a text scorer cannot explain (luck beyond counting, timing); it bounds
# how much one large test may count. Any value from 0.03 to 0.3 does as well on the tests it was chosen on
# (Upworthy, the window of faulty randomisation, which no figure in docs/scorer.md is measured on).
DOUBT = 0.12
GROUP = 0.03  # another image
_LEAST_BETWEEN = 0.05


@dataclass(frozen=True)
class Evidence:
    """Arms in the order of their tests, with what whitens them.

    `blocks` has one lower triangular factor a test, [arms, arms]; `spans` its first row and the row after its last.
    `whiten` is the block matrix of their inverses over texts, [arms, texts], and `target` the whitened log-odds.
    `text_of` is the text's place for each arm.
    """

    arms: list[Arm]
    texts: list[str]
    text_of: NDArray[np.intp]
    blocks: list[NDArray[np.float64]]
    spans: list[tuple[int, int]]
    whiten: csr_matrix
    target: NDArray[np.float64]


def weigh(arms: Sequence[Arm], *, weighted: bool = True) -> Evidence:
    """Whiten merged arms. With `weighted` false every arm counts alike (for comparison only)."""
    tests = by_test(arms)
    ordered = [arm for members in tests.values() for arm in members]
    levels = {test: _level(members) for test, members in tests.items()}
    centre = float(np.mean(list(levels.values())))
    between = max(_LEAST_BETWEEN, float(np.var(list(levels.values()))))
    blocks = [_factor(members, between, weighted=weighted) for members in tests.values()]
    ends = np.cumsum([len(members) for members in tests.values()])
    spans = [(int(end) - len(block), int(end)) for end, block in zip(ends, blocks, strict=True)]
    places = {text: place for place, text in enumerate(dict.fromkeys(arm.text.strip() for arm in ordered))}
    text_of = np.array([places[arm.text.strip()] for arm in ordered], dtype=np.intp)
    by_arm = _inverse_blocks(blocks, spans)
    rows = np.arange(len(ordered))
    onto_texts = csr_matrix((np.ones(len(ordered)), (rows, text_of)), shape=(len(ordered), len(places)))
    target = by_arm @ (log_odds(ordered) - centre)
    return Evidence(ordered, list(places), text_of, blocks, spans, csr_matrix(by_arm @ onto_texts), target)


def _level(members: Sequence[Arm]) -> float:
    shown, clicks = sum(arm.impressions for arm in members), sum(arm.clicks for arm in members)
    return float(np.log((clicks + 0.5) / (shown - clicks + 0.5)))


def _factor(members: Sequence[Arm], between: float, *, weighted: bool) -> NDArray[np.float64]:
    groups = np.array([arm.group for arm in members], dtype=object)
    noise = variances(members) if weighted else np.full(len(members), 0.05)
    doubt = DOUBT if weighted else 0.0
    same = (groups[:, None] == groups[None]).astype(float)
    covariance = np.diag(noise + doubt) + GROUP * same + between
    return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)


def _inverse_blocks(blocks: Sequence[NDArray[np.float64]], spans: Sequence[tuple[int, int]]) -> csr_matrix:
    rows, columns, values = [], [], []
    for block, (start, end) in zip(blocks, spans, strict=True):
        size = end - start
        values.append(solve_triangular(block, np.eye(size), lower=True).ravel())
        rows.append(np.repeat(np.arange(start, end), size))
        columns.append(np.tile(np.arange(start, end), size))
    total = spans[-1][1]
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(total, total))
