"""Interval propagation through one sparse layer, feature-major: a column for each box."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive._kernels.compile import kernel
from constructive._kernels.rounding import product_upper, upper_end


@kernel
def interval_layer(indptr: Any, indices: Any, data: Any, bias: Any, low: Any, high: Any, low_out: Any,
                   high_out: Any, relu: bool, single: bool) -> None:
    """Write bounds of ``W x + b`` (then ReLU) for the machine's program over each column's box."""
    longest = 1
    for row in range(low_out.shape[0]):
        longest = max(longest, indptr[row + 1] - indptr[row] + 1)
    above, below = np.empty(longest), np.empty(longest)
    for row in range(low_out.shape[0]):
        offset = np.float64(bias[row])
        for c in range(low_out.shape[1]):
            count_above, count_below = 0, 0
            if offset != 0.0:
                above[0], below[0] = offset, -offset
                count_above, count_below = 1, 1
            for p in range(indptr[row], indptr[row + 1]):
                weight = np.float64(data[p])
                x_low, x_high = low[indices[p], c], high[indices[p], c]
                if weight < 0.0:
                    x_low, x_high = x_high, x_low
                term = product_upper(weight, x_high, single)
                if term != 0.0:
                    above[count_above] = term
                    count_above += 1
                term = product_upper(-weight, x_low, single)
                if term != 0.0:
                    below[count_below] = term
                    count_below += 1
            top = upper_end(above, count_above, single)
            bottom = 0.0 - upper_end(below, count_below, single)
            if relu:
                top, bottom = max(top, 0.0), max(bottom, 0.0)
            low_out[row, c] = bottom
            high_out[row, c] = top
