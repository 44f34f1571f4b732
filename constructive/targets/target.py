"""A smooth target: a function on a box with its derivatives, bounds on them, and what those bounds are worth.

It carries what a construction needs (values and derivatives at nodes) and what a certificate needs (a bound F_r on
every derivative of order r, a Lipschitz constant, the rounding error of its own evaluation).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count
from constructive.domain import Box
from constructive.evidence import Evidence

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A smooth function on a box: ``values`` (n, d) -> (n,), ``derivative`` (multi-index, (n, d)) -> (n,).

    ``bound(r)`` is F_r >= |D^alpha f| on the box for every |alpha| = r; ``lipschitz`` bounds
    |f(x) - f(z)| / ||x - z||_inf. ``order`` is the highest r for which derivatives and bounds exist, infinity for
    analytic families; derivatives of that order may jump, lower ones are continuous. Computed values are off by at
    most ``rounding``, computed first derivatives by at most ``rounding * F_1`` where order > 1, assuming that cos,
    sin, exp, log and pow are right to 4 units in the last place; :meth:`derivative_rounding` covers every order.
    ``evidence`` is ENCLOSED where all of these bounds are proved, SAMPLED where some are estimates or claims that
    were only tried; whatever rests on a target is worth no more than that.
    Raises ValueError for a derivative or bound beyond ``order``, which it names, for a box of another dimension, or
    for a Lipschitz constant or rounding that is negative or NaN.

    >>> line = Target("x", 1, lambda X: X[:, 0], lambda a, X: X[:, 0] ** 0, lambda r: 1.0, 1.0, 0.0, Box.cube(1), 1)
    >>> line.bound(2)
    Traceback (most recent call last):
        ...
    ValueError: x: bound(2) does not exist, this target has order 1; use order r <= 1 or a smoother target
    """

    name: str
    dimension: int
    values: Callable[[Array], Array]
    derivative: Callable[[tuple[int, ...], Array], Array]
    bound: Callable[[int], float]
    lipschitz: float
    rounding: float
    box: Box
    order: float = math.inf
    evidence: Evidence = Evidence.ENCLOSED
    noise: Callable[[int], float] | None = None

    def __post_init__(self) -> None:
        as_count(self.dimension, "Target", "dimension", at_least=1)
        if self.box.dimension != self.dimension:
            raise ValueError(f"Target {self.name!r}: dimension={self.dimension} but the box lies in "
                             f"R^{self.box.dimension}; pass a box of the same dimension")
        if self.order != math.inf:
            as_count(self.order, f"Target {self.name!r}", "order")
        if not isinstance(self.evidence, Evidence):
            raise TypeError(f"Target {self.name!r}: evidence must be an Evidence, got {self.evidence!r}")
        for name in ("lipschitz", "rounding"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"Target {self.name!r}: {name}={getattr(self, name)!r} must be >= 0")
        # dataclasses.replace hands back functions that are already limited, perhaps to another order
        bound = self.bound.function if isinstance(self.bound, _Bound) else self.bound
        derivative = self.derivative.function if isinstance(self.derivative, _Derivative) else self.derivative
        object.__setattr__(self, "bound", _Bound(bound, self.name, self.order))
        object.__setattr__(self, "derivative", _Derivative(derivative, self.name, self.order, self.dimension))

    def __call__(self, x: ArrayLike) -> Array:
        """Return the values at x (..., d), shape (...,)."""
        points = np.asarray(x, dtype=np.float64)
        if points.ndim == 0 or points.shape[-1] != self.dimension:
            raise ValueError(f"{self.name}: x has shape {points.shape}, its last axis must have length "
                             f"{self.dimension}")
        return self.values(points.reshape(-1, self.dimension)).reshape(points.shape[:-1])

    def derivative_rounding(self, r: int) -> float:
        """Return a bound on |computed - true| for every derivative of order r (``rounding * F_r`` unless stated).

        At r = ``order``, where derivatives may jump, the true one is that at some point within rounding of x.
        """
        if r == 0:
            return self.rounding
        return self.rounding * self.bound(r) if self.noise is None else self.noise(r)


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """A bound that refuses orders which its target does not have."""

    function: Callable[[int], float]
    name: str
    order: float

    def __call__(self, r: int) -> float:
        wanted = as_count(r, self.name, "r")
        if wanted > self.order:
            raise ValueError(f"{self.name}: bound({wanted}) does not exist, this target has order {self.order}; "
                             f"use order r <= {self.order} or a smoother target")
        return float(self.function(wanted))


@dataclass(frozen=True, slots=True, eq=False)
class _Derivative:
    """A derivative that refuses multi-indices which its target does not have."""

    function: Callable[[tuple[int, ...], Array], Array]
    name: str
    order: float
    dimension: int

    def __call__(self, alpha: tuple[int, ...], X: Array) -> Array:
        index = tuple(as_count(a, self.name, "multi-index entry") for a in alpha)
        if len(index) != self.dimension:
            raise ValueError(f"{self.name}: the multi-index {index} must have {self.dimension} entries")
        if sum(index) > self.order:
            raise ValueError(f"{self.name}: the derivative {index} does not exist, this target has order "
                             f"{self.order}; use |alpha| <= {self.order} or a smoother target")
        return self.function(index, X)


def weakest(*evidence: Evidence) -> Evidence:
    """Return the weakest of some kinds of evidence: what rests on several things is worth the least of them.

    >>> weakest(Evidence.ENCLOSED, Evidence.SAMPLED).value
    'sampled'
    """
    return max(evidence, key=list(Evidence).index)


def multi_indices(dimension: int, order: int) -> list[tuple[int, ...]]:
    """Return all multi-indices of length ``dimension`` and sum ``order``, in lexicographic order.

    >>> multi_indices(2, 1)
    [(0, 1), (1, 0)]
    """
    return [alpha for alpha in itertools.product(range(order + 1), repeat=dimension) if sum(alpha) == order]


def stated_rounding(noise: Callable[[int], float], bound: Callable[[int], float], order: float) -> float:
    """Return the least ``rounding`` that covers values, and first derivatives as a multiple of F_1.

    >>> stated_rounding(lambda r: [1e-16, 4e-16][r], lambda r: 2.0, 3)
    2e-16
    """
    largest = bound(1) if order > 1 else 0.0
    return max(noise(0), noise(1) / largest if 0 < largest < math.inf else 0.0)


def shifted(target: Target, r: int, distance: float) -> float:
    """Return a bound on the change of a derivative of order r when x moves by ``distance`` in the l_1 norm.

    >>> from constructive.targets import kink
    >>> shifted(kink([0.5], 1), 0, 0.25), shifted(kink([0.5], 1), 1, 0.25)
    (0.25, 2.0)
    """
    jump = 2 * target.bound(r)
    return min(jump, target.bound(r + 1) * distance) if r < target.order and distance < math.inf else jump
