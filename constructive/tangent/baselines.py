"""What adversarial training through a kernel has to beat: the interpolant, early stopping and ridge.

Early stopping and ridge choose their one number by the squared loss under attack on held-out points, the very loss that
:class:`~constructive.tangent.adversarial.AdvNTK` descends. Clean loss would go on falling while robustness is lost. But
where attacks are strong or labels wrong, the loss under attack of every function that has learned something exceeds
that of f = 0: so only candidates count that reach, without attack, a part of the best candidate's gain over f = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.domain import Box
from constructive.tangent.attack import last_iterate
from constructive.tangent.flow import GradientFlow
from constructive.tangent.matrices import as_columns
from constructive.tangent.predictor import KernelPredictor, TangentKernel

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
CANDIDATES = 13  # a factor of about 2.5 between times on digits, where the loss is flat within it


@dataclass(frozen=True, slots=True, eq=False)
class TunedPredictor:
    """The admitted candidate of least loss under attack on held-out points.

    ``predictor`` belongs to the number ``chosen``, a time or a ridge; ``candidates`` (m,) are all numbers that were
    tried, ``losses`` (m,) and ``clean`` (m,) their losses with and without attack; of equal losses the first counts.
    """

    predictor: KernelPredictor
    chosen: float
    candidates: Array
    losses: Array
    clean: Array


def hold_out(X: ArrayLike, y: ArrayLike, part: float = 0.25, *, rng: Any = None) -> tuple[Array, Array, Array, Array]:
    """Return (X, y, X_held, y_held): a random part of the rows, rounded and at least one, is held out.

    X (n, d), n >= 2; y (n,) or (n, C); 0 < part < 1. Raises ValueError otherwise.

    >>> [half.shape for half in hold_out(np.eye(4), np.ones(4), rng=0)]
    [(3, 4), (3,), (1, 4), (1,)]
    """
    who = "hold_out"
    points = as_points(X, who)
    n = points.shape[0]
    targets, shape = as_columns(y, n, who, "y")
    part = as_number(part, who, "part", above=0.0, below=1.0)
    if n < 2:
        raise ValueError(f"{who}: X must have at least 2 rows, one to keep and one to hold out, got {n}")
    order = np.random.default_rng(rng).permutation(n)
    size = min(max(round(part * n), 1), n - 1)
    held, kept = np.sort(order[:size]), np.sort(order[size:])
    targets = targets.reshape(shape)
    return points[kept], targets[kept], points[held], targets[held]


def attacked_loss(predictor: KernelPredictor, X: ArrayLike, targets: ArrayLike, radius: float, *,
                  norm: float | str = math.inf, box: Box | None = None, steps: int = 10, random_start: bool = True,
                  rng: Any = None) -> float:
    """Return 1 / (2 n) sum |f(x') - target|^2 at the points x' that projected gradient ascent reaches in the balls.

    X (n, d); targets (n,) or (n, C). At most the robust squared loss; :func:`~constructive.tangent.attack.last_iterate`
    finds x' and raises.

    >>> from constructive.tangent import ReluKernel
    >>> f = KernelPredictor(ReluKernel(1), np.array([[1.0]]), np.array([[0.5]]))  # f(x) = x
    >>> round(attacked_loss(f, [[1.0]], [1.0], 0.5, rng=0), 12)
    0.125
    """
    reached = last_iterate(predictor, X, targets, radius, norm=norm, box=box, steps=steps, rng=rng,
                           random_start=random_start)
    return _misfit(predictor(reached), as_columns(targets, reached.shape[0], "attacked_loss", "targets")[0])


def fit_interpolant(kernel: TangentKernel, X: ArrayLike, y: ArrayLike, *, of: Name = "ntk") -> KernelPredictor:
    """Return k(x, X) k(X, X)^+ y, where training without attack ends: the function of least norm through the data.

    Warns (RuntimeWarning) where equal points have different targets. Raises ValueError for wrong shapes.
    """
    return GradientFlow.of(kernel, X, y, of=of).limit()


def stop_early(kernel: TangentKernel, X: ArrayLike, y: ArrayLike, X_held: ArrayLike, y_held: ArrayLike, *,
               radius: float, times: ArrayLike | None = None, gain: float = 0.5, norm: float | str = math.inf,
               box: Box | None = None, attack_steps: int = 10, random_start: bool = True, of: Name = "ntk",
               rng: Any = None) -> TunedPredictor:
    """Return gradient flow f_t on (X, y), stopped at the time t of least :func:`attacked_loss` on held-out points.

    ``times`` (m,) >= 0, infinity allowed; 13 by default, equally spaced in log t from 0.3 / (the largest eigenvalue) to
    100 / (the mean eigenvalue), so that the choice does not depend on the kernel's scale. Candidates whose clean loss
    falls below that of f = 0 by less than ``gain`` times the best candidate's fall are not chosen; ``gain`` in [0, 1],
    0 admits all that are no worse than f = 0. Each is attacked from the same random starts.
    Raises ValueError for wrong shapes, or no times.
    """
    flow = GradientFlow.of(kernel, X, y, of=of)
    tried = _natural_times(flow, "stop_early") if times is None else _numbers(times, "stop_early", "times")
    gain = as_number(gain, "stop_early", "gain", at_least=0.0, at_most=1.0)
    return _least(flow.at, tried, gain, X_held, y_held, radius, norm, box, attack_steps, random_start, rng)


def choose_ridge(kernel: TangentKernel, X: ArrayLike, y: ArrayLike, X_held: ArrayLike, y_held: ArrayLike, *,
                 radius: float, ridges: ArrayLike | None = None, gain: float = 0.5, norm: float | str = math.inf,
                 box: Box | None = None, attack_steps: int = 10, random_start: bool = True, of: Name = "ntk",
                 rng: Any = None) -> TunedPredictor:
    """Return k(x, X) (k(X, X) + ridge I)^-1 y with the ridge of least :func:`attacked_loss` on held-out points.

    ``ridges`` (m,) >= 0; by default the reciprocals of the default times of :func:`stop_early`. Otherwise as there.
    """
    flow = GradientFlow.of(kernel, X, y, of=of)
    tried = 1.0 / _natural_times(flow, "choose_ridge") if ridges is None else _numbers(ridges, "choose_ridge", "ridges")
    gain = as_number(gain, "choose_ridge", "gain", at_least=0.0, at_most=1.0)
    return _least(flow.limit, tried, gain, X_held, y_held, radius, norm, box, attack_steps, random_start, rng)


def _natural_times(flow: GradientFlow, who: str) -> Array:
    """Return times from before the fastest direction has moved until after the mean one has stopped."""
    largest, mean = float(flow.eigenvalues.max()), float(flow.eigenvalues.mean())
    if largest == 0.0:
        raise ValueError(f"{who}: k(X, X) must not be 0 everywhere, or no training moves anything; use bias_std > 0")
    return np.geomspace(0.3 / largest, 100.0 / mean, CANDIDATES)


def _numbers(values: ArrayLike, who: str, name: str) -> Array:
    found = np.array(values, dtype=np.float64)
    if found.ndim != 1 or found.size == 0 or not (found >= 0.0).all():
        raise ValueError(f"{who}: {name} must be a list of at least one number >= 0, got {values!r}")
    return found


def _misfit(values: Array, goals: Array) -> float:
    missed = values - goals
    return float((missed * missed).sum()) / (2 * goals.shape[0])


def _least(member: Callable[[float], KernelPredictor], tried: Array, gain: float, X: ArrayLike, y: ArrayLike,
           radius: float, norm: float | str, box: Box | None, steps: int, random_start: bool, rng: Any,
           ) -> TunedPredictor:
    """Return the best admitted member, all attacked with the same random numbers: differences are the members' own."""
    seed = int(np.random.default_rng(rng).integers(2**63))
    found = [member(float(value)) for value in tried]
    losses = np.array([attacked_loss(f, X, y, radius, norm=norm, box=box, steps=steps, random_start=random_start,
                                     rng=seed) for f in found])
    goals, _ = as_columns(y, np.asarray(X).shape[0], "attacked_loss", "targets")
    clean = np.array([_misfit(f(X), goals) for f in found])
    nothing = _misfit(np.zeros_like(goals), goals)
    # the minimum keeps the best clean candidate, also where none gains over f = 0 and where the difference rounds
    bar = max(nothing - gain * max(nothing - float(clean.min()), 0.0), float(clean.min()))
    best = int(np.argmin(np.where(clean <= bar, losses, np.inf)))
    for part in (tried, losses, clean):
        part.setflags(write=False)
    return TunedPredictor(found[best], float(tried[best]), tried, losses, clean)
