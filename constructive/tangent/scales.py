"""Derivatives of kernel matrices by the two scales of a wide network: what fitting the scales to data asks for."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.tangent.erf import FOUR_OVER_PI, TWO_OVER_PI, ErfKernel
from constructive.tangent.inputs import named, two_sets
from constructive.tangent.relu import ReluKernel

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
CLOSE = 1e-7  # sines below it are rounding: an angle there is left as it is


def scale_gradients(kernel: ReluKernel | ErfKernel, X: ArrayLike, *, of: Name = "ntk") -> tuple[Array, Array]:
    """Return the derivatives (n, n) of k(X, X) by ``weight_std`` and by ``bias_std``; both symmetric.

    Forward differentiation of the recursion of the layers, in about twenty arrays of n^2 numbers. Relative errors stay
    near rounding, and below about 1e-7 for pairs of nearly equal points. Raises ValueError as the kernel does.

    >>> scale_gradients(ReluKernel(1, 3.0, 0.5), [[2.0]])
    (array([[24.]]), array([[1.]]))
    """
    who = "scale_gradients"
    points, tangent = two_sets(X, None, who)[0], named(of, who)
    gain, shift, n = kernel.weight_std**2, kernel.bias_std**2, points.shape[0]
    inner = points @ points.T / points.shape[1]
    inner = (inner + inner.T) / 2.0
    s, p = gain * inner + shift, gain * np.diag(inner) + shift
    # the leading axis: by gain, by shift
    ds, dp = np.stack([inner, np.ones((n, n))]), np.stack([np.diag(inner), np.ones(n)])
    t, dt = s, ds
    step = _relu if isinstance(kernel, ReluKernel) else _erf
    for _ in range(kernel.depth - 1):
        value, chance, dvalue, dchance, own, down = step(s, p, ds, dp)
        dt = gain * (dchance * t + chance * dt)
        dt[0] += chance * t
        t = gain * chance * t
        s, ds = gain * value + shift, gain * dvalue
        ds[0] += value
        ds[1] += 1.0
        t, dt = t + s, dt + ds
        p, dp = gain * own + shift, gain * down
        dp[0] += own
        dp[1] += 1.0
    found = dt if tangent else ds
    found = (found + found.transpose(0, 2, 1)) / 2.0
    return 2.0 * kernel.weight_std * found[0], 2.0 * kernel.bias_std * found[1]


Layer = tuple[Array, Array, Array, Array, Array, Array]


def _relu(s: Array, p: Array, ds: Array, dp: Array) -> Layer:
    """Return E[relu relu], the chance that both are on, their derivatives; E[relu^2] and its derivative."""
    inverse = np.divide(1.0, p, out=np.zeros_like(p), where=p > 0.0)
    root = np.sqrt(p)[:, None] * np.sqrt(p)
    over = np.sqrt(inverse)[:, None] * np.sqrt(inverse)
    cosine = np.clip(s * over, -1.0, 1.0)
    np.fill_diagonal(cosine, 1.0)
    sine, angle = np.sqrt((1.0 - cosine) * (1.0 + cosine)), math.pi - np.arccos(cosine)
    growth = dp * inverse
    both = growth[:, :, None] + growth[:, None, :]
    dcosine = ds * over - cosine / 2.0 * both
    # the angle of close points moves by about their distance: below rounding there
    apart = np.broadcast_to(sine > CLOSE, ds.shape)
    dchance = np.divide(dcosine, 2.0 * math.pi * sine, out=np.zeros_like(ds), where=apart)
    chance = angle / (2.0 * math.pi)
    return (root * (sine + cosine * angle) / (2.0 * math.pi), chance,
            chance * ds + root * sine / (4.0 * math.pi) * both, dchance, p / 2.0, dp / 2.0)


def _erf(s: Array, p: Array, ds: Array, dp: Array) -> Layer:
    """Return E[erf erf], E[erf' erf'], their derivatives; E[erf^2] and its derivative."""
    side = 1.0 + 2.0 * p
    square = side[:, None] * side - 4.0 * s * s
    wide = np.sqrt(square)
    chance = FOUR_OVER_PI / wide
    pull = s * (dp / side)[:, :, None] + s * (dp / side)[:, None, :]
    turn = dp[:, :, None] * side + side[:, None] * dp[:, None, :]
    own = TWO_OVER_PI * np.arctan2(2.0 * p, np.sqrt(1.0 + 4.0 * p))
    return (TWO_OVER_PI * np.arctan2(2.0 * s, wide), chance, chance * (ds - pull),
            chance * (4.0 * s * ds - turn) / square, own, FOUR_OVER_PI / np.sqrt(1.0 + 4.0 * p) / side * dp)
