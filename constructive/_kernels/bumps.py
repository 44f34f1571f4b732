"""Bounds on many boxes for networks whose first two layers hold bumps with small supports.

Inputs are bare arrays that describe weights, not what a builder meant:

* faces: unit ``relu(face_weight * x[face_column] + face_bias)`` of the first layer;
* bumps: unit ``relu(bump_bias + sum_p bump_weight[p] * face[bump_face[p]])`` of the second layer with bump_bias
  > 0 and all bump_weight < 0, in CSR order by ``bump_start``;
* tree: the bumps' support boxes, as :mod:`constructive._kernels.active` lays them out;
* nodes: the units behind, in topological order; ``values`` 0..constants-1 are bounds that hold on every query
  box, then one slot for each node. Node i adds ``node_bias[i]``, CSR terms over slots, and, if it reads bumps,
  the terms found in the columns ``column_start/column_node/column_weight`` of each bump.

A bump whose support does not meet the query box is exactly 0 there, for the machine too: the supports carry a
slack of 16 units in the last place (see the caller), so only bumps that meet the box are visited.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel
from constructive._kernels.rounding import product_upper, upper_end


@kernel
def _bump_bounds(k: Any, low: Any, high: Any, faces: Any, bumps: Any, above: Any, below: Any,
                 single: bool) -> Any:
    """Return bounds of bump k over the box, by the same rules as the layerwise propagation."""
    face_column, face_weight, face_bias = faces
    bump_start, bump_face, bump_weight, bump_bias = bumps
    m_above, m_below = 1, 1
    above[0], below[0] = bump_bias[k], -bump_bias[k]
    pair = np.empty(2)
    for p in range(bump_start[k], bump_start[k + 1]):
        f = bump_face[p]
        c, b = face_weight[f], face_bias[f]
        x_low, x_high = low[face_column[f]], high[face_column[f]]
        if c < 0.0:
            x_low, x_high = x_high, x_low
        m = 0
        term = product_upper(c, x_high, single)
        if term != 0.0:
            pair[m] = term
            m += 1
        if b != 0.0:
            pair[m] = b
            m += 1
        z_high = max(upper_end(pair, m, single), 0.0)
        m = 0
        term = product_upper(-c, x_low, single)
        if term != 0.0:
            pair[m] = term
            m += 1
        if b != 0.0:
            pair[m] = -b
            m += 1
        z_low = max(-upper_end(pair, m, single), 0.0)
        w = bump_weight[p]  # negative
        term = product_upper(w, z_low, single)
        if term != 0.0:
            above[m_above] = term
            m_above += 1
        term = product_upper(-w, z_high, single)
        if term != 0.0:
            below[m_below] = term
            m_below += 1
    top = max(upper_end(above, m_above, single), 0.0)
    bottom = max(-upper_end(below, m_below, single), 0.0)
    return bottom, top


@kernel
def bump_boxes(rows: Any, start: Any, faces: Any, weight: Any, bias: Any, face_start: Any, face_column: Any,
               face_weight: Any, face_bias: Any, unit: Any, lower: Any, upper: Any, support_lower: Any,
               support_upper: Any) -> None:
    """Write, for each bump (row of the second layer), where it is at its maximum and outside of what it is 0.

    Arrays are the CSR parts of both layers. A slack of 16 units in the last place of every number involved makes
    the machine's face value at least rise (1 + 8 u) beyond the support, its product with the weight at least the
    height, and the bump's sum at most 0; a rise so small that underflow costs more than that ends no support.
    """
    least = 2.0**-120 if unit > 2.0**-30 else 2.0**-1000  # at least the smallest number of the format over unit
    for r in range(rows.shape[0]):
        row = rows[r]
        lower[r, :], support_lower[r, :] = -np.inf, -np.inf
        upper[r, :], support_upper[r, :] = np.inf, np.inf
        for p in range(start[row], start[row + 1]):
            f = faces[p]
            slope, offset = np.float64(face_weight[face_start[f]]), np.float64(face_bias[f])
            column = face_column[face_start[f]]
            rise = np.float64(bias[row]) / -np.float64(weight[p])  # the bump is 0 once this face's unit reaches it
            flat, edge = -offset / slope, (rise - offset) / slope
            slack = 16.0 * unit * (abs(rise) + abs(offset)) / abs(slope) + 2.0**-1040
            if slope > 0.0:
                edge = edge + slack
                upper[r, column] = min(upper[r, column], flat)
                if edge < np.inf and rise >= least:
                    support_upper[r, column] = min(support_upper[r, column], edge)
            else:
                edge = edge - slack
                lower[r, column] = max(lower[r, column], flat)
                if edge > -np.inf and rise >= least:
                    support_lower[r, column] = max(support_lower[r, column], edge)


@kernel
def _met(low: Any, high: Any, order: Any, start: Any, axis: Any, ends: Any, cut_axis: Any, cut: Any, stack: Any,
         out: Any) -> int:
    """Write the boxes of the tree (see :mod:`constructive._kernels.active`) that meet a query box; return how many.

    Returns -1 if ``out`` is too small.
    """
    boxes, nodes, found, depth = order.shape[0], cut_axis.shape[0], 0, 1
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, 0, boxes
    while depth > 0:
        depth -= 1
        node, begin, end = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if node < nodes:
            middle, j = (begin + end) // 2, cut_axis[node]
            if high[j] >= cut[node, 1]:
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = 2 * node + 2, middle, end
                depth += 1
            if low[j] <= cut[node, 0]:
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = 2 * node + 1, begin, middle
                depth += 1
            continue
        for place in range(begin, end):
            meets = True
            for p in range(start[place], start[place + 1]):
                if ends[p, 0] > high[axis[p]] or ends[p, 1] < low[axis[p]]:
                    meets = False
                    break
            if meets:
                if found == out.shape[0]:
                    return -1
                out[found] = order[place]
                found += 1
    return found


@kernel
def bump_tail_bounds(low: Any, high: Any, faces: Any, bumps: Any, tree: Any, nodes: Any, columns: Any,
                     constant_low: Any, constant_high: Any, out_low: Any, out_high: Any, single: bool) -> None:
    """Write the bounds of the last ``out.shape[1]`` nodes over each query box (rows of low/high).

    ``constant_low``, ``constant_high``: one row for all query boxes, or one for each.
    """
    order, start, axis, ends, cut_axis, cut = tree
    node_start, node_source, node_weight, node_bias, node_relu, node_bumps = nodes
    column_start, column_node, column_weight = columns
    constants, n_nodes = constant_low.shape[1], node_bias.shape[0]
    outputs = out_low.shape[1]
    value_low, value_high = np.empty(constants + n_nodes), np.empty(constants + n_nodes)
    longest = 2
    for k in range(bumps[0].shape[0] - 1):
        longest = max(longest, bumps[0][k + 1] - bumps[0][k] + 2)
    for i in range(n_nodes):
        longest = max(longest, node_start[i + 1] - node_start[i] + 2)
    capacity = 64
    active, active_low, active_high = np.empty(capacity, np.int64), np.empty(capacity), np.empty(capacity)
    above, below = np.empty(longest + capacity), np.empty(longest + capacity)
    stack = np.empty((64, 3), np.int64)
    for q in range(low.shape[0]):
        row = min(q, constant_low.shape[0] - 1)
        value_low[:constants], value_high[:constants] = constant_low[row], constant_high[row]
        met = _met(low[q], high[q], order, start, axis, ends, cut_axis, cut, stack, active)
        while met < 0:
            capacity *= 4
            active, active_low, active_high = np.empty(capacity, np.int64), np.empty(capacity), np.empty(capacity)
            above, below = np.empty(longest + capacity), np.empty(longest + capacity)
            met = _met(low[q], high[q], order, start, axis, ends, cut_axis, cut, stack, active)
        count = 0
        for a in range(met):
            k = active[a]
            bottom, top = _bump_bounds(k, low[q], high[q], faces, bumps, above, below, single)
            if top != 0.0:
                active[count], active_low[count], active_high[count] = k, bottom, top
                count += 1
        for i in range(n_nodes):
            m_above, m_below = 0, 0
            if node_bias[i] != 0.0:
                above[0], below[0] = node_bias[i], -node_bias[i]
                m_above, m_below = 1, 1
            for p in range(node_start[i], node_start[i + 1]):
                w, s = node_weight[p], node_source[p]
                x_low, x_high = value_low[s], value_high[s]
                if w < 0.0:
                    x_low, x_high = x_high, x_low
                term = product_upper(w, x_high, single)
                if term != 0.0:
                    above[m_above] = term
                    m_above += 1
                term = product_upper(-w, x_low, single)
                if term != 0.0:
                    below[m_below] = term
                    m_below += 1
            if node_bumps[i]:
                for a in range(count):
                    k = active[a]
                    for p in range(column_start[k], column_start[k + 1]):
                        if column_node[p] != i:
                            continue
                        w = column_weight[p]
                        x_low, x_high = active_low[a], active_high[a]
                        if w < 0.0:
                            x_low, x_high = x_high, x_low
                        term = product_upper(w, x_high, single)
                        if term != 0.0:
                            above[m_above] = term
                            m_above += 1
                        term = product_upper(-w, x_low, single)
                        if term != 0.0:
                            below[m_below] = term
                            m_below += 1
            top = upper_end(above, m_above, single)
            bottom = 0.0 - upper_end(below, m_below, single)
            if node_relu[i]:
                top, bottom = max(top, 0.0), max(bottom, 0.0)
            value_low[constants + i] = bottom
            value_high[constants + i] = top
        for o in range(outputs):
            out_low[q, o] = value_low[constants + n_nodes - outputs + o]
            out_high[q, o] = value_high[constants + n_nodes - outputs + o]
