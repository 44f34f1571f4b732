"""One sparse layer on a block of points.

Layout: feature-major. ``source`` is (n_in, b) and ``target`` (n_out, b), a column for each point, so that the
inner loop runs along contiguous memory with one weight held in a register. On a layer 4000 wide this took
55 ms where sample-major took 389 ms and a library CSR product 85 ms.
"""

from __future__ import annotations

from typing import Any

from constructive._kernels.compile import kernel


@kernel
def affine_layer(indptr: Any, indices: Any, data: Any, bias: Any, source: Any, target: Any, relu: bool) -> None:
    """Write ``W @ source + bias`` into target, followed by ReLU if asked.

    The sum starts at the bias and adds the stored weights in column order, one rounding for each operation.
    A NaN is passed on, not clipped to 0.
    """
    columns = target.shape[1]
    for row in range(target.shape[0]):
        out = target[row]
        offset = bias[row]
        for c in range(columns):
            out[c] = offset
        for p in range(indptr[row], indptr[row + 1]):
            weight = data[p]
            values = source[indices[p]]
            for c in range(columns):
                out[c] += weight * values[c]
        if relu:
            for c in range(columns):
                if out[c] < 0:
                    out[c] = 0
