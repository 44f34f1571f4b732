"""Adversarial training of the first layer near initialization, in coordinates free of scale.

Data flow: theta -> gates -> ascent on every cap from the last round's points and from fresh ones -> the points with
the largest loss -> one step of theta against the mean slope of the loss there. A step of size ``rate`` in theta is a
step of size rate / (m output^2) in the weights W, whatever the width. The points are recorded: they and the rates
determine every step, so a run can be repeated and audited (:mod:`~constructive.nearinit.ledger`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive._kernels import in_blocks
from constructive.nearinit.geometry import Caps
from constructive.nearinit.units import NearNetwork, Scale, Units

Array = NDArray[np.float64]
Rate = float | Sequence[float] | Callable[[int], float]

LAST_STRIDE = 0.25
"""The last step of an ascent, as a share of its first."""


def huber_loss(residual: ArrayLike, knee: float) -> Array:
    """Return the Huber loss r^2 / (2 knee) for |r| <= knee, |r| - knee / 2 outside: convex, 1-Lipschitz, 0 at 0.

    >>> huber_loss([0.0, 0.25, -2.0], 0.5)
    array([0.    , 0.0625, 1.75  ])
    """
    size = np.abs(np.asarray(residual, dtype=np.float64))
    return np.asarray(np.where(size <= knee, size * size / (2.0 * knee), size - knee / 2.0))


def huber_slope(residual: ArrayLike, knee: float) -> Array:
    """Return the slope r / knee of the Huber loss, clipped to [-1, 1]."""
    return np.asarray(np.clip(np.asarray(residual, dtype=np.float64) / knee, -1.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One round of a run: theta (m, d) before its step, its points (n, d), values (n,) there, and its rate.

    gates (n, m): 1 where a unit is open at a point; slopes (n,) of the loss. The step is theta_r -=
    rate / n sum_i slopes_i gates_ir x_i.
    """

    theta: Array
    points: Array
    values: Array
    gates: Array
    slopes: Array
    rate: float


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRun:
    """A run of adversarial training: what was trained on what, the points of every round, and where it ended.

    T rounds were finished: points (T, n, d), values (T, n) of the network at them before the round's step, rates (T,).
    start, theta (m, d): before the first step and after the last. ``interrupted``: ended from the keyboard.
    """

    caps: Caps
    y: Array
    units: Units
    scale: Scale
    huber: float
    start: Array
    theta: Array
    points: Array
    values: Array
    rates: Array
    interrupted: bool

    def __post_init__(self) -> None:
        for name in ("y", "start", "theta", "points", "values", "rates"):
            part = np.array(getattr(self, name), dtype=np.float64, order="C")
            part.setflags(write=False)
            object.__setattr__(self, name, part)

    @property
    def rounds(self) -> int:
        """The number T of finished rounds."""
        return self.rates.size

    @property
    def network(self) -> NearNetwork:
        """The network after the last round."""
        return NearNetwork(self.units, self.theta, self.scale)

    @property
    def losses(self) -> Array:
        """The mean loss (T,) at the points of each round, before its step: what the training's attack found."""
        return np.asarray(huber_loss(self.values - self.y, self.huber).mean(axis=1))

    @property
    def drift(self) -> float:
        """The largest move |theta_r - start_r| of a unit; at most the sum of the rates (unit inputs, slopes <= 1)."""
        return float(np.linalg.norm(self.theta - self.start, axis=1).max())

    def replay(self) -> Iterator[Round]:
        """Yield the rounds again, computed from start, points and rates alone, without the kernel."""
        theta = self.start.copy()
        for points, rate in zip(self.points, self.rates, strict=True):
            again = self.round_at(theta, points, float(rate))
            yield again
            theta = theta - rate / self.y.size * (again.gates.T @ (again.slopes[:, None] * points))

    def round_at(self, theta: Array, points: Array, rate: float) -> Round:
        """Return the round that starts from theta, at these points (n, d)."""
        units = self.units
        weight = units.weight + units.sign[:, None] * theta / (units.width * self.scale.product)
        before = points @ weight.T + units.bias
        gates = np.where(before >= 0.0, 1.0, 0.0)
        values = np.maximum(before, 0.0) @ (self.scale.product * units.sign)
        return Round(theta, points, values, gates, huber_slope(values - self.y, self.huber), rate)

    def after(self, rounds: int) -> NearNetwork:
        """Return the network after that many rounds, from the replayed steps."""
        count = as_count(rounds, "TrainingRun.after", "rounds", at_most=self.rounds)
        if count == self.rounds:
            return self.network
        return NearNetwork(self.units, next(islice(self.replay(), count, None)).theta, self.scale)


def adversarial_training(caps: Caps, y: ArrayLike, units: Units, scale: Scale, *, rounds: int = 300,
                         rate: Rate = 1.0, huber: float = 0.3, steps: int = 6, starts: int = 1, stride: float = 0.4,
                         smoothing: float = 0.0, start: ArrayLike | None = None, rng: np.random.Generator | int = 0,
                         progress: Callable[[int, float], object] | None = None) -> TrainingRun:
    """Return a run that lowers the Huber loss at points an ascent finds on the caps, by steps of the first layer.

    y (n,) wanted on the n caps; units (m, d) with the caps' d. ``rate``: a number, one for each round, or a function of
    the round 1, 2, ...; ``huber`` the loss's knee. The ascent makes ``steps`` steps on the caps, the first of length
    ``stride`` times the radius, to enlarge |f - y|: on every cap from the last round's point and from ``starts`` random
    ones, the first of which pushes the other way; ``smoothing`` softens its gates. ``start`` (m, d): theta before the
    first round, 0 if None. ``progress(round, loss)`` is called after each round. Ctrl-C ends training and keeps the
    rounds that were finished. Records T n d numbers. Equal arguments with an integer ``rng`` give equal bits on one
    machine. Raises TypeError or ValueError for arguments that do not fit.

    >>> import numpy as np
    >>> from constructive import nearinit
    >>> two = nearinit.caps([[1.0, 0.0], [-1.0, 0.0]], radius=0.1)
    >>> units = nearinit.draw_units(64, 2, paired=True, rng=0)
    >>> run = adversarial_training(two, [1.0, -1.0], units, nearinit.unit_scale(), rounds=100, rng=0)
    >>> round(float(run.losses[0]), 6), bool(run.losses[-1] < 0.005), bool(run.drift <= run.rates.sum())
    (0.85, True, True)
    """
    from constructive._kernels.nearinit import step_theta, write_gates

    who = "adversarial_training"
    wanted = _as_values(y, caps, units, who)
    total, pace = as_count(rounds, who, "rounds", at_least=1), _as_rates(rate, rounds, who)
    knee, first = as_number(huber, who, "huber", above=0.0), as_number(stride, who, "stride", above=0.0)
    inner, fresh = as_count(steps, who, "steps"), as_count(starts, who, "starts")
    soft = as_number(smoothing, who, "smoothing", at_least=0.0)
    begin = np.zeros_like(units.weight) if start is None else NearNetwork(units, np.asarray(start), scale).theta
    adversary = _Adversary(caps, wanted, scale.product * units.sign, first * np.geomspace(1.0, LAST_STRIDE, inner)
                           if inner else np.empty(0), fresh, soft, np.random.default_rng(rng))
    gates, points, values = np.hstack([units.weight, units.bias[:, None]]), _with_ones(caps.X), wanted
    record: list[tuple[Array, Array]] = []
    finished, interrupted = (begin, 0), False
    try:
        for number in range(total):
            theta = finished[0].copy()
            write_gates(units.weight, units.sign, theta, units.width * scale.product, gates)
            points, values = adversary.attack(gates, points, np.where(values >= wanted, 1.0, -1.0))
            step_theta(gates, points, huber_slope(values - wanted, knee), pace[number], theta)
            record.append((points[:, :-1].copy(), values))
            finished = (theta, number + 1)  # one assignment: Ctrl-C never leaves half a round
            if progress is not None:
                progress(number + 1, float(huber_loss(values - wanted, knee).mean()))
    except KeyboardInterrupt:
        interrupted = True
    theta, done = finished
    return TrainingRun(caps, wanted, units, scale, knee, begin, theta,
                       np.array([at for at, _ in record[:done]]).reshape(done, *caps.X.shape),
                       np.array([value for _, value in record[:done]]).reshape(done, caps.n), pace[:done], interrupted)


@dataclass(frozen=True, slots=True, eq=False)
class _Adversary:
    """What moves the points: strides as shares of the radius, random starts for each cap, softness of the gates."""

    caps: Caps
    wanted: Array
    output: Array
    strides: Array
    fresh: int
    soft: float
    rng: np.random.Generator

    def attack(self, gates: Array, points: Array, sides: Array) -> tuple[Array, Array]:
        """Return for each cap the point (n, d + 1) with the largest |f - y| that the ascents met, and f there (n,).

        The ascent from the last round's point goes on to its side, the first random one to the other, and so on.
        """
        n, count = self.caps.n, 1 + (self.fresh if self.caps.radius > 0.0 else 0)
        index = np.arange(n)
        tried = np.vstack([points, *(_with_ones(self.caps.draw(index, self.rng)) for _ in range(count - 1))])
        signs = np.concatenate([(-1.0) ** k * sides for k in range(count)])
        values = self._climb(gates, np.tile(self.caps.X, (count, 1)), signs, tried)
        far = np.abs(values.reshape(count, n) - self.wanted)
        chosen = far.argmax(axis=0) * n + index
        return tried[chosen], values[chosen]

    def _climb(self, gates: Array, centers: Array, signs: Array, points: Array) -> Array:
        """Move points (k, d + 1) up on their caps and return the values there, some points to a thread."""
        from constructive._kernels.nearinit import ascend

        values, radius = np.empty(points.shape[0]), self.caps.radius
        strides = radius * self.strides if radius > 0.0 else np.empty(0)

        def work(begin: int, end: int) -> None:
            ascend(gates, self.output, centers[begin:end], signs[begin:end], radius, strides, self.soft,
                   points[begin:end], values[begin:end])

        # Blocks depend on the sizes alone: products round alike whatever the number of threads.
        in_blocks(points.shape[0], max(10, (1 << 22) // gates.size), work)
        return values


def _with_ones(points: Array) -> Array:
    return np.hstack([points, np.ones((points.shape[0], 1))])


def _as_values(y: ArrayLike, caps: Caps, units: Units, who: str) -> Array:
    wanted = np.array(y, dtype=np.float64)
    if wanted.shape != (caps.n,) or not np.isfinite(wanted).all():
        raise ValueError(f"{who}: y has shape {wanted.shape}; pass one finite value for each of the {caps.n} caps")
    if units.dimension != caps.dimension:
        raise ValueError(f"{who}: units have {units.dimension} inputs, but the caps lie in dimension {caps.dimension}")
    return wanted


def _as_rates(rate: Rate, rounds: int, who: str) -> Array:
    if callable(rate):
        return np.array([as_number(rate(t), who, f"rate({t})", above=0.0) for t in range(1, rounds + 1)])
    if isinstance(rate, (Sequence, np.ndarray)) and not isinstance(rate, (str, bytes)):
        if len(rate) != rounds:
            raise ValueError(f"{who}: rate holds {len(rate)} numbers for rounds={rounds}; pass one for each round")
        return np.array([as_number(r, who, f"rate[{t}]", above=0.0) for t, r in enumerate(rate)])
    return np.full(rounds, as_number(rate, who, "rate", above=0.0))
