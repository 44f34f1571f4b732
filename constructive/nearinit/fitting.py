"""Minimal-norm weights near initialization that fit whole caps: a dual problem in few numbers, and cutting planes.

Data flow: anchors (the centers and a few points of each cap) -> the empirical kernel of their features -> the dual
min_a a'Ka/2 - y'a + error |a|_1 by exact coordinate descent -> theta_r = sum_j a_j 1{u_r(z_j) >= 0} z_j -> an attack
looks for points of the caps where that network is off by more -> these become anchors, until none is found.
The constraints at the anchors hold at any width, without Monte-Carlo error, and |theta_r| <= |a|_1 for every unit. What
holds between anchors is what the attack did not refute: a lower estimate of the deviation on the caps, not a bound.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.nearinit.attacks import Deviation, robust_deviation
from constructive.nearinit.gated import GatedSum
from constructive.nearinit.geometry import Caps
from constructive.nearinit.kernel import empirical_kernel, open_gates
from constructive.nearinit.units import PseudoNetwork, Units

__all__ = ["DualFit", "FitRound", "RobustFit", "TooNarrowError", "fit_anchors", "fit_dual", "robust_fit",
           "swift_attack"]

Array = NDArray[np.float64]
Attack = Callable[..., Deviation]

TOLERANCE = 1e-10
"""Coordinate descent stops at this gap, relative to max(1, |y'a|), and at this violation."""


def swift_attack(function: Any, caps: Caps, y: ArrayLike, *, rng: Any, at: ArrayLike) -> Deviation:
    """Return the largest |function - y_i| that a short attack on the caps meets, from the centers and from ``at``.

    The same ascent as :func:`~constructive.nearinit.attacks.robust_deviation`, with a tenth of its steps.
    """
    return robust_deviation(function, caps, y, rng=rng, steps=6, starts=1, smoothing=(0.3, 0.08), at=at)


ATTACKS: tuple[Attack, ...] = (swift_attack, robust_deviation)
"""The attacks that a fit must stand, from cheap to strong."""


class TooNarrowError(ValueError):
    """No unit is open at some anchor: there every move of the weights gives 0; more units are needed."""


@dataclass(frozen=True, slots=True, eq=False)
class DualFit:
    """What coordinate descent found: ``duals`` a (n,), ``values`` K a, and how good they are.

    ``objective`` = a'Ka/2 - y'a + error |a|_1 is an upper bound of its minimum, and -2 objective a lower bound of the
    least a'Ka under |K a - y| <= error. ``violation`` = max(0, max|K a - y| - error). ``gap`` = a'Ka - y'a +
    (error + violation) |a|_1 >= 0: half of a'Ka is within ``gap`` of the least for tolerance error + violation, so
    both numbers certify the fit whoever made it. ``sweeps`` were made.
    """

    duals: Array
    values: Array
    objective: float
    gap: float
    violation: float
    sweeps: int

    @property
    def length(self) -> float:
        """The sum |a|_1, a bound of every |theta_r| if anchors have norm at most 1."""
        return float(np.abs(self.duals).sum())

    @property
    def energy(self) -> float:
        """The square a'Ka of the weights' root mean square."""
        return max(0.0, float(self.duals @ self.values))


def fit_dual(kernel: ArrayLike, y: ArrayLike, *, error: float, sweeps: int = 20_000,
             start: ArrayLike | None = None) -> DualFit:
    """Return the minimizer a of a'Ka/2 - y'a + error |a|_1, the dual of: least |theta|^2 under |g(z_j) - y_j| <= error.

    kernel K (n, n) symmetric, positive semidefinite; y (n,); error >= 0; ``start`` (n,) to begin from, 0 if None.
    Exact coordinate descent a_j <- soft(y_j - sum_(l != j) K_jl a_l, error) / K_jj: each step lowers the objective; it
    stops at a gap of 1e-10 max(1, |y'a|) and a violation of 1e-10, or after ``sweeps``: read ``gap`` and ``violation``.
    No ridge is added: if K_jj = 0 no weights reach the anchor, g(z_j) = 0. Raises TooNarrowError, a
    ValueError, if then |y_j| > error, TypeError or ValueError for other arguments.

    >>> fit = fit_dual([[0.5, 0.0], [0.0, 0.5]], [1.0, 0.05], error=0.1)
    >>> fit.duals.tolist(), round(fit.energy, 12), fit.gap < 1e-12
    ([1.8, 0.0], 1.62, True)
    """
    from constructive._kernels.fitting import descend

    who = "fit_dual"
    matrix = as_points(kernel, who, "kernel")
    if matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, matrix.T):
        raise ValueError(f"{who}: kernel must be a symmetric matrix (n, n), got shape {matrix.shape}"
                         + ("" if matrix.shape[0] != matrix.shape[1] else "; pass (K + K.T) / 2"))
    n = matrix.shape[0]
    wanted = _as_values(y, n, who, "y")
    slack, most = as_number(error, who, "error", at_least=0.0), as_count(sweeps, who, "sweeps", at_least=1)
    diagonal = np.diagonal(matrix)
    if diagonal.min() < 0.0:
        raise ValueError(f"{who}: kernel[{diagonal.argmin()}, {diagonal.argmin()}]={diagonal.min()!r} must be >= 0")
    lost = np.flatnonzero((diagonal == 0.0) & (np.abs(wanted) > slack))
    if lost.size:
        j = int(lost[0])
        raise TooNarrowError(f"{who}: width too small: no unit is open at anchor {j} (kernel[{j}, {j}] = 0), where "
                             f"every move of the weights gives 0 and y[{j}]={wanted[j]!r} is farther than "
                             f"error={slack!r}; draw more units")
    duals = np.zeros(n) if start is None else _as_values(start, n, who, "start").copy()
    duals[diagonal == 0.0] = 0.0
    values = np.zeros(n)
    made, gap, violation = descend(matrix, wanted, slack, duals, values, most, TOLERANCE)
    objective = float(duals @ values / 2.0 - wanted @ duals + slack * np.abs(duals).sum())
    for part in (duals, values):
        part.setflags(write=False)
    return DualFit(duals, values, objective, float(gap), float(violation), int(made))


@dataclass(frozen=True, slots=True, eq=False)
class FitRound:
    """One round of cutting planes: counts of anchors and of those with a dual that is not 0, the solver's gap and
    violation, and the largest deviation on the caps that the attack found.
    """

    anchors: int
    active: int
    gap: float
    violation: float
    found: float


@dataclass(frozen=True, slots=True, eq=False)
class RobustFit:
    """Weights theta_r = sum_j a_j 1{u_r(z_j) >= 0} z_j of least mean square that fit anchors z_j within a tolerance.

    anchors (k, d), targets (k,); ``dual`` holds a and its certificate, for tolerance ``error`` at the anchors.
    ``history``: one entry a round; ``settled``: the last attack found no deviation above what was asked for. At all
    anchors |g - target| <= error + dual.violation up to rounding; elsewhere on the caps the attack is what is known.
    """

    units: Units
    anchors: Array
    targets: Array
    error: float
    dual: DualFit
    history: tuple[FitRound, ...]
    settled: bool

    @property
    def theta(self) -> Array:
        """The move (m, d) of the first layer."""
        active = np.flatnonzero(self.dual.duals)
        if active.size == 0:
            return np.zeros_like(self.units.weight)
        gates = open_gates(self.units, self.anchors[active])
        return np.asarray(gates.T @ (self.dual.duals[active, None] * self.anchors[active]))

    @property
    def network(self) -> PseudoNetwork:
        """The pseudo-network that fits; formed anew at each call."""
        return PseudoNetwork(self.units, self.theta)

    @property
    def frobenius(self) -> float:
        """The root mean square of |theta_r|, sqrt(a'Ka)."""
        return float(np.sqrt(self.dual.energy))

    @property
    def bound(self) -> float:
        """The sum |a|_1: no |theta_r| is larger."""
        return self.dual.length


def fit_anchors(units: Units, anchors: ArrayLike, targets: ArrayLike, *, error: float,
                start: ArrayLike | None = None, sweeps: int = 20_000) -> RobustFit:
    """Return the weights of least mean square with |g(z_j) - target_j| <= error at the anchors z_j, and nowhere else.

    anchors (k, d), targets (k,). One dual problem, no attack: history is empty and ``settled`` says whether the
    violation is at most 1e-9. Raises TooNarrowError as :func:`fit_dual` does; TypeError or ValueError for arguments.

    >>> from constructive.nearinit.units import draw_units
    >>> fit = fit_anchors(draw_units(64, 2, rng=0), [[1.0, 0.0], [-1.0, 0.0]], [1.0, -1.0], error=0.25)
    >>> fit.network([[1.0, 0.0], [-1.0, 0.0]]).round(9).tolist()
    [0.75, -0.75]
    """
    points = as_points(anchors, "fit_anchors", "anchors", dimension=units.dimension)
    wanted = _as_values(targets, points.shape[0], "fit_anchors", "targets")
    dual = fit_dual(_symmetric(empirical_kernel(units, points)), wanted, error=error, sweeps=sweeps, start=start)
    return RobustFit(units, points, wanted, float(error), dual, (), dual.violation <= 1e-9)


def robust_fit(caps: Caps, y: ArrayLike, units: Units, *, error: float, rng: Any = 0, draws: int = 4, rounds: int = 24,
               tighten: float = 0.8, attacks: Sequence[Attack] = ATTACKS, sweeps: int = 20_000) -> RobustFit:
    """Return weights of small mean square with |g - y_i| <= error at all points of the caps that an attack looked at.

    y (n,) is wanted on the n caps. Anchors: the centers and ``draws`` random points of each cap, fitted within
    tighten * error; then in each of at most ``rounds`` rounds each of ``attacks``, called as attack(function, caps, y,
    rng=, at=) and returning a :class:`~constructive.nearinit.attacks.Deviation`, looks for the worst point of each cap,
    until one of them is off by more than ``error``: the points off by more than tighten * error become anchors. If none
    is, the fit is settled. ``attacks`` go from cheap to strong: :func:`swift_attack`, then ``robust_deviation``; for
    very wide networks pass the first alone, at a tenth of the cost of the second.
    Warns (RuntimeWarning) if the last round does not settle. Cost a round: k^2 (m + sweeps) for k anchors, and attacks.
    Raises TooNarrowError, a ValueError, if no unit is open at an anchor; TypeError or ValueError for arguments.

    >>> from constructive.nearinit.geometry import caps
    >>> from constructive.nearinit.units import draw_units
    >>> two = caps([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], 0.125)
    >>> fit = robust_fit(two, [1.0, -1.0], draw_units(256, 3, rng=0), error=0.25)
    >>> fit.settled, fit.network.largest <= fit.bound
    (True, True)
    """
    fit = cutting_planes(caps, y, units, error=error, rng=rng, draws=draws, rounds=rounds, tighten=tighten,
                         attacks=attacks, sweeps=sweeps)
    if not fit.settled:
        warnings.warn(f"robust_fit: after {rounds} rounds the attack still finds a deviation of "
                      f"{fit.history[-1].found:.4g} > error={error!r}, anchors are violated by "
                      f"{fit.dual.violation:.2g}; pass more units or more rounds", RuntimeWarning, stacklevel=2)
    return fit


def cutting_planes(caps: Caps, y: ArrayLike, units: Units, *, error: float, rng: Any, draws: int, rounds: int,
                   tighten: float, attacks: Sequence[Attack], sweeps: int) -> RobustFit:
    """Return what :func:`robust_fit` returns, without its warning."""
    who = "robust_fit"
    wanted = _as_values(y, caps.n, who, "y")
    if caps.dimension != units.dimension:
        raise ValueError(f"{who}: caps lie in dimension {caps.dimension}, units in {units.dimension}; pass units of "
                         "the caps' dimension")
    if not attacks:
        raise ValueError(f"{who}: attacks is empty; pass at least one, such as swift_attack")
    goal, share = as_number(error, who, "error", above=0.0), as_number(tighten, who, "tighten", above=0.0, below=1.0)
    extra, last = as_count(draws, who, "draws"), as_count(rounds, who, "rounds", at_least=1)
    generator, index = np.random.default_rng(rng), np.arange(caps.n)
    anchors = np.vstack([caps.X, *(caps.draw(index, generator) for _ in range(extra if caps.radius > 0.0 else 0))])
    targets = np.tile(wanted, anchors.shape[0] // caps.n)
    found, duals, history = caps.X, np.zeros(targets.size), []
    while True:
        fit = fit_anchors(units, anchors, targets, error=share * goal, start=duals, sweeps=sweeps)
        seen = _seek(fit.network.gated(), caps, wanted, attacks, goal, generator, found)
        history.append(FitRound(targets.size, int(np.count_nonzero(fit.dual.duals)), fit.dual.gap,
                                fit.dual.violation, seen.worst))
        if seen.worst <= goal or len(history) == last:
            return RobustFit(units, anchors, targets, share * goal, fit.dual, tuple(history), seen.worst <= goal)
        # Anchors are fitted within share * goal, so that a point off by more is new and the kernel stays regular.
        new = np.flatnonzero(seen.deviations > share * goal + fit.dual.violation + 1e-9)
        anchors, targets = np.vstack([anchors, seen.points[new]]), np.concatenate([targets, wanted[new]])
        duals, found = np.concatenate([fit.dual.duals, np.zeros(new.size)]), seen.points


def _seek(function: GatedSum, caps: Caps, y: Array, attacks: Sequence[Attack], goal: float, rng: np.random.Generator,
          at: Array) -> Deviation:
    """Return what the first attack found that reached beyond the goal, or the last one."""
    for attack in attacks:
        seen: Deviation = attack(function, caps, y, rng=rng, at=at)
        if seen.worst > goal:
            break
        at = seen.points
    return seen


def _symmetric(kernel: Array) -> Array:
    return (kernel + kernel.T) / 2.0  # BLAS need not sum both halves in the same order


def _as_values(y: ArrayLike, n: int, who: str, name: str) -> Array:
    values = np.array(y, dtype=np.float64)
    if values.shape != (n,) or not np.isfinite(values).all():
        raise ValueError(f"{who}: {name} has shape {values.shape}; pass {n} finite values, one for each row")
    return values
