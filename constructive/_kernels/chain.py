"""One sparse layer, or two at once, on a block of points.

Layout: feature-major. ``source`` is (n_in, b) and ``target`` (n_out, b), a column for each point, so that the
inner loop runs along contiguous memory with one weight held in a register. On a layer 4000 wide this took
55 ms where sample-major took 389 ms and a library CSR product 85 ms.

A sum starts at the bias and adds the stored weights in column order, one rounding for each operation. ReLU
clips what is below 0; a NaN is passed on, and so is -0.
"""

from __future__ import annotations

from typing import Any

from constructive._kernels.compile import kernel


@kernel
def affine_layer(indptr: Any, indices: Any, data: Any, bias: Any, source: Any, target: Any, relu: bool) -> None:
    """Write ``W @ source + bias`` into target, followed by ReLU if asked."""
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


@kernel
def affine_on_thin(thin: Any, layer: Any, source: Any, target: Any, relu: bool) -> None:
    """Write what two calls of :func:`affine_layer` write, the first with ReLU, without the values between.

    Both are (indptr, indices, data, bias); rows of ``thin`` hold at most one weight each, so that its units are
    made again where they are read: the faces of bumps are 2 d times as many as the bumps.
    """
    thin_indptr, thin_indices, thin_data, thin_bias = thin
    indptr, indices, data, bias = layer
    columns = target.shape[1]
    zero = target.dtype.type(0)
    for row in range(target.shape[0]):
        out = target[row]
        offset = bias[row]
        for c in range(columns):
            out[c] = offset
        for p in range(indptr[row], indptr[row + 1]):
            weight, unit = data[p], indices[p]
            shift, at = thin_bias[unit], thin_indptr[unit]
            if at == thin_indptr[unit + 1]:
                if shift < 0:
                    shift = zero
                for c in range(columns):
                    out[c] += weight * shift
                continue
            slope, values = thin_data[at], source[thin_indices[at]]
            for c in range(columns):
                value = shift + slope * values[c]
                if value < 0:
                    value = zero
                out[c] += weight * value
        if relu:
            for c in range(columns):
                if out[c] < 0:
                    out[c] = 0
