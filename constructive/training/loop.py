"""The training loop: epochs of attacked batches, measured as it goes, ended early without loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from constructive._checks import as_count, as_number, as_points
from constructive.network import Network
from constructive.training.balls import Balls, class_labels, own_classes, stride_of
from constructive.training.history import History
from constructive.training.log import Log, State, watch
from constructive.training.weights import Widths, he_weights, unflat


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network with its history.

    ``network`` after the last finished epoch; ``stopped``: the network at ``stopped_epoch``, the first recorded epoch
    with the least attacked error on the validation data, both None without such data; ``classes`` in the order
    of the outputs; ``seed`` None if a Generator was passed; ``interrupted``: ended from the keyboard.
    """

    network: Network
    stopped: Network | None
    stopped_epoch: int | None
    history: History
    classes: tuple[Any, ...]
    radius: float
    norm: float
    seed: int | None
    interrupted: bool

    def rise(self, name: str = "test", *, since: str = "stopped") -> float:
        """Return the attacked error on a data set at the last epoch less the one it had before.

        ``since`` "stopped": at the epoch that the validation data choose, which knows nothing of other data;
        "least": at its own best epoch, so never below 0 and biased upward. Raises ValueError for another word, an
        unknown name, or "stopped" without validation data.
        """
        errors = self.history.attacked[:, self.history.column(name)]
        if since == "least":
            return float(errors[-1] - errors.min())
        if since != "stopped":
            raise ValueError(f"rise: since={since!r} must be 'stopped' or 'least'")
        if self.stopped_epoch is None:
            raise ValueError("rise: no epoch was chosen; train with validation=(X, y), or pass since='least'")
        return float(errors[-1] - errors[np.searchsorted(self.history.epochs, self.stopped_epoch)])


def train(X: ArrayLike, y: Any, *, radius: float, norm: float = math.inf, hidden: Sequence[int] = (48,),
          epochs: int = 100, batch: int = 64, rate: float | Callable[[int], float] = 2e-3, decay: float = 0.0,
          steps: int = 7, step: float | None = None, classes: Sequence[Any] | None = None,
          validation: tuple[ArrayLike, Any] | None = None, test: tuple[ArrayLike, Any] | None = None,
          every: int | Sequence[int] = 10, attack_steps: int = 20, rng: np.random.Generator | int = 0,
          progress: bool = False) -> Trained:
    """Return a ReLU network trained on points attacked inside their balls: min over f of the mean of max loss.

    X (n, d), y (n,) classes: one output for two classes, K for K >= 3. ``hidden`` widths; cross-entropy, He's
    initial weights, Adam with ``rate`` (a number, or a function of the epoch 1, 2, ...) and decoupled ``decay``. The
    inner maximum: ``steps`` steps of length ``step`` (2.5 radius / steps if None) from a random point of the l_inf or
    l_2 ball, never outside the closed real ball; radius 0 is plain training. Before the first epoch, after the last
    and after each that ``every`` divides or lists, errors are recorded on the data and on ``validation`` and ``test``,
    pairs (X, y), attacked by ``attack_steps`` steps from the center. Ctrl-C ends training and keeps what there is.
    ``progress``: a bar on stderr. Equal arguments with an integer ``rng`` give equal bits on one machine.

    Raises TypeError or ValueError for arguments that do not fit, for real labels, and when weights overflow.
    Source: Madry et al., arXiv:1706.06083; stopping early: Rice, Wong and Kolter, arXiv:2002.11569.

    >>> X = [[0.0], [0.25], [0.75], [1.0]]
    >>> trained = train(X, [0, 0, 1, 1], radius=0.1, hidden=(8,), epochs=200, rate=0.01, rng=1)
    >>> float(trained.history.attacked[-1, 0]), trained.network.size.parameters
    (0.0, 25)
    """
    who = "train"
    passes = as_count(epochs, who, "epochs", at_least=1)
    size, recorded = as_count(batch, who, "batch", at_least=1), _recorded(every, passes, who)
    inner, shrink = as_count(steps, who, "steps"), as_number(decay, who, "decay", at_least=0.0)
    pace, points = _pace(rate, who), as_points(X, who)
    labels = class_labels(y, points.shape[0], classes, who)
    widths = _widths(hidden, points.shape[1], labels.outputs, who)
    balls = Balls.round(points, radius, norm, who)
    stride = stride_of(step, balls.radius, inner, who)
    log = Log(watch(balls, labels, validation, test, as_count(attack_steps, who, "attack_steps"), who), widths)
    # a stream for each purpose: how many points are attacked changes neither the first weights nor the order
    initial, shuffle, start = np.random.default_rng(rng).spawn(3)

    from constructive._kernels.training import train_epoch
    theta, own = he_weights(widths, initial), own_classes(labels)
    moments, time, interrupted = np.zeros((2, theta.size)), 0, False
    last = State(0, math.nan, theta.copy())
    try:
        log.record(last)
        for epoch in _shown(passes, progress):
            time, loss = train_epoch(
                theta, widths, moments, time, balls.draw(start), balls.centers, balls.low, balls.high, balls.reach,
                own, shuffle.permutation(own.size), size, inner if balls.radius > 0.0 else 0, stride,
                balls.norm == 2.0, pace(epoch), shrink)
            if not np.isfinite(theta).all():
                raise ValueError(f"{who}: the weights overflow in epoch {epoch}; pass a smaller rate")
            last = State(epoch, float(loss), theta.copy())
            if epoch in recorded:
                log.record(last)
    except KeyboardInterrupt:
        interrupted = True
    log.record(last)
    best, seed = log.best, None if isinstance(rng, np.random.Generator) else int(rng)
    return Trained(unflat(last.theta, widths), None if best is None else unflat(best.theta, widths),
                   None if best is None else best.epoch, log.history(), labels.classes or (), balls.radius, balls.norm,
                   seed, interrupted)


def _pace(rate: Any, who: str) -> Callable[[int], float]:
    if callable(rate):
        return lambda epoch: as_number(rate(epoch), who, f"rate({epoch})", above=0.0)
    fixed = as_number(rate, who, "rate", above=0.0)
    return lambda epoch: fixed


def _recorded(every: Any, epochs: int, who: str) -> set[int]:
    if isinstance(every, (Sequence, np.ndarray)) and not isinstance(every, (str, bytes)):
        return {as_count(epoch, who, f"every[{k}]", at_least=1) for k, epoch in enumerate(every)}
    return set(range(0, epochs + 1, as_count(every, who, "every", at_least=1)))


def _widths(hidden: Any, inputs: int, outputs: int, who: str) -> Widths:
    if isinstance(hidden, (str, bytes)) or not isinstance(hidden, Iterable):
        raise TypeError(f"{who}: hidden must be a sequence of widths such as (48,), got {hidden!r}")
    middle = [as_count(width, who, f"hidden[{k}]", at_least=1) for k, width in enumerate(hidden)]
    return np.array([inputs, *middle, outputs], np.int64)


def _shown(epochs: int, progress: bool) -> Iterable[int]:
    """Return the epochs 1, 2, ..., with a bar on stderr if asked for; stdout belongs to reports."""
    if not progress:
        return range(1, epochs + 1)
    from rich.console import Console
    from rich.progress import track
    return track(range(1, epochs + 1), description="training", console=Console(stderr=True))
