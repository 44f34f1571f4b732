"""Hermite features of a random direction, the gates of a random bias that go with them, and what cutting off costs.

For unit x, x_i with t = <x_i, x>, w standard normal in R^d and b standard normal, for every k:
    E[He_k(<w, x_i>) gate_k(b) 1{<w, x> + b >= 0}] = sigma_k t^k,
He_k of unit norm (Mehler: E[He_k(U) | V] = t^k He_k(V); and int_s^inf He_k phi = He_(k-1)(s) phi(s) / sqrt(k)). Without
the gate of the bias even powers would be out of reach; gate_k is the one of unit norm with the largest sigma_k.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from constructive._checks import as_count, as_number
from constructive.nearinit.series import feature_norms

__all__ = ["agreement_gate", "hermite_functions", "hermite_gates", "normal_density", "truncation_norms"]

Array = NDArray[np.float64]


def normal_density(u: ArrayLike) -> Array:
    """Return the standard normal density phi(u)."""
    points = np.asarray(u, dtype=np.float64)
    return np.asarray(np.exp(-points * points / 2.0) / math.sqrt(2.0 * math.pi))


def each_hermite(u: Array) -> Iterator[Array]:
    """Yield He_0(u), He_1(u), ... of unit norm, without end: sqrt(k + 1) He_(k+1) = u He_k - sqrt(k) He_(k-1)."""
    older, newer = np.zeros_like(u), np.ones_like(u)
    k = 0
    while True:
        yield newer
        older, newer = newer, (u * newer - math.sqrt(k) * older) / math.sqrt(k + 1)
        k += 1


def hermite_functions(u: ArrayLike, count: int) -> Array:
    """Return the Hermite polynomials of unit norm He_0, ..., He_(count - 1) at u, shape (count, ...).

    E[He_k(U) He_l(U)] = 1 if k = l, else 0, for standard normal U; |He_k(u)| <= exp(u^2 / 4) (Indritz 1961).
    Raises ValueError for count < 1.

    >>> hermite_functions(2.0, 4).round(6).tolist()
    [1.0, 2.0, 2.12132, 0.816497]
    """
    n = as_count(count, "hermite_functions", "count", at_least=1)
    each = each_hermite(np.asarray(u, dtype=np.float64))
    return np.array([next(each) for _ in range(n)])


def hermite_gates(b: ArrayLike, count: int) -> Array:
    """Return gate_0, ..., gate_(count - 1) at biases b, shape (count, ...), each of unit norm under the normal law.

    gate_0 = Phi(b) / sigma_0 and gate_k = He_(k-1)(-b) phi(b) / (sqrt(k) sigma_k): times He_k(<w, x_i>) and the
    indicator of <w, x> + b >= 0 they average to sigma_k <x_i, x>^k. Raises ValueError for count < 1.

    >>> hermite_gates(0.0, 2).round(6).tolist()
    [0.866025, 1.316074]
    """
    n = as_count(count, "hermite_gates", "count", at_least=1)
    bias = np.asarray(b, dtype=np.float64)
    sigma = feature_norms(n)
    gates = np.empty((n, *bias.shape))
    gates[0] = ndtr(bias) / sigma[0]
    if n > 1:
        orders = np.arange(1, n).reshape(-1, *(1,) * bias.ndim)
        factors = normal_density(bias) / (np.sqrt(orders) * sigma[1:].reshape(orders.shape))
        gates[1:] = hermite_functions(-bias, n - 1) * factors
    return gates


def agreement_gate(slope: float, u: ArrayLike, b: ArrayLike) -> Array:
    """Return Phi((slope u + b) / sqrt(1 - slope^2)), in [0, 1]; for slope = +-1 the indicator of slope u + b >= 0.

    With u = <w, x_i> it is the chance, given w and b, that V + b >= 0, where V has variance 1 and correlates with
    <w, x> as slope <x_i, x>. Hence E[agreement_gate(slope, <w, x_i>, b) 1{<w, x> + b >= 0}] = kappa(slope <x_i, x>),
    kappa as in :func:`~constructive.nearinit.series.agreement`: all powers at once, and bounded.
    u and b broadcast. Raises ValueError for a slope outside [-1, 1].

    >>> agreement_gate(1.0, [0.5, 0.5], [-0.25, -0.75]).tolist(), float(agreement_gate(0.5, 0.0, 0.0))
    ([1.0, 0.0], 0.5)
    """
    s = as_number(slope, "agreement_gate", "slope", at_least=-1.0, at_most=1.0)
    reached = s * np.asarray(u, dtype=np.float64) + np.asarray(b, dtype=np.float64)
    if abs(s) == 1.0:
        return (reached >= 0.0).astype(np.float64)
    return np.asarray(ndtr(reached / math.sqrt((1.0 - s) * (1.0 + s))))


def truncation_norms(count: int, reach: float) -> Array:
    """Return the norms of He_k 1{|u| > reach} for k < count, shape (count,): what cutting a feature off there loses.

    The squares follow I_k = I_(k-1) + 2 He_k(reach) He_(k-1)(reach) phi(reach) / sqrt(k) from I_0 = 2 Phi(-reach), by
    parts. Raises ValueError for count < 1 or reach < 0.

    >>> truncation_norms(4, 5.0)[3].round(6)
    np.float64(0.038758)
    """
    who = "truncation_norms"
    n, end = as_count(count, who, "count", at_least=1), as_number(reach, who, "reach", at_least=0.0)
    at = hermite_functions(end, n)
    steps = 2.0 * at[1:] * at[:-1] * float(normal_density(end)) / np.sqrt(np.arange(1, n))
    squares = np.cumsum(np.concatenate([[2.0 * float(ndtr(-end))], steps]))
    return np.sqrt(np.clip(squares, 0.0, 1.0))
