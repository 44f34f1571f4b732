"""Two searches for closest pairs that skip what cannot matter: columns of a grid, and tiles of rows with their boxes.

Both read rows in the order the caller sorted them into, go over pairs i < k of that order, and hand those that pass
a cheap filter to :func:`consider`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel
from constructive._kernels.pairs import box_distance, consider, point_distance

TILE = 64


@kernel
def arrange(data: Any, order: Any, columns: Any, scale: Any, start: int, stop: int, out: Any) -> None:
    """Write ``data[order][:, columns] * scale`` to out, its rows start <= i < stop."""
    for i in range(start, stop):
        for j in range(columns.size):
            out[i, j] = data[order[i], columns[j]] * scale


@kernel
def slab_borders(values: Any, step: int, least: Any) -> Any:
    """Return borders among the sorted values, ``step`` values apart or more, consecutive ones farther than least."""
    borders, count, at = np.empty(values.size), 0, step
    while at < values.size:
        if count == 0 or values[at] - borders[count - 1] > least:
            borders[count] = values[at]
            count += 1
            at += step
        else:
            at += 1
    return borders[:count]


@kernel
def column_numbers(lower: Any, axes: Any, borders: Any, ends: Any, start: int, stop: int, out: Any) -> None:
    """Write the column of each row start <= i < stop to out: its slabs along the axes, the last one fastest.

    The borders of axis a, sorted, are borders[ends[a]:ends[a + 1]]; a row on a border lies in the slab above it.
    """
    for i in range(start, stop):
        out[i] = 0
        for a in range(axes.size):
            low, high = ends[a], ends[a + 1]
            while low < high:
                middle = (low + high) // 2
                if borders[middle] <= lower[i, axes[a]]:
                    low = middle + 1
                else:
                    high = middle
            out[i] = out[i] * (ends[a + 1] - ends[a] + 1) + low - ends[a]


@kernel
def column_order(slabs: Any, columns: int) -> Any:
    """Return the order that sorts rows by column, stably, and where each column starts (columns + 1)."""
    starts = np.zeros(columns + 1, np.int64)
    for i in range(slabs.size):
        starts[slabs[i] + 1] += 1
    for c in range(columns):
        starts[c + 1] += starts[c]
    order, place = np.empty(slabs.size, np.int64), starts[:-1].copy()
    for i in range(slabs.size):
        order[place[slabs[i]]] = i
        place[slabs[i]] += 1
    return order, starts


@kernel
def label_runs(labels: Any, starts: Any) -> Any:
    """Return for each row where in its column the next label begins, and the label of each column (-1: several)."""
    following, only = np.empty(labels.size, np.int64), np.full(starts.size - 1, -1)
    for c in range(starts.size - 1):
        for i in range(starts[c + 1] - 1, starts[c] - 1, -1):
            last = i + 1 == starts[c + 1] or labels[i + 1] != labels[i]
            following[i] = i + 1 if last else following[i + 1]
        if starts[c] < starts[c + 1] and following[starts[c]] == starts[c + 1]:
            only[c] = labels[starts[c]]
    return following, only


@kernel
def column_boxes(lower: Any, upper: Any, starts: Any, axes: int) -> Any:
    """Return the boxes (columns, axes) round the rows of each column in the last ``axes`` coordinates."""
    columns, d = starts.size - 1, lower.shape[1]
    low, high = np.full((columns, axes), np.inf), np.full((columns, axes), -np.inf)
    for c in range(columns):
        for i in range(starts[c], starts[c + 1]):
            for a in range(axes):
                low[c, a] = min(low[c, a], lower[i, d - axes + a])
                high[c, a] = max(high[c, a], upper[i, d - axes + a])
    return low, high


@kernel
def reach_of(limit: Any, p: Any) -> Any:
    """Return what no coordinate of a pair within the limit exceeds."""
    return np.sqrt(limit) * (1.0 + 2.0**-50) if p == 2.0 else limit


@kernel
def reach_beside(lower: Any, upper: Any, i: int, low: Any, high: Any, c: int, p: Any, limit: Any) -> Any:
    """Return what another coordinate of row i and a row of column c within the limit does not exceed; < 0 if none.

    What the coordinates of the grid, the last ones, already take of the limit is subtracted; 2^-40 of the limit
    covers the rounding of sums.
    """
    taken, first = 0.0, lower.shape[1] - low.shape[1]
    for a in range(low.shape[1]):
        gap = max(low[c, a] - upper[i, first + a], lower[i, first + a] - high[c, a])
        if gap > 0.0:
            if p == 1.0:
                taken += gap
            elif p == 2.0:
                taken += gap * gap
            else:
                taken = max(taken, gap)
    if p == np.inf:
        return limit if taken <= limit else -1.0
    spare = limit * (1.0 + 2.0**-40) - taken
    return -1.0 if spare < 0.0 else reach_of(spare, p)


@kernel
def search_columns(lower: Any, upper: Any, labels: Any, names: Any, starts: Any, following: Any, only: Any, shape: Any,
                   offsets: Any, low: Any, high: Any, p: Any, different: bool, rounded: bool, slack: Any, width: Any,
                   first: int, last: int, record: Any) -> None:
    """Enter the closest pairs that have a row in the columns first <= c < last and one in c or a later neighbor.

    Rows are sorted by column, then by ``lower[:, 0]``. A column is a cell of a grid of ``shape`` over some other
    coordinates, whose slabs are so wide that pairs within the record's limit lie in neighboring columns; ``offsets``
    are these neighbors' places, lexicographically >= 0. No box is wider than ``width`` along coordinate 0. Inside a
    neighbor a window slides along coordinate 0, and runs of the label of row i are skipped. low, high: the boxes
    round the columns (:func:`column_boxes`).
    """
    values = record[0]
    limit = values[0] * slack
    reach = reach_of(limit, p)
    axes = shape.size
    wide = 1.0 if width == 0.0 else 1.0 + 2.0**-40  # covers the rounding of the width
    for c in range(first, last):
        if starts[c] == starts[c + 1]:
            continue
        for o in range(offsets.shape[0]):
            inside, other, rest, factor = True, 0, c, 1
            for a in range(axes - 1, -1, -1):
                place = rest % shape[a] + offsets[o, a]
                rest //= shape[a]
                if place < 0 or place >= shape[a]:
                    inside = False
                    break
                other += place * factor
                factor *= shape[a]
            if not inside or starts[other] == starts[other + 1]:
                continue
            if different and only[c] >= 0 and only[c] == only[other]:
                continue
            window, end = starts[other], starts[other + 1]
            for i in range(starts[c], starts[c + 1]):
                near, k = reach, i + 1
                if other != c:
                    near = reach_beside(lower, upper, i, low, high, other, p, limit)
                    if near < 0.0:
                        continue
                    while window < end and lower[i, 0] - lower[window, 0] > (reach + width) * wide:
                        window += 1
                    k = window
                    while k < end and lower[i, 0] - lower[k, 0] > (near + width) * wide:
                        k += 1
                while k < end:
                    if lower[k, 0] - upper[i, 0] > near:
                        break
                    if different and labels[k] == labels[i]:
                        k = following[k]
                        continue
                    distance = (box_distance(lower, upper, i, k, p, limit) if rounded
                                else point_distance(lower, i, k, p, limit))
                    if distance <= limit:
                        if consider(lower, upper, i, k, names[i], names[k], p, slack, rounded, record):
                            limit = values[0] * slack
                            reach = reach_of(limit, p)
                            near = min(near, reach)
                        if distance == 0.0 and not rounded and point_distance(lower, i, k, np.inf, 0.0) == 0.0:
                            break  # equal rows of a column come in the order of their names: no later one is first
                    k += 1


@kernel
def tile_order(lower: Any, order: Any, start: int, stop: int) -> None:
    """Permute order[start:stop] so that tiles are compact: halves along the widest coordinate, again and again."""
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1], height = start, stop, 1
    while height > 0:
        height -= 1
        first, last = stack[height]
        if last - first <= TILE:
            continue
        best, axis = -1.0, 0
        for j in range(lower.shape[1]):
            low, high = np.inf, -np.inf
            for i in range(first, last):
                low, high = min(low, lower[order[i], j]), max(high, lower[order[i], j])
            if high - low > best:
                best, axis = high - low, j
        values = np.empty(last - first)
        for i in range(first, last):
            values[i - first] = lower[order[i], axis]
        order[first:last] = order[first:last][np.argsort(values)]
        middle = first + TILE * ((last - first + 2 * TILE - 1) // (2 * TILE))
        stack[height, 0], stack[height, 1] = middle, last
        stack[height + 1, 0], stack[height + 1, 1] = first, middle
        height += 2


@kernel
def tile_tree(lower: Any, upper: Any, labels: Any) -> Any:
    """Return the tiles of TILE rows, feature-major (tiles, d, TILE), and a heap of boxes and labels above them.

    Node 1 is the root, node v has the children 2 v and 2 v + 1, and the last level holds one tile per node, then
    empty ones (box ends +inf and -inf). Labels are the smallest and the largest of the node.
    """
    n, d = lower.shape
    tiles = (n + TILE - 1) // TILE
    leaves = 1
    while leaves < tiles:
        leaves *= 2
    low, high = np.full((2 * leaves, d), np.inf), np.full((2 * leaves, d), -np.inf)
    least, most = np.full(2 * leaves, labels.size), np.full(2 * leaves, -1)
    low_tiles, high_tiles = np.empty((tiles, d, TILE)), np.empty((tiles, d, TILE))
    for t in range(tiles):
        for b in range(TILE):
            i = min(t * TILE + b, n - 1)
            v = leaves + t
            least[v], most[v] = min(least[v], labels[i]), max(most[v], labels[i])
            for j in range(d):
                low_tiles[t, j, b], high_tiles[t, j, b] = lower[i, j], upper[i, j]
                low[v, j], high[v, j] = min(low[v, j], lower[i, j]), max(high[v, j], upper[i, j])
    for v in range(leaves - 1, 0, -1):
        least[v], most[v] = min(least[2 * v], least[2 * v + 1]), max(most[2 * v], most[2 * v + 1])
        for j in range(d):
            low[v, j] = min(low[2 * v, j], low[2 * v + 1, j])
            high[v, j] = max(high[2 * v, j], high[2 * v + 1, j])
    return low_tiles, high_tiles, low, high, least, most


@kernel
def beyond(low: Any, high: Any, v: int, low_other: Any, high_other: Any, w: int, p: Any, limit: Any) -> bool:
    """Return whether the box of node v is farther than limit from row w of the other boxes."""
    total = 0.0
    for j in range(low.shape[1]):
        gap = max(low_other[w, j] - high[v, j], low[v, j] - high_other[w, j])
        if gap > 0.0:
            if p == 1.0:
                total += gap
            elif p == 2.0:
                total += gap * gap
            else:
                total = max(total, gap)
            if total > limit:
                return True
    return False


@kernel
def add_gaps(total: Any, low: Any, high: Any, at_low: Any, at_high: Any, first: int, last: int, p: Any,
             rounded: bool) -> None:
    """Add to total (TILE) what the coordinates first <= j < last contribute to the distances from one row to a tile.

    low, high (d, TILE); four coordinates at a time, so that total is read and written a quarter as often.
    """
    j = first
    if p == np.inf and not rounded:
        while j + 4 <= last:
            x, y, z, w = at_low[j], at_low[j + 1], at_low[j + 2], at_low[j + 3]
            for b in range(TILE):
                s, t = abs(low[j, b] - x), abs(low[j + 1, b] - y)
                u, v = abs(low[j + 2, b] - z), abs(low[j + 3, b] - w)
                s = s if s > t else t
                u = u if u > v else v
                s = s if s > u else u
                total[b] = s if s > total[b] else total[b]
            j += 4
    elif p != np.inf and not rounded:
        while j + 4 <= last:
            x, y, z, w = at_low[j], at_low[j + 1], at_low[j + 2], at_low[j + 3]
            if p == 1.0:
                for b in range(TILE):
                    total[b] += ((abs(low[j, b] - x) + abs(low[j + 1, b] - y))
                                 + (abs(low[j + 2, b] - z) + abs(low[j + 3, b] - w)))
            else:
                for b in range(TILE):
                    s, t = low[j, b] - x, low[j + 1, b] - y
                    u, v = low[j + 2, b] - z, low[j + 3, b] - w
                    total[b] += (s * s + t * t) + (u * u + v * v)
            j += 4
    while j < last:
        x, y = at_low[j], at_high[j]
        for b in range(TILE):
            s, t = low[j, b] - y, x - high[j, b]
            s = s if s > t else t
            s = s if s > 0.0 else 0.0
            if p == 1.0:
                total[b] += s
            elif p == 2.0:
                total[b] += s * s
            else:
                total[b] = s if s > total[b] else total[b]
        j += 1


@kernel
def search_tiles(lower: Any, upper: Any, labels: Any, names: Any, tree: Any, p: Any, different: bool, rounded: bool,
                 exact: bool, slack: Any, first: int, last: int, record: Any) -> None:
    """Enter the closest pairs that have a row in the tiles first <= q < last and one in a tile >= q.

    Nodes farther than the limit from the tile, and nodes of nothing but its own label, are skipped whole. Inside a
    tile the distances to all TILE rows grow coordinate by coordinate until each of them exceeds the limit.
    ``exact``: no distance is rounded, so where all names are later than the best pair's only a smaller distance
    counts, not another of the masses of ties.
    """
    low_tiles, high_tiles, low, high, least, most = tree
    values, pair = record[0], record[1]
    n, d = lower.shape
    leaves = low.shape[0] // 2
    total = np.empty(TILE)
    stack = np.empty(128, np.int64)
    tried, skipped = 0, 0
    # sums in another order than the decisive one: both carry less than half the slack
    wide = 1.0 + 8 * 2.0**-53 * (d + 4)
    for q in range(first, last):
        mine = leaves + q
        pure = different and least[mine] == most[mine]
        stack[0], height = 1, 1
        while height > 0:
            height -= 1
            v = stack[height]
            if least[v] > most[v] or (pure and least[v] == least[mine] and most[v] == least[mine]):
                continue
            if beyond(low, high, v, low, high, mine, p, values[0] * wide):
                continue
            if v < leaves:
                # the last tile under v, by going right to the bottom
                deep = 2 * v + 1
                while deep < leaves:
                    deep = 2 * deep + 1
                if deep < mine:
                    continue
                stack[height], stack[height + 1] = 2 * v + 1, 2 * v
                height += 2
                continue
            if v < mine:
                continue
            t = v - leaves
            pure_there = different and least[v] == most[v]
            earliest = names[t * TILE:min((t + 1) * TILE, n)].min()
            for i in range(q * TILE, min((q + 1) * TILE, n)):
                limit = values[0] * wide
                if exact and values[1] <= values[0] and min(names[i], earliest) > pair[0]:
                    limit = np.nextafter(values[0], -np.inf)
                if pure_there and labels[i] == least[v]:
                    continue
                if 8 * skipped >= tried - 256:  # in high dimension a tile's box hardly ever is far
                    tried += 1
                    if beyond(low, high, v, lower, upper, i, p, limit):
                        skipped += 1
                        continue
                total[:] = 0.0
                j, alive = 0, TILE
                while alive > 0 and j < d:
                    step = min(j + 8, d)
                    add_gaps(total, low_tiles[t], high_tiles[t], lower[i], upper[i], j, step, p, rounded)
                    j = step
                    alive = 0
                    for b in range(TILE):
                        alive += total[b] <= limit
                if alive == 0:
                    continue
                for b in range(TILE):
                    k = t * TILE + b
                    if total[b] <= limit and k > i and k < n and not (different and labels[k] == labels[i]):
                        consider(lower, upper, i, k, names[i], names[k], p, slack, rounded, record)
