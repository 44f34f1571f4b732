"""A given table as a population: real data whose labels are known, with noise added at a known rate."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.evidence import Bracket, exactly
from constructive.labels import clean_labels
from constructive.populations.law import drawn, exchanged, with_noise

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A training sample and the rest of the table: drawn labels ``y``, and the table's own labels ``clean``.

    X (n, d), y, clean (n,); X_test (N - n, d), y_test, clean_test (N - n,); rows, rows_test: numbers in
    the table.
    """

    X: Array
    y: NDArray[Any]
    clean: NDArray[Any]
    rows: NDArray[np.int64]
    X_test: Array
    y_test: NDArray[Any]
    clean_test: NDArray[Any]
    rows_test: NDArray[np.int64]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Which training labels differ from the table's."""
        return np.asarray(self.y != self.clean)


@dataclass(frozen=True, slots=True, eq=False)
class Tabled:
    """The rows of a table, each as likely as any other, with labels exchanged with probability ``noise``.

    X (N, d), y (N,) class labels; an exchanged label is uniform over the other classes. Samples are drawn *without*
    replacement: intervals for the table come from ``risk_bracket(..., table=N)``. Build with :func:`table`.
    Nothing is known off the table: :meth:`truth` and :meth:`probability` refuse other points.
    """

    X: Array
    index: NDArray[np.int64]
    classes: tuple[Any, ...]
    noise: float = 0.0

    @property
    def dimension(self) -> int:
        """The number of coordinates."""
        return int(self.X.shape[1])

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[Any]]:
        """Return n different rows (n, d) and their drawn labels (n,). Raises ValueError for n > N."""
        rng = np.random.default_rng(rng)
        rows = self._rows(n, "Tabled.sample", rng)
        return self.X[rows], self._drawn(rows, rng)

    def split(self, n: int, rng: np.random.Generator) -> Split:
        """Return n different rows for training and the others for testing. Raises ValueError unless n < N."""
        rng = np.random.default_rng(rng)
        if n == self.X.shape[0]:
            raise ValueError(f"Tabled.split: n={n} leaves no row for testing; pass n < {n}")
        rows = self._rows(n, "Tabled.split", rng)
        rest = np.setdiff1d(np.arange(self.X.shape[0]), rows)
        names = np.array(self.classes)
        return Split(self.X[rows], self._drawn(rows, rng), names[self.index[rows]], rows,
                     self.X[rest], self._drawn(rest, rng), names[self.index[rest]], rest)

    def truth(self, X: Array) -> NDArray[Any]:
        """Return the table's label at X (n, d); for rows that occur with several labels, the most frequent."""
        return np.array(self.classes)[np.argmax(self._shares(X), axis=1)]

    def probability(self, X: Array) -> Array:
        """Return P(y = c | x), shape (n, K). Raises ValueError for points that are not in the table."""
        return with_noise(self._shares(X), self.noise)

    def label(self, X: Array, rng: np.random.Generator) -> NDArray[Any]:
        """Return labels (n,) drawn at X from the conditional law."""
        return np.array(self.classes)[drawn(self.probability(X), np.random.default_rng(rng))]

    def bayes_error(self) -> Bracket:
        """Return the error of the best classifier on drawn labels of a random row, EXACT.

        ``1 - max(1 - noise, noise / (K - 1))`` unless equal rows have different labels.
        """
        k, noise = len(self.classes), Fraction(self.noise)
        _, group = np.unique(self.X + 0.0, axis=0, return_inverse=True)
        counts = np.zeros((int(group.max()) + 1, k), np.int64)
        np.add.at(counts, (group.reshape(-1), self.index), 1)
        right = Fraction(0)
        for row, often in zip(*np.unique(np.sort(counts, axis=1), axis=0, return_counts=True), strict=True):
            size, low, high = int(row.sum()), int(row[0]), int(row[-1])
            # the law is affine in the shares: the best answer is the likeliest class or, beyond (K-1)/K, the rarest
            best = max((1 - noise) * share + noise * (1 - share) / (k - 1)
                       for share in (Fraction(low, size), Fraction(high, size)))
            right += int(often) * size * best
        return exactly(1 - right / self.X.shape[0])

    def _rows(self, n: int, who: str, rng: np.random.Generator) -> NDArray[np.int64]:
        rows = self.X.shape[0]
        return rng.permutation(rows)[:as_count(n, who, "n", at_least=1, at_most=rows)]

    def _drawn(self, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[Any]:
        return np.array(self.classes)[exchanged(self.index[rows], len(self.classes), self.noise, rng)]

    def _shares(self, X: Array) -> Array:
        """Return the shares (n, K) of the labels among the table's rows equal to each point."""
        points = as_points(X, "Tabled", dimension=self.dimension)
        # adding 0 turns -0.0 into 0.0, the same point
        _, group = np.unique(np.concatenate([self.X, points]) + 0.0, axis=0, return_inverse=True)
        group = group.reshape(-1)
        counts = np.zeros((int(group.max()) + 1, len(self.classes)))
        np.add.at(counts, (group[:self.X.shape[0]], self.index), 1.0)
        found = counts[group[self.X.shape[0]:]]
        known = found.sum(axis=1)
        if not known.all():
            raise ValueError(f"Tabled: X[{int(np.argmin(known))}] is not a row of the table; its label law is unknown")
        return found / known[:, None]


def table(X: ArrayLike, y: Any, *, noise: float = 0.0) -> Tabled:
    """Return the rows of X (N, d) with class labels y (N,) as a population with label noise.

    Raises TypeError or ValueError for data and labels as :func:`constructive.memorize` does, ValueError for fewer than
    two classes or unless ``0 <= noise < 1``.

    >>> digits = table([[0.0], [1.0], [2.0]], ["a", "b", "c"], noise=0.125)
    >>> digits.probability([[1.0]]).tolist(), digits.bayes_error().upper
    ([[0.0625, 0.875, 0.0625]], 0.125)
    """
    points = as_points(X, "table").copy()
    labels = clean_labels(y, points.shape[0], who="table", task="classification")
    classes = labels.classes or ()
    if len(classes) < 2:
        raise ValueError(f"table: y has the one class {classes[0]!r}; noise needs another class to exchange it for")
    points.setflags(write=False)
    labels.index.setflags(write=False)
    return Tabled(points, labels.index, classes, as_number(noise, "table", "noise", at_least=0.0, below=1.0))
