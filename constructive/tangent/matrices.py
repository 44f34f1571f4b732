"""What the dynamics ask of kernel matrices and labels, and the eigenvalues they share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_points

Array = NDArray[np.float64]
UNIT = 2.0**-53


def as_kernel_matrix(theta: Any, who: str, name: str = "theta") -> Array:
    """Return a kernel matrix (n, n), finite, symmetric bit for bit.

    Raises ValueError for another shape, or for entries that differ from their mirror images by more than 1e-7 of the
    largest: closer ones are averaged, since a rectangular kernel call need not round symmetrically.
    """
    found = as_points(theta, who, name)
    if found.shape[0] != found.shape[1]:
        raise ValueError(f"{who}: {name} must be square, the kernel of the data with themselves, got {found.shape}")
    gap = np.abs(found - found.T)
    if gap.any():
        if gap.max() > 1e-7 * np.abs(found).max():
            i, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
            raise ValueError(f"{who}: {name} must be symmetric, but {name}[{i}, {j}]={float(found[i, j])!r} and "
                             f"{name}[{j}, {i}]={float(found[j, i])!r}")
        return np.asarray((found + found.T) / 2.0)
    return found


def as_columns(values: Any, n: int, who: str, name: str = "Y") -> tuple[Array, tuple[int, ...]]:
    """Return values as (n, C), one column for each output, and the shape in which they came: (n,) or (n, C)."""
    raw = np.asarray(values)
    found = as_points(raw[:, None] if raw.ndim == 1 else raw, who, name)
    if found.shape[0] != n:
        raise ValueError(f"{who}: {name} must have {n} rows, one for each point, got shape {raw.shape}")
    return found, raw.shape


def decomposed(theta: Array, who: str, name: str = "theta") -> tuple[Array, Array]:
    """Return eigenvalues (n,), ascending and clipped at 0, and eigenvectors (n, n) of a symmetric matrix.

    Raises ValueError if an eigenvalue is below -1e-6 of the largest: no kernel gives such a matrix.
    """
    values, vectors = np.linalg.eigh(theta)
    if values[0] < -1e-6 * max(abs(values[-1]), np.finfo(float).tiny):
        raise ValueError(f"{who}: {name} must be positive semidefinite, but has the eigenvalue {values[0]:.6g} beside "
                         f"{values[-1]:.6g}; is it the kernel of the data with themselves?")
    return np.maximum(values, 0.0), np.asarray(vectors)


def negligible(values: Array) -> float:
    """Return n 2^-53 times the largest eigenvalue: below it an eigenvalue is rounding."""
    return float(values.size * UNIT * values[-1])
