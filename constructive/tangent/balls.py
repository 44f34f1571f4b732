"""How far a predictor of an infinitely wide ReLU network moves over a ball: sound bounds, and what they certify.

Two bounds on |f(x') - f(x)| for |x' - x|_2 <= r, of which the smaller counts. By norm: |f|_H times a bound on the
distance of x' from x in the kernel's Hilbert space, which falls like sqrt(r) for the tangent kernel (it has a cone at
every point) and like r for the covariance. By slope: r sum_j |alpha_j| times a bound on |grad_x k(x, x_j)|, linear in
r, better where coefficients are small. Margins f_y - f_c are one function with coefficients alpha_y - alpha_c.
Balls of l_inf radius eps lie in those of l_2 radius eps sqrt(d). All roundings go outward: see ``intervals``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.domain import Box
from constructive.evidence import Bracket
from constructive.tangent.attack import Labels, as_ball_norm, as_labels, kernel_attack
from constructive.tangent.intervals import Interval, gram_interval, kernel_interval, sizes_of, squares_of
from constructive.tangent.matrices import UNIT
from constructive.tangent.predictor import KernelPredictor
from constructive.tangent.relu import ReluKernel

Array = NDArray[np.float64]
UP = 1.0 + 64.0 * UNIT  # more than the few roundings of one line
TINY = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Movement:
    """Bounds (m, C) on |f_c(x') - f_c(x)| over the balls: ``by_norm``, ``by_slope``, and the smaller, ``bound``."""

    by_norm: Array
    by_slope: Array

    @property
    def bound(self) -> Array:
        """The smaller of the two bounds, (m, C)."""
        return np.minimum(self.by_norm, self.by_slope)


def movement(predictor: KernelPredictor, X: ArrayLike, radius: float, *, norm: float | str = math.inf) -> Movement:
    """Return bounds on how far each output moves over the balls of ``radius`` around X (m, d); ``norm`` 2 or inf.

    They hold for the real function with the predictor's coefficients. Raises TypeError for kernels other than
    :class:`~constructive.tangent.ReluKernel`.

    >>> f = KernelPredictor(ReluKernel(1), np.array([[1.0]]), np.array([[0.5]]))
    >>> movement(f, [[1.0]], 0.5).bound.round(6).item()
    0.5
    """
    who = "movement"
    kernel, points, reach = _setting(predictor, X, radius, norm, who)
    return _movement(predictor, kernel, points, reach, predictor.coefficients)


def certified_margins(predictor: KernelPredictor, X: ArrayLike, y: ArrayLike, radius: float, *,
                      norm: float | str = math.inf) -> Array:
    """Return lower bounds (m,) of the least margin over each ball: one above 0 proves that no point in it is an error.

    Margins are y f for one output and y = -1, +1, else f_y - max of the others. Raises as :func:`movement`.
    """
    who = "certified_margins"
    kernel, points, reach = _setting(predictor, X, radius, norm, who)
    labels = as_labels(y, points.shape[0], predictor.coefficients.shape[1], who)
    values = enclosed_values(predictor, kernel, points)
    least = np.full(points.shape[0], np.inf)
    contests = _contests(predictor.coefficients, labels)
    bounds = _movement(predictor, kernel, points, reach, np.hstack([columns for columns, _, _ in contests])).bound
    for k, (_, rows, margin) in enumerate(contests):
        moves, low = bounds[rows, k], margin(values[0][rows], values[1][rows])[0]
        least[rows] = np.minimum(least[rows], low - moves - 4.0 * UNIT * (np.abs(low) + moves))
    return least


@dataclass(frozen=True, slots=True, eq=False)
class KernelRobustness:
    """The part of the balls that hold an error, ``error``, between what an attack proved and what is certified.

    ``broken`` (m,): a point of the ball, ``points`` (m, d), has a margin proved <= 0; ``certified`` (m,): no point has.
    """

    error: Bracket
    broken: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    points: Array


def kernel_robust_error(predictor: KernelPredictor, X: ArrayLike, y: ArrayLike, radius: float, *,
                        norm: float | str = math.inf, box: Box | None = None, steps: int = 20, starts: int = 2,
                        rng: Any = None) -> KernelRobustness:
    """Return the robust error on the given points between attack, from below, and certificate, from above.

    An error is a ball, cut with the box, with a point of margin <= 0. Both ends are proved, with roundings: the points
    of the attack lie in their balls, and their margins are enclosed. How close the ends are depends on the certificate:
    it is loose for interpolants. Raises as :func:`movement` and the attack.
    """
    who = "kernel_robust_error"
    kernel, points, _ = _setting(predictor, X, radius, norm, who)
    labels = as_labels(y, points.shape[0], predictor.coefficients.shape[1], who)
    found = kernel_attack(predictor, points, labels, radius, norm=norm, box=box, steps=steps, starts=starts, rng=rng)
    values = enclosed_values(predictor, kernel, found.points)
    high = np.full(points.shape[0], np.inf)
    for _, rows, margin in _contests(predictor.coefficients, labels):
        high[rows] = np.minimum(high[rows], margin(values[0][rows], values[1][rows])[1])
    broken = high <= 0.0
    certified = certified_margins(predictor, points, labels, radius, norm=norm) > 0.0
    n = points.shape[0]
    # the two counts are exact, and no ball is both
    return KernelRobustness(Bracket(int(broken.sum()) / n, (n - int(certified.sum())) / n), broken, certified,
                            found.points)


def _setting(predictor: KernelPredictor, X: ArrayLike, radius: float, norm: float | str, who: str,
             ) -> tuple[ReluKernel, Array, float]:
    if not isinstance(predictor.kernel, ReluKernel):
        raise TypeError(f"{who}: the bounds are proved for ReluKernel, got {type(predictor.kernel).__name__}")
    points = as_points(X, who, dimension=predictor.X.shape[1])
    reach = as_number(radius, who, "radius", at_least=0.0)
    if math.isinf(as_ball_norm(norm, who)):
        reach *= math.sqrt(points.shape[1]) * UP
    return predictor.kernel, points, reach


def _contests(coefficients: Array, labels: Labels) -> list[tuple[Array, NDArray[np.int64], Any]]:
    """Return (coefficients (n, 1) of a margin up to its sign, points concerned, its ends from those of the outputs)."""
    count = coefficients.shape[1]
    if count == 1:
        signs = labels

        def single(low: Array, high: Array) -> Interval:
            up = signs > 0
            return np.where(up, low[:, 0], -high[:, 0]), np.where(up, high[:, 0], -low[:, 0])

        return [(coefficients, np.arange(labels.size), single)]
    found: list[tuple[Array, NDArray[np.int64], Any]] = []
    for own in np.unique(labels).tolist():
        rows = np.flatnonzero(labels == own)
        for other in range(count):
            if other != own:

                def both(low: Array, high: Array, own: int = own, other: int = other) -> Interval:
                    below, above = low[:, own] - high[:, other], high[:, own] - low[:, other]
                    return below - 2.0 * UNIT * np.abs(below), above + 2.0 * UNIT * np.abs(above)

                found.append((coefficients[:, [own]] - coefficients[:, [other]], rows, both))
    return found


def enclosed_values(predictor: KernelPredictor, kernel: ReluKernel, points: Array) -> Interval:
    """Return ends of f (m, C) for the real kernel."""
    low, high = kernel_interval(kernel, points, predictor.X, tangent=predictor.of == "ntk")
    middle = low + (high - low) / 2.0
    spread = np.maximum(high - middle, middle - low) * UP
    sizes = np.abs(predictor.coefficients)
    value = middle @ predictor.coefficients
    terms = predictor.X.shape[0] + 16
    room = (spread @ sizes + 2.0 * terms * UNIT * (np.abs(middle) @ sizes)) * (1.0 + 2.0 * terms * UNIT) + TINY
    return value - room - UNIT * np.abs(value), value + room + UNIT * np.abs(value)


def _movement(predictor: KernelPredictor, kernel: ReluKernel, points: Array, reach: float, columns: Array) -> Movement:
    tangent = predictor.of == "ntk"
    norms = _norms(kernel, predictor.X, columns, tangent)
    distance = _tangent_distance(kernel, points, reach) if tangent else _covariance_distance(kernel, points, reach)
    by_slope = _slopes(kernel, predictor.X, columns, points, reach, tangent)
    return Movement(distance[:, None] * norms * UP + TINY, by_slope)


def _norms(kernel: ReluKernel, X: Array, columns: Array, tangent: bool) -> Array:
    """Return upper bounds of |f_c| in the Hilbert space, (C,).

    Columns may be differences rounded once, so entries carry a relative error u: that is within the terms added.
    """
    low, high = gram_interval(kernel, X, tangent=tangent)
    middle = low + (high - low) / 2.0
    spread = np.maximum(high - middle, middle - low) * UP + 4.0 * (X.shape[0] + 16) * UNIT * np.abs(middle)
    sizes = np.abs(columns)
    squares = np.einsum("ic,ic->c", columns, middle @ columns)
    room = np.einsum("ic,ic->c", sizes, spread @ sizes) * (1.0 + 4.0 * (X.shape[0] + 16) * UNIT)
    return np.asarray(np.sqrt(np.maximum(squares, 0.0) + room + TINY) * UP)


def _constant(kernel: ReluKernel, layer: int) -> float:
    """Return kappa_l = weight_std^(2 l) / 2^(l - 1), rounded up: d E[d_a z d_b z] is this for a = b, 0 else."""
    return float(kernel.weight_std ** (2 * layer) / 2.0 ** (layer - 1)) * (1.0 + 8.0 * layer * UNIT)


def _covariance_distance(kernel: ReluKernel, points: Array, reach: float) -> Array:
    """Return sqrt(kappa / d) r: E(relu u - relu v)^2 <= E(u - v)^2 / 2 since (u, v) and (-u, -v) have the same law."""
    return np.full(points.shape[0], math.sqrt(_constant(kernel, kernel.depth) / points.shape[1]) * reach * UP)


def _tangent_distance(kernel: ReluKernel, points: Array, reach: float) -> Array:
    """Return bounds (m,) of the distance of x' from x in the space of the tangent kernel, over the ball.

    With e_l >= E(u - v)^2 in layer l: T+ = e+ + gain / 2 T + gain / pi angle Theta, e+ <= gain e / 2, Theta at most the
    root of the two diagonal values, sin(angle) <= sqrt(e / p) where e < p, and angles below pi / 2 after a ReLU.
    """
    gain, d = kernel.weight_std**2 * UP, points.shape[1]
    squares = squares_of(points)
    here, far = sizes_of(kernel, squares, d), sizes_of(kernel, _beyond(squares, reach), d)
    e = total = np.full(points.shape[0], gain * reach * reach / d * UP)
    for layer in range(kernel.depth - 1):
        widest = math.pi if layer == 0 else math.pi / 2.0
        p = here.p[0][layer]
        ratio = np.divide(e, p, out=np.ones_like(p), where=p > e) * UP
        angle = np.where(ratio < 1.0, np.arcsin(np.sqrt(np.minimum(ratio, 1.0))) * UP, widest * UP)
        joint = np.sqrt(here.t[1][layer]) * np.sqrt(far.t[1][layer])
        total = (gain / 2.0 * (e + total) + gain / math.pi * angle * joint) * UP
        e = gain / 2.0 * e * UP
    return np.asarray(np.sqrt(total) * UP)


def _slopes(kernel: ReluKernel, X: Array, columns: Array, points: Array, reach: float, tangent: bool) -> Array:
    """Return r sum_j |alpha_j| G_j (m, C), G_j a bound on |grad_x k(x, x_j)| over the ball.

    |grad Sigma_l(x, x_j)| <= sqrt(kappa_l (Sigma_l(x_j, x_j) - bias^2) / d); the tangent kernel adds in each layer
    gain / 2 of the slope below and gain / (2 pi) Theta times the slope sqrt(kappa_l / (d p_l)) of the angle. Theta is
    at most sqrt(t_l(x) t_l(x_j)), and t_l / p_l is monotone in |x|: its ends over the ball hold the largest value.
    """
    gain, d = kernel.weight_std**2 * UP, points.shape[1]
    data, sizes = squares_of(X), np.abs(columns)
    many = 1.0 + 2.0 * (X.shape[0] + 16) * UNIT
    known = sizes_of(kernel, data, d)
    variances = np.concatenate([(data[1] * gain / d * UP)[None], gain / 2.0 * known.p[1][:-1] * UP])  # less bias^2
    covariance = [np.sqrt(_constant(kernel, layer + 1) / d * v) @ sizes * many * UP
                  for layer, v in enumerate(variances)]
    if not tangent:
        total = np.broadcast_to(covariance[-1], (points.shape[0], columns.shape[1]))
    else:
        squares = squares_of(points)
        near, far = (sizes_of(kernel, _beyond(squares, way), d) for way in (-reach, reach))
        total = np.broadcast_to(covariance[0], (points.shape[0], columns.shape[1]))
        for layer in range(kernel.depth - 1):
            most = np.maximum(_ratio(near.t[1][layer], near.p[0][layer], layer + 1),
                              _ratio(far.t[1][layer], far.p[0][layer], layer + 1))
            swing = np.sqrt(most)[:, None] * (np.sqrt(known.t[1][layer]) @ sizes) * many
            total = (covariance[layer + 1] + gain / 2.0 * total
                     + gain / (2.0 * math.pi) * math.sqrt(_constant(kernel, layer + 1) / d) * swing) * UP
    return np.asarray(total * reach * UP + TINY)


def _ratio(t: Array, p: Array, most: int) -> Array:
    """Return t / p rounded up, at most the number of layers: t_l <= l p_l."""
    return np.minimum(np.divide(t, p, out=np.full_like(t, most), where=p > 0.0) * UP, most)


def _beyond(squares: Interval, reach: float) -> Interval:
    """Return ends of (|x| + reach)^2, at least 0 inside; a negative reach goes toward the origin."""
    low = np.maximum(np.sqrt(squares[0]) * (1.0 - 8.0 * UNIT) + reach * (1.0 - 8.0 * UNIT if reach > 0 else UP), 0.0)
    high = np.maximum(np.sqrt(squares[1]) * UP + reach * (UP if reach > 0 else 1.0 - 8.0 * UNIT), 0.0)
    return low * low * (1.0 - 8.0 * UNIT), high * high * UP
