"""Faces that hold off rivals, and boxes that swallow their likes.

Face f of a box in d dimensions: f < d is its lower end along axis f, f >= d its upper end along axis f - d. The gap
of a data box behind a face is how far it lies beyond that end, 0 if not at all; the l_1 distance from a bump with
some faces to a data box is the sum of the gaps behind them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel


@kernel
def _behind(lower: Any, upper: Any, f: int, data_lower: Any, data_upper: Any) -> Any:
    """Return the gap of one data box (d,) behind face f of one box (d,)."""
    d = lower.shape[0]
    gap = lower[f] - data_upper[f] if f < d else data_lower[f - d] - upper[f - d]
    return max(gap, 0.0)


@kernel
def choose_faces(lower: Any, upper: Any, groups: Any, data_lower: Any, data_upper: Any, data_groups: Any, least: Any,
                 price: Any, by_cover: bool, start: int, stop: int, chosen: Any) -> None:
    """Write which faces (stop - start, 2 d) each box keeps: a greedy hitting set, then reverse deletion.

    Each round takes the face with the largest gain for its price; the gain is the number of rivals newly held off
    (``by_cover``) or the sum of what the face adds, capped at what each rival still lacks. ``price`` (m, 2 d).
    """
    d, n = lower.shape[1], data_lower.shape[0]
    lacks = np.empty(n)
    gain = np.empty(2 * d)
    picked = np.empty(2 * d, np.int64)
    for i in range(start, stop):
        open_count = 0
        for k in range(n):
            lacks[k] = least if data_groups[k] != groups[i] else 0.0
            open_count += data_groups[k] != groups[i]
        count = 0
        while open_count > 0:
            gain[:] = 0.0
            for k in range(n):
                if lacks[k] <= 0.0:
                    continue
                need = lacks[k]
                for j in range(d):
                    gap = lower[i, j] - data_upper[k, j]
                    if gap > 0.0:
                        gain[j] += (1.0 if gap >= need else 0.0) if by_cover else min(gap, need)
                    gap = data_lower[k, j] - upper[i, j]
                    if gap > 0.0:
                        gain[d + j] += (1.0 if gap >= need else 0.0) if by_cover else min(gap, need)
            best, most = -1, 0.0
            for f in range(2 * d):
                value = gain[f] / price[i, f]
                if not chosen[i - start, f] and value > most:
                    best, most = f, value
            if best < 0:
                if not by_cover:
                    break  # the caller sees that the distance is too small
                by_cover = False
                continue
            chosen[i - start, best] = True
            picked[count] = best
            count += 1
            open_count = 0
            for k in range(n):
                if lacks[k] > 0.0:
                    lacks[k] -= _behind(lower[i], upper[i], best, data_lower[k], data_upper[k])
                    open_count += lacks[k] > 0.0
        _delete(lower[i], upper[i], groups[i], data_lower, data_upper, data_groups, least, picked, count,
                chosen[i - start])


@kernel
def _delete(lower: Any, upper: Any, group: Any, data_lower: Any, data_upper: Any, data_groups: Any, least: Any,
            picked: Any, count: int, chosen: Any) -> None:
    """Drop faces, first picked first, without which every rival is still held off."""
    for c in range(count):
        f = picked[c]
        chosen[f] = False
        for k in range(data_lower.shape[0]):
            if data_groups[k] == group:
                continue
            total = 0.0
            for other in range(count):
                if chosen[picked[other]]:
                    total += _behind(lower, upper, picked[other], data_lower[k], data_upper[k])
                    if total >= least:
                        break
            if total < least:
                chosen[f] = True
                break


@kernel
def nearest_rival(lower: Any, upper: Any, groups: Any, data_lower: Any, data_upper: Any, data_groups: Any,
                  start: int, stop: int, limit: Any) -> Any:
    """Return (distance, box, datum) of the closest rival pair, start <= box < stop, below limit; box -1 if none.

    Ends may be infinite: such a face holds nothing off.
    """
    d = lower.shape[1]
    best, best_i, best_k = limit, -1, -1
    axes = np.empty(2 * d, np.int64)
    for i in range(start, stop):
        count = 0
        for j in range(d):
            if lower[i, j] > -np.inf:
                axes[count] = j
                count += 1
            if upper[i, j] < np.inf:
                axes[count] = d + j
                count += 1
        for k in range(data_lower.shape[0]):
            if data_groups[k] == groups[i]:
                continue
            total = 0.0
            for a in range(count):
                total += _behind(lower[i], upper[i], axes[a], data_lower[k], data_upper[k])
                if total >= best:
                    break
            if total < best:
                best, best_i, best_k = total, i, k
    return best, best_i, best_k


@kernel
def grow(lower: Any, upper: Any, candidates: Any, box_lower: Any, box_upper: Any, rivals: Any,
         data_lower: Any, data_upper: Any, least: Any, witness: Any, taken: Any) -> int:
    """Grow one box (d,), in place, over candidate boxes in order while all rivals stay at distance >= least.

    ``rivals`` rows of the data, nearest first so that a refusal comes early; ``witness`` (n,) an axis that alone
    held the rival off last time. Writes which candidates were taken; returns how many.
    """
    d = lower.shape[0]
    new_lower, new_upper = np.empty(d), np.empty(d)
    count = 0
    for c in range(candidates.shape[0]):
        i = candidates[c]
        for j in range(d):
            new_lower[j] = min(lower[j], box_lower[i, j])
            new_upper[j] = max(upper[j], box_upper[i, j])
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
