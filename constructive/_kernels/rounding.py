"""Bounds for sums of products as a machine rounds them, whatever the order and with or without fused operations.

A program adds the terms ``w_j x_j`` and a bias by some binary tree of correctly rounded additions and fused
multiply-adds, chosen by a compiler or a library that we do not know. Rounding to nearest is monotone, so the
tree's value never exceeds its value on the terms' upper ends, nor that after deleting terms whose upper end is
<= 0. ``upper_end`` bounds the latter over *all* trees by the best of four rules, each sound on its own:

* at most two terms are left: one addition, rounded as the machine rounds it;
* the terms left are multiples of 2^k, their positive part and their negative part at most 2^(k+p) each (p = 53
  or 24 bits): every partial sum of every tree is a representable number, so the sum is exact;
* the general bound |tree - sum| <= (m - 1) u sum |t|, valid for every order of m terms (Jeannerod and Rump);
* nothing positive is left: the smallest term bounds the sum.

A lower end is minus the upper end of the negated terms. Values of a float32 program are held in doubles.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

_SPLITTER = 134217729.0  # 2^27 + 1, splits a double into two halves of 26 bits
_LARGE = 2.0**990
_SMALL = 2.0**-900
_MAX64 = 1.7976931348623157e308
_MAX32 = 3.4028234663852886e38


@kernel
def round_up_single(value: Any) -> Any:
    """Return the smallest float32 number >= value, as a double."""
    near = np.float32(value)
    if np.float64(near) < value:
        near = np.nextafter(near, np.float32(np.inf))
    return np.float64(near)


@kernel
def product_upper(weight: Any, x: Any, single: bool) -> Any:
    """Return the least number of the format that is >= both the real product and the rounded product."""
    product = weight * x
    if x == 0.0 or weight == 0.0:
        return 0.0
    if single:
        if product == -np.inf and not math.isinf(x):
            return -_MAX32
        return round_up_single(product)  # exact in double: 24 + 24 bits
    if math.isinf(x):
        return product
    if product == -np.inf:
        return -_MAX64
    if product == np.inf:
        return product
    if abs(weight) < _LARGE and abs(x) < _LARGE and _SMALL < abs(product) < _LARGE:
        c = _SPLITTER * weight
        w_high = c - (c - weight)
        w_low = weight - w_high
        c = _SPLITTER * x
        x_high = c - (c - x)
        x_low = x - x_high
        error = ((w_high * x_high - product) + w_high * x_low + w_low * x_high) + w_low * x_low
        if error <= 0.0:  # the real product is not above the rounded one
            return product
    return np.nextafter(product, np.inf)


@kernel
def lowest_bit(value: Any) -> Any:
    """Return the power of two that is the last nonzero bit of a finite nonzero double."""
    mantissa, exponent = math.frexp(abs(value))
    integer = np.int64(mantissa * 9007199254740992.0)
    return math.ldexp(np.float64(integer & -integer), exponent - 53)


@kernel
def _add(a: Any, b: Any, single: bool) -> Any:
    """Return a + b rounded to the format; double rounding is innocuous since 53 >= 2 * 24 + 2."""
    total = a + b
    if single:
        return np.float64(np.float32(total))
    return total


@kernel
def _exact_sum(terms: Any, m: int, grid: Any, keep_off_grid: bool, bits: Any) -> Any:
    """Return the sum of the terms if every order adds them exactly, else infinity.

    ``keep_off_grid`` False leaves out the terms <= 0 that are not multiples of grid.
    """
    positive, negative = 0.0, 0.0
    limit = grid * bits
    for i in range(m):
        t = terms[i]
        if t == -np.inf:
            if keep_off_grid:
                return np.inf
            continue
        if lowest_bit(t) < grid and not keep_off_grid:
            continue
        before = positive if t > 0.0 else negative
        after = before + abs(t)
        back = after - before
        if (before - (after - back)) + (abs(t) - back) != 0.0 or after > limit:
            return np.inf
        if t > 0.0:
            positive = after
        else:
            negative = after
    return positive - negative


@kernel
def upper_end(terms: Any, m: int, single: bool) -> Any:
    """Return a bound >= every tree's value of ``terms[:m]``; terms equal to 0 must have been left out."""
    if m == 0:
        return 0.0
    positives = 0
    first, second, lowest, next_lowest = 0.0, 0.0, 0.0, 0.0
    total, magnitude = 0.0, 0.0
    for i in range(m):
        t = terms[i]
        if t == np.inf or t != t:
            return np.inf
        if t > 0.0:
            positives += 1
            if positives == 1:
                first = t
            else:
                second = t
        elif t < lowest:
            next_lowest = lowest
            lowest = t
        elif t < next_lowest:
            next_lowest = t
        total += t
        magnitude += abs(t)
    # rule: at most two terms left
    if positives == 0:
        best = _add(lowest, next_lowest, single)
    elif positives == 1:
        best = _add(first, lowest, single)
    elif positives == 2:
        best = _add(first, second, single)
    else:
        best = np.inf
    if m <= 2:
        return best
    # rule: every order is exact
    bits = 16777216.0 if single else 9007199254740992.0
    grid, grid_all = np.inf, np.inf
    for i in range(m):
        t = terms[i]
        if t == -np.inf:
            continue
        low = lowest_bit(t)
        grid_all = min(grid_all, low)
        if t > 0.0:
            grid = min(grid, low)
    best = min(best, _exact_sum(terms, m, grid_all, True, bits))
    if positives > 0 and grid > grid_all:
        best = min(best, _exact_sum(terms, m, grid, False, bits))
    # rule: the general rounding bound, for the program's sum and for ours
    largest = _MAX32 if single else _MAX64
    if magnitude < 0.5 * largest:
        unit = 5.9604644775390625e-08 if single else 1.1102230246251565e-16
        slack = (m * unit + m * 1.1102230246251565e-16) * magnitude * (1.0 + 1e-6)
        general = np.nextafter(total + slack * (1.0 + 1e-6), np.inf)
        if single:
            general = round_up_single(general)
        best = min(best, general)
    return best
