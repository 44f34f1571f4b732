"""Exact coordinate descent on min_a a'Ka/2 - y'a + error |a|_1, K symmetric with a nonnegative diagonal.

Layout: K (n, n) C-contiguous; a change of a_j updates K a by row j of K, which is its column: the inner loop runs over
neighbors in memory. K a is kept up to date and formed anew every ``_FRESH`` sweeps, so that roundings do not pile up.
"""

from __future__ import annotations

from typing import Any

from constructive._kernels.compile import kernel

_FRESH = 16


@kernel
def descend(K: Any, y: Any, error: float, duals: Any, values: Any, sweeps: int,
            tolerance: float) -> tuple[int, float, float]:
    """Change duals (n,) and values = K duals (n,) in place; return sweeps made, gap and violation.

    Stops once gap and violation are at most tolerance max(1, |y'a|) and tolerance. Coordinates with K_jj = 0 stay.
    """
    n = y.size
    gap, violation, made = 0.0, 0.0, 0
    while True:
        if made % _FRESH == 0:
            for j in range(n):
                total = 0.0
                for k in range(n):
                    total += K[j, k] * duals[k]
                values[j] = total
            energy, wanted, length, violation = 0.0, 0.0, 0.0, 0.0
            for j in range(n):
                energy += duals[j] * values[j]
                wanted += duals[j] * y[j]
                length += abs(duals[j])
                violation = max(violation, abs(values[j] - y[j]) - error)
            gap = energy - wanted + (error + violation) * length
            if made >= sweeps or (gap <= tolerance * max(1.0, abs(wanted)) and violation <= tolerance):
                return made, gap, violation
        made += 1
        for j in range(n):
            if K[j, j] <= 0.0:
                continue
            rest = y[j] - values[j] + K[j, j] * duals[j]
            if rest > error:
                moved = (rest - error) / K[j, j]
            elif rest < -error:
                moved = (rest + error) / K[j, j]
            else:
                moved = 0.0
            step = moved - duals[j]
            if step != 0.0:
                duals[j] = moved
                for k in range(n):
                    values[k] += step * K[j, k]
