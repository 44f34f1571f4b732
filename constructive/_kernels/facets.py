"""Faces that hold off rivals, and boxes that swallow their likes.

Face f of a box in d dimensions: f < d is its lower end along axis f, f >= d its upper end along axis f - d. The gap
of a data box behind a face is how far it lies beyond that end, 0 if not at all; the l_1 distance from a bump with
some faces to a data box is the sum of the gaps behind them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel

TILE = 1024
"""Data whose sums are formed together, face by face."""


@kernel
def _behind(lower: Any, upper: Any, i: int, f: int, data_lower: Any, data_upper: Any, k: int) -> Any:
    """Return the gap of data box k behind face f of box i."""
    d = lower.shape[1]
    gap = lower[i, f] - data_upper[k, f] if f < d else data_lower[k, f - d] - upper[i, f - d]
    return gap if gap > 0.0 else 0.0


@kernel
def _add_gains(lower: Any, upper: Any, i: int, data_lower: Any, data_upper: Any, k: int, need: Any, cover: Any,
               capped: Any) -> None:
    """Add what each face of box i does against data box k: hold it off alone (1 or 0); its gap up to need.

    Plain selections, one axis after the other, so that the compiler handles several axes at once. Rows go by
    number everywhere: taking a row out of an array counts references, which threads would fight over.
    """
    d = lower.shape[1]
    for j in range(d):
        gap = lower[i, j] - data_upper[k, j]
        cover[j] += 1.0 if gap >= need else 0.0
        gap = gap if gap > 0.0 else 0.0
        capped[j] += gap if gap < need else need
    for j in range(d):
        gap = data_lower[k, j] - upper[i, j]
        cover[d + j] += 1.0 if gap >= need else 0.0
        gap = gap if gap > 0.0 else 0.0
        capped[d + j] += gap if gap < need else need


@kernel
def _best(gain: Any, price: Any, i: int, chosen: Any) -> int:
    """Return the face with the largest gain for its price, the first among equals; -1 if none gains anything."""
    best, most = -1, 0.0
    for f in range(gain.shape[0]):
        if not chosen[f] and gain[f] / price[i, f] > most:
            best, most = f, gain[f] / price[i, f]
    return best


@kernel
def _greedy(lower: Any, upper: Any, i: int, data_lower: Any, data_upper: Any, rivals: Any, least: Any, price: Any,
            by_cover: bool, cover: Any, capped: Any, near: Any, lacks: Any, picked: Any, chosen: Any) -> int:
    """Pick faces of box i until every rival is held off or nothing helps; return how many.

    ``rivals`` (r,) rows of the data; ``cover`` and ``capped`` (2 d,) the gains against all of them, used up.
    ``near`` (r,) is filled with the rivals not held off yet, ``lacks`` (r,) with what each of them lacks.
    """
    chosen[:] = False
    left, count = rivals.shape[0], 0
    near[:left] = rivals
    lacks[:left] = least
    while left > 0:
        best = _best(cover, price, i, chosen) if by_cover else -1
        if best < 0:
            best = _best(capped, price, i, chosen)
        if best < 0:
            break
        chosen[best] = True
        picked[count] = best
        count += 1
        cover[:] = 0.0
        capped[:] = 0.0
        kept = 0
        for r in range(left):
            k = near[r]
            need = lacks[r] - _behind(lower, upper, i, best, data_lower, data_upper, k)
            if need > 0.0:
                near[kept], lacks[kept] = k, need
                kept += 1
                _add_gains(lower, upper, i, data_lower, data_upper, k, need, cover, capped)
        left = kept
    return count


@kernel
def _end(lower: Any, upper: Any, i: int, f: int) -> Any:
    """Return where face f of box i ends, its sign changed for an upper one; -inf if it is absent."""
    d = lower.shape[1]
    return lower[i, f] if f < d else -upper[i, f - d]


@kernel
def _add_gaps(end: Any, values: Any, total: Any) -> None:
    """Add to ``total`` the gaps behind a face of data whose numbers for it are ``values``."""
    for c in range(values.shape[0]):
        gap = end + values[c]
        total[c] += gap if gap > 0.0 else 0.0


@kernel
def _delete(lower: Any, upper: Any, i: int, ends: Any, same: Any, least: Any, needs: Any, total: Any, picked: Any,
            count: int, chosen: Any) -> None:
    """Drop faces, first picked first, without which every rival is held off as far as all of them did it.

    One pass leaves no redundant face: what is needed beside many faces is needed beside fewer. ``same`` (n,) tells
    who is no rival.
    """
    n = same.shape[0]
    for c in range(-1, count):  # first the sums behind all faces, then those without one
        if c >= 0:
            chosen[picked[c]] = False
        for begin in range(0, n, TILE):
            width = min(TILE, n - begin)
            total[:width] = 0.0
            for other in range(count):
                f = picked[other]
                if chosen[f]:
                    _add_gaps(_end(lower, upper, i, f), ends[f, begin:begin + width], total)
            short = 0
            for k in range(width):
                if c < 0:
                    held = total[k] if total[k] < least else least
                    needs[begin + k] = -1.0 if same[begin + k] else held
                else:
                    short += total[k] < needs[begin + k]
            if short > 0:
                chosen[picked[c]] = True
                break


@kernel
def choose_faces(lower: Any, upper: Any, groups: Any, data_lower: Any, data_upper: Any, ends: Any, data_groups: Any,
                 least: Any, price: Any, start: int, stop: int, chosen: Any) -> None:
    """Write which faces (stop - start, 2 d) each box keeps: the cheaper of two greedy hitting sets.

    One counts the rivals that a face newly holds off alone, the other sums what it adds, capped at what each rival
    still lacks; both divide by ``price`` (m, 2 d), and redundant faces are deleted afterwards. ``ends`` (2 d, n):
    minus the upper ends of the data, then their lower ends, so that gaps behind one face come from consecutive
    numbers.
    """
    d, n = lower.shape[1], data_lower.shape[0]
    rivals, near, lacks = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    same, total = np.empty(n, np.bool_), np.empty(TILE)
    picked, other = np.empty(2 * d, np.int64), np.empty(2 * d, np.bool_)
    cover, capped = np.empty(2 * d), np.empty(2 * d)
    for i in range(start, stop):
        mine = chosen[i - start]
        count = 0
        cover[:] = 0.0
        capped[:] = 0.0
        for k in range(n):
            same[k] = data_groups[k] == groups[i]
            if not same[k]:
                rivals[count] = k
                count += 1
                _add_gains(lower, upper, i, data_lower, data_upper, k, least, cover, capped)
        all_cover, all_capped = cover.copy(), capped.copy()
        for by_cover in (True, False):
            out = mine if by_cover else other
            cover[:] = all_cover
            capped[:] = all_capped
            faces = _greedy(lower, upper, i, data_lower, data_upper, rivals[:count], least, price, by_cover, cover,
                            capped, near, lacks, picked, out)
            _delete(lower, upper, i, ends, same, least, lacks, total, picked, faces, out)
        first, second = 0.0, 0.0
        for f in range(2 * d):
            first += price[i, f] if mine[f] else 0.0
            second += price[i, f] if other[f] else 0.0
        if second < first:
            mine[:] = other


@kernel
def nearest_rival(lower: Any, upper: Any, groups: Any, ends: Any, data_groups: Any, start: int, stop: int,
                  limit: Any) -> Any:
    """Return (distance, box, datum) of the closest rival pair, start <= box < stop, below limit; box -1 if none.

    Ends may be infinite: such a face holds nothing off. ``ends`` as in :func:`choose_faces`. Tiles of data stay in
    the cache while all boxes pass by.
    """
    d, n = lower.shape[1], data_groups.shape[0]
    best, best_i, best_k = limit, -1, -1
    total = np.empty(TILE)
    for begin in range(0, n, TILE):
        width = min(TILE, n - begin)
        for i in range(start, stop):
            total[:width] = 0.0
            for f in range(2 * d):
                end = _end(lower, upper, i, f)
                if end > -np.inf:
                    _add_gaps(end, ends[f, begin:begin + width], total)
            near = 0
            for c in range(width):  # counting goes several numbers at a time, finding the place does not
                near += (total[c] <= best) & (data_groups[begin + c] != groups[i])
            if near == 0:
                continue
            for c in range(width):
                closer = total[c] < best or (total[c] == best and i < best_i)
                if closer and data_groups[begin + c] != groups[i]:
                    best, best_i, best_k = total[c], i, begin + c
    return best, best_i, best_k


@kernel
def grow(lower: Any, upper: Any, candidates: Any, rivals: Any, data_lower: Any, data_upper: Any, least: Any,
         witness: Any, taken: Any) -> int:
    """Grow one box (d,), in place, over candidate boxes in order while all rivals stay at distance >= least.

    Both are rows of the data, rivals nearest first so that a refusal comes early; ``witness`` (n,) an axis that
    alone held the rival off last time. Writes which candidates were taken; returns how many.
    """
    d = lower.shape[0]
    new_lower, new_upper = np.empty(d), np.empty(d)
    count = 0
    for c in range(candidates.shape[0]):
        i = candidates[c]
        for j in range(d):
            new_lower[j] = min(lower[j], data_lower[i, j])
            new_upper[j] = max(upper[j], data_upper[i, j])
        apart = True
        for r in range(rivals.shape[0]):
            k = rivals[r]
            j = witness[k]
            if max(new_lower[j] - data_upper[k, j], data_lower[k, j] - new_upper[j]) >= least:
                continue
            total, widest = 0.0, 0.0
            for a in range(d):
                gap = max(new_lower[a] - data_upper[k, a], data_lower[k, a] - new_upper[a])
                if gap > 0.0:
                    total += gap
                    if gap > widest:
                        widest = gap
                        witness[k] = a
                    if total >= least:
                        break
            if total < least:
                apart = False
                break
        if apart:
            lower[:], upper[:] = new_lower, new_upper
            taken[c] = True
            count += 1
    return count
