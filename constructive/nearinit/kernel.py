"""The kernel of first-layer moves, and how far from singular it is for separated points.

The feature of a point z is 1{u_r(z) >= 0} z, one copy for each unit r; kernels are mean inner products of features.
With infinitely many units the kernel is <z, z'> kappa(<z, z'>), and its smallest eigenvalue on n points at distance
delta is at least a constant times delta / sqrt(log n): no dimension enters. With m units the same holds up to a factor
2 once m is of the order |X|^2 log(n) / eigenvalue.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist, pdist

from constructive._checks import as_count, as_number, as_points
from constructive.nearinit.units import Units

__all__ = ["chernoff_width", "eigenvalue_bound", "empirical_kernel", "gram_eigenvalue_bound", "open_gates",
           "simple_eigenvalue_bound", "tangent_kernel"]

Array = NDArray[np.float64]

_MOST_TERMS = 1 << 20
_MOST_PRODUCTS = 1 << 12
_NEGLIGIBLE = 1e-18


def tangent_kernel(Z: ArrayLike, other: ArrayLike | None = None) -> Array:
    """Return the kernel of infinitely many units, K(z, z') = <z, z'> (1/4 + asin((1 + <z, z'>) / 2) / (2 pi)).

    Z (n, d) and other (k, d), Z if None, hold unit rows; the result (n, k) has entries in [-1/4, 1/2], and 1/2 where
    z = z'. Raises TypeError or ValueError for what are not unit rows of one length.

    >>> tangent_kernel([[1.0, 0.0], [0.0, 1.0]]).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    left = _unit_rows(Z, "tangent_kernel", "Z", None)
    right = left if other is None else _unit_rows(other, "tangent_kernel", "other", left.shape[1])
    # kappa by the chord: asin((1 + t) / 2) next to t = 1 would turn a rounding of 1e-16 into 1e-9.
    kappa = 0.5 - np.arcsin(np.minimum(1.0, cdist(left, right) / math.sqrt(8.0))) / math.pi
    return np.asarray((left @ right.T) * kappa)


def open_gates(units: Units, Z: ArrayLike) -> Array:
    """Return 1{u_r(z) >= 0} (n, m) as 0.0 and 1.0 at the rows of Z (n, d)."""
    points = as_points(Z, "open_gates", "Z", dimension=units.dimension)
    return np.asarray(units.preactivations(points) >= 0.0, dtype=np.float64)


def empirical_kernel(units: Units, Z: ArrayLike, other: ArrayLike | None = None) -> Array:
    """Return the kernel of m units, K(z, z') = <z, z'> (1/m) sum_r 1{u_r(z) >= 0} 1{u_r(z') >= 0}.

    Z (n, d), other (k, d) or Z; the result (n, k) is the mean inner product of features, so that weights
    theta_r = sum_j a_j 1{u_r(z_j) >= 0} z_j have mean square a'Ka and give the values K a at the rows of Z.
    Counts of common open gates are whole numbers and exact. With unit rows its mean is :func:`tangent_kernel`.

    >>> from constructive.nearinit.units import Units
    >>> three = Units([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    >>> (3 * empirical_kernel(three, [[1.0, 0.0], [0.6, 0.8]])).round(12).tolist()
    [[2.0, 1.2], [1.2, 2.0]]
    """
    left = as_points(Z, "empirical_kernel", "Z", dimension=units.dimension)
    gates = open_gates(units, left)
    if other is None:
        return np.asarray((left @ left.T) * (gates @ gates.T / units.width))
    right = as_points(other, "empirical_kernel", "other", dimension=units.dimension)
    return np.asarray((left @ right.T) * (gates @ open_gates(units, right).T / units.width))


def eigenvalue_bound(n: int, distance: float) -> float:
    """Return a lower bound of the smallest eigenvalue of :func:`tangent_kernel` on n unit points ``distance`` apart.

    It is (1 / 2 pi) sum over odd k of alpha_k max(0, 1 - (n - 1) c^k) with c = 1 - distance^2 / 4 and alpha_k the
    coefficients of asin: the kernel is a sum of products T o C^k, C = (1 + T) / 2, each with dominant diagonal as soon
    as (n - 1) c^k < 1. Equal to 1/4 for n = 1; attained by two opposite points. Evaluated up to a few roundings; a
    series cut off is replaced by a lower bound. ``distance`` in [0, 2] is chordal. Raises ValueError outside.
    Source: ours, from Schur products and Gershgorin's circles.

    >>> round(eigenvalue_bound(4, 2**0.5), 12) == round(1 / (4 * np.pi), 12)
    True
    """
    count = as_count(n, "eigenvalue_bound", "n", at_least=1)
    gap = as_number(distance, "eigenvalue_bound", "distance", at_least=0.0, at_most=2.0)
    if count == 1:
        return 0.25
    c = 1.0 - gap * gap / 4.0
    # Beyond (n - 1) c^k <= 1 nothing is cut off at 0, and what is left of the series has a closed form.
    terms = _terms(1.0, count - 1, c)
    powers, alpha = c ** np.arange(1, 2 * terms, 2), _arcsine_coefficients(terms)
    arcsine = math.pi / 2.0 - 2.0 * math.asin(gap / math.sqrt(8.0))  # asin(c), accurate for c close to 1
    tail = math.pi / 2.0 - math.fsum(alpha) - (count - 1) * (arcsine - math.fsum(alpha * powers))
    kept = math.fsum(alpha * np.maximum(0.0, 1.0 - (count - 1) * powers)) + tail
    return max(kept / (2.0 * math.pi), simple_eigenvalue_bound(count, gap))


def simple_eigenvalue_bound(n: int, distance: float) -> float:
    """Return delta / (4 pi^(3/2) sqrt(2 ln(2n - 2) + delta^2)), a simpler and smaller form of :func:`eigenvalue_bound`.

    delta = ``distance`` in [0, 2] is the smallest chordal distance of n >= 2 unit points. For two points close
    together the eigenvalue itself is delta / (2 pi sqrt 2) in the limit: linear in delta is right.

    >>> bool(simple_eigenvalue_bound(20, 0.84) < eigenvalue_bound(20, 0.84))
    True
    """
    count = as_count(n, "simple_eigenvalue_bound", "n", at_least=2)
    gap = as_number(distance, "simple_eigenvalue_bound", "distance", at_least=0.0, at_most=2.0)
    return gap / (4.0 * math.pi ** 1.5 * math.sqrt(2.0 * math.log(2 * count - 2) + gap * gap))


def gram_eigenvalue_bound(X: ArrayLike) -> float:
    """Return a lower bound of the smallest eigenvalue of :func:`tangent_kernel` from the rows' own Gram matrix T.

    It is min(eig T) / 4 + (1 / 2 pi) sum over odd k of alpha_k max(0, 1 - max_i sum_(j != i) |T_ij| C_ij^k), with
    C = (1 + T) / 2: :func:`eigenvalue_bound` with each row's own sum, never smaller, and about twice as large on random
    points. X (n, d) holds unit rows. Cost: n^2 for each of about 80 / distance^2 terms, at most 4096.

    >>> bool(gram_eigenvalue_bound(np.eye(4)) > 0.499)  # the eigenvalue is 1/2
    True
    """
    points = _unit_rows(X, "gram_eigenvalue_bound", "X", None)
    gram = np.clip(points @ points.T, -1.0, 1.0)
    size, mixed = np.abs(gram), (1.0 + gram) / 2.0
    np.fill_diagonal(size, 0.0)
    np.fill_diagonal(mixed, 0.0)
    terms = min(_terms(_NEGLIGIBLE, points.shape[0], float(mixed.max())), _MOST_PRODUCTS)
    sums, power, square = np.empty(terms + 1), size * mixed, mixed * mixed
    for j in range(terms + 1):
        sums[j] = power.sum(axis=1).max()
        power *= square
    least = max(0.0, float(np.linalg.eigvalsh(gram)[0]))
    alpha = _arcsine_coefficients(terms)
    # The alpha_k fall like k^(-3/2): their tail must not be dropped, and sum alpha_k = pi / 2 gives it.
    rest = max(0.0, math.pi / 2.0 - math.fsum(alpha)) * max(0.0, 1.0 - float(sums[-1]))
    found = least / 4.0 + (math.fsum(alpha * np.maximum(0.0, 1.0 - sums[:-1])) + rest) / (2.0 * math.pi)
    if points.shape[0] == 1:
        return found
    return max(found, eigenvalue_bound(points.shape[0], min(2.0, float(pdist(points).min()))))


def chernoff_width(X: ArrayLike, *, failure: float = 0.05, eigenvalue: float | None = None) -> int:
    """Return a width at which random units' kernel keeps half the smallest eigenvalue, with chance 1 - failure.

    m = ceil(2 |X|^2 ln(n / failure) / ((1 - ln 2) eigenvalue)), |X| the largest singular value of X (n, d), which holds
    unit rows: then P(smallest eigenvalue of :func:`empirical_kernel` <= eigenvalue / 2) <= failure, for independent
    units (of paired ones count the pairs). ``eigenvalue``: that of :func:`tangent_kernel` on X if None, or any positive
    lower bound of it. Raises ValueError if it is not positive: then no width helps.
    Source: the matrix Chernoff bound (Tropp 2012).

    >>> chernoff_width(np.eye(8), failure=0.05)
    67
    """
    who = "chernoff_width"
    points = _unit_rows(X, who, "X", None)
    chance = as_number(failure, who, "failure", above=0.0, below=1.0)
    least = float(np.linalg.eigvalsh(tangent_kernel(points))[0]) if eigenvalue is None \
        else as_number(eigenvalue, who, "eigenvalue", above=0.0)
    if least <= 1e-12:
        raise ValueError(f"{who}: the kernel of X has smallest eigenvalue {least:.3g}, zero up to rounding: two rows "
                         "are equal, and no width helps; merge equal rows")
    largest = float(np.linalg.norm(points, 2)) ** 2
    return math.ceil(2.0 * largest * math.log(points.shape[0] / chance) / ((1.0 - math.log(2.0)) * least))


def _terms(level: float, n: int, c: float) -> int:
    """Return how many odd powers k = 1, 3, ... it takes until n c^k <= level, at most 2^20."""
    if c <= 0.0 or n <= level:
        return 1
    if c >= 1.0:
        return _MOST_TERMS
    return min(_MOST_TERMS, 1 + math.ceil(math.log(level / n) / math.log(c) / 2.0))


def _arcsine_coefficients(terms: int) -> Array:
    """Return alpha_1, alpha_3, ... (terms,): asin(c) = sum alpha_k c^k, alpha_(2j+1) = C(2j, j) / (4^j (2j + 1))."""
    j = np.arange(1.0, terms)
    central = np.concatenate([[1.0], np.cumprod((2.0 * j - 1.0) / (2.0 * j))])
    return np.asarray(central / (2.0 * np.arange(terms) + 1.0))


def _unit_rows(X: ArrayLike, who: str, name: str, dimension: int | None) -> Array:
    points = as_points(X, who, name, dimension=dimension)
    norms = np.linalg.norm(points, axis=1)
    worst = int(np.argmax(np.abs(norms - 1.0)))
    if abs(norms[worst] - 1.0) > 1e-9:
        raise ValueError(f"{who}: rows of {name} must have norm 1, but {name}[{worst}] has norm {norms[worst]:.9g}; "
                         "divide each row by its norm")
    return points
