"""The effective ridge of a spectrum: Newton's method for k (1 - df1(k) / n) = ridge, started at or above the root.

Layout: eigenvalues and multiplicities (b,), ridges, starts and results (m,). In u = lam / (lam + k), v = 1 - u =
k / (lam + k) a Newton step is k' = (k c + ridge) / (g + c), with g = 1 - sum u / n and c = sum u v / n: no
difference but the one in g, which is summed as (n - how many lam >= k) + sum_(lam >= k) v - sum_(lam < k) u, so that
what cancels is a whole number.
"""

from __future__ import annotations

from typing import Any

from constructive._kernels.compile import kernel


@kernel
def fill_effective_ridges(values: Any, counts: Any, n: float, ridges: Any, starts: Any, out: Any) -> None:
    """Fill ``out`` with the roots for the ridges; ``starts`` are upper bounds of them, and > 0.

    The function is convex and at least 0 at the start, so the steps go down to the root without a safeguard; they end
    where one no longer lowers k by more than rounding: mostly within ten. Where as many eigenvalues as data make 0 a
    double root at ridge 0, the root of a tiny ridge is approached by halves: three thousand span all float64 numbers.
    """
    for i in range(ridges.size):
        k = starts[i]
        for _ in range(3000):
            whole, small, mixed = n, 0.0, 0.0
            for j in range(values.size):
                total = values[j] + k
                u, v = values[j] / total, k / total
                mixed += counts[j] * u * v
                if values[j] >= k:
                    whole -= counts[j]
                    small += counts[j] * v
                else:
                    small -= counts[j] * u
            lower = (k * mixed + n * ridges[i]) / (whole + small + mixed)
            if not lower < k * (1.0 - 1e-15):
                break
            k = lower
        out[i] = k
