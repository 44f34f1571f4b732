"""Adversarial training of the linearized network: residuals pulled at rates that the attack multiplies.

Model: the attack turns each residual u_i into Xi_i(t) u_i, so that du/dt = -theta Xi(t) u. Data flow: strengths, in any
of three forms -> pieces on which they are constant -> one propagator for each piece -> residuals u and movement z, with
u_t = u_0 - theta z_t and f_t(x) = f_0(x) - k(x, X) z_t. No inverse is formed: theta may be singular, strengths 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count
from constructive.tangent.inputs import named
from constructive.tangent.matrices import as_columns, as_kernel_matrix
from constructive.tangent.predictor import KernelPredictor, TangentKernel
from constructive.tangent.propagator import Propagator, as_strengths

Array = NDArray[np.float64]
Strengths = ArrayLike | tuple[ArrayLike, ArrayLike] | Callable[[float], ArrayLike]
PROPORTIONAL = 1e-12  # relative deviation from rank one that rounding explains


@dataclass(frozen=True, slots=True, eq=False)
class AttackedFlow:
    """What attacked training has reached at some times.

    ``times`` (T,); ``residuals`` u (T, n, C); ``moved`` z (T, n, C); ``accumulated`` (T, n), the integrals of
    the strengths: they grow, what fades is exp(-theta diag(accumulated)).
    ``breaks`` (k + 1,) and ``values`` (k, n) are the strengths that were used, constant on each piece.
    """

    theta: Array
    start: Array
    times: Array
    residuals: Array
    moved: Array
    accumulated: Array
    breaks: Array
    values: Array

    def predictor(self, index: int, kernel: TangentKernel, X: ArrayLike, *, of: Literal["ntk", "nngp"] = "ntk",
                  ) -> KernelPredictor:
        """Return f_t - f_0 at ``times[index]`` as a function, for the kernel and points X of which theta was made."""
        named(of, "AttackedFlow.predictor")
        return KernelPredictor(kernel, np.asarray(X, dtype=np.float64), -self.moved[index], of)


def adversarial_flow(theta: ArrayLike, residual: ArrayLike, strengths: Strengths, times: ArrayLike, *,
                     steps: int = 200, method: Literal["product", "closed"] = "product") -> AttackedFlow:
    """Return the flow du/dt = -theta diag(strengths(t)) u from u = residual, (n,) or (n, C), at the given times >= 0.

    ``strengths`` >= 0: (n,) constant in time; or (breaks, values), values (k, n) on the k pieces between the
    breaks (k + 1,), from 0 to the last time or beyond; or a callable t -> (n,). "product" goes through the pieces with
    one propagator each: exact for constant and piecewise constant strengths; a callable is replaced by its values in
    the middle of about ``steps`` pieces, which errs by O(steps^-2). "closed" uses exp(-theta diag(accumulated)), which
    is right for all times exactly where strengths(t) = c(t) strengths(0) on each connected part of theta's graph, and
    is refused elsewhere (a callable is tried at its pieces' middles, a sample).

    Raises ValueError for negative strengths or times, pieces that end too early, or the closed form out of place.

    >>> adversarial_flow([[2.0]], [1.0], [3.0], [0.5]).residuals.round(6)
    array([[[0.049787]]])
    """
    who = "adversarial_flow"
    matrix = as_kernel_matrix(theta, who)
    start, _ = as_columns(residual, matrix.shape[0], who, "residual")
    moments = as_times(times, who)
    breaks, values = pieces(strengths, matrix.shape[0], moments, as_count(steps, who, "steps", at_least=1), who)
    if method == "closed":
        proportional(matrix, breaks, values[breaks[:-1] <= moments[-1]], who)
        accumulated = _integrals(strengths, moments, breaks, values)
        moved = np.array([Propagator.of(matrix, a).coefficients(start) for a in accumulated])
    elif method == "product":
        accumulated = integrated(moments, breaks, values)
        moved = _product(matrix, start, moments, breaks, values)
    else:
        raise ValueError(f"{who}: method={method!r} must be 'product' or 'closed'")
    residuals = start - matrix @ moved
    return AttackedFlow(matrix, start, moments, residuals, moved, accumulated, breaks, values)


def _product(theta: Array, start: Array, times: Array, breaks: Array, values: Array) -> Array:
    """Return z at each time: exp(-h theta diag(xi)) u = u - theta W(h xi) u on each piece."""
    moved = np.zeros((times.size, *start.shape))
    u, z = start, np.zeros_like(start)
    for left, right, xi in zip(breaks[:-1], breaks[1:], values, strict=True):
        inside = np.flatnonzero((times > left) & (times <= right))
        if left >= times.max():
            break
        propagator = Propagator.of(theta, xi)
        for k in inside:
            moved[k] = z + propagator.coefficients(u, times[k] - left)
        if np.isfinite(right):
            w = propagator.coefficients(u, right - left)
            u, z = u - theta @ w, z + w
    return moved


def as_times(times: Any, who: str) -> Array:
    """Return times as an ascending array (T,), T >= 1, finite and >= 0; a number counts as one time."""
    found = np.atleast_1d(np.array(times, dtype=np.float64))
    if found.ndim != 1 or found.size == 0 or not np.isfinite(found).all() or found.min() < 0.0:
        raise ValueError(f"{who}: times must be finite numbers >= 0, at least one, got {times!r}")
    if (np.diff(found) < 0.0).any():
        raise ValueError(f"{who}: times must ascend, got {times!r}")
    return found


def pieces(strengths: Strengths, n: int, times: Array, steps: int, who: str) -> tuple[Array, Array]:
    """Return (breaks (k + 1,), values (k, n)): the strengths, or what stands for them, constant on each piece."""
    if callable(strengths):
        ends = np.unique(np.append(times, 0.0))
        parts = [np.linspace(a, b, max(1, round(steps * (b - a) / ends[-1])) + 1)[1:]
                 for a, b in zip(ends, ends[1:], strict=False)]
        breaks = np.concatenate([[0.0], *parts]) if parts else np.array([0.0, 1.0])
        values = [as_strengths(strengths(float(t)), n, who) for t in (breaks[1:] + breaks[:-1]) / 2.0]
        return breaks, np.array(values)
    if isinstance(strengths, tuple):
        if len(strengths) != 2:
            raise ValueError(f"{who}: strengths must be (breaks, values), got {len(strengths)} parts")
        breaks, table = np.array(strengths[0], dtype=np.float64), np.array(strengths[1], dtype=np.float64)
        if breaks.ndim != 1 or table.shape != (breaks.size - 1, n) or breaks.size < 2:
            raise ValueError(f"{who}: strengths needs breaks (k + 1,) and values (k, {n}), got shapes {breaks.shape} "
                             f"and {table.shape}")
        if np.isnan(breaks).any() or breaks[0] != 0.0 or (np.diff(breaks) <= 0.0).any():
            raise ValueError(f"{who}: breaks must ascend from 0, got {breaks}")
        if breaks[-1] < times[-1]:
            raise ValueError(f"{who}: the strengths end at {float(breaks[-1])!r}, before the time "
                             f"{float(times[-1])!r}")
        return breaks, np.array([as_strengths(row, n, who) for row in table])
    return np.array([0.0, np.inf]), as_strengths(strengths, n, who)[None]


def integrated(times: Array, breaks: Array, values: Array) -> Array:
    """Return the integrals of piecewise constant values (k, ...) from 0 to each time, (T, ...)."""
    lengths = np.maximum(np.minimum(times[:, None], breaks[1:]) - breaks[:-1], 0.0)
    return np.asarray(np.tensordot(lengths, values, axes=1))


def _integrals(strengths: Strengths, times: Array, breaks: Array, values: Array) -> Array:
    """Return the integrals of the strengths themselves, by quadrature where they are a callable."""
    if not callable(strengths):
        return integrated(times, breaks, values)
    from scipy.integrate import quad_vec

    rate = strengths

    def at(t: float) -> Array:
        return as_strengths(rate(float(t)), values.shape[1], "adversarial_flow")

    ends = np.append(0.0, times)
    parts = [quad_vec(at, a, b, epsabs=1e-14, epsrel=1e-13)[0] if b > a else np.zeros(values.shape[1])
             for a, b in zip(ends[:-1], ends[1:], strict=True)]
    return np.asarray(np.cumsum(parts, axis=0))


def proportional(theta: Array, breaks: Array, values: Array, who: str) -> None:
    """Raise ValueError unless values (k, n) = c_k xi_i on each connected part of the graph of theta's nonzeros."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, part = connected_components(csr_array(theta != 0.0), directed=False)
    for c in range(count):
        members = np.flatnonzero(part == c)
        table = values[:, members]
        k, i = np.unravel_index(int(np.argmax(table)), table.shape)
        largest = table[k, i]
        if largest == 0.0:
            continue
        gap = np.abs(table - np.outer(table[:, i], table[k] / largest))
        if gap.max() > PROPORTIONAL * largest:
            other, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
            first, second = members[i], members[j]
            raise ValueError(
                f"{who}: the closed form needs strengths(t) = c(t) strengths(0), but samples {first} and {second}, "
                f"joined in theta, have {values[k, first]:.6g} and {values[k, second]:.6g} from t={breaks[k]:.6g}, "
                f"{values[other, first]:.6g} and {values[other, second]:.6g} from t={breaks[other]:.6g}; "
                "use method='product'")
