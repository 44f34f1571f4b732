"""How far a network is from its linearization: an identity, a bound at each point, in expectation, and over all points.

For numbers u, u' with u' = u + v, and beta(u) = 1 if u >= 0, else -1,

    relu(u') - relu(u) - 1{u >= 0} v = relu(-beta(u) u'),

exactly and without exceptions at 0: a unit that keeps its side is linear, one that changes it overshoots by |u'|.
Summed over units with their signs this is the network minus its linearization; without signs, a bound of it. Only units
with |u| <= |v| can change side, and |v| = |<theta, x>| / (m P) is small: few units do, each by little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, gammaln, logsumexp

from constructive._checks import as_count, as_number
from constructive.nearinit.units import NearNetwork, Units

__all__ = ["Coupling", "expected_coupling", "expected_uniform_coupling", "measure_coupling", "narrow_share",
           "narrow_share_bound", "uniform_coupling"]

Array = NDArray[np.float64]

_NUMBERS = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Coupling:
    """Network minus its linearization at points: ``signed`` (...,), and ``bound`` (...,) with |signed| <= bound."""

    signed: Array
    bound: Array


def measure_coupling(network: NearNetwork, x: ArrayLike, *, base: NearNetwork | None = None) -> Coupling:
    """Return f - f_base - linearization at the base, P sum_r s_r relu(-beta(u_r) u'_r), at points x (..., d).

    u_r, u'_r: the units' preactivations in ``base`` (default: the initialization) and in ``network``; the
    linearization is (1/m) sum_r 1{u_r >= 0} <theta'_r - theta_r, x>, at the initialization the pseudo-network. The
    bound is the same sum without signs. Cost: O(m d) for each point.
    Raises ValueError if the two networks have other units or scales.

    >>> from constructive.nearinit.units import Scale
    >>> units = Units([[1.0], [1.0]], [-1.0, -1.0], [1.0, -1.0], True)
    >>> moved = NearNetwork(units, [[4.0], [0.0]], Scale(1.0, 1.0))
    >>> found = measure_coupling(moved, [[1.0], [0.5]])  # at 1 the first unit is 0 and counts as open; at 0.5 it opens
    >>> found.signed.tolist(), found.bound.tolist()
    ([0.0, 0.5], [0.0, 0.5])
    """
    who = "measure_coupling"
    start = network.initial() if base is None else base
    if start.units is not network.units or start.scale.product != network.scale.product:
        raise ValueError(f"{who}: base must have the units and the scale of the network; make it as "
                         "NearNetwork(network.units, theta, network.scale)")
    points = np.asarray(x, dtype=np.float64)
    if points.ndim == 0 or points.shape[-1] != network.units.dimension:
        raise ValueError(f"{who}: x must have shape (..., {network.units.dimension}), got {points.shape}")
    rows = points.reshape(-1, points.shape[-1])
    signed, bound = np.empty(rows.shape[0]), np.empty(rows.shape[0])
    block = max(1, _NUMBERS // network.units.width)
    for begin in range(0, rows.shape[0], block):
        part = slice(begin, begin + block)
        before, after = _preactivations(start, rows[part]), _preactivations(network, rows[part])
        over = np.maximum(np.where(before >= 0.0, -after, after), 0.0)
        signed[part] = network.scale.product * (over @ network.units.sign)
        bound[part] = network.scale.product * over.sum(axis=1)
    return Coupling(signed.reshape(points.shape[:-1]), bound.reshape(points.shape[:-1]))


def _preactivations(network: NearNetwork, rows: Array) -> Array:
    units = network.units
    return units.preactivations(rows) + units.sign * (rows @ network.theta.T) / (units.width * network.scale.product)


def expected_coupling(length: float, width: int, product: float, *, dependent: bool = False) -> float:
    """Return E P sum_r relu(-beta(u_r)(u_r + v)), (m P / 2)(v erf(v/2) - (2/sqrt(pi))(1 - exp(-v^2/4))), v = R / (m P).

    ``length`` R is |<theta_r, x>|, the same for all m = ``width`` units and chosen without looking at them; x a unit
    vector, ``product`` P. For |<theta_r, x>| <= R it is an upper bound, and at most R^2 / (4 sqrt(pi) m P).
    ``dependent``: theta may be chosen after the units; then the bound is twice that, and reached.

    >>> round(expected_coupling(8.0, 1, 1.0), 9)
    3.435810418
    """
    who = "expected_coupling"
    m = as_count(width, who, "width", at_least=1)
    size = m * as_number(product, who, "product", above=0.0)
    v = as_number(length, who, "length", at_least=0.0) / size
    half = 0.5 * (v * float(erf(v / 2.0)) + 2.0 / math.sqrt(math.pi) * math.expm1(-v * v / 4.0))
    return (2.0 if dependent else 1.0) * size * max(half, 0.0)


def narrow_share(units: Units, x: ArrayLike, reach: float) -> Array:
    """Return the share of the units with |u_r(x)| <= reach at points x (..., d), shape (...,)."""
    size = as_number(reach, "narrow_share", "reach", at_least=0.0)
    points = np.asarray(x, dtype=np.float64)
    rows = points.reshape(-1, points.shape[-1])
    found = np.empty(rows.shape[0])
    block = max(1, _NUMBERS // units.width)
    for begin in range(0, rows.shape[0], block):
        part = slice(begin, begin + block)
        found[part] = (np.abs(units.preactivations(rows[part])) <= size).mean(axis=1)
    return found.reshape(points.shape[:-1])


def narrow_share_bound(width: int, dimension: int, reach: float) -> float:
    """Return v / sqrt(pi) + 2 sqrt(2 ln(cells) / m) >= E sup_x (share of units with |u_r(x)| <= v), v = reach.

    x ranges over the unit sphere of ``dimension`` d, m = ``width`` independent units; cells = sum over j <= d of
    C(2m, j) bounds the sign patterns of the 2m planes u_r = +-v. Never more than 1.

    >>> round(narrow_share_bound(4096, 2, 0.1), 3)
    0.24
    """
    who = "narrow_share_bound"
    m, d = as_count(width, who, "width", at_least=1), as_count(dimension, who, "dimension", at_least=1)
    size = as_number(reach, who, "reach", at_least=0.0)
    j = np.arange(min(d, 2 * m) + 1)
    cells = float(logsumexp(gammaln(2 * m + 1) - gammaln(j + 1) - gammaln(2 * m - j + 1)))
    return min(1.0, size / math.sqrt(math.pi) + 2.0 * math.sqrt(2.0 * cells / m))


def uniform_coupling(units: Units, x: ArrayLike, product: float, largest: float, other: float = 0.0) -> Array:
    """Return (H + H') share(max(H, H') / (m P)) (...,): a bound of f' - f - linearization at f, for all moves at once.

    It holds at unit points x (..., d) for every theta, theta' with max |theta_r| <= H = ``largest`` and
    max |theta'_r| <= H' = ``other`` (0: one of the two is the initialization), however they depend on the units.
    """
    who = "uniform_coupling"
    first, second = (as_number(h, who, n, at_least=0.0) for h, n in ((largest, "largest"), (other, "other")))
    size = units.width * as_number(product, who, "product", above=0.0)
    return np.asarray((first + second) * narrow_share(units, x, max(first, second) / size))


def expected_uniform_coupling(width: int, dimension: int, product: float, largest: float, other: float = 0.0, *,
                              paired: bool = False) -> float:
    """Return a bound of E sup_x of :func:`uniform_coupling` over the unit sphere, from :func:`narrow_share_bound`.

    ``paired``: the width counts both copies of each unit, of which half are independent.

    >>> expected_uniform_coupling(10**9, 8, 1.0, 20.0, 20.0, paired=True) < 0.1
    True
    """
    who = "expected_uniform_coupling"
    m = as_count(width, who, "width", at_least=2 if paired else 1)
    first, second = (as_number(h, who, n, at_least=0.0) for h, n in ((largest, "largest"), (other, "other")))
    reach = max(first, second) / (m * as_number(product, who, "product", above=0.0))
    return (first + second) * narrow_share_bound(m // 2 if paired else m, dimension, reach)
