"""One small additive value under all statistics: the count, means and centred cross-products of some columns.

Never raw sums of squares: at a mean of 1e8 their difference has lost the variance. Merging follows Chan, Golub and
LeVeque (1983, The American Statistician 37:242, eq. 2.1) in the multivariate form; removing is the same equations
solved backwards. A column named None is the constant 1 (mean 1, variance 0), so that a plain mean is a ratio over
None and needs no branch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A centred square sum may come out below zero by rounding when nearly all of it is removed; beyond this share it is a
# mistake.
_ROUNDING = 1e-9
# Squares, and sums of millions of them, must stay below the largest double (1.8e308).
_LARGEST = 1e140


@dataclass(frozen=True, eq=False, slots=True)
class Moments:
    """Count, mean vector and centred cross-product matrix of k columns over n units.

    `mean_vector` has shape (k,), `cross` shape (k, k); both are read-only. `cross[i, j]` is the sum over units of
    (x_i - mean_i)(x_j - mean_j), in the product of the columns' units.
    """

    columns: tuple[str, ...]
    n: int
    mean_vector: Floats
    cross: Floats

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"columns: {self.columns} names one twice")
        if self.n < 0:
            raise ValueError(f"n: {self.n} is negative")
        size = len(self.columns)
        object.__setattr__(self, "mean_vector", _frozen(self.mean_vector, (size,), "mean_vector"))
        object.__setattr__(self, "cross", _frozen(self.cross, (size, size), "cross"))

    @classmethod
    def empty(cls, columns: Sequence[str]) -> Self:
        """Moments of no unit at all: the zero of `+`."""
        size = len(columns)
        return cls(tuple(columns), 0, np.zeros(size), np.zeros((size, size)))

    @classmethod
    def from_rows(cls, columns: Sequence[str], matrix: npt.ArrayLike) -> Self:
        """Moments of a matrix of shape (n, k), one row a unit. Raises ValueError naming a column that is not all
        finite.
        """
        rows = np.asarray(matrix, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(columns):
            raise ValueError(f"matrix: shape {rows.shape} does not hold the {len(columns)} columns {tuple(columns)}")
        if len(rows) == 0:
            return cls.empty(columns)
        usable = (np.abs(rows) <= _LARGEST).all(axis=0)  # False for NaN too
        if not usable.all():
            raise ValueError(
                f"matrix: column {columns[int(np.argmin(usable))]!r} holds NaN, infinity or over {_LARGEST}"
            )
        mean = rows.mean(axis=0)
        centred = rows - mean
        # The second pass takes away what rounding left in the first mean (two-pass algorithm with correction, same
        # paper).
        slip = centred.mean(axis=0)
        centred -= slip
        return cls(tuple(columns), len(rows), mean + slip, centred.T @ centred)

    @classmethod
    def of_summary(cls, column: str, *, n: int, mean: float, variance: float) -> Self:
        """Moments of one column of which only count, mean and sample variance (ddof 1) are known."""
        _require(math.isfinite(mean), "mean", mean, "must be finite")
        _require(math.isfinite(variance) and variance >= 0, "variance", variance, "must be finite and not negative")
        return cls((column,), n, np.array([mean]), np.array([[variance * max(n - 1, 0)]]))

    @classmethod
    def of_proportion(cls, column: str, *, successes: int, n: int) -> Self:
        """Moments of a 0/1 column of which only the counts are known."""
        _require(n >= 0, "n", n, "must not be negative")
        _require(0 <= successes <= n, "successes", successes, f"must be between 0 and n = {n}")
        if n == 0:
            return cls.empty((column,))
        return cls((column,), n, np.array([successes / n]), np.array([[successes * (n - successes) / n]]))

    @classmethod
    def of_sums(cls, sums: Mapping[str, float], squares: Mapping[tuple[str, str], float], *, n: int) -> Self:
        """Moments of an import that brings raw sums and sums of products; its precision is the one those had.

        `squares` holds each unordered pair of columns once, a column with itself included. For small, well scaled
        numbers only.
        """
        columns = tuple(sums)
        _require(n > 0, "n", n, "must be positive")
        total = np.array([sums[name] for name in columns], dtype=np.float64)
        raw = np.array([[_pair(squares, a, b) for b in columns] for a in columns], dtype=np.float64)
        cross = raw - np.outer(total, total) / n
        for index, name in enumerate(columns):
            floor = -_ROUNDING * raw[index, index]
            _require(cross[index, index] >= floor, "squares", name, "is smaller than its sum squared over n")
        return cls(columns, n, total / n, _without_negative_squares(cross))

    def __add__(self, other: Moments) -> Moments:
        """The moments of both samples joined (Chan et al. 1983, eq. 2.1)."""
        self._check_same_columns(other)
        if other.n == 0:
            return self
        if self.n == 0:
            return other
        n = self.n + other.n
        step = other.mean_vector - self.mean_vector
        mean = self.mean_vector + step * (other.n / n)
        cross = self.cross + other.cross + np.outer(step, step) * (self.n * (other.n / n))
        return Moments(self.columns, n, mean, cross)

    def __sub__(self, part: Moments) -> Moments:
        """The moments of what is left when `part` is taken out; the inverse of `+`.

        Raises ValueError where `part` cannot have been in here: more units, or more spread than there is.
        """
        left, cross = self._removed(part)
        if left.n:
            self._check_not_negative(cross)
        return left

    def without(self, part: Moments) -> Moments:
        """The same as `-` for a part that is known to be in here: spread below zero is rounding, whatever its size.

        Where values were put in and taken out many times, what no longer varies has a spread of rounding alone, and
        no share of it can tell a mistake. Raises ValueError for more units than there are.
        """
        return self._removed(part)[0]

    def _removed(self, part: Moments) -> tuple[Moments, Floats]:
        """What is left, and its cross-products before rounding below zero was set right."""
        self._check_same_columns(part)
        n = self.n - part.n
        if n < 0:
            raise ValueError(f"n: cannot take {part.n} units from {self.n}")
        if part.n == 0:
            return self, self.cross
        if n == 0:
            return Moments.empty(self.columns), self.cross
        back = (self.mean_vector - part.mean_vector) * (part.n / n)
        mean = self.mean_vector + back
        step = part.mean_vector - mean
        cross = self.cross - part.cross - np.outer(step, step) * (n * (part.n / self.n))
        kept = np.zeros_like(cross) if n == 1 else _without_negative_squares(cross)
        return Moments(self.columns, n, mean, kept), cross

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moments):
            return NotImplemented
        return (
            self.columns == other.columns
            and self.n == other.n
            and np.array_equal(self.mean_vector, other.mean_vector)
            and np.array_equal(self.cross, other.cross)
        )

    def __hash__(self) -> int:
        return hash((self.columns, self.n, self.mean_vector.tobytes(), self.cross.tobytes()))

    def mean(self, column: str | None) -> float:
        """Mean of a column; of None, the constant 1. Raises ValueError for no unit or an unknown column."""
        if self.n == 0:
            raise ValueError(f"{column}: no unit, so no mean")
        return 1.0 if column is None else float(self.mean_vector[self._index(column)])

    def covariance(self, left: str | None, right: str | None) -> float:
        """Sample covariance (ddof 1) of two columns; 0 with the constant None. Raises ValueError below two units."""
        if self.n < 2:
            raise ValueError(f"{left}, {right}: {self.n} units have no variance")
        if left is None or right is None:
            return 0.0
        return float(self.cross[self._index(left), self._index(right)]) / (self.n - 1)

    def variance(self, column: str | None) -> float:
        """Sample variance (ddof 1) of a column; 0 for the constant None. Raises ValueError below two units."""
        return self.covariance(column, column)

    def total(self, column: str) -> float:
        """Sum of a column over the units; 0 for no unit."""
        return self.n * float(self.mean_vector[self._index(column)])

    def select(self, columns: Sequence[str]) -> Moments:
        """The same units seen through some of the columns, in the order given."""
        at = [self._index(column) for column in columns]
        return Moments(tuple(columns), self.n, self.mean_vector[at], self.cross[np.ix_(at, at)])

    def to_dict(self) -> dict[str, Any]:
        """JSON-safe form; `from_dict` gives back an equal value, bit for bit."""
        return {
            "columns": list(self.columns),
            "n": self.n,
            "mean": self.mean_vector.tolist(),
            "cross": self.cross.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The value that `to_dict` wrote. Raises ValueError naming a missing key or a wrong shape."""
        for key in ("columns", "n", "mean", "cross"):
            if key not in data:
                raise ValueError(f"{key}: missing from the stored moments")
        size = len(data["columns"])
        cross = np.asarray(data["cross"], dtype=np.float64).reshape(size, size) if size == 0 else data["cross"]
        return cls(tuple(data["columns"]), int(data["n"]), np.asarray(data["mean"], float), np.asarray(cross, float))

    def _index(self, column: str) -> int:
        try:
            return self.columns.index(column)
        except ValueError:
            raise ValueError(f"{column}: not among the columns {self.columns}") from None

    def _check_same_columns(self, other: Moments) -> None:
        if self.columns != other.columns:
            raise ValueError(f"columns: {self.columns} and {other.columns} differ; use select() first")

    def _check_not_negative(self, cross: Floats) -> None:
        wrong = np.diag(cross) < -_ROUNDING * np.diag(self.cross)
        if wrong.any():
            raise ValueError(f"{self.columns[int(np.argmax(wrong))]}: the part holds more spread than the whole")


def _frozen(values: npt.ArrayLike, shape: tuple[int, ...], name: str) -> Floats:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(f"{name}: shape {array.shape} instead of {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: NaN or infinity")
    array.setflags(write=False)
    return array


def _without_negative_squares(cross: Floats) -> Floats:
    # What rounding left below zero on the diagonal is zero, and a column without spread has no covariance either.
    flat = np.diag(cross) <= 0
    if not flat.any():
        return cross
    kept = cross.copy()
    kept[flat, :] = 0
    kept[:, flat] = 0
    return kept


def _pair(values: Mapping[tuple[str, str], float], left: str, right: str) -> float:
    if (left, right) in values:
        return values[left, right]
    if (right, left) in values:
        return values[right, left]
    raise ValueError(f"squares: the pair {left}, {right} is missing")


def _require(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise ValueError(f"{name}: {value} {rule}")
