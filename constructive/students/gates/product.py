"""The construction as published: trapezoids, box indicator, product gate by three squares, error epsilon.

``f = B P(1 - S, T / B) + sum y_i G_i`` with S = sum G_i and P the product gate of depth m: each factor in
[-1, 1], ``|P(u, t) - u t| <= 4^-m`` and ``P(0, t) = 0``. So the network is within ``B 4^-m`` of the teacher
off the bumps and of the labels on the boxes; nothing about it is exact in floating point. Source:
arXiv:2401.13624 for the shape, arXiv:1610.01145 for the product gate; read through secondary accounts.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.students.boxes import Bumps
from constructive.students.gates.setting import Hits, Setting
from constructive.students.layout import Part, beside, hidden_parts, shifted_output

Array = NDArray[np.float64]


def gate_levels(epsilon: float, bound: float) -> int:
    """Return the least depth m >= 1 with ``B 4^-m <= epsilon``."""
    levels = 1
    while math.ldexp(bound, -2 * levels) > epsilon:
        levels += 1
    return levels


def parts(setting: Setting) -> list[Part]:
    """Return all maps of the published student, first layer first, each with its size by formula."""
    bound, bumps = setting.bound, setting.bumps
    if not isinstance(bumps, Bumps):
        raise TypeError("product gate: needs bumps on boxes")
    left = [*hidden_parts(setting.teacher), shifted_output(setting.teacher, bound)]
    left.append(Part([[-1.0]], np.array([2 * bound]), 2))  # v = B - clip(T)
    right = [_trapezoids(bumps), _indicators(bumps), _masses(bumps)]
    return [*beside(left, right), *_product(bound, setting.levels)]


def evaluate(setting: Setting, taught: Array, hits: Hits) -> Array:
    """Return the scores (n, 1)."""
    b, bumps = setting.bound, setting.bumps
    u = np.maximum(1.0 - hits.total(np.ones(bumps.count)), 0.0)
    t = np.clip(taught[:, 0], -b, b) / b
    return (b * evaluate_product(u, t, setting.levels) + hits.total(bumps.scores))[:, None]


def _trapezoids(bumps: Bumps) -> Part:
    """Four units for each coordinate of each box. Nonzeros: 8 d m less the thresholds that are 0."""
    m, d = bumps.lower.shape
    knots = [bumps.lower - bumps.ramp, bumps.lower, bumps.upper, bumps.upper + bumps.ramp]
    eye = sparse.kron(np.ones((m, 1)), sparse.eye_array(d))
    bias = -np.concatenate([k.ravel() for k in knots])
    return Part(sparse.vstack([eye] * 4), bias, 4 * d * m + int(np.count_nonzero(bias)))


def _indicators(bumps: Bumps) -> Part:
    """relu(sum of trapezoids - (d - 1)). Nonzeros: 4 d m, and m biases unless d = 1."""
    m, d = bumps.lower.shape
    block = sparse.kron(sparse.eye_array(m), np.full((1, d), 1.0 / bumps.ramp))
    weight = sparse.hstack([block, -block, -block, block])
    return Part(weight, np.full(m, -(d - 1.0)), 4 * d * m + (m if d > 1 else 0))


def _masses(bumps: Bumps) -> Part:
    """Return u = relu(1 - S), and the sums of bumps weighted by positive and by negative labels.

    Nonzeros: m + 1 + #{y != 0}.
    """
    y = bumps.scores
    weight = np.stack([-np.ones(y.size), np.maximum(y, 0.0), np.maximum(-y, 0.0)])
    return Part(weight, np.array([1.0, 0, 0]), y.size + 1 + int((y != 0).sum()))


def _product(bound: float, levels: int) -> list[Part]:
    """B P(u, t) + Y+ - Y- on (v, u, Y+, Y-), t = 1 - v / B, by P = 2 (sq((u+t)/2) - sq(u/2) - sq(t/2)).

    Nonzeros: 13, 15, then 23 for the second level and 26 for each further one, and 11 (8 if there is one
    level).
    """
    b = 1.0 / bound
    first = Part(np.array([
        [-b, 1, 0, 0], [b, -1, 0, 0],       # relu(u + t), relu(-u - t)
        [0, 1, 0, 0],                       # u
        [-b, 0, 0, 0], [b, 0, 0, 0],        # relu(t), relu(-t)
        [0, 0, 1, 0], [0, 0, 0, 1]]), np.array([1.0, -1, 0, 1, -1, 0, 0]), 13)
    halves = np.array([[0.5, 0.5, 0, 0, 0, 0, 0], [0, 0, 0.5, 0, 0, 0, 0], [0, 0, 0, 0.5, 0.5, 0, 0]])
    keep = np.array([[0, 0, 0, 0, 0, 1.0, 0], [0, 0, 0, 0, 0, 0, 1.0]])
    opening = Part(np.vstack([halves, halves, keep]), np.array([0, 0, 0, -0.5, -0.5, -0.5, 0, 0]), 15)
    parts = [first, opening]
    for level in range(2, levels + 1):
        parts.append(_level(level))
    return [*parts, _output(bound, levels)]


def _level(level: int) -> Part:
    """One more tooth for the three squares: channels (a, b, c) x 3 and two carried sums; at level 1 c is a.

    a' = relu(2a - 4b), b' = relu(2a - 4b - 1/2), c' = c - (2a - 4b) / 4^(level-1).
    """
    eye, zero, scale = np.eye(3), np.zeros((3, 3)), 4.0 ** -(level - 1)
    tooth = [2 * eye, -4 * eye]
    if level == 2:
        columns = [[tooth[0], tooth[1]], [tooth[0], tooth[1]], [(1 - 2 * scale) * eye, 4 * scale * eye]]
    else:
        columns = [[*tooth, zero], [*tooth, zero], [-2 * scale * eye, 4 * scale * eye, eye]]
    body = np.block(columns)
    weight = sparse.block_diag([body, np.eye(2)])
    bias = np.concatenate([np.zeros(3), np.full(3, -0.5), np.zeros(3), np.zeros(2)])
    return Part(weight, bias, 23 if level == 2 else 26)


def _output(bound: float, levels: int) -> Part:
    signs, scale = 2 * bound * np.array([1.0, -1, -1]), 4.0**-levels
    if levels == 1:
        row = np.concatenate([signs * (1 - 2 * scale), 4 * scale * signs, [1.0, -1.0]])
        return Part(row[None, :], np.zeros(1), 8)
    row = np.concatenate([-2 * scale * signs, 4 * scale * signs, signs, [1.0, -1.0]])
    return Part(row[None, :], np.zeros(1), 11)


def evaluate_product(u: Array, t: Array, levels: int) -> Array:
    """Return the three-square product gate at u, t in [-1, 1], without a network."""
    return 2 * (_square((u + t) / 2, levels) - _square(u / 2, levels) - _square(t / 2, levels))


def _square(x: Array, levels: int) -> Array:
    """Return the piecewise linear interpolant of |x|^2 on the grid 2^-levels, |x| <= 1."""
    scaled = np.abs(x) * 2.0**levels
    left = np.floor(scaled)
    rest = scaled - left
    return (left * left + rest * (2 * left + 1)) * 4.0**-levels
