"""Hermite series of activations: E sigma(G) sigma(H) for normal G and H of correlation t, for all pairs at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from constructive.features.activations import Activation, cuts_between

Array = NDArray[np.float64]
_NODES = 64
_MOST = 2048
_DIGITS = 1e-12


def hermite_coefficients(activation: Activation, degree: int) -> Array:
    """Return E[sigma(G) h_k(G)], k = 0..degree, h_k the orthonormal Hermite polynomials, sigma centered.

    By Gauss-Legendre rules between whole numbers and kinks. Raises ValueError if the first coefficient and the sum of
    squares are not those that the activation carries: it has a kink that was not named, which these rules do not see.
    """
    nodes, steps = np.polynomial.legendre.leggauss(_NODES)
    cuts = np.array(cuts_between(activation.kinks))
    z = (cuts[:-1, None] + np.diff(cuts)[:, None] * (nodes + 1.0) / 2.0).ravel()
    weights = (np.diff(cuts)[:, None] * steps / 2.0).ravel()
    root = np.exp(-z * z / 4.0) / (2.0 * np.pi)**0.25  # of the density: polynomials times it stay of moderate size
    values = activation(z) * root * weights
    found = np.empty(degree + 1)
    before, here = np.zeros_like(z), root
    for k in range(degree + 1):
        found[k] = values @ here
        before, here = here, (z * here - np.sqrt(k) * before) / np.sqrt(k + 1.0)
    total = float((activation(z) * root)**2 @ weights)
    size = activation.linear**2 + activation.nonlinear
    first = abs(found[1] - activation.linear) if degree >= 1 else 0.0
    if abs(total - size) > 1e-11 * size + 1e-28 or first > 1e-11 * size**0.5 + 1e-14:
        raise ValueError(f"hermite_coefficients: E sigma(G)^2 = {total!r} must equal {size!r}, which "
                         f"{activation.name!r} carries; pass its kinks to features.activation")
    return found


def power_series(t: Array, squares: Callable[[int], Array], total: float, who: str) -> Array:
    """Return sum_k c_k^2 t^k for each entry of t (N, N), |t| <= 1, and ``total`` = sum_k c_k^2 on the diagonal.

    ``squares(K)`` are c_0^2..c_K^2. What is left out is at most |t|^(K+1) times what they lack of the total; K doubles
    until that is 1e-12 of the total. Raises ValueError if K = 2048 does not do.
    """
    largest = float(np.abs(t - np.diag(t.diagonal())).max())
    degree = 16
    while True:
        found = squares(degree)
        if largest**(degree + 1) * abs(total - float(found.sum())) <= _DIGITS * total:
            break
        degree *= 2
        if degree > _MOST:
            raise ValueError(f"{who}: two features have |<w_k, w_l>| = {largest!r}, too close to 1 for the series of "
                             "this activation; drop one of them, or use relu()")
    series = np.full_like(t, found[-1])
    for square in found[-2::-1]:
        series *= t
        series += square
    np.fill_diagonal(series, total)
    return series
