"""Noisy classes on a dyadic grid, and distances of balls from boxes: what the records about robust risk draw.

All coordinates, radii, ramps and perturbations are multiples of 2^-20 of moderate size, so that every distance is
exact in floating point and equality, which the theory decides as an error, does occur.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.domain import outward_boxes
from constructive.network import Network
from constructive.theorems import draws

Array = NDArray[np.float64]

_UNIT, _FINE = 2.0**-12, 2.0**-20
_CELL, _APART = 256, 128
AMPLITUDES = (1.0, 0.5, 0.1)


def draw(rng: np.random.Generator, d: int | None = None, n: int | None = None, noise: float | None = None,
         amplitude: float | None = None) -> dict[str, Any]:
    """Return data of two classes with wrong labels, a teacher, radius, ramp, amplitude, delta, and test points.

    Any two data are 2^-5 apart in l_inf, and supports are disjoint. Test points: near data, at random, and exactly
    at the distance from a rival that decides.
    """
    dimension = int(rng.integers(1, 4)) if d is None else int(d)
    flips = float(rng.uniform(0.0, 0.3)) if noise is None else float(noise)
    told = float(rng.choice(AMPLITUDES)) if amplitude is None else float(amplitude)
    side = {1: 24, 2: 6}.get(dimension, 4)
    sites = min(side**dimension, 4096)
    count = min(int(rng.integers(8, 21)) if n is None else int(n), sites)
    chosen = rng.choice(sites, count, replace=False)
    cells = np.stack(np.unravel_index(chosen, (side,) * dimension), axis=1)
    X = np.asarray((cells * _CELL + rng.integers(0, _APART + 1, (count, dimension))) * _UNIT, dtype=np.float64)
    normal, middle = rng.normal(size=dimension), X.mean(axis=0)
    y = _labels(X, normal, middle, flips, rng)
    y[:2] = (-1.0, 1.0)
    radius, ramp = int(rng.integers(4, 41)) * _UNIT, int(rng.choice([4, 8, 16])) * _UNIT
    delta = int(rng.integers(0, 49)) * _UNIT
    case = {"X": X, "y": y, "radius": radius, "ramp": ramp, "amplitude": told, "delta": delta,
            "teacher": _teacher(normal, middle, dimension, rng)}
    points = _points(X, radius + delta, ramp, rng)
    truth = _labels(points, normal, middle, flips, rng)
    edge, rival = _edges(X, y, radius + delta, ramp, rng)
    return {**case, "points": np.concatenate([points, edge]), "truth": np.concatenate([truth, rival])}


def _labels(points: Array, normal: Array, middle: Array, flips: float, rng: np.random.Generator) -> Array:
    side = np.where((points - middle) @ normal >= 0, 1.0, -1.0)
    return np.where(rng.random(len(points)) < flips, -side, side)


def _teacher(normal: Array, middle: Array, d: int, rng: np.random.Generator) -> Network:
    """Return an affine teacher near the true side, or one with a hidden layer that is wrong in places."""
    tilted = normal + 0.2 * rng.normal(size=d)
    side = Network.build([(tilted[None, :] * 8, [-8 * float(tilted @ middle)])])
    return side if rng.random() < 0.5 else side + draws.teacher(rng, d, hidden=1)


def _points(X: Array, reach: float, ramp: float, rng: np.random.Generator) -> Array:
    """Return points near data and points anywhere, on the fine grid."""
    near = X[rng.integers(len(X), size=60)] + rng.uniform(-1.2, 1.2, (60, X.shape[1])) * (reach + 2 * ramp)
    anywhere = rng.uniform(X.min(axis=0) - 0.05, X.max(axis=0) + 0.05, (40, X.shape[1]))
    return np.asarray(np.rint(np.concatenate([near, anywhere]) / _FINE) * _FINE)


def _edges(X: Array, y: Array, reach: float, ramp: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return points around each datum just at, and just beyond, distances that may decide; most of another label."""
    count, d = X.shape
    edge, truth = [], []
    for step, label in ((0.0, -y), (_FINE, -y), (ramp / 2, -y), (ramp / 2 + _FINE, -y), (ramp / 8, -y), (ramp, -y),
                        (0.0, y)):
        axis, sign = rng.integers(d, size=count), rng.choice((-1.0, 1.0), count)
        # off the other axes by less than the reach, which does not change the distance
        moved = X + np.rint(rng.uniform(-0.9, 0.9, X.shape) * reach / _FINE) * _FINE
        moved[np.arange(count), axis] = X[np.arange(count), axis] + sign * (reach + step)
        edge.append(moved)
        truth.append(label)
    return np.concatenate(edge), np.concatenate(truth)


def distances(X: Array, radius: float, points: Array, delta: float) -> Array:
    """Return the l_1 distances (m, n) of the closed delta-balls from the boxes, rounded outward, of the data."""
    lower, upper = outward_boxes(X, radius)
    gaps = np.maximum(lower[None] - points[:, None], points[:, None] - upper[None]) - delta
    return np.asarray(np.maximum(gaps, 0.0).sum(axis=2))


def rival_distances(X: Array, y: Array, radius: float, points: Array, truth: Array, delta: float) -> Array:
    """Return the l_1 distances (m,) of the delta-balls from the nearest box of another label, infinite without one."""
    rival = np.asarray(y)[None, :] != truth[:, None]
    return np.asarray(np.where(rival, distances(X, radius, points, delta), np.inf).min(axis=1))


def near_a_rival(X: Array, y: Array, radius: float, points: Array, truth: Array, delta: float,
                 reach: Fraction) -> NDArray[np.bool_]:
    """Return for which points some box of another label is within ``reach`` of the delta-ball in l_1, closed.

    Decided in rational arithmetic wherever rounding could matter.
    """
    found = distances(X, radius, points, delta)
    size = float(np.abs(X).max() + np.abs(points).max()) + radius + delta
    error = 8 * 2.0**-53 * X.shape[1] * size
    rival = np.asarray(y)[None, :] != truth[:, None]
    near = (rival & (found < float(reach) - error)).any(axis=1)
    for k, i in zip(*np.nonzero(rival & (np.abs(found - float(reach)) <= error)), strict=True):
        near[k] = near[k] or _distance_exact(X[i], radius, points[k], delta) <= reach
    return near


def _distance_exact(center: Array, radius: float, x: Array, delta: float) -> Fraction:
    lower, upper = outward_boxes(center[None], radius)
    total = Fraction(0)
    for a, b, v in zip(lower[0].tolist(), upper[0].tolist(), x.tolist(), strict=True):
        total += max(Fraction(a) - Fraction(v), Fraction(v) - Fraction(b), Fraction(delta)) - Fraction(delta)
    return total


def nearest_in_ball(X: Array, y: Array, radius: float, points: Array, truth: Array, delta: float) -> Array:
    """Return for each point (m, d) the vector of its ball nearest to the nearest rival box; NaN without a rival."""
    found = np.where(np.asarray(y)[None, :] != truth[:, None], distances(X, radius, points, delta), np.inf)
    closest = np.argmin(found, axis=1)
    lower, upper = outward_boxes(X[closest], radius)
    moved = np.clip(np.clip(points, lower, upper), points - delta, points + delta)
    return np.where(np.isfinite(found.min(axis=1))[:, None], moved, np.nan)
