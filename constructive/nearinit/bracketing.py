"""How far a network near initialization is from given values on caps: from below by attack, from above by proof."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.evidence import Bracket, Evidence
from constructive.nearinit.attacks import robust_deviation
from constructive.nearinit.cap_forms import UNIT, row_sizes
from constructive.nearinit.caps_bound import cap_range, rounding_bound
from constructive.nearinit.gates_bound import gated_range
from constructive.nearinit.geometry import Caps
from constructive.nearinit.units import NearNetwork, PseudoNetwork

__all__ = ["deviation_bracket"]

Array = NDArray[np.float64]


def deviation_bracket(network: NearNetwork | PseudoNetwork, caps: Caps, y: ArrayLike, *,
                      rng: np.random.Generator | int = 0, steps: int = 12, starts: int = 3, moves: int = 48) -> Bracket:
    """Return a bracket of the supremum over all caps i of |network - y_i|, y (n,), rounding included.

    The lower end is what the attack :func:`~constructive.nearinit.attacks.robust_deviation` found, less rounding (and,
    for a pseudo-network, less the terms of gates that rounding might switch there); the upper end is the certified
    :func:`~constructive.nearinit.caps_bound.cap_range` of ``network.to_network()``, or, for a pseudo-network,
    :func:`~constructive.nearinit.gates_bound.gated_range`. Raises TypeError for another kind of network.

    >>> from constructive.nearinit import caps, draw_units, unit_scale
    >>> units = draw_units(64, 3, paired=True, rng=0)
    >>> silent = NearNetwork(units, np.zeros((64, 3)), unit_scale())  # 0 everywhere
    >>> found = deviation_bracket(silent, caps(np.eye(3), 0.2), [1.0, -1.0, 0.5])
    >>> bool(1.0 - 1e-9 <= found.lower <= 1.0 <= found.upper <= 1.0 + 1e-9)
    True
    """
    if not isinstance(network, (NearNetwork, PseudoNetwork)):
        raise TypeError(f"deviation_bracket: network must be a NearNetwork or a PseudoNetwork, got "
                        f"{type(network).__name__}; use cap_range for a Network, gated_range for a GatedSum")
    attacked = robust_deviation(network.gated(), caps, y, rng=rng, steps=steps, starts=starts, moves=moves)
    wanted = np.asarray(y, dtype=np.float64)
    if isinstance(network, NearNetwork):
        upper = cap_range(network.to_network(), caps).deviation(wanted)
        lower = _near_floor(network, attacked.points, wanted)
    else:
        upper = gated_range(network.gated(), caps).deviation(wanted)
        lower = _pseudo_floor(network, attacked.points, wanted)
    below = max(0.0, math.nextafter(float(lower.max()), -math.inf))
    return Bracket(below, float(upper.max()), Evidence.ENCLOSED)


def _near_floor(network: NearNetwork, points: Array, wanted: Array) -> Array:
    """Return lower bounds (n,) of the deviations of the stored network at points of the real caps."""
    stored = network.to_network()
    first, last = stored.layers
    error = rounding_bound(first.weight.toarray(), first.bias, last.weight.toarray()[0], float(last.bias[0]))
    return np.asarray(np.abs(stored(points)[:, 0] - wanted) * (1.0 - 4.0 * UNIT) - error)


def _pseudo_floor(network: PseudoNetwork, points: Array, wanted: Array) -> Array:
    """Return the same for a pseudo-network: gates within rounding of their edge are not counted on."""
    function, d = network.gated(), network.units.dimension
    gates = np.abs(points @ function.gate.T + function.gate_bias)
    unsure = gates <= (2 * d + 16) * UNIT * row_sizes(function.gate, function.gate_bias)
    sizes = row_sizes(function.linear, function.offset)
    error = 2.0 * (function.width + 4 * d + 64) * UNIT * float(sizes.sum())
    return np.asarray(np.abs(function(points) - wanted) * (1.0 - 4.0 * UNIT) - unsure @ sizes - error)
