"""ReLU units at random initialization, and the two networks near them: linearized and real."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_count, as_number
from constructive.nearinit.gated import GatedSum
from constructive.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """m ReLU units of a random first layer, free of scale: u_r(x) = <weight_r, x> + bias_r; see :func:`draw_units`.

    weight (m, d) and bias (m,) standard normal, sign (m,) of the output weights, +1 or -1. ``paired``: units 2k and
    2k + 1 share weight and bias and have signs +1 and -1, so that the network at initialization is 0.
    """

    weight: Array
    bias: Array
    sign: Array
    paired: bool = False

    def __post_init__(self) -> None:
        for name in ("weight", "bias", "sign"):
            part = np.array(getattr(self, name), dtype=np.float64, order="C")
            part.setflags(write=False)
            object.__setattr__(self, name, part)
        if self.weight.ndim != 2 or {self.bias.shape, self.sign.shape} != {self.weight.shape[:1]}:
            shapes = [part.shape for part in (self.weight, self.bias, self.sign)]
            raise ValueError(f"Units: weight must be (m, d), bias and sign (m,), got shapes {shapes}")
        if (np.abs(self.sign) != 1.0).any():
            raise ValueError("Units: sign must hold +1 and -1 only; scales belong in Scale")
        if self.paired and not (self.width % 2 == 0 and np.array_equal(self.weight[::2], self.weight[1::2])
                                and np.array_equal(self.bias[::2], self.bias[1::2])
                                and (self.sign[::2] == 1.0).all() and (self.sign[1::2] == -1.0).all()):
            raise ValueError("Units: paired=True needs units 2k and 2k+1 equal, with signs +1 and -1")

    @property
    def width(self) -> int:
        """The number m of units, both copies counted if paired."""
        return self.weight.shape[0]

    @property
    def dimension(self) -> int:
        """The number d of inputs."""
        return self.weight.shape[1]

    def preactivations(self, x: ArrayLike) -> Array:
        """Return u_r(x) (..., m) at points x (..., d)."""
        return np.asarray(np.asarray(x, dtype=np.float64) @ self.weight.T + self.bias)


def draw_units(width: int, dimension: int, *, paired: bool = False, rng: Any) -> Units:
    """Return random units: standard normal weights (width, dimension) and biases, fair signs; see :class:`Units`.

    Raises ValueError for an odd width with ``paired``: it counts both copies.
    """
    who = "draw_units"
    m, d = as_count(width, who, "width", at_least=1), as_count(dimension, who, "dimension", at_least=1)
    generator = np.random.default_rng(rng)
    if not paired:
        return Units(generator.normal(size=(m, d)), generator.normal(size=m), generator.choice((-1.0, 1.0), size=m))
    if m % 2:
        raise ValueError(f"{who}: width={m} must be even with paired=True, it counts both copies of each unit")
    weight, bias = generator.normal(size=(m // 2, d)), generator.normal(size=m // 2)
    return Units(np.repeat(weight, 2, axis=0), np.repeat(bias, 2), np.tile((1.0, -1.0), m // 2), True)


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Standard deviation ``first`` of weights and biases of the first layer, and size ``output`` of output weights.

    Networks near initialization depend on the two only through their product P, if the move is measured free of scale
    (theta below): moving a factor from one layer to the other leaves the function alone.
    """

    first: float
    output: float

    def __post_init__(self) -> None:
        as_number(self.first, "Scale", "first", above=0.0)
        as_number(self.output, "Scale", "output", above=0.0)

    @property
    def product(self) -> float:
        """P = first * output."""
        return self.first * self.output


def paper_scale(width: int) -> Scale:
    """Return the scale of the source paper for m units: first layer m^(-1/2), output m^(-1/3), so P = m^(-5/6)."""
    m = as_count(width, "paper_scale", "width", at_least=1)
    return Scale(m ** -0.5, m ** (-1.0 / 3.0))


def balanced_scale(width: int, frobenius: float) -> Scale:
    """Return P = R m^(-3/4) / (2 pi^(1/4)), R the root mean square of |theta_r|: initial network = coupling, in order.

    The network at initialization is of size P sqrt(m), the coupling at most R^2 / (4 sqrt(pi) m P): this P makes the
    two equal, both of order R m^(-1/4).
    """
    m = as_count(width, "balanced_scale", "width", at_least=1)
    size = as_number(frobenius, "balanced_scale", "frobenius", above=0.0)
    return Scale(1.0, size * m ** -0.75 / (2.0 * math.pi ** 0.25))


def tangent_scale(width: int) -> Scale:
    """Return P = m^(-1/2), the tangent-kernel scale: unpaired, the network at initialization is of order 1."""
    return Scale(1.0, as_count(width, "tangent_scale", "width", at_least=1) ** -0.5)


def unit_scale() -> Scale:
    """Return P = 1: with paired units the network stays closest to its linearization."""
    return Scale(1.0, 1.0)


def _moved(units: Units, theta: Array, who: str) -> Array:
    part = np.array(theta, dtype=np.float64, order="C")
    if part.shape != units.weight.shape:
        raise ValueError(f"{who}: theta must have shape {units.weight.shape}, as the units' weights, got {part.shape}")
    if not np.isfinite(part).all():
        raise ValueError(f"{who}: theta must be finite")
    part.setflags(write=False)
    return part


@dataclass(frozen=True, slots=True, eq=False)
class PseudoNetwork:
    """The linearization g(x) = (1/m) sum_r <theta_r, x> 1{u_r(x) >= 0} of a network at its initialization.

    theta (m, d) is the move of the first layer, free of scale. Called on (..., d), returns (...,).
    """

    units: Units
    theta: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", _moved(self.units, self.theta, "PseudoNetwork"))

    @property
    def frobenius(self) -> float:
        """The root mean square of |theta_r| over the units."""
        return float(np.sqrt(np.einsum("ij,ij->", self.theta, self.theta) / self.units.width))

    @property
    def largest(self) -> float:
        """The largest |theta_r|."""
        return float(np.linalg.norm(self.theta, axis=1).max())

    def gated(self) -> GatedSum:
        """Return the function as a sum of gated affine functions, for attacks and bounds."""
        m = self.units.width
        return GatedSum(self.units.weight, self.units.bias, self.theta / m, np.zeros(m))

    def __call__(self, x: ArrayLike) -> Array:
        return self.gated()(x)


@dataclass(frozen=True, slots=True, eq=False)
class NearNetwork:
    """The real network f(x) = P sum_r s_r relu(u_r(x) + s_r <theta_r, x> / (m P)), P = scale.product.

    Its first-layer weights are W_r = first wt_r + s_r theta_r / (m output). Called on (..., d), returns (...,), each
    sum in the order of the units: with paired units and theta = 0 exactly 0.
    """

    units: Units
    theta: Array
    scale: Scale

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", _moved(self.units, self.theta, "NearNetwork"))

    def initial(self) -> NearNetwork:
        """Return the network at initialization, theta = 0."""
        return NearNetwork(self.units, np.zeros_like(self.theta), self.scale)

    def linearized(self) -> PseudoNetwork:
        """Return the pseudo-network of the same move."""
        return PseudoNetwork(self.units, self.theta)

    def distances(self) -> tuple[float, float]:
        """Return |W - W_0| of the first layer: Frobenius norm, and the largest row's."""
        rows = np.linalg.norm(self.theta, axis=1) / (self.units.width * self.scale.output)
        return float(np.linalg.norm(rows)), float(rows.max())

    def gated(self) -> GatedSum:
        """Return the function as a sum of gated affine functions, for attacks and bounds."""
        units, size = self.units, self.scale.product
        gate = units.weight + units.sign[:, None] * self.theta / (units.width * size)
        output = size * units.sign
        return GatedSum(gate, units.bias, output[:, None] * gate, output * units.bias)

    def __call__(self, x: ArrayLike) -> Array:
        return self.gated()(x)

    def to_network(self) -> Network:
        """Return the same function as a :class:`~constructive.network.Network`, up to rounding: depth 2, m units."""
        units, scale = self.units, self.scale
        moves = units.sign[:, None] * self.theta / (units.width * scale.output)
        return Network.build([(scale.first * units.weight + moves, scale.first * units.bias),
                              (scale.output * units.sign[None, :], [0.0])])
