"""What a population is: a sampler, the clean label at each point, and the conditional law of the drawn label."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive.evidence import Bracket

Array = NDArray[np.float64]


class LabelLaw(Protocol):
    """A distribution of labelled points whose conditional label law is known.

    ``classes``: the labels, in order; ``noise``: the probability that a drawn label is not the clean one;
    ``dimension``: of the points. The law P(y = c | x) is what :meth:`probability` returns, so that frequencies of
    a sample can be held against it, and the Bayes error is known without training anything.
    """

    @property
    def dimension(self) -> int:
        """The number of coordinates of a point."""
        ...

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, in the order of the columns of :meth:`probability`."""
        ...

    @property
    def noise(self) -> float:
        """The probability that a drawn label differs from the clean one, uniform over the other classes."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, NDArray[Any]]:
        """Return n points (n, d) and drawn labels (n,)."""
        ...

    def truth(self, X: Array) -> NDArray[Any]:
        """Return the clean labels (n,) at X (n, d)."""
        ...

    def probability(self, X: Array) -> Array:
        """Return P(y = c | x), shape (n, K); rows sum to 1."""
        ...

    def label(self, X: Array, rng: np.random.Generator) -> NDArray[Any]:
        """Return labels (n,) drawn at X from the conditional law, independently."""
        ...

    def bayes_error(self) -> Bracket:
        """Return a bracket of the least probability of a wrong drawn label, over all classifiers."""
        ...


def with_noise(shares: Array, noise: float) -> Array:
    """Return the law (n, K) of labels drawn from ``shares`` (n, K) and then, with probability ``noise``, exchanged.

    ``(1 - noise) p + noise (1 - p) / (K - 1)``: an exchanged label is uniform over the other classes.

    >>> with_noise(np.array([[1.0, 0.0, 0.0]]), 0.25).tolist()
    [[0.75, 0.125, 0.125]]
    """
    return (1.0 - noise) * shares + noise * (1.0 - shares) / (shares.shape[1] - 1)


def exchanged(index: NDArray[np.int64], classes: int, noise: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return class numbers (n,), each replaced with probability ``noise`` by another, uniform over the others."""
    hit = rng.random(index.size) < noise
    shift = rng.integers(1, classes, index.size) if classes > 1 else np.zeros(index.size, np.int64)
    return np.where(hit, (index + shift) % classes, index)


def drawn(probability: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return one class number for each row of a law (n, K), drawn independently."""
    below = np.cumsum(probability, axis=1)[:, :-1]
    return (rng.random((probability.shape[0], 1)) >= below).sum(axis=1).astype(np.int64)


def one_hot(index: NDArray[np.int64], classes: int) -> Array:
    """Return the law (n, K) that is certain of the class numbers (n,)."""
    return np.eye(classes)[index]


def flip_labels(y: ArrayLike, share: float, rng: np.random.Generator,
                classes: tuple[Any, ...] | None = None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels with exactly round(share * n) of them wrong, and which ones are.

    Labels -1 and +1 change sign; with ``classes`` a wrong label is uniform over the other classes.
    Raises ValueError unless ``0 <= share <= 1``, and for a label outside ``classes``.
    """
    labels = np.asarray(y)
    amount = round(as_number(share, "flip_labels", "share", at_least=0.0, at_most=1.0) * labels.size)
    flipped = np.zeros(labels.size, bool)
    flipped[rng.choice(labels.size, amount, replace=False)] = True
    if classes is None:
        return np.where(flipped, -labels, labels), flipped
    known = {c: k for k, c in enumerate(classes)}
    missing = [v for v in labels.tolist() if v not in known]
    if missing or len(known) < 2:
        told = f"label {missing[0]!r} is not among them" if missing else "at least two are needed to flip labels"
        raise ValueError(f"flip_labels: classes={tuple(classes)!r}, but {told}")
    index = np.array([known[v] for v in labels.tolist()], np.int64)
    other = (index + rng.integers(1, len(known), labels.size)) % len(known)
    return np.array(classes)[np.where(flipped, other, index)], flipped
