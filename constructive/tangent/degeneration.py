"""Adversarial training of the linearized network ends in the interpolant of plain training: how far it still is.

Data flow: strengths and times -> the attacked flow (measured gap to the interpolant) and, from the kernel matrix alone,
bounds on that gap: with the residuals known, with the strengths known, and with only their least value known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.evidence import Table
from constructive.tangent.attacked import Strengths, adversarial_flow, as_times, integrated, pieces
from constructive.tangent.inputs import named
from constructive.tangent.matrices import UNIT, as_columns, as_kernel_matrix, decomposed, negligible
from constructive.tangent.predictor import TangentKernel

Array = NDArray[np.float64]
RANGE = 1e-6  # relative part of the residuals outside the range of the kernel matrix that counts as outside


@dataclass(frozen=True, slots=True, eq=False)
class Degeneration:
    """The attacked predictor against the limit of training without attack, at times (T,) and over the points asked for.

    ``gap`` = max |f_t - f_inf|; ``posterior`` = max sqrt(q(x) V(u_t)), q(x) = k(x, X) k(X, X)^-1 k(X, x), V(u) =
    u^T k(X, X)^-1 u, which needs the residuals; ``sharper`` and ``prior`` replace V(u_t) by V(u_0) exp(-2 ...) of the
    integral of the least eigenvalue of diag(m) k(X, X) diag(m), m^2 the strengths, and of the least eigenvalue of
    k(X, X) times the least strength: gap <= posterior <= sharper <= prior. All (T,). ``energies`` V(u_t) (T, C),
    ``floors`` their lower bounds V(u_0) exp(-2 lmax int max strength), ``least`` and ``largest`` eigenvalue.
    ``violated`` (T,): the gap is above the posterior bound, or V outside its bounds, by more than rounding at some
    point or output. ``interpolates`` is False where the limit depends on the attack: then all bounds are infinite.
    ``notes`` say so in words, and name equal points with different labels. ``initial`` = max sqrt(q(x) V(u_0)).
    """

    times: Array
    gap: Array
    posterior: Array
    sharper: Array
    prior: Array
    energies: Array
    floors: Array
    violated: NDArray[np.bool_]
    least: float
    largest: float
    interpolates: bool
    initial: float
    notes: tuple[str, ...]

    def time_to(self, gap: float, *, strength: float = 1.0) -> float:
        """Return a time after which max |f_t - f_inf| <= gap whatever the attack, if all strengths stay >= strength."""
        who = "Degeneration.time_to"
        wanted, rate = as_number(gap, who, "gap", above=0.0), as_number(strength, who, "strength", above=0.0)
        if not self.interpolates:
            return math.inf
        return math.log(self.initial / wanted) / (self.least * rate) if self.initial > wanted else 0.0

    def table(self) -> Table:
        """Return the gap and its bounds at each time."""
        rows = tuple((f"{t:.4g}", *(f"{v:.3g}" for v in row), "yes" if bad else "no") for t, *row, bad in zip(
            self.times, self.gap, self.posterior, self.sharper, self.prior, self.violated, strict=True))
        return Table("distance of attacked training from the interpolant", (
            "time", "measured", "residuals known", "strengths known", "least strength known", "violated"), rows,
            "; ".join(self.notes))


def degeneration_bounds(kernel: TangentKernel, X: ArrayLike, y: ArrayLike, strengths: Strengths, times: ArrayLike,
                 Z: ArrayLike, *, f0: ArrayLike | None = None, steps: int = 200, of: Literal["ntk", "nngp"] = "ntk",
                 ) -> Degeneration:
    """Return how far attacked training is from the interpolant at the points Z (m, d), and bounds on it.

    X (n, d), y (n,) or (n, C), ``f0`` the initial values at X (0 if not given); ``strengths`` as in
    :func:`~constructive.tangent.attacked.adversarial_flow`. A callable is replaced by its values in the middle of
    about ``steps`` pieces, and the bounds are about those. No two strengths need commute or converge. For a singular
    kernel matrix inverses are pseudoinverses; if the residuals leave its range (equal points, different labels) the
    limit depends on the attack, and the report says so. Raises ValueError for wrong shapes and negative strengths.

    >>> from constructive.tangent import ReluKernel
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0]
    >>> bool(degeneration_bounds(ReluKernel(2), X, y, [1.0, 3.0], [0.5, 5.0], X).violated.any())
    False
    """
    who = "degeneration_bounds"
    points, others, moments = as_points(X, who), as_points(Z, who, "Z"), as_times(times, who)
    targets, _ = as_columns(y, points.shape[0], who, "y")
    start = -targets if f0 is None else as_columns(f0, points.shape[0], who, "f0")[0] - targets
    tangent = named(of, who)
    theta = as_kernel_matrix((kernel.ntk if tangent else kernel.nngp)(points), who, "k(X, X)")
    cross = np.asarray((kernel.ntk if tangent else kernel.nngp)(others, points))
    breaks, values = pieces(strengths, points.shape[0], moments, as_count(steps, who, "steps", at_least=1), who)
    flow = adversarial_flow(theta, start, (breaks, values), moments)
    return _report(points, theta, cross, start, targets, moments, breaks, values, flow.residuals, flow.moved)


def _report(points: Array, theta: Array, cross: Array, start: Array, targets: Array, times: Array, breaks: Array,
            values: Array, residuals: Array, moved: Array) -> Degeneration:
    eigenvalues, vectors = decomposed(theta, "degeneration_bounds", "k(X, X)")
    kept = eigenvalues > negligible(eigenvalues)
    least, largest = float(eigenvalues[kept][0]) if kept.any() else 0.0, float(eigenvalues[-1])
    outside = vectors[:, ~kept].T @ start
    interpolates = bool(np.linalg.norm(outside) <= RANGE * np.linalg.norm(start)) and bool(kept.any())
    roots = vectors[:, kept] / np.sqrt(eigenvalues[kept])  # roots roots^T is the (pseudo)inverse
    limit = roots @ (roots.T @ start)
    difference = cross @ (limit - moved)  # f_t - f_inf: (T, m, C)
    gap = np.abs(difference).max(axis=(1, 2))
    energies = ((roots.T @ residuals) ** 2).sum(axis=1)
    share = ((cross @ roots) ** 2).sum(axis=1)  # q(x)
    slow, fast = integrated(times, breaks, values.min(axis=1)), integrated(times, breaks, values.max(axis=1))
    between = integrated(times, breaks, _least_rates(theta, values, int(kept.sum())))
    first = ((roots.T @ start) ** 2).sum(axis=0)[None]
    prior, sharp = first * np.exp(-2.0 * least * slow)[:, None], first * np.exp(-2.0 * between)[:, None]
    floors = first * np.exp(-2.0 * largest * fast)[:, None]
    bound = np.sqrt(share[None, :, None] * energies[:, None, :])
    widest = math.sqrt(float(share.max()))
    rounding = _rounding(cross, limit, targets) + _solving(share, limit, least, largest)[:, None]
    wrong = (np.abs(difference) > bound * (1 + 1e-9) + rounding).any(axis=(1, 2))
    blurred = float(_solving(np.ones(1), limit, least, largest)[0])
    wrong |= (np.sqrt(energies) > np.sqrt(np.minimum(prior, sharp)) * (1 + 1e-9) + blurred).any(axis=1)
    wrong |= (np.sqrt(energies) * (1 + 1e-9) + blurred < np.sqrt(floors)).any(axis=1)
    if not interpolates:
        bound, prior, sharp = (np.full_like(part, np.inf) for part in (bound, prior, sharp))
        floors, wrong = np.zeros_like(floors), np.zeros_like(wrong)
    return Degeneration(times, gap, bound.max(axis=(1, 2)), _widened(widest, sharp), _widened(widest, prior), energies,
                        floors, wrong, least, largest, interpolates, widest * math.sqrt(float(first.max())),
                        _notes(points, targets, bool(kept.all()), interpolates))


def _widened(widest: float, energies: Array) -> Array:
    """Return sqrt(max q V) over the outputs; infinite energies stay so even where all q vanish."""
    most = np.sqrt(energies.max(axis=1))
    return np.where(np.isinf(most), np.inf, widest * np.where(np.isinf(most), 0.0, most))


def _least_rates(theta: Array, values: Array, rank: int) -> Array:
    """Return for each piece the least eigenvalue of diag(m) theta diag(m) on the range of theta, (k,).

    It has the nonzero eigenvalues of theta^(1/2) Xi theta^(1/2): the ``rank``-th largest is the least on the range.
    """
    if rank == 0:
        return np.zeros(len(values))
    roots = np.sqrt(values)
    found = np.array([np.linalg.eigvalsh(m[:, None] * theta * m)[-rank] for m in roots])
    return np.maximum(found, 0.0)


def _rounding(cross: Array, limit: Array, targets: Array) -> Array:
    """Return (m, 1): what rounding leaves of a gap of 0 in the labels' last places and the products k(x, X) alpha."""
    size = np.abs(cross) @ np.abs(limit).max(axis=1)
    return np.asarray(np.maximum(64.0 * np.abs(targets).max(), 4.0 * limit.shape[0] * size) * UNIT)[:, None]


def _solving(share: Array, limit: Array, least: float, largest: float) -> Array:
    """Return (m,), what solving leaves: an error E of the matrix moves f by at most sqrt(q) |E alpha| / sqrt(l)."""
    size = largest * float(np.linalg.norm(limit)) / math.sqrt(max(least, np.finfo(float).tiny))
    return np.asarray(8.0 * UNIT * math.sqrt(limit.shape[0]) * np.sqrt(share) * size)


def _notes(points: Array, targets: Array, regular: bool, interpolates: bool) -> tuple[str, ...]:
    if regular:
        return ()
    found = ["the kernel matrix is singular: inverses are pseudoinverses"]
    if not interpolates:
        found.append("the residuals leave its range, so that the limit depends on the attack and no bound holds")
    _, inverse = np.unique(points, axis=0, return_inverse=True)
    order = np.argsort(inverse.ravel(), kind="stable")
    for i, k in zip(order, order[1:], strict=False):
        if (points[i] == points[k]).all() and (targets[i] != targets[k]).any():
            found.append(f"X[{i}] and X[{k}] are equal, their labels {targets[i].tolist()} and {targets[k].tolist()} "
                         "are not")
    return tuple(found)
