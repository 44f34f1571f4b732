"""Weights near initialization in closed form: data enter through formulas only, nothing is fitted.

A step p with p ~ 1 on a point's own cap and ~ 0 on the others gives the target f(x) = sum_i y_i p(<x_i, x>). Each
term is an average over random gates of a feature of (w, b) that knows x_i alone, so that the pseudo-network whose
theta_r holds those features at unit r has the target as its mean: it differs from it like m^(-1/2). Two features:
- bounded: for p = sum_j a_j kappa(s_j t), agreement gates, weights bounded by |y|_1 |a|_1 whatever the width;
- Hermite: for a power series p, Hermite polynomials with their bias gates; unbounded, of heavy tails. Bounded
  features are the sum of all of them for the same p, so that nothing but the tails is lost by having finitely many.
Two directions: "anchor", theta along the data x_i, p with a factor t in front; "constant", theta along the last
coordinate, which all points share, also under perturbation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from constructive._checks import as_number
from constructive.nearinit.geometry import Caps
from constructive.nearinit.hermite import agreement_gate, each_hermite, normal_density
from constructive.nearinit.series import agreement, feature_norms
from constructive.nearinit.step import StepTask
from constructive.nearinit.units import PseudoNetwork, Units

__all__ = ["AtomSum", "PowerSum", "agreement_energy", "bounded_frobenius", "bounded_largest", "bounded_weights",
           "hermite_energy", "hermite_frobenius", "hermite_weights"]

Array = NDArray[np.float64]

_BLOCK = 4096
"""Units worked on at a time: their features of all data stay in the cache."""


@runtime_checkable
class AtomSum(Protocol):
    """A step p(t) = t^shift sum_j heights_j kappa(slopes_j t); shift = 1 for the direction "anchor", else 0."""

    @property
    def direction(self) -> str:
        """"anchor" or "constant"."""
        ...

    @property
    def slopes(self) -> Array:
        """The slopes, in [-1, 1]."""
        ...

    @property
    def heights(self) -> Array:
        """One height for each slope."""
        ...

    @property
    def task(self) -> StepTask:
        """The inner products on which the errors are certified."""
        ...

    @property
    def certified(self) -> tuple[float, float]:
        """Proved bounds of |p - 1| on the own and of |p| on the foreign inner products."""
        ...

    def __call__(self, t: ArrayLike, /) -> Array:
        """Return p(t)."""
        ...


class PowerSum(Protocol):
    """A step p(t) = sum_k coefficients_k t^(powers_k + shift); shift = 1 for the direction "anchor", else 0."""

    @property
    def direction(self) -> str:
        """"anchor" or "constant"."""
        ...

    @property
    def powers(self) -> NDArray[np.int64]:
        """The powers without the shift, increasing."""
        ...

    @property
    def coefficients(self) -> Array:
        """One coefficient for each power."""
        ...

    @property
    def task(self) -> StepTask:
        """The inner products on which the errors are certified."""
        ...

    @property
    def certified(self) -> tuple[float, float]:
        """Proved bounds of |p - 1| on the own and of |p| on the foreign inner products."""
        ...

    def __call__(self, t: ArrayLike, /) -> Array:
        """Return p(t)."""
        ...


def bounded_weights(caps: Caps, y: ArrayLike, step: AtomSum, units: Units) -> PseudoNetwork:
    """Return the pseudo-network theta_r = sum_i y_i h_i(r) x_i, h_i(r) = sum_j a_j gate(s_j, <w_r, x_i>, b_r).

    a, s are the step's heights and slopes, gate the agreement gate in [0, 1]. Its mean over the units is
    sum_i y_i p(<x_i, x>); max_r |theta_r| <= :func:`bounded_largest` always, and the mean of |theta_r|^2 has the
    expected value :func:`bounded_frobenius` squared. For the direction "constant", theta_r = (0, ..., 0, sum_i
    y_i h_i(r) / c), c the last coordinate of all x_i, and all this holds on the slice of that height.
    Cost: O(m n (d + atoms)). Raises ValueError for arguments that do not fit.

    >>> from constructive.nearinit import atoms, caps, draw_units, step
    >>> two = caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.1)
    >>> best = atoms.atomic_step(step.step_task(two, error=0.2))
    >>> network = bounded_weights(two, [1.0, -1.0], best, draw_units(1000, 2, rng=0))
    >>> bool(network.largest <= bounded_largest(two, [1.0, -1.0], best))
    True
    """
    who = "bounded_weights"
    labels = as_labels(y, caps, who)
    _fits(caps, units, who)
    slopes, heights = _as_terms(step.slopes, step.heights, "slopes", who)

    def features(inner: Array, bias: Array) -> Array:
        total = np.zeros_like(inner)
        for slope, height in zip(slopes, heights, strict=True):
            total += height * agreement_gate(slope, inner, bias[:, None])
        return total

    return _assembled(caps, labels, units, step.direction, features, who)


def hermite_weights(caps: Caps, y: ArrayLike, step: PowerSum, units: Units, *,
                    truncation: float | None = None) -> PseudoNetwork:
    """Return the pseudo-network theta_r = sum_i y_i h_i(r) x_i, h_i = sum_k (q_k / sigma_k) He_k(<w, x_i>) gate_k(b).

    q_k are the step's coefficients. Its mean over the units is sum_i y_i p(<x_i, x>), and the mean of |theta_r|^2 has
    the expected value :func:`hermite_frobenius` squared, but single theta_r are unbounded, and their largest grows
    with the width. ``truncation`` cuts features to 0 where |<w, x_i>| exceeds it, at a bias of at most
    |y|_1 sum_k |q_k| / sigma_k truncation_norm_k. Direction "constant" as in :func:`bounded_weights`.
    Cost: O(m n (d + largest power)). Raises ValueError for arguments that do not fit.

    >>> from types import SimpleNamespace
    >>> from constructive.nearinit import caps, draw_units
    >>> linear = SimpleNamespace(powers=np.array([0]), coefficients=np.array([1.0]), direction="anchor")
    >>> network = hermite_weights(caps([[1.0, 0.0]], 0.1), [1.0], linear, draw_units(20_000, 2, rng=0))
    >>> bool(abs(network([1.0, 0.0]) - 1.0) < 0.02)  # the target is <x_1, x>
    True
    """
    who = "hermite_weights"
    labels = as_labels(y, caps, who)
    _fits(caps, units, who)
    powers, coefficients = _as_powers(step, who)
    reach = np.inf if truncation is None else as_number(truncation, who, "truncation", above=0.0)
    factors = np.zeros(int(powers[coefficients != 0.0].max(initial=0)) + 1)
    powers, coefficients = powers[powers < factors.size], coefficients[powers < factors.size]
    factors[powers] = coefficients / feature_norms(factors.size)[powers] ** 2

    def features(inner: Array, bias: Array) -> Array:
        total = np.zeros_like(inner)
        for factor, function, gate in zip(factors, each_hermite(inner), _each_bias_factor(bias), strict=False):
            if factor != 0.0:
                total += (factor * gate)[:, None] * function
        return np.where(np.abs(inner) <= reach, total, 0.0)

    return _assembled(caps, labels, units, step.direction, features, who)


def bounded_largest(caps: Caps, y: ArrayLike, step: AtomSum) -> float:
    """Return |y|_1 max(a_+, a_-) <= |y|_1 |a|_1, a bound of every |theta_r| of :func:`bounded_weights`.

    a_+ and a_- are the sums of the step's positive heights and of the sizes of its negative ones: gates lie in [0, 1].
    Divided by the common last coordinate for the direction "constant". Larger than the real bound by a few roundings.
    """
    who = "bounded_largest"
    labels = as_labels(y, caps, who)
    _, heights = _as_terms(step.slopes, step.heights, "slopes", who)
    largest = max(float(heights[heights > 0].sum()), float(-heights[heights < 0].sum()))
    roundings = 1.0 + 2.0**-50 * (caps.n + heights.size + caps.dimension)
    return float(np.abs(labels).sum()) * largest * roundings / abs(constant_height(caps, step.direction, who))


def bounded_frobenius(caps: Caps, y: ArrayLike, step: AtomSum) -> float:
    """Return the root of E|theta|^2 = sum_jl a_j a_l y' (T o kappa(s_j s_l T)) y of :func:`bounded_weights`.

    T is the Gram matrix of the data, o the product of entries; direction "constant": y' kappa(s_j s_l T) y over the
    common last coordinate squared.
    """
    who = "bounded_frobenius"
    slopes, heights = _as_terms(step.slopes, step.heights, "slopes", who)
    return _expected_norm(caps, y, step.direction, who,
                          lambda gram: agreement_energy(gram, slopes, heights))


def hermite_frobenius(caps: Caps, y: ArrayLike, step: PowerSum) -> float:
    """Return the root of E|theta|^2 = y' [sum_k (q_k / sigma_k)^2 T^(k + 1)] y of :func:`hermite_weights`, untruncated.

    Powers of the Gram matrix T are taken entry by entry; direction "constant": T^k over the common last coordinate
    squared.
    """
    who = "hermite_frobenius"
    powers, coefficients = _as_powers(step, who)
    return _expected_norm(caps, y, step.direction, who, lambda gram: hermite_energy(gram, powers, coefficients))


def agreement_energy(gram: Array, slopes: Array, heights: Array) -> Array:
    """Return E[h_i h_l] = sum_jk a_j a_k kappa(s_j s_k T_il), the second moments (n, n) of bounded features."""
    pairs = np.multiply.outer(gram, np.outer(slopes, slopes))
    return np.asarray(np.einsum("iljk,j,k->il", agreement(pairs), heights, heights))


def hermite_energy(gram: Array, powers: NDArray[np.int64], coefficients: Array) -> Array:
    """Return E[h_i h_l] = sum_k (q_k / sigma_k)^2 T_il^k, the second moments (n, n) of Hermite features."""
    squares = (coefficients / feature_norms(int(powers.max()) + 1)[powers]) ** 2
    return np.asarray(gram[..., None] ** powers @ squares)


# -- what both kinds share ------------------------------------------------------------------------------------------


class _Features(Protocol):
    def __call__(self, inner: Array, bias: Array, /) -> Array: ...


class _Energy(Protocol):
    def __call__(self, gram: Array, /) -> Array: ...


def _assembled(caps: Caps, labels: Array, units: Units, direction: str, features: _Features, who: str
               ) -> PseudoNetwork:
    height = constant_height(caps, direction, who)
    theta = np.zeros_like(units.weight)
    for start in range(0, units.width, _BLOCK):
        block = slice(start, start + _BLOCK)
        found = features(units.weight[block] @ caps.X.T, units.bias[block]) * labels
        if direction == "anchor":
            theta[block] = found @ caps.X
        else:
            theta[block, -1] = found.sum(axis=1) / height
    return PseudoNetwork(units, theta)


def _each_bias_factor(bias: Array) -> Iterator[Array]:
    """Yield sigma_k gate_k(bias) for k = 0, 1, ...: Phi(b), then He_(k-1)(-b) phi(b) / sqrt(k)."""
    yield np.asarray(ndtr(bias))
    density = normal_density(bias)
    for k, function in enumerate(each_hermite(-bias), start=1):
        yield function * density / np.sqrt(k)


def _expected_norm(caps: Caps, y: ArrayLike, direction: str, who: str, energy: _Energy) -> float:
    labels = as_labels(y, caps, who)
    gram = np.clip(caps.X @ caps.X.T, -1.0, 1.0)
    moments = energy(gram)
    if direction == "anchor":
        moments = moments * gram
    return float(np.sqrt(max(0.0, float(labels @ moments @ labels)))) / abs(constant_height(caps, direction, who))


def constant_height(caps: Caps, direction: str, who: str) -> float:
    """Return what the moves are divided by: 1 along the data, the common last coordinate along a constant one."""
    if direction == "anchor":
        return 1.0
    if direction != "constant":
        raise ValueError(f"{who}: the step has direction={direction!r}, it must be 'anchor' or 'constant'")
    last = caps.X[:, -1]
    if last[0] == 0.0 or np.ptp(last) > 1e-9:
        raise ValueError(f"{who}: a step of direction 'constant' needs one last coordinate, not 0, for all points, but "
                         f"they run from {last.min():.9g} to {last.max():.9g}; use lifted(Z) or direction 'anchor'")
    return float(last[0])


def _fits(caps: Caps, units: Units, who: str) -> None:
    if caps.dimension != units.dimension:
        raise ValueError(f"{who}: caps have {caps.dimension} coordinates, units {units.dimension} inputs; draw_units("
                         f"width, {caps.dimension}, rng=...) fits")


def as_labels(y: ArrayLike, caps: Caps, who: str) -> Array:
    """Return one finite label for each cap, or raise ValueError."""
    labels = np.asarray(y, dtype=np.float64)
    if labels.shape != (caps.n,) or not np.isfinite(labels).all():
        raise ValueError(f"{who}: y has shape {labels.shape}; pass one finite value for each of the {caps.n} caps")
    return labels


def _as_terms(first: ArrayLike, second: ArrayLike, name: str, who: str) -> tuple[Array, Array]:
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.size == 0 or one.shape != two.shape or not np.isfinite(np.concatenate([one, two])).all():
        raise ValueError(f"{who}: the step's {name} {one.shape} and their factors {two.shape} must be finite vectors "
                         "of one length, at least 1")
    return one, two


def _as_powers(step: PowerSum, who: str) -> tuple[NDArray[np.int64], Array]:
    powers, coefficients = _as_terms(step.powers, step.coefficients, "powers", who)
    whole = powers.astype(np.int64)
    if (whole != powers).any() or whole.min() < 0:
        raise ValueError(f"{who}: the step's powers must be whole numbers >= 0, got {powers.min():.9g} .. "
                         f"{powers.max():.9g}")
    return whole, coefficients
