"""Kernels of infinitely wide ReLU networks, from inner products: one pass through all layers for a block of entries.

Layout: matrices are (n, m), row-major, and overwritten in place. A row is cut into stretches of ``STRETCH`` entries
that stay in the first cache while the layers pass over them: layers are the outer loop, entries the inner one, which
has no branch and no reduction, so that it is vectorized without reordering a sum. Roots of variances and their
inverses come in tables (layer, row) and (layer, column): the loop does not divide.

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
NEAR = 1e-4  # entries with 1 - c below this are counted, to be formed again from differences


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
def relu_pass(covariance: Any, tangent: Any, rows: Any, columns: Any, gain: float, shift: float, near: Any) -> None:
    """Turn first-layer covariances (n, m) into those of the last layer, and write the tangent kernel if asked.

    tangent (n, m) is written unless it has no rows. rows, columns: (roots, inverse roots) of the variances before each
    nonlinearity, tables (layers, n) and (layers, m). gain = weight variance, shift = bias variance. near (n,) counts
    entries of each row with 1 - c < NEAR in the first layer.
    """
    roots, inverses = rows
    column_roots, column_inverses = columns
    layers, width = roots.shape[0], covariance.shape[1]
    wanted = tangent.shape[0] > 0
    part = np.empty(STRETCH)
    scale, chance = gain / (2.0 * math.pi), gain / (2.0 * math.pi)
    for i in range(covariance.shape[0]):
        near[i] = 0
        for begin in range(0, width, STRETCH):
            stop = min(begin + STRETCH, width)
            count = stop - begin
            s = covariance[i, begin:stop]
            for j in range(count):
                part[j] = s[j]
            for layer in range(layers):
                root, inverse = roots[layer, i] * scale, inverses[layer, i]
                across, over = column_roots[layer, begin:stop], column_inverses[layer, begin:stop]
                if layer == 0:
                    close = 0
                    for j in range(count):
                        close += s[j] * inverse * over[j] > 1.0 - NEAR
                    near[i] += close
                for j in range(count):
                    c = min(max(s[j] * inverse * over[j], -1.0), 1.0)
                    angle = opening(c)
                    s[j] = root * across[j] * (math.sqrt((1.0 - c) * (1.0 + c)) + c * angle) + shift
                    part[j] = s[j] + chance * angle * part[j]
            if wanted:
                for j in range(count):
                    tangent[i, begin + j] = part[j]


@kernel
def relu_slopes(covariance: Any, weights: Any, rows: Any, columns: Any, gain: float, shift: float, of_tangent: bool,
                sums: Any, near: Any) -> None:
    """Overwrite first-layer covariances by weights * F_s, and write sums (n,) of weights * F_p over each row.

    F(s, p) is the kernel as a function of the first layer's covariance s and of the row's variance p; of_tangent says
    which kernel. near (n,): as in :func:`relu_pass`; such entries count 0 here, to be added from differences.
    """
    roots, inverses = rows
    column_roots, column_inverses = columns
    layers, width = roots.shape[0], covariance.shape[1]
    s, t, ds, dp, ts, tp = (np.empty(STRETCH), np.empty(STRETCH), np.empty(STRETCH), np.empty(STRETCH),
                            np.empty(STRETCH), np.empty(STRETCH))
    keep = np.empty(STRETCH)
    turn = 1.0 / (2.0 * math.pi)
    for i in range(covariance.shape[0]):
        near[i] = 0
        total = 0.0
        for begin in range(0, width, STRETCH):
            stop = min(begin + STRETCH, width)
            count = stop - begin
            for j in range(count):
                s[j] = t[j] = covariance[i, begin + j]
                ds[j] = ts[j] = 1.0
                dp[j] = tp[j] = 0.0
                keep[j] = 1.0
            rate = 1.0  # d p_l / d p_1
            for layer in range(layers):
                root, inverse = roots[layer, i], inverses[layer, i]
                across, over = column_roots[layer, begin:stop], column_inverses[layer, begin:stop]
                if layer == 0:
                    close = 0
                    for j in range(count):
                        closely = s[j] * inverse * over[j] > 1.0 - NEAR
                        close += closely
                        keep[j] = 0.0 if closely else 1.0
                    near[i] += close
                for j in range(count):
                    c = min(max(s[j] * inverse * over[j], -1.0), 1.0)
                    angle = opening(c)
                    sine = math.sqrt((1.0 - c) * (1.0 + c))
                    gate = angle * turn
                    # 1 / sine is dropped where 1 - c^2 <= 1e-14: the mean of the two one-sided slopes
                    steep = 0.5 * turn * inverse / sine if sine > 1e-7 else 0.0
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
            for j in range(count):
                weight = weights[i, begin + j] * keep[j]
                covariance[i, begin + j] = weight * (ts[j] if of_tangent else ds[j])
                total += weight * (tp[j] if of_tangent else dp[j])
        sums[i] = total


@kernel
def relu_near(gaps: Any, differences: Any, first: Any, second: Any, depth: int, gain: float, shift: float,
              out: Any) -> None:
    """Write (covariance, tangent, their squared distances, F_s and F_p of tangent, of covariance) of pairs, (k, 8).

    gaps (k,): gain |x - x'|^2 / d. differences (k,): gain (x - x').(x + x') / d. first, second (k,): the variances
    p, q of the first layer. Everything small is carried as a difference from the start, so that the tangent kernel
    keeps full relative precision, and its squared distance, however close the points are.
    """
    turn = 1.0 / (2.0 * math.pi)
    for k in range(gaps.size):
        e, h, p, q = gaps[k], differences[k], first[k], second[k]
        s = 0.5 * (p + q - e)
        t, distance = s, e
        ds, dp, ts, tp, rate = 1.0, 0.0, 1.0, 0.0, 1.0
        for _ in range(depth - 1):
            root, other = math.sqrt(p), math.sqrt(q)
            both = root + other
            lean = h / both if both > 0.0 else 0.0
            area = max(0.0, (e - lean * lean) * (both * both - e) / 4.0)  # p q - s^2
            height = math.sqrt(area)
            theta = math.atan2(height, s) if both > 0.0 else 0.0
            size = root * other
            if theta < 0.3:
                u = theta * theta
                curve = theta * u * (1.0 / 3.0 - u / 30.0 + u * u / 840.0 - u * u * u / 45360.0
                                     + u * u * u * u / 3991680.0)
            else:
                curve = math.sin(theta) - theta * math.cos(theta)
            gate = (math.pi - theta) * turn
            gate_s = turn / height if height > 0.0 else 0.0
            gate_p = -0.5 * s / p * gate_s if p > 0.0 else 0.0
            half_p = 0.5 * turn * height / p if p > 0.0 else 0.0
            e_next = gain * (e / 2.0 - size / math.pi * curve)
            distance = e_next + gain / 2.0 * distance + gain / math.pi * theta * t
            s_next = gain * turn * (height + s * (math.pi - theta)) + shift
            ds_next = gain * gate * ds
            dp_next = gain * (gate * dp + half_p * rate)
            ts = ds_next + gain * (ts * gate + t * gate_s * ds)
            tp = dp_next + gain * (tp * gate + t * (gate_s * dp + gate_p * rate))
            t = s_next + gain * gate * t
            s, ds, dp, e = s_next, ds_next, dp_next, e_next
            h = gain / 2.0 * h
            p, q = gain * p / 2.0 + shift, gain * q / 2.0 + shift
            rate *= 0.5 * gain
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = s, t, e, distance
        out[k, 4], out[k, 5], out[k, 6], out[k, 7] = ts, tp, ds, dp
