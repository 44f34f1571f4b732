"""The layers of the partition teacher: from the features of each coordinate to one product gate for each class.

Of the even hats of a coordinate at most one is alive at a point, of the odd hats too, and one bubble of each degree:
these are the *classes* of the coordinate, with class functions 1 - z, z and b_1, .., b_q that no longer know the cell.
So products need no gate for each node: values are masked by the cell, summed over each class, and multiplied by the
class function, a number of gates that does not depend on the number of cells. In order:

1. *Wave*: z of every coordinate by folding K x, the bubbles b_1 by a sawtooth, b_p = P(z, b_(p-1)). K x is carried.
2. *Features*: ramps, hats; bubbles of the last coordinate cell by cell, ``relu(b_p - 4 (1 - hat - hat'))``, which
   vanish off their cell; masks ``min(1, mu / eta)`` of the others, mu = hat, or min(hat, hat') for bubbles.
3. *Values*: for every choice of features in the other coordinates the combination v of the last one's features: each
   coefficient of the table is one nonzero. Clip v to +-mask: ``v = mask - relu(2 mask - relu(v + mask))``, exactly 0
   where the mask is 0 and v where it is 1. Sum over each class, one coordinate after the other.
4. *Folds*: for the remaining classes, coordinate by coordinate, ``sum of scale * P(class function, value / scale)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.network import Network
from constructive.teachers.partition_gates import mask_width
from constructive.teachers.partition_table import Degrees, Grid
from constructive.teachers.wiring import Form, Wires, stacked

Array = NDArray[np.float64]
Keys = NDArray[np.intp]
"""Rows of numbers, one for each outer coordinate: a feature, or a class 0 (even hats), 1 (odd hats), 1 + p."""

Step = Callable[[dict[str, Form]], dict[str, Form]]
"""From the values of some coordinates to those that the next layer holds."""


def partition_network(table: Array, grid: Grid, levels: int, scales: dict[Degrees, float]) -> Network:
    """Return the network of a table (features,) * d with gates of depth m = levels and these scales of values."""
    wires, outer = Wires(grid.dimension), grid.dimension - 1
    state = _wave(wires, grid, levels) if grid.degree else {"ahead": float(grid.cells) * wires.inputs}
    others = {name: form.take(np.arange(outer)) for name, form in state.items()}
    last = {name: form.take(np.array([outer])) for name, form in state.items() if name != "z"}
    last_steps: list[Step] = [partial(_ramps, grid), partial(_hats, grid)]
    if grid.degree:
        last_steps.append(partial(_features, grid))
    if outer == 0:
        for step in last_steps:
            last = wires.push(step(last))
        return wires.close(last["features"].map(table[None, :]))
    dead = partial(_dead, grid, mask_width(levels))
    other_steps: list[Step] = [partial(_ramps, grid), partial(_hats, grid), dead, partial(_masks, grid)]
    waiting: list[Step] = [dict] * (len(other_steps) - len(last_steps))  # features are not made before their time
    for mine, theirs in zip(other_steps, waiting + last_steps, strict=True):
        others, last = _pushed(wires, mine(others), theirs(last))
    keys, values = _values(table, grid, scales, last["features"])
    for axis in range(outer - 1, -1, -1):
        keys, values, others = _masked(wires, grid, keys, values, others, axis)
    for axis in range(outer - 1, -1, -1):
        others = wires.push(_waves(others, axis + 1) | {"values": values.shift(1.0)})
        keys, values, others = _folded(wires, keys, others, levels, scales, axis)
    return wires.close(values)


def _pushed(wires: Wires, mine: dict[str, Form], theirs: dict[str, Form]) -> tuple[dict[str, Form], dict[str, Form]]:
    """Push two states side by side."""
    state = wires.push({f"mine {name}": form for name, form in mine.items()}
                       | {f"theirs {name}": form for name, form in theirs.items()})
    return ({name: state[f"mine {name}"] for name in mine}, {name: state[f"theirs {name}"] for name in theirs})


def _only(state: dict[str, Form], names: Iterable[str]) -> dict[str, Form]:
    return {name: state[name] for name in names}


def _waves(state: dict[str, Form], coordinates: int | None = None) -> dict[str, Form]:
    """Return the class functions z, b1, .., bq in a state, of the first coordinates or of all."""
    return {name: form if coordinates is None else form.take(np.arange(coordinates))
            for name, form in state.items() if name == "z" or name[0] == "b"}


# -- 1. one wave for all cells ---------------------------------------------------------------------------------------


def _wave(wires: Wires, grid: Grid, levels: int) -> dict[str, Form]:
    """Push the layers of z and the bubbles; return the forms ahead = K x >= 0 (unclipped), z, b1, .., bq, d rows each.

    K x clipped to [0, K] is folded at 2^(L-1), .., 4, 2, where 2^L >= K: y -> |y - c| keeps the distance to the even
    integers, and 1 - |y - 1| is that distance in the end. Folds and teeth are made of relu(y - c) and relu(c - y):
    one of them is 0 exactly, so that bounds over boxes are not widened by a difference of two large slopes.
    """
    k, x = grid.cells, float(grid.cells) * wires.inputs
    centers = [2**i for i in range((k - 1).bit_length() - 1, -1, -1)]
    first = {"over": x.shift(-float(centers[0]))} if centers else {}
    state = wires.push({"ahead": x, "beyond": x.shift(-float(k))} | first)
    y = state["ahead"] - state["beyond"]
    if centers:  # |clip - c| = c - clip + 2 relu(clip - c), where relu(clip - c) = relu(x - c) - relu(x - K)
        y = (2.0 * (state["over"] - state["beyond"]) - y).shift(float(centers[0]))
    for center in centers[1:]:
        state = wires.push({"ahead": state["ahead"]} | _sides(y, float(center)))
        y = state["over"] + state["under"]
    z = (-y).shift(1.0) if centers else y
    used = {"z": z} if grid.dimension > 1 or grid.degree > 1 else {}
    kept = {"ahead": state["ahead"]} | used
    state = wires.push(kept | _sides(z, 0.5))
    tooth, kept = _tooth(state), _only(state, kept)
    bubble = tooth
    for level in range(2, levels + 1):
        state = wires.push(kept | {"sum": bubble} | _sides(tooth, 0.5))
        tooth, kept = _tooth(state), _only(state, kept)
        bubble = state["sum"] + 4.0 ** (1 - level) * tooth
    kept["b1"] = bubble
    for p in range(2, grid.degree + 1):
        kept, product = _gates(wires, kept, lambda state: state["z"], kept[f"b{p - 1}"], levels)
        kept[f"b{p}"] = product
    return kept


def _sides(y: Form, center: float) -> dict[str, Form]:
    """Return y - c and c - y, to be pushed through relu."""
    return {"over": y.shift(-center), "under": (-y).shift(center)}


def _tooth(state: dict[str, Form]) -> Form:
    """Return the tooth ``1 - 2 |y - 1/2|`` of what was pushed on both sides of 1/2."""
    return (-2.0 * (state["over"] + state["under"])).shift(1.0)


def _gates(wires: Wires, kept: dict[str, Form], factor: Callable[[dict[str, Form]], Form], value: Form,
           levels: int) -> tuple[dict[str, Form], Form]:
    """Push the layers of P_m(u, g) row by row, u = factor(kept) in [0, 1] and g = value in [-1, 1].

    P = sq(|u + g| / 2) - sq(|u - g| / 2), sq the square by sawtooth. Returns what is carried along, and P.
    """
    u = factor(kept)
    state = wires.push(kept | {"plus": u + value, "minus": -(u + value), "over": u - value, "under": value - u})
    half = stacked(0.5 * (state["plus"] + state["minus"]), 0.5 * (state["over"] + state["under"]))
    state = wires.push(_only(state, kept) | _sides(half, 0.5))
    tooth = _tooth(state)
    square = (state["over"] - state["under"]).shift(0.5) - 0.25 * tooth
    for level in range(2, levels + 1):
        state = wires.push(_only(state, kept) | {"rest": square} | _sides(tooth, 0.5))
        tooth = _tooth(state)
        square = state["rest"] - 4.0**-level * tooth
    n = len(value)
    return _only(state, kept), square.take(np.arange(n)) - square.take(np.arange(n, 2 * n))


# -- 2. features and masks, one layer each; a state holds "ahead" = K x of some coordinates and their waves ------------


def _ramps(grid: Grid, state: dict[str, Form]) -> dict[str, Form]:
    """Return K x itself and relu(K x - i), i = 1..K, for each coordinate."""
    ahead, k = state["ahead"], grid.cells
    copies = ahead.take(np.repeat(np.arange(len(ahead)), k))
    return _waves(state) | {"ahead": ahead, "ramps": copies.shift(-np.tile(np.arange(1.0, k + 1), len(ahead)))}


def _hats(grid: Grid, state: dict[str, Form]) -> dict[str, Form]:
    """Return ``hat_i = relu(1 - i + K x - 2 ramp_i)``, i = 0..K, for each coordinate.

    Far from its node a hat stands well below 0 before the relu, so that it vanishes in any arithmetic. With the ends
    1 - K x and 1 - K + K x - ramp_K hats do not change beyond the cube.
    """
    k, coordinates = grid.cells, len(state["ahead"])
    rise = np.ones((k + 1, 1))
    rise[0] = -1.0
    bend = sparse.diags_array(np.append(np.full(k - 1, -2.0), -1.0), offsets=-1, shape=(k + 1, k))
    eye = sparse.eye_array(coordinates)
    form = state["ahead"].map(sparse.kron(eye, rise)) + state["ramps"].map(sparse.kron(eye, bend))
    return _waves(state) | {"features": form.shift(np.tile(1.0 - np.arange(k + 1), coordinates))}


def _features(grid: Grid, state: dict[str, Form]) -> dict[str, Form]:
    """Return hats and bubbles of one coordinate: ``relu(b_p + 4 hat_i + 4 hat_(i+1) - 4)`` is b_p on cell i, else 0.

    Off its cell, at distance s, b_p <= 4 s there, and the hats miss at least s to 1.
    """
    k, hats = grid.cells, state["features"]
    inside = (4.0 * hats.map(_neighbors(k))).shift(-4.0)
    return {"features": stacked(hats, *[inside + b.take(np.zeros(k, np.intp)) for b in _waves(state).values()])}


def _dead(grid: Grid, eta: float, state: dict[str, Form]) -> dict[str, Form]:
    """Return ``dead = relu(1 - hat / eta)``: 1 off the support of a hat, 0 but near its ends; and z, from odd hats."""
    k, hats = grid.cells, state["features"]
    odd = sparse.kron(sparse.eye_array(len(hats) // (k + 1)), (np.arange(k + 1) % 2.0)[None, :])
    return {"z": hats.map(odd)} | _waves(state) | {"dead": ((-1.0 / eta) * hats).shift(1.0)}


def _masks(grid: Grid, state: dict[str, Form]) -> dict[str, Form]:
    """Return mask0, mask1, .. of the coordinates: of hats, ``1 - dead``, then of cells, ``1 - dead - dead'``."""
    k = grid.cells
    out = _waves(state)
    for j in range(len(state["z"])):
        dead = state["dead"].take(np.arange(j * (k + 1), (j + 1) * (k + 1)))
        alive = (-dead).shift(1.0)
        out[f"mask{j}"] = stacked(alive, (-dead.map(_neighbors(k))).shift(1.0)) if grid.degree else alive
    return out


def _neighbors(k: int) -> Any:
    """Return the map (k, k + 1) that adds what belongs to the two nodes of each cell."""
    return sparse.eye_array(k, k + 1) + sparse.eye_array(k, k + 1, k=1)


# -- 3. values, masked and summed over classes -----------------------------------------------------------------------


def _values(table: Array, grid: Grid, scales: dict[Degrees, float], features: Form) -> tuple[Keys, Form]:
    """Return the keys (rows, d - 1) of all choices of features whose degrees sum to at most q, and their values."""
    outer = grid.dimension - 1
    keys, rows = [], []
    for p in grid.degrees(outer):
        spans = [np.arange(grid.span(a).start, grid.span(a).stop) for a in p]
        keys.append(np.stack(np.meshgrid(*spans, indexing="ij"), axis=-1).reshape(-1, outer))
        rows.append(sparse.csr_array(table[np.ix_(*spans)].reshape(-1, grid.features) / scales[p]))
    return np.concatenate(keys), features.map(sparse.vstack(rows))


def _masked(wires: Wires, grid: Grid, keys: Keys, values: Form, state: dict[str, Form],
            axis: int) -> tuple[Keys, Form, dict[str, Form]]:
    """Push the clip of the values to the masks of a coordinate; return the sums over its classes, and what is left."""
    k, feature, name = grid.cells, keys[:, axis], f"mask{axis}"
    cell = k + 1 + (feature - k - 1) % k  # bubbles of all degrees share the mask of their cell
    place = np.where(feature <= k, feature, cell)
    state = wires.push(state | {"low": values + state[name].take(place)})
    owners = np.arange(len(state[name]))
    kind = np.where(owners <= k, owners % 2, 2)  # masks of even hats, odd hats, cells
    together = sparse.csr_array((np.ones(kind.size), (kind, owners)))
    left = [key for key in state if key not in (name, "low")]
    state = wires.push(_only(state, left) | {"high": 2.0 * state[name].take(place) - state["low"],
                                             "classes": state[name].map(together)})
    merged = keys.copy()
    merged[:, axis] = np.where(feature <= k, feature % 2, 2 + (feature - k - 1) // k)
    sums, add = _grouped(merged, np.ones(len(merged)))
    return sums, state["classes"].take(np.minimum(sums[:, axis], 2)) - state["high"].map(add), _only(state, left)


def _grouped(keys: Keys, weights: Array) -> tuple[Keys, Any]:
    """Return the different rows of keys, and the map that adds, weighted, what has the same row."""
    sums, group = (np.unique(keys, axis=0, return_inverse=True) if keys.shape[1]
                   else (keys[:1], np.zeros(len(keys), np.intp)))
    place = (group.reshape(-1), np.arange(len(keys)))
    return sums, sparse.csr_array((weights, place), shape=(len(sums), len(keys)))


# -- 4. folds --------------------------------------------------------------------------------------------------------


def _folded(wires: Wires, keys: Keys, state: dict[str, Form], levels: int, scales: dict[Degrees, float],
            axis: int) -> tuple[Keys, Form, dict[str, Form]]:
    """Push the gates of a coordinate; return the sums of scale times product over its classes, and what is left.

    A product is clipped to +- its class function: that changes nothing in real arithmetic, but bounds over boxes see
    then that a product is small where its class function is.
    """
    def factor(state: dict[str, Form]) -> Form:
        waves = [form.take(np.array([axis])) for form in _waves(state).values()]
        return stacked((-waves[0]).shift(1.0), *waves).take(keys[:, axis])

    kept, product = _gates(wires, _waves(state), factor, state["values"].shift(-1.0), levels)
    state = wires.push(kept | {"low": product + factor(kept)})
    state = wires.push(_only(state, kept) | {"high": 2.0 * factor(state) - state["low"]})
    behind = np.array([scales[_degrees(key)] for key in keys])
    before = np.array([scales[_degrees(key)] for key in keys[:, :axis]]) if axis else 1.0
    sums, add = _grouped(keys[:, :axis], behind / before)
    return sums, (factor(state) - state["high"]).map(add), _waves(state)


def _degrees(key: NDArray[np.intp]) -> Degrees:
    return tuple(max(int(c) - 1, 0) for c in key)
