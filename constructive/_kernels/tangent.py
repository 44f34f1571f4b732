"""Kernels of infinitely wide ReLU networks, from inner products: one pass through all layers for a block of entries.

Layout: matrices are (n, m), row-major, and overwritten in place: inner products come in, kernels go out. A row is cut
into stretches of ``STRETCH`` entries that stay in the first cache while the layers pass over them: layers are the outer
loop, entries the inner one, which has no branch and no reduction, so that it is vectorized without reordering a sum.
Roots of variances and their inverses come in tables (layer, row) and (layer, column): the loop does not divide. Tables
of columns are longer by ``PAD``, so that a stretch is computed in whole vectors: what is left over costs as much each.

pi - arccos c is formed without the library function, which does not vectorize: arcsin(sqrt z) / sqrt z is a polynomial
in z on [0, 1/4] to 1.2e-16, interpolated at 15 Chebyshev points; |c| > 1/2 is folded there by half angles.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

STRETCH = 512
ARCSINE = (
    1.0, 0.16666666666666657, 0.07500000000002856, 0.04464285713950677, 0.030381944649750525, 0.022372151536955744,
    0.01735294518022548, 0.013961891184389839, 0.01158567991890895, 0.009484697869045622, 0.010003606639881351,
    0.0007093925943252462, 0.0247548762838696, -0.026044488873720434, 0.0335771469474287,
)
HALF_PI = math.pi / 2.0
NEAR = 1e-4  # entries with 1 - |c| below this are left NaN, to be formed from differences of the points
PAD = 32
TILE = 32


@kernel
def opening(c: Any) -> Any:
    """Return pi - arccos(c) for c in [-1, 1], to 4e-15."""
    size = abs(c)
    far = size > 0.5
    z = 0.5 * (1.0 - size) if far else size * size
    p = ARCSINE[14]
    p = p * z + ARCSINE[13]
    p = p * z + ARCSINE[12]
    p = p * z + ARCSINE[11]
    p = p * z + ARCSINE[10]
    p = p * z + ARCSINE[9]
    p = p * z + ARCSINE[8]
    p = p * z + ARCSINE[7]
    p = p * z + ARCSINE[6]
    p = p * z + ARCSINE[5]
    p = p * z + ARCSINE[4]
    p = p * z + ARCSINE[3]
    p = p * z + ARCSINE[2]
    p = p * z + ARCSINE[1]
    p = p * z + ARCSINE[0]
    arc = math.sqrt(z) * p
    acute = 2.0 * arc if far else HALF_PI - arc  # arccos |c|
    return math.pi - acute if c >= 0.0 else acute


@kernel
def relu_pass(products: Any, nngp: Any, ntk: Any, begins: Any, rows: Any, columns: Any, factor: float, gain: float,
              shift: float, near: Any) -> None:
    """Write the covariances and tangent kernels of the last layer, from inner products (n, m).

    nngp, ntk (n, m): not written if they have no rows; either may be products itself. begins (n,): the first column of
    each row to be written. rows, columns: (roots, inverse roots) of the variances before each nonlinearity, tables
    (layers, n) and (layers, m + PAD). The first layer's covariance is factor * product + shift; gain = weight variance,
    shift = bias variance. near (n,) counts the entries of each row with 1 - |c| < NEAR in the first layer: they are
    written NaN.
    """
    roots, inverses = rows
    column_roots, column_inverses = columns
    layers, width = roots.shape[0], products.shape[1]
    s, t = np.empty(STRETCH), np.empty(STRETCH)
    scale = gain / (2.0 * math.pi)
    for i in range(products.shape[0]):
        near[i] = 0
        for begin in range(begins[i], width, STRETCH):
            count = min(STRETCH, width - begin)
            padded = (count + PAD - 1) // PAD * PAD
            for j in range(count):
                s[j] = t[j] = factor * products[i, begin + j] + shift
            for j in range(count, padded):
                s[j] = t[j] = 0.0
            close = 0
            for layer in range(layers):
                root, inverse = roots[layer, i] * scale, inverses[layer, i]
                across, over = column_roots[layer, begin:begin + padded], column_inverses[layer, begin:begin + padded]
                if layer == 0:
                    for j in range(count):
                        close += abs(s[j] * inverse * over[j]) > 1.0 - NEAR
                for j in range(padded):
                    c = min(max(s[j] * inverse * over[j], -1.0), 1.0)
                    angle = opening(c)
                    s[j] = root * across[j] * (math.sqrt((1.0 - c) * (1.0 + c)) + c * angle) + shift
                    t[j] = s[j] + scale * angle * t[j]
            if close > 0:
                near[i] += close
                for j in range(count):
                    first = factor * products[i, begin + j] + shift
                    if abs(first * inverses[0, i] * column_inverses[0, begin + j]) > 1.0 - NEAR:
                        s[j] = t[j] = np.nan
            if nngp.shape[0] > 0:
                for j in range(count):
                    nngp[i, begin + j] = s[j]
            if ntk.shape[0] > 0:
                for j in range(count):
                    ntk[i, begin + j] = t[j]


@kernel
def mirror(matrix: Any, start: int, stop: int) -> None:
    """Copy the upper triangle onto rows start .. stop of the lower one, in tiles that stay in the first cache."""
    for top in range(start, stop, TILE):
        bottom = min(top + TILE, stop)
        for left in range(0, bottom, TILE):
            for i in range(top, bottom):
                for j in range(left, min(left + TILE, i)):
                    matrix[i, j] = matrix[j, i]


@kernel
def relu_slopes(products: Any, weights: Any, rows: Any, columns: Any, factor: float, gain: float, shift: float,
                of_tangent: bool, sums: Any, near: Any) -> None:
    """Overwrite inner products by weights * F_s, and write sums (n,) of weights * F_p over each row.

    F(s, p) is the kernel as a function of the first layer's covariance s and of the row's variance p; of_tangent says
    which kernel. near (n,) and the rest: as in :func:`relu_pass`; such entries are written NaN and not summed.
    """
    roots, inverses = rows
    column_roots, column_inverses = columns
    layers, width = roots.shape[0], products.shape[1]
    s, t, ds, dp, ts, tp = (np.empty(STRETCH), np.empty(STRETCH), np.empty(STRETCH), np.empty(STRETCH),
                            np.empty(STRETCH), np.empty(STRETCH))
    turn = 1.0 / (2.0 * math.pi)
    for i in range(products.shape[0]):
        near[i] = 0
        total = 0.0
        for begin in range(0, width, STRETCH):
            count = min(STRETCH, width - begin)
            padded = (count + PAD - 1) // PAD * PAD
            for j in range(count):
                s[j] = t[j] = factor * products[i, begin + j] + shift
            for j in range(count, padded):
                s[j] = t[j] = 0.0
            for j in range(padded):
                ds[j] = ts[j] = 1.0
                dp[j] = tp[j] = 0.0
            close = 0
            rate = 1.0  # d p_l / d p_1
            for layer in range(layers):
                root, inverse = roots[layer, i], inverses[layer, i]
                across, over = column_roots[layer, begin:begin + padded], column_inverses[layer, begin:begin + padded]
                if layer == 0:
                    for j in range(count):
                        close += abs(s[j] * inverse * over[j]) > 1.0 - NEAR
                for j in range(padded):
                    c = min(max(s[j] * inverse * over[j], -1.0), 1.0)
                    angle = opening(c)
                    sine = math.sqrt((1.0 - c) * (1.0 + c))
                    gate = angle * turn
                    steep = 0.5 * turn * inverse / sine if sine > 1e-7 else 0.0  # small only with tiny gain
                    gate_s = 2.0 * steep * over[j]
                    gate_p = -c * steep * inverse
                    half_p = 0.5 * turn * across[j] * inverse * sine
                    s_next = gain * turn * root * across[j] * (sine + c * angle) + shift
                    ds_next = gain * gate * ds[j]
                    dp_next = gain * (gate * dp[j] + half_p * rate)
                    ts[j] = ds_next + gain * (ts[j] * gate + t[j] * gate_s * ds[j])
                    tp[j] = dp_next + gain * (tp[j] * gate + t[j] * (gate_s * dp[j] + gate_p * rate))
                    t[j] = s_next + gain * gate * t[j]
                    s[j] = s_next
                    ds[j] = ds_next
                    dp[j] = dp_next
                rate *= 0.5 * gain
            if close > 0:
                near[i] += close
                for j in range(count):
                    first = factor * products[i, begin + j] + shift
                    if abs(first * inverses[0, i] * column_inverses[0, begin + j]) > 1.0 - NEAR:
                        ts[j] = ds[j] = np.nan
                        tp[j] = dp[j] = 0.0
            by_s, by_p = (ts, tp) if of_tangent else (ds, dp)
            for j in range(count):
                products[i, begin + j] = weights[i, begin + j] * by_s[j]
                total += weights[i, begin + j] * by_p[j]
        sums[i] = total


@kernel
def relu_near(first: Any, depth: int, gain: float, shift: float, out: Any) -> None:
    """Write (nngp, ntk, their squared distances, slopes of nngp, slopes of ntk) of pairs of points x, z: (k, 8).

    first (k, 8): s, p, q of the first layer; height sqrt(p q - s^2); gap p + q - 2 s; lead p - q; beta; beta - 1, where
    z = beta x + r and r is orthogonal to x. The gradient in x is gain / d times (slope r + slope x), the two slopes in
    this order. Whatever is small, for parallel, opposite or close points, comes in formed from differences and is
    carried by sums of terms of one sign, so that everything keeps its relative precision.
    """
    turn = 1.0 / (2.0 * math.pi)
    for k in range(first.shape[0]):
        s, p, q, height, gap, lead, beta = (first[k, 0], first[k, 1], first[k, 2], first[k, 3], first[k, 4],
                                            first[k, 5], first[k, 6])
        t, distance, rate = s, gap, 1.0
        ds, du, ts, tu = 1.0, beta, 1.0, beta
        lag = shift * first[k, 7] / p if p > 0.0 else 0.0  # du - rate s / p
        for _ in range(depth - 1):
            root, other = math.sqrt(p), math.sqrt(q)
            size = root * other
            lean = lead / (root + other) if size > 0.0 or lead != 0.0 else 0.0
            theta = math.atan2(height, s)
            if theta < 0.3:
                u = theta * theta
                curve = theta * u * (1.0 / 3.0 - u / 30.0 + u * u / 840.0 - u * u * u / 45360.0
                                     + u * u * u * u / 3991680.0)
            else:
                curve = math.sin(theta) - theta * math.cos(theta)
            half = math.sin(0.5 * theta)
            rise = 2.0 * half * half - curve / math.pi  # 1 - E[relu relu] / (size / 2)
            gate = (math.pi - theta) * turn
            gate_s = turn / height if height > 0.0 else 0.0  # at equal points the mean of the one-sided slopes
            p_next = gain * p / 2.0 + shift
            gap_next = gain * (0.5 * lean * lean + size * rise)
            s_next = gain * turn * (height + s * (math.pi - theta)) + shift
            distance = gap_next + gain / 2.0 * distance + gain / math.pi * theta * t
            ds_next = gain * gate * ds
            du_next = gain * (gate * du + (turn * height / p * rate if p > 0.0 else 0.0))
            ts = ds_next + gain * (ts * gate + t * gate_s * ds)
            tu = du_next + gain * (tu * gate + t * gate_s * lag)
            lag = gain * gate * lag
            if p > 0.0:
                lag -= rate * shift * (0.5 * gain * lead + gap_next) / (2.0 * p * p_next)
            height = math.hypot(0.5 * gain * size * math.sqrt(max(0.0, rise * (2.0 - rise))),
                                math.sqrt(shift) * math.sqrt(gap_next))
            t = s_next + gain * gate * t
            s, ds, du, gap = s_next, ds_next, du_next, gap_next
            lead = gain / 2.0 * lead
            p, q = p_next, gain * q / 2.0 + shift
            rate *= 0.5 * gain
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = s, t, gap, distance
        out[k, 4], out[k, 5], out[k, 6], out[k, 7] = ds, du, ts, tu
