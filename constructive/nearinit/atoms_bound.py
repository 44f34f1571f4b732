"""Suprema of combinations of shifted-arcsine atoms on an interval, proved from cells, rounding included."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.nearinit.series import agreement
from constructive.nearinit.step import Direction, StepTask

Array = NDArray[np.float64]

_MOVE, _WIDER = 2.0**-50, 2.0**-46
_MOST_CELLS = 200_000
_HUGE = 1e280  # stands for an infinite second derivative, so that no infinity meets a zero


def certify_atoms(task: StepTask, direction: Direction, slopes: Array, heights: Array) -> tuple[float, float]:
    """Return proved bounds of |p - 1| on [own, 1] and of |p| on [least, foreign] for p of these atoms.

    p is a combination of B(slopes_j t) with B(u) = kappa(u), or u kappa(u) with weights heights_j / slopes_j for the
    direction "anchor"; both B are increasing and convex on [-1, 1]. On each cell the better of two enclosures counts
    (:meth:`Atoms.enclosure`); cells are halved until the bound is within 2e-4 of the largest value met, or closer where
    the tolerance is. B and its derivatives are enclosed by evaluation at arguments moved by 2^-50, widened by 2^-46:
    more than rounding does, if arcsine and root are right within 4 units in the last place. The bounds hold for p and
    for its computed values.
    """
    weights = heights / slopes if direction == "anchor" else heights
    atoms = Atoms(np.asarray(slopes, dtype=np.float64), np.asarray(weights, dtype=np.float64), direction)
    own = _largest(atoms, task.own, 1.0, 1.0, task.own_error)
    return own, _largest(atoms, task.least, task.foreign, 0.0, task.foreign_error)


@dataclass(frozen=True, slots=True, eq=False)
class Atoms:
    """p(t) = sum_j weights_j B(slopes_j t), B(u) = u kappa(u) for the direction "anchor", else kappa(u)."""

    slopes: Array
    weights: Array
    direction: Direction

    def moved(self, t: Array, by: float) -> tuple[Array, Array]:
        """Return B and B' at the arguments slopes_j t + by, clipped to [-1, 1]; shape (..., atoms)."""
        u = np.clip(t[..., None] * self.slopes + by, -1.0, 1.0)
        v = 0.5 * (1.0 + u)
        value = agreement(u)
        with np.errstate(divide="ignore"):
            slope = 1.0 / (4.0 * math.pi * np.sqrt((1.0 - v) * (1.0 + v)))
        return (u * value, value + u * slope) if self.direction == "anchor" else (value, slope)

    def bends(self, left: Array, right: Array) -> tuple[Array, Array]:
        """Return bounds of B'' on the arguments of cells: 2 kappa' + u kappa'', or kappa'', both parts monotone."""
        ends = np.sort(np.stack([left[:, None] * self.slopes, right[:, None] * self.slopes]), axis=0)
        u = np.clip(ends + np.array([-_MOVE, _MOVE])[:, None, None], -1.0, 1.0)
        v = 0.5 * (1.0 + u)
        with np.errstate(divide="ignore"):
            root = 1.0 / np.sqrt((1.0 - v) * (1.0 + v))
        bend = np.minimum(v * root**3 / (8.0 * math.pi), _HUGE)
        if self.direction == "constant":
            return bend[0] * (1.0 - _WIDER), bend[1] * (1.0 + _WIDER)
        slope = np.minimum(root / (2.0 * math.pi), _HUGE)
        corners = np.stack([u[0] * bend[0], u[0] * bend[1], u[1] * bend[0], u[1] * bend[1]])
        low, high = corners.min(axis=0), corners.max(axis=0)
        low -= _WIDER * (slope[0] + np.abs(low))
        high += _WIDER * (slope[1] + np.abs(high))
        return slope[0] + low, slope[1] + high

    def values(self, t: Array) -> Array:
        """Return p(t), computed."""
        return np.asarray(self.moved(t, 0.0)[0] @ self.weights)

    def enclosure(self, left: Array, right: Array) -> tuple[Array, Array]:
        """Return lower and upper bounds of p on the cells [left, right]: the better of two.

        A chord bounds each convex term from above and the tangent at the middle from below; the difference of such
        lines is largest at an end: good on wide cells and near 1, where slopes are vertical. Taylor's formula at the
        middle, with p'' enclosed: good where large terms cancel.
        """
        middle = 0.5 * (left + right)
        (base, flat), (roof, steep) = self.moved(middle, -_MOVE), self.moved(middle, _MOVE)
        vertical = np.isinf(steep)  # within rounding of argument 1: the smaller end instead of a tangent
        base = np.where(vertical, np.minimum(self.moved(left, -_MOVE)[0], self.moved(right, -_MOVE)[0]), base)
        flat, steep = np.where(vertical, 0.0, flat) * (1.0 - _WIDER), np.where(vertical, 0.0, steep) * (1.0 + _WIDER)
        lower, upper = np.full(left.shape, np.inf), np.full(left.shape, -np.inf)
        up, down = np.maximum(self.weights, 0.0), np.maximum(-self.weights, 0.0)
        for end in (left, right):
            chord = self.moved(end, _MOVE)[0] + _WIDER
            away = (end - middle)[:, None] * self.slopes
            tangent = base - _WIDER + np.where(away > 0.0, flat, steep) * away
            upper = np.maximum(upper, chord @ up - tangent @ down)
            lower = np.minimum(lower, tangent @ up - chord @ down)
        below, above = self._taylor(left, right, (base, roof), (flat, steep), vertical)
        slack = 2.0 * _WIDER * float(np.abs(self.weights).sum())
        # Within 2^-50 of argument 1, where kappa has a vertical tangent, computed values may be as large as kappa(1).
        most = np.maximum(np.outer(self.slopes, left), np.outer(self.slopes, right))
        edge = np.abs(self.weights) @ (most > 1.0 - 2.0**-40) * 1e-8
        return np.maximum(lower, below) - slack - edge, np.minimum(upper, above) + slack + edge

    def _taylor(self, left: Array, right: Array, values: tuple[Array, Array], slopes: tuple[Array, Array],
                vertical: NDArray[np.bool_]) -> tuple[Array, Array]:
        # p(middle) + p'(middle) (t - middle) + p''(somewhere) (t - middle)^2 / 2 on cells without a vertical slope.
        middle = 0.5 * (left + right)
        half = np.maximum(middle - left, right - middle) * (1.0 + 2.0**-50)
        up, down = np.maximum(self.weights, 0.0), np.maximum(-self.weights, 0.0)
        low, high = self.bends(left, right)
        squares = self.slopes * self.slopes
        rise = np.abs(self.weights * self.slopes)
        sense = self.weights * self.slopes > 0.0
        steepest = np.where(sense, slopes[1], -slopes[0]) @ rise
        flattest = np.where(sense, slopes[0], -slopes[1]) @ rise
        spread = np.maximum(np.abs(low), np.abs(high)) @ (np.abs(self.weights) * squares) * _WIDER
        most = np.maximum(high @ (up * squares) - low @ (down * squares) + spread, 0.0) * (0.5 * half * half)
        least = np.minimum(low @ (up * squares) - high @ (down * squares) - spread, 0.0) * (0.5 * half * half)
        tilt = np.maximum(steepest, -flattest) * half
        above = values[1] @ up - values[0] @ down + tilt + most
        below = values[0] @ up - values[1] @ down - tilt + least
        blind = vertical.any(axis=1)
        return np.where(blind, -np.inf, below), np.where(blind, np.inf, above)


def _largest(atoms: Atoms, lower: float, upper: float, goal: float, wanted: float) -> float:
    edges = np.clip(np.cos(np.linspace(math.acos(upper), math.acos(lower), 65))[::-1], lower, upper)
    edges[[0, -1]] = lower, upper
    left, right = edges[:-1], edges[1:]
    met, proved, blur = 0.0, 0.0, 6.0 * _WIDER * float(np.abs(atoms.weights).sum())
    for level in range(45):
        met = max(met, float(np.abs(atoms.values(np.concatenate([left, right])) - goal).max()))
        below, above = atoms.enclosure(left, right)
        bound = np.nan_to_num(np.maximum(above - goal, goal - below), nan=math.inf)
        middle = 0.5 * (left + right)
        near = met * (1.0 + 2e-4)
        limit = max(wanted if met <= wanted < near else near, met + blur)  # finer cells see rounding only
        open_ = (bound > limit) & (left < middle) & (middle < right) & (level < 44)
        open_ &= np.count_nonzero(open_) <= _MOST_CELLS  # rounding is in the way: what is proved so far
        proved = max(proved, float(bound[~open_].max(initial=0.0)))
        if not open_.any():
            break
        left, middle, right = left[open_], middle[open_], right[open_]
        left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
    return proved * (1.0 + 2.0**-50)
