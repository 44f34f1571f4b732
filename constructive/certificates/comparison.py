"""A network's polynomial forms against a target's Taylor polynomials, box by box.

With T the Taylor polynomial of degree q at the middle c, |alpha| <= q, and spans s = sum of the reaches,

    |network - f| <= max |form - T| + rest + F_(q+1) s^(q+1) / (q+1)! + rounding;

the first term is bounded by coefficients in Bernstein's basis. Any lower degree may replace q, the terms between
being bounded one by one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.forms import Bounder
from constructive.certificates.linear import affine_bounds
from constructive.domain import Box
from constructive.network import Network

Array = NDArray[np.float64]
_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-48
_POINTS = 128
"""Points where the distance is bounded from below, each round."""


class Smooth(Protocol):
    """What the bound needs of a target; see :class:`constructive.targets.Target`.

    It may also have ``order`` (derivatives exist up to it), ``derivative_rounding`` (a bound on the rounding of those
    of an order; without it ``rounding`` times F_r) and ``evidence``.
    """

    dimension: int
    rounding: float
    box: Box

    def values(self, X: Array) -> Array:
        """Return values (n,) at X (n, d)."""

    def derivative(self, alpha: tuple[int, ...], X: Array) -> Array:
        """Return the derivative of multi-index alpha at X, shape (n,)."""

    def bound(self, r: int) -> float:
        """Return a bound on all derivatives of order r."""


def orders(target: Smooth, degree: int) -> list[float]:
    """Return F_1, F_2, ... as far as they exist, are finite and serve polynomials of the degree, at most F_4.

    Raises ValueError if not even F_1 is finite.
    """
    last = min(getattr(target, "order", math.inf), degree + 1, 4)
    found: list[float] = []
    for r in range(1, int(last) + 1):
        bound = float(target.bound(r))
        if not math.isfinite(bound):
            break
        found.append(bound)
    if not found:
        raise ValueError("sup_error: the target has no finite bound on its first derivatives, so nothing is known "
                         "between points; pass a part of the box where it is smooth")
    return found


def values_at(target: Smooth, points: Array) -> Array:
    """Return the target's values; ValueError where one is not finite."""
    with np.errstate(all="ignore"):
        values = np.asarray(target.values(points), dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"sup_error: the target is {values[i]!r} at {points[i].tolist()}; pass a domain where it is "
                         "finite")
    return values


def refuse_contradiction(found: float, derived: float) -> None:
    """Raise ValueError where a distance was found that bounds had excluded."""
    if found > derived:
        raise ValueError(f"sup_error: the target's bounds contradict its values, distance {found!r} found where "
                         f"{derived!r} was derived; check its bounds on derivatives and its rounding")


def noise_of(target: Smooth, r: int) -> float:
    """Return a bound on the rounding of computed derivatives of order r."""
    stated = getattr(target, "derivative_rounding", None)
    if stated is not None:
        return float(stated(r))
    return target.rounding * (float(target.bound(r)) if r else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Upper bounds of |network - target| on boxes, and lower bounds from points in them."""

    network: Network
    target: Smooth
    bounder: Bounder
    bounds: list[float]
    noise: list[float]
    probes: Array

    @staticmethod
    def of(network: Network, target: Smooth, bounder: Bounder, bounds: list[float]) -> Comparison:
        """Return the comparison for Taylor polynomials of degree ``len(bounds) - 1``."""
        d = target.dimension
        if d <= 3:
            steps = (-1.0, -0.5, 0.0, 0.5, 1.0) if d <= 2 else (-1.0, 0.0, 1.0)
            probes = np.array(list(itertools.product(steps, repeat=d)))
        else:
            probes = np.concatenate([np.zeros((1, d)), np.eye(d), -np.eye(d), np.ones((1, d)), -np.ones((1, d))])
        return Comparison(network, target, bounder, bounds, [noise_of(target, r) for r in range(len(bounds))], probes)

    def __call__(self, low: Array, high: Array) -> tuple[Array, float, Array]:
        """Return upper bounds (N,), a lower bound on the sup, and how much each coordinate has a share (N, d)."""
        forms = self.bounder(low, high)
        powers = np.array(self.bounder.exponents)
        value, taylor = self._taylor(forms.middle, forms.reach, powers)
        span = forms.reach.sum(axis=1) * (1 + 4 * low.shape[1] * _UNIT)
        away, rounding = self._remainder(taylor, powers, span)
        gap = forms.coefficients - taylor
        size = np.abs(forms.coefficients).sum(axis=1) + np.abs(taylor).sum(axis=1)
        ends = np.abs(gap @ self.bounder.hull.T).max(axis=1) if self.bounder.hull.size else np.abs(gap).sum(axis=1)
        slack = rounding + 16 * (powers.shape[0] + 8) * _UNIT * size
        upper = ends + forms.rest + away + slack
        # plain bounds of the network are tighter where the form is not
        plain = np.maximum(forms.upper - value, value - forms.lower) + self.bounds[0] * span * _UP + slack
        upper = np.fmin(upper, plain) * _UP
        shares = np.stack([np.abs(gap[:, powers[:, j] > 0]).sum(axis=1) for j in range(low.shape[1])], axis=1)
        rest = np.where(np.isfinite(forms.rest), forms.rest, 1e300) + away
        shares += rest[:, None] * forms.reach / np.maximum(span, 1e-300)[:, None]
        at = gap @ np.prod(self.probes[:, None, :] ** powers[None, :, :], axis=2).T
        found = self._at_points(low, high, forms.middle, forms.reach, at)
        return np.where(np.isnan(upper), np.inf, upper), found, shares

    def _taylor(self, middle: Array, reach: Array, powers: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return values and the coefficients of Taylor polynomials in y, on all monomials."""
        value = values_at(self.target, middle)
        out = np.zeros((middle.shape[0], powers.shape[0]))
        out[:, 0] = value
        for k, alpha in enumerate(powers.tolist()):
            if 0 < sum(alpha) < len(self.bounds):
                scale = np.prod(reach ** np.array(alpha), axis=1) / math.prod(math.factorial(a) for a in alpha)
                out[:, k] = self.target.derivative(tuple(alpha), middle) * scale
        return value, out

    def _remainder(self, taylor: Array, powers: NDArray[np.int64], span: Array) -> tuple[Array, Array]:
        """Return bounds on |target - Taylor polynomial| and on the rounding of the latter's coefficients."""
        total = powers.sum(axis=1)
        best = np.full(span.size, np.inf)
        for q, bound in enumerate(self.bounds):
            between = np.abs(taylor[:, total > q]).sum(axis=1)
            best = np.minimum(best, bound * span ** (q + 1) / math.factorial(q + 1) + between)
        rounding = sum((noise * span**r / math.factorial(r) for r, noise in enumerate(self.noise)),
                       np.zeros(span.size))
        return best * _UP, rounding * _UP

    def _at_points(self, low: Array, high: Array, middle: Array, reach: Array, at: Array) -> float:
        """Return a lower bound on the sup, from the points where the forms show the largest distance."""
        spot = np.abs(at).argmax(axis=1)
        best = np.argsort(-np.abs(at[np.arange(spot.size), spot]), kind="stable")[:_POINTS]
        points = np.clip(middle[best] + reach[best] * self.probes[spot[best]], low[best], high[best])
        value = values_at(self.target, points)
        # two enclosures of the network at a point, which share no code: the better one counts
        bounds, forms = affine_bounds(self.network, points, points), self.bounder(points, points)
        lower, upper = np.fmax(bounds.lower[:, 0], forms.lower), np.fmin(bounds.upper[:, 0], forms.upper)
        gap = np.maximum(lower - value, value - upper) - self.noise[0]
        gap = gap - 4 * _UNIT * (np.abs(gap) + np.abs(value) + self.noise[0])
        return float(gap.max(initial=0.0, where=~np.isnan(gap)))
