"""Does a ball meet the cell of a rival: the points at least as near, in l_2, to one rival as to every datum of its own?

Round the center x, with p = datum - x, the cell of a rival z is the polyhedron ``(p_o - p_z) . u <= (|p_o|^2 - |p_z|^2)
/ 2`` over all data o of the right class. A ball misses it if and only if some nonnegative combination of these
inequalities, one half space, misses the ball: ``b + delta |a|* < 0`` with the dual norm. So *miss* is proved by
multipliers and *meet* by a point, each checked with all rounding counted; a least-squares solver only proposes them.
Where rounding leaves it open, an active-set method in rational arithmetic decides: no case stays open.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vector = list[Fraction]

UNIT = 2.0**-53
_INNER = 1 - 2.0**-40
"""Points proposed stay so far inside a ball that rounding cannot lead out of it."""
_CHUNK = 64
"""So many rivals are screened at a time, nearest first."""
_LARGEST = 2.0**400
"""Squares of lengths between 1 / this and this neither overflow nor lose digits."""
_TINY = 2.0**-1000
"""More than what underflow can add up to where the largest length is above 1 / _LARGEST."""


def meets(x: Array, own: Array, rivals: Array, delta: float, ball: float) -> tuple[bool, Array | None]:
    """Return whether the closed ball meets the cell of any rival, and a point of both where a vector of doubles is one.

    x (d,), own (m, d) data of the right class, m >= 1, rivals (k, d), nearest first; delta >= 0; ``ball`` the norm of
    the ball, 1, 2 or inf. The answer is that of real arithmetic on the given doubles; a tie counts as meeting. The
    point is nearer to the rival than to all of ``own``, or as near; None where no double was found.
    """
    for first in range(0, rivals.shape[0], _CHUNK):
        chunk = rivals[first:first + _CHUNK]
        for z in chunk[_screened(x, own, chunk, delta, ball)]:
            found = _in_floats(x, own, z, delta, ball)
            if not isinstance(found, str):
                return True, _double(x, own, z, found, delta, ball)
            if found == "miss":
                continue
            exact = in_rationals(x, own, z, delta, ball)
            if exact is not None:
                return True, _double_exactly(x, own, z, exact, delta, ball)
    return False, None


def _inequalities(x: Array, own: Array, rivals: Array) -> tuple[Array, Array, Array]:
    """Return a (k, m, d), b (k, m) of ``a . u <= b``, and bounds (k, m) of the rounding errors of b.

    Entries of a have relative errors of 1 unit. b: each square of a length errs by (d + 4) units of itself.
    """
    to_own = ((own - x) ** 2).sum(axis=1)
    to_rival = ((rivals - x) ** 2).sum(axis=1)
    b = (to_own - to_rival[:, None]) / 2
    error = (x.size + 6) * UNIT * (to_own + to_rival[:, None]) + _TINY
    return own - rivals[:, None, :], b, error


def _dual(a: Array, ball: float) -> Array:
    """Return the largest a . u on the unit ball, over the last axis."""
    if ball == 2.0:
        return np.asarray(np.sqrt((a * a).sum(axis=-1)))
    return np.abs(a).sum(axis=-1) if ball == math.inf else np.abs(a).max(axis=-1)


def _screened(x: Array, own: Array, rivals: Array, delta: float, ball: float) -> NDArray[np.int64]:
    """Return the rivals (positions) whose cell no single half space proves to miss the ball, most likely first."""
    a, b, error = _inequalities(x, own, rivals)
    reach = delta * _dual(a, ball)
    depth = (b + reach + error + 4 * (x.size + 4) * UNIT * reach).min(axis=1)
    order = np.argsort(-depth, kind="stable")
    # NaN from overflow is no proof
    return order[~(depth[order] < 0)]


def _in_floats(x: Array, own: Array, z: Array, delta: float, ball: float) -> Array | Literal["miss", "open"]:
    """Return "miss" or a step u (d,) of the ball into the cell, each proved, or "open"."""
    largest = float(np.abs(own - x).max(initial=0.0)) + float(np.abs(z - x).max(initial=0.0))
    if delta == 0.0 or not 1 / _LARGEST < largest < _LARGEST or not largest / delta < _LARGEST:
        return "open"
    a, b, error = (part[0] for part in _inequalities(x, own, z[None, :]))
    step, multipliers = _proposal(a, b, delta, ball)
    if multipliers is not None and _excludes(multipliers, a, b, error, delta, ball):
        return "miss"
    if step is None:
        return "open"
    size = float(_norm(step, ball))
    toward = (z - x) - step
    room = (delta * _INNER - size) / max(float(_norm(toward, ball)), _TINY)
    if room < 0.0:
        return "open"
    step = step + min(room, 1.0) * toward
    bound = 4 * (x.size + 4) * UNIT * (np.abs(a) @ np.abs(step))
    inside = float(_norm(step, ball)) * (1 + 4 * (x.size + 4) * UNIT) <= delta
    return step if inside and (a @ step + bound + error <= b).all() else "open"


def _norm(u: Array, ball: float) -> float:
    return float(np.linalg.norm(u, ord=ball))


def _proposal(a: Array, b: Array, delta: float, ball: float) -> tuple[Array | None, Array | None]:
    """Return the shortest step with ``a . u <= b`` (and in the ball, if that has faces), and multipliers; or None.

    Least distance programming by nonnegative least squares; the solver's word is checked by the caller.
    Source: Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23.
    """
    from scipy.optimize import nnls

    m, d = a.shape
    lengths = np.maximum(np.sqrt((a * a).sum(axis=1)), _TINY)
    left, right = -a / lengths[:, None], -b / lengths / delta
    faces = _faces(d, ball)
    if faces.size:  # the ball is taken a little smaller, so that a step may move on toward the rival
        left = np.concatenate([left, -faces])
        right = np.concatenate([right, np.full(faces.shape[0], -(1 - 2.0**-20))])
    # lengths are in units of delta, so only steps that are too long anyway have large right sides
    target = np.zeros(d + 1)
    target[d] = 1.0
    matrix = np.concatenate([left.T, right[None, :]])
    if not np.isfinite(matrix).all():
        return None, None
    try:
        weights, _ = nnls(matrix, target)
    except RuntimeError:  # too many steps of the solver
        return None, None
    residual = matrix @ weights - target
    step = None if residual[d] >= -1e-14 else -residual[:d] / residual[d] * delta
    with np.errstate(over="ignore"):  # refused two lines below
        multipliers = weights[:m] / lengths
    largest = float(multipliers.max(initial=0.0))
    return step, multipliers / largest if 0.0 < largest < math.inf else None


def _faces(d: int, ball: float) -> Array:
    """Return the outer normals (k, d) of the unit ball's faces; none for the round one."""
    if ball == 2.0:
        return np.zeros((0, d))
    if ball == math.inf:
        return np.concatenate([np.eye(d), -np.eye(d)])
    return np.array(list(itertools.product((-1.0, 1.0), repeat=d)))


def _excludes(weights: Array, a: Array, b: Array, error: Array, delta: float, ball: float) -> bool:
    """Return whether the half space ``(weights . a) u <= weights . b`` is proved to miss the ball, weights >= 0."""
    used = np.flatnonzero(weights > 0)
    weights, a, b, error = weights[used], a[used], b[used], error[used]
    normal, offset = weights @ a, float(weights @ b)
    spread = float(weights @ np.abs(a).sum(axis=1))
    rounding = float(weights @ error) * 1.01 + 4 * (used.size + a.shape[1] + 4) * UNIT * (
        float(weights @ np.abs(b)) + delta * spread)
    return offset + delta * float(_dual(normal, ball)) + rounding + _TINY < 0.0


def _double(x: Array, own: Array, z: Array, step: Array, delta: float, ball: float) -> Array | None:
    """Return the rounded point x + step if it is in the ball and nearer to z than to all of own, with rounding."""
    point = x + step
    away = float(_norm(point - x, ball)) * (1 + 4 * (x.size + 4) * UNIT)
    slack = 4 * (x.size + 4) * UNIT
    to_rival, to_own = float(((point - z) ** 2).sum()), float(((point - own) ** 2).sum(axis=1).min())
    return point if away <= delta and to_rival * (1 + slack) + _TINY < to_own * (1 - slack) else None


# -- rational arithmetic --------------------------------------------------------------------------------------------


def _exact(values: Array) -> Vector:
    return [Fraction(v) for v in values.tolist()]


def _dot(a: Vector, b: Vector) -> Fraction:
    return sum((s * t for s, t in zip(a, b, strict=True)), Fraction(0))


def in_rationals(x: Array, own: Array, z: Array, delta: float, ball: float) -> Vector | None:
    """Return the shortest step (exact) of the closed ball into the cell of z, or None where they do not meet.

    No rounding: the shortest vector of a polyhedron with rational faces is rational, and its square is compared with
    that of delta.
    """
    center, rival, size = _exact(x), _exact(z), Fraction(delta)
    p = [s - t for s, t in zip(rival, center, strict=True)]
    inequalities = []
    for row in np.unique(own, axis=0):
        q = [s - t for s, t in zip(_exact(row), center, strict=True)]
        inequalities.append(([s - t for s, t in zip(q, p, strict=True)], (_dot(q, q) - _dot(p, p)) / 2))
    inequalities += [(_exact(face), size) for face in _faces(x.size, ball)]
    step = shortest(inequalities, x.size)
    return step if step is not None and (ball != 2.0 or _dot(step, step) <= size * size) else None


def shortest(inequalities: list[tuple[Vector, Fraction]], d: int) -> Vector | None:
    """Return the shortest u with ``a . u <= b`` for all (a, b), in rational arithmetic; None where there is no u.

    The dual active-set method: take the most violated inequality, move to the shortest vector that meets it and the
    active ones as equalities, and drop those whose multiplier would turn negative. Every full step lengthens u, so
    that no active set comes back. Source: Goldfarb and Idnani, Mathematical Programming 27 (1983).

    >>> shortest([([Fraction(-1), Fraction(0)], Fraction(-2))], 2)
    [Fraction(2, 1), Fraction(0, 1)]
    """
    u = [Fraction(0)] * d
    active: list[int] = []
    multipliers: list[Fraction] = []
    while True:
        excess = [_dot(a, u) - b for a, b in inequalities]
        worst = max(range(len(excess)), key=excess.__getitem__, default=-1)
        if worst < 0 or excess[worst] <= 0:
            return u
        new = inequalities[worst][0]
        weight = Fraction(0)
        while True:
            normals = [inequalities[i][0] for i in active]
            share = _least_squares(normals, new)
            rest = [v - sum((r * n[j] for r, n in zip(share, normals, strict=True)), Fraction(0))
                    for j, v in enumerate(new)]
            blocked = [(m / r, k) for k, (m, r) in enumerate(zip(multipliers, share, strict=True)) if r > 0]
            square = _dot(rest, rest)
            full = (_dot(new, u) - inequalities[worst][1]) / square if square > 0 else None
            part, drop = min(blocked, default=(None, -1))
            if full is None and part is None:
                return None
            whole = full is not None and (part is None or full <= part)
            length = full if whole else part
            assert length is not None  # for the type checker: one of the two is a number
            if full is not None:
                u = [v - length * r for v, r in zip(u, rest, strict=True)]
            multipliers = [m - length * r for m, r in zip(multipliers, share, strict=True)]
            weight += length
            if whole:
                active.append(worst)
                multipliers.append(weight)
                break
            del active[drop], multipliers[drop]


def _least_squares(normals: list[Vector], target: Vector) -> Vector:
    """Return the coefficients of the independent normals whose combination is nearest to the target."""
    k = len(normals)
    rows = [[_dot(s, t) for t in normals] + [_dot(s, target)] for s in normals]
    for i in range(k):
        pivot = rows[i][i]  # a Gram matrix of independent vectors needs no exchange of rows
        for j in range(i + 1, k):
            factor = rows[j][i] / pivot
            rows[j] = [s - factor * t for s, t in zip(rows[j], rows[i], strict=True)]
    out = [Fraction(0)] * k
    for i in reversed(range(k)):
        out[i] = (rows[i][k] - _dot(rows[i][i + 1:k], out[i + 1:])) / rows[i][i]
    return out


def _double_exactly(x: Array, own: Array, z: Array, step: Vector, delta: float, ball: float) -> Array | None:
    """Return x + step rounded, if that vector of doubles is in the ball and as near to z as to own, in rationals."""
    point = x + np.array([float(v) for v in step])
    exact = _exact(point)
    away = [s - t for s, t in zip(exact, _exact(x), strict=True)]
    size = Fraction(delta)
    if ball == 2.0:
        inside = _dot(away, away) <= size * size
    else:
        parts = [abs(v) for v in away]
        inside = (max(parts) if ball == math.inf else sum(parts, Fraction(0))) <= size

    def square(datum: Array) -> Fraction:
        gaps = [s - t for s, t in zip(exact, _exact(datum), strict=True)]
        return _dot(gaps, gaps)

    nearest = square(z)
    return point if inside and all(nearest <= square(row) for row in own) else None
