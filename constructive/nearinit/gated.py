"""Sums of gated affine functions: what a ReLU network and its linearization at initialization both are."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number
from constructive._kernels import in_blocks

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GatedSum:
    """The function f(x) = sum_r (<linear_r, x> + offset_r) 1{<gate_r, x> + gate_bias_r >= 0}.

    gate, linear (m, d); gate_bias, offset (m,). A two-layer ReLU network is the case where each affine function is a
    multiple of its gate, and then continuous; a pseudo-network jumps where gates open. Called on (..., d), it returns
    (...,): every sum in the order of the units, so that equal neighbors of opposite sign cancel exactly.

    >>> step = GatedSum([[1.0]], [0.0], [[0.0]], [1.0])
    >>> step([[-0.5], [0.0], [2.0]])
    array([0., 1., 1.])
    """

    gate: Array
    gate_bias: Array
    linear: Array
    offset: Array
    _across: tuple[Array, Array] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("gate", "gate_bias", "linear", "offset"):
            part = np.array(getattr(self, name), dtype=np.float64, order="C")
            part.setflags(write=False)
            object.__setattr__(self, name, part)
        if self.gate.ndim != 2 or self.linear.shape != self.gate.shape \
                or {self.gate_bias.shape, self.offset.shape} != {self.gate.shape[:1]}:
            shapes = [part.shape for part in (self.gate, self.gate_bias, self.linear, self.offset)]
            raise ValueError(f"GatedSum: gate and linear must be (m, d), gate_bias and offset (m,), got {shapes}")
        object.__setattr__(self, "_across", (self.gate.T.copy(), self.linear.T.copy()))

    @property
    def width(self) -> int:
        """The number m of gates."""
        return self.gate.shape[0]

    @property
    def dimension(self) -> int:
        """The number d of inputs."""
        return self.gate.shape[1]

    def __call__(self, x: ArrayLike) -> Array:
        points = self._points(x)
        values, _ = self._evaluate(points.reshape(-1, self.dimension), 0.0, False)
        return values.reshape(points.shape[:-1])

    def gradient(self, x: ArrayLike, smoothing: float = 0.0) -> tuple[Array, Array]:
        """Return values (...,) and gradients (..., d), both with 1{u >= 0} replaced by Phi(u / smoothing).

        smoothing 0 is the function itself, its gradient without what comes from the gates' edges: exact almost
        everywhere for a network. For a pseudo-network that gradient knows nothing of the jumps; smoothing > 0 sees
        those within about smoothing of x.
        """
        points = self._points(x)
        width = as_number(smoothing, "GatedSum.gradient", "smoothing", at_least=0.0)
        values, slopes = self._evaluate(points.reshape(-1, self.dimension), width, True)
        return values.reshape(points.shape[:-1]), slopes.reshape(points.shape)

    def _points(self, x: ArrayLike) -> Array:
        points = np.asarray(x, dtype=np.float64)
        if points.ndim == 0 or points.shape[-1] != self.dimension:
            raise ValueError(f"GatedSum: x must have shape (..., {self.dimension}), got {points.shape}")
        return points

    def _evaluate(self, points: Array, smoothing: float, slopes: bool) -> tuple[Array, Array]:
        from constructive._kernels.gated import gated_sums

        points = np.ascontiguousarray(points)
        values, gradients = np.empty(points.shape[0]), np.empty(points.shape if slopes else (0, self.dimension))

        def work(start: int, stop: int) -> None:
            gated_sums(self._across, (self.gate, self.linear), self.gate_bias, self.offset, points[start:stop],
                       smoothing, values[start:stop], gradients[start:stop])

        # A block of points reads every weight once per point; few points a block keep both processors busy.
        in_blocks(points.shape[0], max(4, (1 << 20) // max(1, self.gate.size)), work)
        return values, gradients
