"""Adversarial training of an infinitely wide network by its attack strengths, learned on held-out points.

Training an infinitely wide network on attacked data ends, after a while, in f_a(x) = k(x, X) W(a) Y, one strength a_i
for each datum (:class:`~constructive.tangent.propagator.Propagator`). Equal strengths a = t (1, ..., 1) are training
without attack for a time t, a -> infinity is the interpolant. Here a is chosen: projected, normalized gradient descent
on the squared loss of f_a at attacked points that were held out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number, as_points
from constructive.domain import Box
from constructive.tangent.attack import last_iterate
from constructive.tangent.inputs import named
from constructive.tangent.matrices import as_columns, as_kernel_matrix
from constructive.tangent.predictor import KernelPredictor, TangentKernel
from constructive.tangent.propagator import WIDEST, Propagator, as_strengths

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True, slots=True, eq=False)
class AdvNTK:
    """A wide network trained adversarially through its kernel: f_a(x) = k(x, X) W(a) Y with learned a >= 0.

    ``predictor`` is the function; ``strengths`` a (n,), one for each datum and all outputs; ``losses``, before each
    step, 1 / (2 B) sum |f_a(x') - y|^2 over the attacked batch. ``stationary``: training stopped because no projected
    gradient was left on a batch, whose loss is the last. ``interrupted``: it was stopped by Ctrl-C. Made by
    :meth:`train`.
    """

    predictor: KernelPredictor
    strengths: Array
    losses: Array
    radius: float
    stationary: bool
    interrupted: bool

    @property
    def coefficients(self) -> Array:
        """The coefficients W(a) Y of the kernel at the data, (n, C)."""
        return self.predictor.coefficients

    @classmethod
    def train(cls, kernel: TangentKernel, X: ArrayLike, y: ArrayLike, X_held: ArrayLike, y_held: ArrayLike, *,
              radius: float, norm: float | str = math.inf, box: Box | None = None, start: ArrayLike = 0.0,
              steps: int = 60, rate: float = 0.1, schedule: Schedule = "cosine", batch: int = 128,
              attack_steps: int = 10, random_start: bool = True, of: Name = "ntk", rng: Any = None,
              progress: Callable[[int, int], None] | None = None) -> AdvNTK:
        """Return the network whose strengths ``steps`` steps have made good on attacks of the held-out points.

        X (n, d), y (n,) or (n, C): -1 and +1, or one column of 0 and 1 for each class, or any numbers; X_held, y_held
        likewise. Each step k takes the next ``batch`` held-out points of a permutation (a new one when fewer remain),
        attacks f_a there (:func:`~constructive.tangent.attack.last_iterate`, ``attack_steps`` steps), and with the
        gradient g of their loss, attacked points held fixed and g_i = 0 where a_i = 0 and g_i > 0, sets
        a <- max(0, a - rate_k g / |g|_2), rate_k = rate (1 + cos(pi k / steps)) / 2 or ``rate``. It stops where g = 0.
        Strengths below 1e-10 of the largest are put to 0.

        ``rate`` is a time: divide it by c where the kernel is multiplied by c; |a| needed grows with n. ``start``: a
        time t for a warm start at training until t, or n strengths. ``progress`` is called with the steps done and
        ``steps``. Ctrl-C keeps what there is. Each step decomposes an n x n matrix. The same integer ``rng`` gives the
        same bits on one machine.

        Raises ValueError for wrong shapes, other norms than 2 and inf, negative strengths or held-out points outside
        the box.

        Source: arXiv:2310.06112, with projection instead of absolute values and an exact gradient.

        >>> from constructive.tangent import ReluKernel
        >>> found = AdvNTK.train(ReluKernel(1), [[1.0]], [1.0], [[1.0]], [1.0], radius=0.0, steps=1)
        >>> found.strengths, found.losses
        (array([0.1]), array([0.5]))
        """
        who = "AdvNTK.train"
        points = as_points(X, who)
        targets, _ = as_columns(y, points.shape[0], who, "y")
        held = as_points(X_held, who, "X_held", dimension=points.shape[1])
        goals, _ = as_columns(y_held, held.shape[0], who, "y_held")
        if goals.shape[1] != targets.shape[1]:
            raise ValueError(f"{who}: y_held must have the columns of y, got {goals.shape[1]} and {targets.shape[1]}")
        if schedule not in ("cosine", "constant"):
            raise ValueError(f"{who}: schedule={schedule!r} must be 'cosine' or 'constant'")
        steps, rate = as_count(steps, who, "steps"), as_number(rate, who, "rate", above=0.0)
        size = min(as_count(batch, who, "batch", at_least=1), held.shape[0])
        radius = as_number(radius, who, "radius", at_least=0.0)
        ask: Any = kernel.ntk if named(of, who) else kernel.nngp
        theta = as_kernel_matrix(ask(points), who, "k(X, X)")
        generator = np.random.default_rng(rng)
        batches = _batches(held.shape[0], size, generator)

        # one assignment per step, so that Ctrl-C never finds strengths and losses of different steps
        state: tuple[Propagator, tuple[float, ...]] = Propagator.of(
            theta, _snapped(as_strengths(start, points.shape[0], who, "start"))), ()
        stationary, interrupted = False, False
        try:
            for k in range(steps):
                moved, losses = state
                rows = next(batches)
                predictor = KernelPredictor(kernel, points, moved.coefficients(targets), of)
                attacked = last_iterate(predictor, held[rows], goals[rows], radius, norm=norm, box=box,
                                        steps=attack_steps, rng=generator, random_start=random_start)
                loss, slopes = _loss(predictor, attacked, goals[rows])
                way = _direction(moved, moved.gradient(slopes, targets))
                if way is None:
                    state, stationary = (moved, (*losses, loss)), True
                    break
                length = rate if schedule == "constant" else rate * (1.0 + math.cos(math.pi * k / steps)) / 2.0
                after = _snapped(np.maximum(moved.strengths - length * way, 0.0))
                state = Propagator.of(theta, after), (*losses, loss)
                if progress is not None:
                    progress(k + 1, steps)
        except KeyboardInterrupt:
            interrupted = True
        moved, losses = state
        strengths, history = moved.strengths.copy(), np.array(losses, dtype=np.float64)
        for part in (strengths, history):
            part.setflags(write=False)
        return cls(KernelPredictor(kernel, points, moved.coefficients(targets), of), strengths, history, radius,
                   stationary, interrupted)


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield ``size`` rows of a permutation at a time, without end; what is left of each permutation is dropped."""
    while True:
        order = rng.permutation(n)
        for first in range(0, n - size + 1, size):
            yield order[first:first + size]


def _loss(predictor: KernelPredictor, points: Array, goals: Array) -> tuple[float, Array]:
    """Return 1 / (2 B) sum |f(x) - y|^2 and its derivative (n, C) in the coefficients."""
    matrix = predictor.matrix(points)
    missed = matrix @ predictor.coefficients - goals
    return float((missed * missed).sum()) / (2 * goals.shape[0]), np.asarray(matrix.T @ missed) / goals.shape[0]


def _direction(moved: Propagator, gradient: Array) -> Array | None:
    """Return the gradient over its length, without what the projection would undo; None if nothing is left."""
    kept = np.where((moved.strengths == 0.0) & (gradient > 0.0), 0.0, gradient)
    largest = float(np.abs(kept).max())
    if largest == 0.0:
        return None
    kept = kept / largest  # the square of a tiny gradient would underflow
    return np.asarray(kept / np.linalg.norm(kept))


def _snapped(strengths: Array) -> Array:
    """Return the strengths with 0 for those that the propagator could not hold beside the largest."""
    return np.where(strengths.max() / WIDEST > strengths, 0.0, strengths)
