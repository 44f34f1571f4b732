"""Memorizers that are a network and nothing else: no teacher, no bumps to sweep, a size by formula beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.certificates.training import Certificate, certify
from constructive.labels import Labels
from constructive.network import Network
from constructive.students.student import decide

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a network by formula, never by counting."""

    depth: int
    width: int
    units: int
    nonzeros: int


@dataclass(frozen=True, slots=True, eq=False)
class Memorizer:
    """A network with the data of two classes that it memorizes on balls of ``radius`` in ``norm``.

    ``X`` (n, d) and ``y`` (n,) as given, read-only; ``shape`` the size by formula; ``slope`` the Lipschitz constant
    that its construction promises in that norm, an upper bound.
    """

    name: str
    network: Network
    X: Array
    y: NDArray[Any]
    labels: Labels
    radius: float
    norm: float
    shape: Shape
    slope: float

    @property
    def classes(self) -> tuple[Any, ...]:
        """The two classes; the score of the second one is +1."""
        return self.labels.classes or ()

    def __call__(self, x: ArrayLike) -> Array:
        """Return the scores at x (..., d), shape (..., 1)."""
        return self.network(x)

    def predict(self, x: ArrayLike) -> NDArray[Any]:
        """Return the classes at x (..., d), shape (...,); a score of 0 goes to the first class."""
        return decide(self.network(x), self.labels)

    def certify(self, method: str = "auto") -> Certificate:
        """Return the certificate of the network on its own data, from its weights alone."""
        return certify(self.network, self.X, self.y, radius=self.radius, norm=self.norm, classes=self.labels.classes,
                       method=method, task="classification")

    def __repr__(self) -> str:
        n, d = self.X.shape
        return (f"Memorizer({self.name!r}, {n} data in R^{d}, radius={self.radius:.6g}, norm={self.norm}, "
                f"{self.shape.nonzeros} nonzeros)")


def two_classes(labels: Labels, who: str) -> None:
    """Raise ValueError unless the labels are those of at most two classes."""
    if labels.classes is None or labels.outputs != 1:
        raise ValueError(f"{who}: needs two classes, but y has {labels.words}; use memorize, which takes any labels")


def kept(values: Any) -> NDArray[Any]:
    """Return a read-only copy."""
    copy = np.array(values)
    copy.setflags(write=False)
    return copy
