"""Find the few bumps that are positive at a point without looking at the others."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from constructive.students.boxes import Bumps
from constructive.students.pairs import spread_order

Array = NDArray[np.float64]


def active(bumps: Bumps, rows: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return, for points (n, d), the positive bumps: starts (n + 1,), bump numbers and their values."""
    from constructive._kernels import in_blocks
    from constructive._kernels.active import active_bumps
    order, axis = spread_order(bumps.lower)
    low = bumps.lower[order, axis]
    # support ends and window widths rounded so that no support is missed
    key = np.nextafter(low - bumps.ramp, -np.inf)
    widest = float((bumps.upper[:, axis] - bumps.lower[:, axis]).max()) + 2 * bumps.ramp
    widest = widest * (1 + 2.0**-50) + float(np.abs(bumps.lower[:, axis]).max()) * 2.0**-50
    starts = np.zeros(rows.shape[0] + 1, np.int64)
    empty_bump, empty_height = np.empty(0, np.int64), np.empty(0)
    block = max(256, math.ceil(rows.shape[0] / 16))

    def count(start: int, stop: int) -> None:
        active_bumps(rows[start:stop], order, key, widest, axis, bumps.lower, bumps.upper, bumps.ramp, False,
                     starts[start:stop + 1], empty_bump, empty_height)

    # each block writes starts[start + 1 .. stop]; the slot before belongs to its neighbor and is only read
    # later
    in_blocks(rows.shape[0], block, count)
    np.cumsum(starts, out=starts)
    bump, height = np.empty(starts[-1], np.int64), np.empty(starts[-1])

    def fill(start: int, stop: int) -> None:
        active_bumps(rows[start:stop], order, key, widest, axis, bumps.lower, bumps.upper, bumps.ramp, True,
                     starts[start:stop], bump, height)

    in_blocks(rows.shape[0], block, fill)
    return starts, bump, height
