"""Polynomial forms of a sum of curves, box by box.

Layout: number r < d is the coordinate x_r, number d + i the i-th sum; curve n belongs to the number r with
``first[r] <= n < first[r + 1]`` and has its knots at ``start[n] .. start[n + 1]``. The last sum is the output. A form
on a box, x_j = c_j + rho_j y_j with |y_j| <= 1, holds coefficients of monomials in y (constant, y_1, ..., y_d, others)
and a rest. Three passes over each box: ranges of everything, roughly; what of it matters; forms of that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

_UNIT = 1.1102230246251565e-16
_TINY = 1e-300
_FEW = 24
_SETTLED = 2.0**-30


@kernel
def _locate(knots: Any, start: int, stop: int, x: Any) -> int:
    """Return the largest i in [start, stop - 2] with knots[i] <= x, or start."""
    low, high = start, stop - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= x:
            low = middle
        else:
            high = middle
    return low


@kernel
def _locate_both(knots: Any, slack: Any, start: int, stop: int, a: Any, b: Any) -> Any:
    """Return the first and the last interval that [a, b] meets, without those it only touches at an end."""
    i, j = _locate(knots, start, stop, a), _locate(knots, start, stop, b)
    if knots[j] == b and j > start and (j > i or slack[j - 1] < slack[j]):
        j -= 1
    return min(i, j), j


@kernel
def _between(knots: Any, values: Any, i: int, x: Any) -> Any:
    """Return the chord of interval i at x."""
    width = knots[i + 1] - knots[i]
    if width <= 0.0:
        return values[i]
    return values[i] + (values[i + 1] - values[i]) * ((x - knots[i]) / width)


@kernel
def _rough(knots: Any, values: Any, slack: Any, start: int, stop: int, a: Any, b: Any, least: Any,
           most: Any) -> Any:
    """Return bounds of the curve on [a, b], the global ones where many knots are inside."""
    i, j = _locate_both(knots, slack, start, stop, a, b)
    if j - i > _FEW:
        return least, most
    bottom = _between(knots, values, i, a)
    top = bottom
    error = slack[i]
    for k in range(i + 1, j + 1):
        bottom, top, error = min(bottom, values[k]), max(top, values[k]), max(error, slack[k])
    last = _between(knots, values, j, b)
    bottom, top = min(bottom, last), max(top, last)
    error += 8.0 * _UNIT * (abs(bottom) + abs(top) + abs(values[i]) + abs(values[j + 1])) + _TINY
    return max(least, bottom - error), min(most, top + error)


@kernel
def _fit(knots: Any, values: Any, slack: Any, start: int, stop: int, a: Any, b: Any, m: Any, h: Any,
         blur: Any, reach: Any, cut: Any) -> Any:
    """Return (c0, c1, c2, e, low, high): |curve - (c0 + c1 y + c2 y^2)| <= e for z = m + h y in [a, b], and its range.

    Linear or quadratic, whichever has the smaller rest in the end: the form of y has rest ``blur`` and is at most
    ``reach``, its square leaves out ``cut``. Between two knots the curve is linear, so a quadratic departs from it by
    at most |c2| dy^2 / 4 more than at the knots, to one side.
    """
    i, j = _locate_both(knots, slack, start, stop, a, b)
    at_a, at_b = _between(knots, values, i, a), _between(knots, values, j, b)
    if h <= 0.0:
        error = slack[i] + 8.0 * _UNIT * (abs(at_a) + abs(values[i]) + abs(values[i + 1])) + _TINY
        return at_a, 0.0, 0.0, error, at_a - error, at_a + error
    c1 = (at_b - at_a) / 2.0
    mean = (at_a + at_b) / 2.0
    c0 = _between(knots, values, _locate(knots, start, stop, m), m)
    c2 = mean - c0
    bottom, top, error = at_a, at_a, 0.0
    line_low, line_high, low, high = np.inf, -np.inf, np.inf, -np.inf
    y_before, before = 0.0, 0.0
    for k in range(i, j + 2):
        if k == i:
            z, v = a, at_a
        elif k == j + 1:
            z, v = b, at_b
        else:
            z, v = knots[k], values[k]
        if k <= j:
            error = max(error, slack[k])
        y = (z - m) / h
        off = v - mean - c1 * y
        line_low, line_high = min(line_low, off), max(line_high, off)
        off = v - c0 - c1 * y - c2 * y * y
        low, high = min(low, off), max(high, off)
        if k > i:
            bump = c2 * (y - y_before) * (y - y_before) / 4.0
            if c2 > 0.0:
                high = max(high, max(off, before) + bump)
            else:
                low = min(low, min(off, before) + bump)
        y_before, before = y, off
        bottom, top = min(bottom, v), max(top, v)
    largest = max(abs(bottom), abs(top)) + abs(values[i]) + abs(values[j + 1])
    error += 32.0 * _UNIT * (largest + abs(c0) + abs(c1) + abs(c2)) + _TINY
    straight = (line_high - line_low) / 2.0
    curved = (high - low) / 2.0
    if i == j or straight <= curved + abs(c2) * ((1.0 + reach) * blur + cut):
        return mean + (line_high + line_low) / 2.0, c1, 0.0, straight + error, bottom - error, top + error
    return c0 + (high + low) / 2.0, c1, c2, curved + error, bottom - error, top + error


@kernel
def form_range(form: Any, hull: Any) -> Any:
    """Return the range of a form without its rest: rows of ``hull`` make Bernstein's coefficients, which enclose it.

    Without rows every monomial counts for itself.
    """
    size = 0.0
    for k in range(form.size):
        size += abs(form[k])
    slack = (form.size + 8.0) * 4.0 * _UNIT * size + _TINY
    if hull.shape[0] == 0:
        return form[0] - (size - abs(form[0])) - slack, form[0] + (size - abs(form[0])) + slack
    low, high = np.inf, -np.inf
    for i in range(hull.shape[0]):
        value = 0.0
        for k in range(form.size):
            value += hull[i, k] * form[k]
        low, high = min(low, value), max(high, value)
    return low - slack, high + slack


@kernel
def bound_forms(low: Any, high: Any, first: Any, owner: Any, sum_start: Any, sum_node: Any, sum_factor: Any,
                constant: Any, doubt: Any, start: Any, knots: Any, values: Any, slack: Any, least: Any, most: Any,
                times: Any, hull: Any, forms: Any, rests: Any, lower: Any, upper: Any) -> None:
    """Write form, rest, lower and upper end of the output on each box low[i], high[i]."""
    d, numbers, nodes, c = low.shape[1], first.size - 1, owner.size, times.shape[0]
    node_form, node_rest, node_size = np.zeros((nodes, c)), np.zeros(nodes), np.zeros(nodes)
    node_low, node_high = np.zeros(nodes), np.zeros(nodes)
    end_low, end_high = np.zeros(numbers + 1), np.zeros(numbers + 1)
    wanted, needed = np.zeros(nodes, np.bool_), np.zeros(numbers + 1, np.bool_)
    form, unit, squared = np.zeros(c), np.zeros(c), np.zeros(c)
    for box in range(low.shape[0]):
        # ranges
        for r in range(numbers + 1):
            if r < d:
                end_low[r], end_high[r] = low[box, r], high[box, r]
            else:
                bottom, top, size = constant[r - d], constant[r - d], abs(constant[r - d])
                for p in range(sum_start[r - d], sum_start[r - d + 1]):
                    f, n = sum_factor[p], sum_node[p]
                    bottom += f * node_low[n] if f > 0.0 else f * node_high[n]
                    top += f * node_high[n] if f > 0.0 else f * node_low[n]
                    size += abs(f) * max(abs(node_low[n]), abs(node_high[n]))
                error = (sum_start[r - d + 1] - sum_start[r - d] + 4.0) * 2.0 * _UNIT * size + doubt[r - d] + _TINY
                end_low[r], end_high[r] = bottom - error, top + error
            if r < numbers:
                for n in range(first[r], first[r + 1]):
                    a = min(max(end_low[r], knots[start[n]]), knots[start[n + 1] - 1])
                    b = max(a, min(end_high[r], knots[start[n + 1] - 1]))
                    node_low[n], node_high[n] = _rough(knots, values, slack, start[n], start[n + 1], a, b, least[n],
                                                       most[n])
        # what matters
        wanted[:], needed[:] = False, False
        needed[numbers] = True
        for r in range(numbers, d - 1, -1):
            if needed[r]:
                for p in range(sum_start[r - d], sum_start[r - d + 1]):
                    n = sum_node[p]
                    if not node_high[n] - node_low[n] <= _SETTLED * (most[n] - least[n]):
                        wanted[n], needed[owner[n]] = True, True
        # forms
        for r in range(numbers + 1):
            if not needed[r]:
                continue
            form[:], rest = 0.0, 0.0
            a, b = end_low[r], end_high[r]
            if r < d:
                middle = a + (b - a) / 2.0
                reach = max(b - middle, middle - a)
                form[0], form[1 + r] = middle, np.nextafter(reach, np.inf) if reach > 0.0 else 0.0
            else:
                form[0] = constant[r - d]
                size, span = abs(form[0]), abs(form[0])
                bottom, top = form[0], form[0]
                for p in range(sum_start[r - d], sum_start[r - d + 1]):
                    f, n = sum_factor[p], sum_node[p]
                    if wanted[n]:
                        for k in range(c):
                            form[k] += f * node_form[n, k]
                        rest += abs(f) * node_rest[n]
                        size += abs(f) * node_size[n]
                    else:
                        middle = node_low[n] + (node_high[n] - node_low[n]) / 2.0
                        half = max(node_high[n] - middle, middle - node_low[n])
                        form[0] += f * middle
                        rest += abs(f) * half
                        size += abs(f) * (abs(middle) + half)
                    bottom += f * node_low[n] if f > 0.0 else f * node_high[n]
                    top += f * node_high[n] if f > 0.0 else f * node_low[n]
                    span += abs(f) * max(abs(node_low[n]), abs(node_high[n]))
                terms = sum_start[r - d + 1] - sum_start[r - d]
                rest += (terms + 4.0) * 4.0 * _UNIT * size + doubt[r - d] + _TINY
                error = (terms + 4.0) * 2.0 * _UNIT * span + doubt[r - d] + _TINY
                bound_low, bound_high = form_range(form, hull)
                error_form = rest * (1.0 + 4.0 * _UNIT) + 4.0 * _UNIT * size
                a = max(a, max(bottom - error, bound_low - error_form))
                b = min(b, min(top + error, bound_high + error_form))
            if r == numbers:
                for k in range(c):
                    forms[box, k] = form[k]
                rests[box], lower[box], upper[box] = rest, a, b
                continue
            if first[r] == first[r + 1]:
                continue
            # y = (z - m) / h on the numbers that the curves know
            n = first[r]
            a = min(max(a, knots[start[n]]), knots[start[n + 1] - 1])
            b = max(a, min(b, knots[start[n + 1] - 1]))
            m = a + (b - a) / 2.0
            h = max(b - m, m - a)
            size, blur, cut = 0.0, 0.0, 0.0
            if h > 0.0:
                for k in range(c):
                    unit[k] = ((form[k] - m) if k == 0 else form[k]) / h
                    size += abs(unit[k])
                    squared[k] = 0.0
                blur = (rest / h) * (1.0 + 4.0 * _UNIT) + 8.0 * _UNIT * size
                for k in range(c):
                    for q in range(k, c):
                        product = unit[k] * unit[q] * (1.0 if q == k else 2.0)
                        if times[k, q] >= 0:
                            squared[times[k, q]] += product
                        else:
                            cut += abs(product)
                cut *= 1.0 + 2.0 * c * c * _UNIT
            reach = min(size, 1.0 + blur)
            for n in range(first[r], first[r + 1]):
                if not wanted[n]:
                    continue
                c0, c1, c2, e, bottom, top = _fit(knots, values, slack, start[n], start[n + 1], a, b, m, h, blur, reach,
                                                  cut)
                node_low[n], node_high[n] = max(node_low[n], bottom), min(node_high[n], top)
                total = abs(c0) + abs(c1) * size + abs(c2) * size * size
                rest = (e + (abs(c1) + abs(c2) * (1.0 + reach)) * blur + abs(c2) * cut
                        + (c + 10.0) * 2.0 * _UNIT * total) * (1.0 + 8.0 * _UNIT) + _TINY
                half = (top - bottom) / 2.0 * (1.0 + 4.0 * _UNIT) + 4.0 * _UNIT * (abs(top) + abs(bottom))
                if rest < half or h <= 0.0:
                    node_form[n, 0] = c0
                    for k in range(c):
                        inside = c1 * unit[k] + c2 * squared[k] if h > 0.0 else 0.0
                        node_form[n, k] = inside + c0 if k == 0 else inside
                    node_rest[n], node_size[n] = rest, total + rest
                else:  # nothing is known of how it varies
                    for k in range(c):
                        node_form[n, k] = 0.0
                    node_form[n, 0] = bottom + (top - bottom) / 2.0
                    node_rest[n], node_size[n] = half, half + abs(node_form[n, 0])
