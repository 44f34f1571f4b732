"""What both kernels ask of their arguments, and how they cut large matrices into stretches of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_points

Array = NDArray[np.float64]


def two_sets(X: ArrayLike, Z: ArrayLike | None, who: str) -> tuple[Array, Array]:
    """Return X (n, d) and Z (m, d), or X twice without Z, checked.

    Raises ValueError for NaN, infinity, other dimensions, or rows so large that their squared norm is infinite.
    """
    points = as_points(X, who)
    others = points if Z is None or Z is X else as_points(Z, who, "Z", dimension=points.shape[1])
    for name, part in (("X", points), ("Z", others)):
        with np.errstate(over="ignore"):
            squares = np.einsum("ij,ij->i", part, part)
        if not np.isfinite(squares).all():
            i = int(np.argmax(~np.isfinite(squares)))
            raise ValueError(f"{who}: the squared norm of {name}[{i}] overflows; divide the data by their size")
    return points, others


def weights_of(weights: ArrayLike, n: int, m: int, who: str) -> Array:
    """Return weights as a float array (n, m); ValueError for another shape, NaN or infinity."""
    found = np.ascontiguousarray(weights, dtype=np.float64)
    if found.shape != (n, m):
        raise ValueError(f"{who}: weights must have shape {(n, m)}, one for each pair, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{who}: weights must be finite, but {int((~np.isfinite(found)).sum())} are not")
    return found


def named(of: str, who: str) -> bool:
    """Return whether the tangent kernel is meant; ValueError for anything but "ntk" and "nngp"."""
    if of not in ("ntk", "nngp"):
        raise ValueError(f"{who}: of={of!r} must be 'ntk' or 'nngp'")
    return of == "ntk"


def bounded(variances: Array, weight_std: float, who: str) -> Array:
    """Return the variances (layers, n); ValueError if one overflows."""
    finite = np.isfinite(variances).all(axis=1)
    if not finite.all():
        raise ValueError(f"{who}: the variance of layer {1 + int(np.argmin(finite))} overflows; take a smaller "
                         f"weight_std than {weight_std}, less depth or smaller data")
    return variances


def stretches(n: int, m: int, chunk: int) -> list[tuple[int, int]]:
    """Return consecutive (start, stop) of rows, about ``chunk`` entries each."""
    step = max(1, chunk // m)
    return [(a, min(a + step, n)) for a in range(0, n, step)]
