"""Which bumps are positive at a point: a window of boxes sorted along one axis, then their l_1 distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel


@kernel
def active_bumps(points: Any, order: Any, key: Any, widest: Any, axis: int, lower: Any, upper: Any, ramp: Any,
                 fill: bool, counts: Any, bump: Any, value: Any) -> None:
    """Find the bumps that are positive at each point: count them, or fill their numbers and values.

    A bump is ``1 - dist_1(x, box) / ramp`` where positive. ``order`` sorts the boxes by ``lower[:, axis]``
    and ``key`` holds those ends less the ramp. On filling, ``counts`` holds the running starts.
    """
    d = points.shape[1]
    for q in range(points.shape[0]):
        x = points[q]
        begin = np.searchsorted(key, x[axis] - widest, side="left")
        found = 0
        for position in range(begin, order.shape[0]):
            if key[position] > x[axis]:
                break
            k = order[position]
            total = 0.0
            for j in range(d):
                if x[j] < lower[k, j]:
                    total += lower[k, j] - x[j]
                elif x[j] > upper[k, j]:
                    total += x[j] - upper[k, j]
                if total >= ramp:
                    break
            if total < ramp:
                height = 1.0 - total / ramp
                if height > 0.0:
                    if fill:
                        bump[counts[q] + found] = k
                        value[counts[q] + found] = height
                    found += 1
        if not fill:
            counts[q + 1] = found
