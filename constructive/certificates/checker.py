"""Check a certificate file in exact integer arithmetic: CONFIRMED, REFUTED with a witness, or UNDECIDED.

    python -m constructive.certificates.checker FILE        python checker.py FILE

Needs only Python and numpy, shares no code with the library and trusts nothing in the file. The claim is derived again
from weights, data and radius: on the closed ball round every datum the network's answer is right (its sign is the
goal's, its largest score is strictly the goal's, or its value equals the goal). Balls in l_1 and l_2 are checked on the
l_inf box around them; boxes are rounded outward to the network's format. All values of one layer are Python integers
times 2^-scale, which holds every double. REFUTED: at one point of the real ball all programs are wrong.
* Kind "real": interval arithmetic on these integers, no rounding.
* Kinds "float64", "float32": every program that evaluates the network in that format with +, x and fused multiply-add
  rounded to nearest, each sum in any order, zero weights multiplied or left out. A unit is then a tree of m - 1 rounded
  additions of m summands. Rounding is monotone, so the tree's value rises with each summand: it is at most its value on
  upper ends T of the summands, T a number of the format >= the real product (then also >= the rounded one). Summands
  with T <= 0 may be left out. ``upper_end`` takes the least of these bounds, each true for every tree: (1) m <= 2: the
  sum, rounded; (2) if all are multiples of g, and the positive and the negative ones add up to at most 2^p g each: the
  sum, as each partial sum is a number of the format (T <= 0 that are no multiples are left out); (3) the sum, plus
  (m - 1) 2^-p times the sum of sizes. No sum may come near overflow: infinity times a weight of 0 would be no number.
* A bump, ``relu(v - sum c relu(s x_j + t))`` with v, c > 0, is 0 where one face has c z >= v, z the least value of its
  unit: c z cancels v, the other faces only lower. So each bump has a box outside of which it is 0. Which bumps meet
  which ball is found in a tree over these boxes. The file's ``order`` groups them, but the hulls are computed here: a
  bad order costs time, never truth. Units that no bump enters are bounded over the hull of all balls first.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import namedtuple
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MAGIC = b"constructive certificate 1\n"
FORMATS = {"float64": (53, -1074, 1024), "float32": (24, -149, 128)}  # bits, lowest exponent, 2^top overflows
WORK = 1 << 28  # summands handled before the rest is left undecided
PARTS = 1 << 9  # boxes cut out of undecided ones at a time, in at most six dimensions
FIELDS = {"about": dict, "d": int, "format": str, "goal": str, "kind": str, "layers": list, "n": int, "norm": str,
          "ordered": int, "radius": str, "witnesses": int}
Layer = namedtuple("Layer", "row column weight bias")  # entry e is weight[e] at row[e], column[e]; in order


class Invalid(ValueError):
    """The bytes are not a certificate; the message says why in one line."""


class Outcome(NamedTuple):
    """Verdict in words, why, how many of the balls were proved right, and (index, point, outputs) of a wrong answer."""

    verdict: str
    message: str
    proved: int = 0
    balls: int = 0
    witness: tuple[int, tuple[float, ...], tuple[str, ...]] | None = None


def _need(condition: Any, why: str) -> None:
    if not condition:
        raise Invalid(why)


def read(data: bytes) -> tuple[dict[str, Any], list[Layer], tuple[Any, ...]]:
    """Return header, layers and (X, goals, order, owners of witnesses, witnesses); raises Invalid."""
    at = len(MAGIC) + 9
    _need(len(data) > at + 32 and data.startswith(MAGIC), "this is no certificate of version 1")
    _need(hashlib.sha256(memoryview(data)[:-32]).digest() == data[-32:], "the SHA-256 at the end does not match")
    _need(data[at - 9:at - 1].isdigit() and data[at - 1:at] == b"\n", "the header's length is not eight digits")
    text = data[at:at + min(int(data[at - 9:at]), 1 << 20)]
    try:
        head = json.loads(text.decode("ascii"))
        again = json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=False)
        types, radius = {name: type(value) for name, value in head.items()}, float.fromhex(head["radius"])
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, OverflowError) as error:
        raise Invalid("the header is not JSON of the right form") from error
    _need(again.encode() == text and types == FIELDS, "the header is not canonical JSON, or its fields are wrong")
    n, d, shapes, hints, at = head["n"], head["d"], head["layers"], head["witnesses"], at + len(text)
    _need(head["format"] in FORMATS and head["kind"] in (head["format"], "real") and head["norm"] in ("1", "2", "inf")
          and head["goal"] in ("sign", "score", "value"), "kind, format, norm or goal is unknown, or they do not fit")
    _need(0 <= radius < np.inf and radius.hex() == head["radius"], "the radius is out of range or of form")
    _need(0 < len(shapes) <= 256 and all(type(s) is list and len(s) == 3 and all(type(v) is int for v in s)
          and min(s[0], s[1], s[2] + 1) > 0 and max(s) < 1 << 31 for s in shapes), "the layers' sizes are out of range")
    _need(n > 0 and [s[1] for s in shapes] == [d, *(s[0] for s in shapes)][:-1] and head["ordered"] in (0, 1)
          and hints >= 0, "n, ordered or witnesses is out of range, or the layers' sizes do not chain")
    number, plan = "<f4" if head["format"] == "float32" else "<f8", []
    for rows, _, nonzeros in shapes:
        plan += [("<i4", rows + 1), ("<i4", nonzeros), (number, nonzeros), (number, rows)]
    places = shapes[1][0] if head["ordered"] and len(shapes) > 1 else 0
    plan += [("<f8", n * d), ("<f8", n), ("<i4", places), ("<i4", hints), ("<f8", hints * d)]
    ends = list(accumulate((int(name[2]) * count for name, count in plan), initial=at))
    _need(ends[-1] + 32 == len(data), "the arrays do not fill the file")  # before anything is allocated
    arrays = [np.frombuffer(data, form, count, begin) for (form, count), begin in zip(plan, ends[:-1], strict=True)]
    layers = []
    for k, (rows, inputs, nonzeros) in enumerate(shapes):
        start, column, weight, bias = arrays[4 * k:4 * k + 4]
        _need(start[0] == 0 and start[-1] == nonzeros and (start[1:] >= start[:-1]).all(), "row starts fall")
        _need(column.min(initial=0) >= 0 and column.max(initial=0) < inputs, "a column is out of range")
        row = np.repeat(np.arange(rows), np.diff(start))
        _need(((column[1:] > column[:-1]) | (row[1:] > row[:-1])).all(), "columns of a row are not in rising order")
        _need(np.isfinite(weight).all() and np.isfinite(bias).all() and (weight != 0).all(), "weights 0 or infinite")
        layers.append(Layer(row, column, weight, bias))
    X, y, order, owner, points = arrays[-5:]
    _need(all(np.isfinite(part).all() for part in (X, y, points)), "data, goals or witnesses are not finite")
    m, goal = shapes[-1][0], head["goal"]
    fits = {"sign": np.abs(y) == 1, "score": (y == np.floor(y)) & (y >= 0) & (y < m) & (m > 1), "value": y == y}
    _need(fits[goal].all() and (m == 1 or goal == "score"), "a goal is no sign or class, or does not fit the outputs")
    _need(np.array_equal(np.sort(order), np.arange(order.size)) and ((owner >= 0) & (owner < n)).all(),
          "the order is no permutation, or a witness belongs to no datum")
    return head, layers, (X.reshape(n, d), y, order.astype(np.int64), owner, points.reshape(-1, d))


def fineness(*values: Any) -> int:
    """Return an s >= 0 for which all values are multiples of 2^-s."""
    return max(0, *(53 - int(np.frexp(part)[1].min(initial=53)) for part in values))


def integers(values: Any, scale: int) -> Any:
    """Return values 2^scale as Python integers; scale must be at least the fineness."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(mantissa, 53).astype(np.int64).astype(object) << (exponent + (scale - 53)).astype(object)


def rounded(values: Any, scale: int, form: tuple[int, int, int], up: bool = False) -> Any:
    """Return the integers (times 2^-scale) rounded to the format, to nearest even or up."""
    bits, floor = form[0], scale + form[1]

    def one(value: int) -> int:
        if (drop := max(value.bit_length() - bits, floor)) <= 0:
            return value
        last = 1 << drop
        return (value + (last - 1 if up else (last >> 1) - 1 + (value >> drop & 1))) >> drop << drop
    return np.frompyfunc(one, 1, 1)(values)


def upper_end(terms: Any, begin: Any, scale: int, form: tuple[int, int, int] | None) -> Any:
    """Return bounds of sums, the i-th of the terms from begin[i] to before begin[i + 1]; see the top of the file."""
    if form is None:
        return np.add.reduceat(terms, begin)
    terms = rounded(terms, scale, form, up=True)
    rise = np.where(terms > 0, terms, 0)
    fall = rise - terms
    above, below = np.add.reduceat(rise, begin), np.add.reduceat(fall, begin)
    count = np.add.reduceat((terms != 0).astype(np.int64), begin)
    error = -((1 - count) * (above + below) >> form[0])
    if ((above + below + error) >> (form[2] - 2 + scale)).any():
        raise ArithmeticError("a sum comes near overflow")
    nearest = rounded(above - below, scale, form)
    if count.max(initial=0) <= 2:
        return nearest
    best = np.where(count <= 2, nearest, above - below + error)
    for part in (terms, rise):  # g of all summands, then of the positive ones: negative ones off this grid are left out
        bits = np.bitwise_or.reduceat(part, begin)
        grid = bits & -bits
        mask = np.repeat(grid - 1, np.diff(begin, append=terms.size))
        kept = np.add.reduceat(np.where(fall & mask == 0, fall, 0), begin)
        best = np.where(np.maximum(above, kept) <= grid << form[0], np.minimum(best, above - kept), best)
    return -rounded(-best, scale, form, up=True)  # down: the tree's value is a number of the format


class Prover:
    """Bounds of the network over many boxes; unit u over box b of B boxes has the number u B + b."""

    def __init__(self, data: bytes) -> None:
        self.head, self.layers, (self.X, self.y, self.order, self.owner, self.points) = read(data)
        self.form = None if self.head["kind"] == "real" else FORMATS[self.head["format"]]
        self.type: Any = np.float32 if self.head["format"] == "float32" else np.float64
        self.radius, self.left = float.fromhex(self.head["radius"]), WORK
        self.grain = [(fineness(layer.weight), fineness(layer.bias)) for layer in self.layers]
        # reached[k]: inputs of layer k that a bump enters, bounded box by box (local); others are common to all
        self.bumps = np.zeros(0, np.int64)
        self.reached = [np.ones(self.X.shape[1], bool), *(np.zeros(layer.bias.size, bool) for layer in self.layers)]
        if len(self.layers) > 2 and self._find_bumps():
            self.reached[1][:] = self.reached[2][self.bumps] = self.reached[3][self.told.column] = True
        for layer, below, part in zip(self.layers[3:], self.reached[3:], self.reached[4:], strict=False):
            part[layer.row[below[layer.column]]] = True
        self.reached[-1][:] = True
        self.common, self.local = ([np.flatnonzero(part == flag) for part in self.reached[1:]] for flag in (0, 1))
        if self.bumps.size:  # of the first two layers only what meets a box is bounded there
            second, self.local[0], self.local[1] = self.layers[1], self.bumps[:0], self.bumps[:0]
            self.common[0] = np.unique(second.column[~self.reached[2][second.row]])

    def _spend(self, amount: int) -> None:
        """Take summands off those allowed; raises when none are left or they are too many at once for memory."""
        self.left -= int(amount)
        if self.left < 0 or amount > 1 << 21:
            raise ArithmeticError("the work allowed is used up")

    def _entries(self, layer: Layer, rows: Any) -> tuple[Any, Any]:
        """Return, for all entries of a layer in the given rows, the row's place among those given, and the entry."""
        begin = np.searchsorted(layer.row, rows)
        count = np.searchsorted(layer.row, rows, "right") - begin
        self._spend(count.sum())
        place = np.repeat(np.arange(rows.size), count)
        return place, np.arange(place.size) + (begin - np.cumsum(count) + count)[place]

    def _find_bumps(self) -> bool:
        """Find the bumps, and a tree of boxes outside of which they are 0; take them out of the third layer."""
        first, second, third = self.layers[:3]
        good = (second.bias > 0) & (np.bincount(second.row, minlength=second.bias.size) > 0)
        single = np.bincount(first.row, minlength=first.bias.size) == 1
        good[second.row[~single[second.column] | (second.weight > 0)]] = False
        order = self.order if self.order.size else np.arange(good.size)
        if not 0 < np.count_nonzero(good) <= (1 << 26) // self.X.shape[1]:
            return False
        self.bumps = order[good[order]]
        self.hulls = [self._supports()]
        while (lower := self.hulls[-1][0]).shape[0] > 1:
            cuts = np.arange(0, lower.shape[0], 2)
            self.hulls.append((np.minimum.reduceat(lower, cuts), np.maximum.reduceat(self.hulls[-1][1], cuts)))
        place = np.full(good.size, -1)
        place[self.bumps] = np.arange(self.bumps.size)
        place = place[third.column]
        rest, by = np.split(np.argsort(place, kind="stable"), [np.count_nonzero(place < 0)])
        self.layers[2] = Layer(third.row[rest], third.column[rest], third.weight[rest], third.bias)
        self.told = Layer(place[by], third.row[by], third.weight[by], None)  # transposed: a row for each bump
        return True

    def _supports(self) -> tuple[Any, Any]:
        """Return ends (m, d) outside of which each bump is 0, guessed in floating point and proved in integers."""
        (first, second, *_), shape, up = self.layers, (self.bumps.size, self.X.shape[1]), self.type(np.inf)
        lower, upper, step = np.full(shape, -np.inf), np.full(shape, np.inf), max(1, (1 << 16) // shape[1])
        for begin in range(0, shape[0], step):
            place, entry = self._entries(second, self.bumps[begin:begin + step])
            unit, c, v = second.column[entry], -second.weight[entry], second.bias[second.row[entry]]
            at, t = np.searchsorted(first.row, unit), first.bias[unit]
            axis, s = first.column[at], first.weight[at]
            rise = np.nextafter(np.nextafter(v / c, up) - t, up).astype(np.float64) / s
            edge = np.nan_to_num(np.nextafter(rise, np.copysign(np.inf, s)), nan=0.0, posinf=0.0, neginf=0.0)
            fine, one = fineness(s), max(fineness(s) + fineness(edge), fineness(t))
            two = max(one + fineness(c), fineness(v))
            terms = np.stack([integers(s, fine) * integers(edge, one - fine), integers(t, one)], axis=1).ravel()
            least = np.maximum(-upper_end(-terms, np.arange(0, terms.size, 2), one, self.form), 0)
            proved = integers(c, two - one) * least >= integers(v, two)
            for part, chosen, ufunc in ((upper, proved & (s > 0), np.minimum), (lower, proved & (s < 0), np.maximum)):
                ufunc.at(part, (begin + place[chosen], axis[chosen]), edge[chosen])
        return lower, upper

    def _meeting(self, low: Any, high: Any) -> tuple[Any, Any]:
        """Return pairs (box, place of bump), sorted by box: all bumps that may not be 0 on a box."""
        box, node = np.arange(low.shape[0]), np.zeros(low.shape[0], np.int64)
        for lower, upper in self.hulls[-2::-1]:  # all boxes meet the root
            box, node = np.repeat(box, 2), np.add.outer(2 * node, (0, 1)).ravel()
            box, node = box[node < lower.shape[0]], node[node < lower.shape[0]]
            self._spend(box.size >> 2)
            for j in range(low.shape[1]):
                alive = (low[box, j] < upper[node, j]) & (high[box, j] > lower[node, j])
                box, node = box[alive], node[alive]
        return box, node

    def _layer(self, k: int, wanted: Any, home: Any, scales: list[int], known: Any, ends: Any, told: Any) -> Any:
        """Return bounds (2, m) of a layer's wanted units from known ones below; told: terms (wanted, known, weight)."""
        layer = self.layers[k]
        unit, box = np.divmod(wanted, home.size)
        place, entry = self._entries(layer, unit)
        column, box = layer.column[entry], box[place]
        box = np.where(self.reached[k][column], box, home[box])  # home: boxes over which common units are known
        source = np.searchsorted(known, np.append(column * home.size + box, told[1]))
        self._spend((source.size + unit.size) * (1 + (scales[k + 1] >> 10)))
        weight = integers(np.append(layer.weight[entry], told[2]), scales[k + 1] - scales[k])
        low, high = np.where(weight > 0, weight * ends[:, source], weight * ends[::-1, source])
        alive, place = (low != 0) | (high != 0), np.append(place, np.searchsorted(wanted, told[0]))
        place, offset = np.append(place[alive], np.arange(unit.size)), integers(layer.bias[unit], scales[k + 1])
        by = np.argsort(place, kind="stable")
        begin = np.searchsorted(place[by], np.arange(unit.size))
        sums = np.stack([sign * upper_end(sign * np.append(end[alive], offset)[by], begin, scales[k + 1], self.form)
                         for sign, end in ((-1, low), (1, high))])
        return np.maximum(sums, 0) if k + 1 < len(self.layers) else sums

    def bounds(self, low: Any, high: Any, hull: Any = None) -> tuple[Any, int]:
        """Return bounds (2, m, N) of the outputs over boxes (N, d), and their scale; common units over ``hull``."""
        own = home = np.arange(low.shape[0])
        if hull is not None:
            low, high, home = np.vstack([low, hull[0]]), np.vstack([high, hull[1]]), np.full(own.size + 1, own.size)
        scales = list(accumulate(self.grain, lambda scale, grain: max(scale + grain[0], grain[1]),
                                 initial=fineness(low, high)))
        none = own[:0]  # more: faces and bumps that meet a box; told: what bumps tell the third layer
        more, told = [none] * len(self.layers), [(none, none, none)] * len(self.layers)
        if self.bumps.size:
            box, bump = self._meeting(low[own], high[own])
            place, entry = self._entries(self.layers[1], self.bumps[bump])
            more[:2] = self.layers[1].column[entry] * home.size + box[place], self.bumps[bump] * home.size + box
            place, entry = self._entries(self.told, bump)
            told[2] = self.told.column[entry] * home.size + box[place], more[1][place], self.told.weight[entry]
        known, ends = np.arange(low.size), np.stack([integers(end.T.ravel(), scales[0]) for end in (low, high)])
        for k in range(len(self.layers)):
            pairs = [(self.common[k], np.unique(home)), (self.local[k], own)]
            self._spend(sum(units.size * boxes.size for units, boxes in pairs))
            outer = [np.add.outer(units * home.size, boxes).ravel() for units, boxes in pairs]
            wanted = np.unique(np.concatenate([*outer, more[k]]))
            known, ends = wanted, self._layer(k, wanted, home, scales, known, ends, told[k])
        return ends.reshape(2, -1, own.size), scales[-1]

    def boxes(self) -> tuple[Any, Any]:
        """Return ends (N, d) of the boxes round the balls, rounded outward to numbers of the network's format."""
        (first, *_), top, ends = self.layers, FORMATS[self.head["format"]][2], []
        reach = np.abs(self.X).max() + self.radius  # a sum of the first layer, rounded or not, is at most this size:
        size = (reach * np.abs(first.weight).max(initial=0) + np.abs(first.bias).max()) * (self.X.shape[1] + 1.0) ** 2
        if max(reach, size if self.form else 0.0) >= 2.0 ** (top - 2):
            raise ArithmeticError("a ball or a sum of the first layer comes near overflow")
        for sign in (-1, 1):
            end = (self.X + sign * self.radius).astype(self.type)  # less than one step away from the true end
            scale = fineness(self.X, self.radius, end)
            short = sign * (integers(end, scale) - integers(self.X, scale)) < integers(self.radius, scale)
            ends.append(np.where(short, np.nextafter(end, self.type(sign * np.inf)), end).astype(np.float64))
        return ends[0], ends[1]

    def _judge(self, ends: Any, scale: int, y: Any) -> tuple[Any, Any]:
        """Return where bounds (2, m, N) leave only right answers, and where only wrong ones."""
        if self.head["goal"] == "value":
            more = max(scale, fineness(y)) - scale
            (low, high), want = ends[:, 0] << more, integers(y, scale + more)
            return (low == want) & (high == want), (low > want) | (high < want)
        if self.head["goal"] == "sign":  # the score of -1 is always 0
            ends, y = np.concatenate([0 * ends, ends], axis=1), y > 0
        own = np.arange(ends.shape[1])[:, None] == y
        rivals = [np.where(own, end.min() - 1, end).max(axis=0) for end in ends]
        mine = [np.where(own, end, 0).sum(axis=0) for end in ends]
        return mine[0] > rivals[1], mine[1] <= rivals[0]

    def decide(self, datum: Any, low: Any, high: Any, block: int, hull: Any = None) -> Any:
        """Return which boxes hold only right answers, and which only wrong ones; halves blocks that are too much."""
        verdicts = np.zeros((2, datum.size), bool)
        todo = [np.arange(i, min(i + block, datum.size)) for i in range(0, datum.size, block)]
        while todo and self.left > 0:
            rows = todo.pop()
            try:
                verdicts[:, rows] = self._judge(*self.bounds(low[rows], high[rows], hull), self.y[datum[rows]])
            except ArithmeticError:
                todo += [rows[:rows.size // 2], rows[rows.size // 2:]] if rows.size > 1 else []
        return verdicts

    def wrong(self, tries: list[tuple[int, Any]]) -> tuple[int, tuple[float, ...], tuple[str, ...]] | None:
        """Return the first of the tried points (datum, point) that lies in its ball and where the answer is wrong."""
        power, norm = 2 if self.head["norm"] == "2" else 1, self.head["norm"]
        for i, point in tries:
            p = np.nan_to_num(point.astype(self.type)).astype(np.float64)[None, :]
            away = [abs(Fraction(a) - Fraction(b)) ** power for a, b in zip(p[0], self.X[i], strict=True)]
            inside = (max(away) if norm == "inf" else sum(away)) <= Fraction(self.radius) ** power
            if inside and self.decide(np.array([i]), p, p, 1)[1].all():
                ends, scale = self.bounds(p, p)
                return i, tuple(p[0].tolist()), tuple(f"{a:#x} .. {b:#x} * 2^-{scale}" for a, b in ends[:, :, 0].T)
        return None

    def prove(self) -> Outcome:
        """Return the verdict: all balls with one hull, some points, undecided boxes one by one, then their parts."""
        (n, d), axes, (low, high) = self.X.shape, np.arange(self.X.shape[1]), self.boxes()
        right = self.decide(np.arange(n), low, high, 1024, (low.min(axis=0)[None, :], high.max(axis=0)[None, :]))[0]
        witness, at = self.wrong(list(zip(self.owner.tolist(), self.points, strict=True))[:256]), np.flatnonzero(~right)
        right[at] = witness is None and self.decide(at, low[at], high[at], 64)[0]
        at, tries = at[~right[at]], []
        for i in at[:64].tolist():
            x, ends = self.X[i], np.stack([low[i], high[i]]).astype(self.type)
            for end in (x, *ends, *np.nextafter(ends, x.astype(self.type))):
                tries += [(i, np.where(use, end, x)) for j in range(min(d, 4)) for use in (axes == j, axes >= j)]
        witness, part, a, b = witness or self.wrong(tries), at, low[at], high[at]  # part: the datum of each box
        while witness is None and d <= 6 and 0 < part.size <= PARTS and self.left > 0 and (a < b).any():
            self.left -= WORK >> 6  # at most 64 rounds
            middle, cut = np.clip(a / 2 + b / 2, a, b), axes == np.argmax(b / 2 - a / 2, axis=1)[:, None]
            witness = self.wrong(list(zip(part.tolist(), middle[:4], strict=False)))
            a, b = np.vstack([a, np.where(cut, middle, a)]), np.vstack([np.where(cut, middle, b), b])
            part = np.tile(part, 2)
            left = ~self.decide(part, a, b, 64)[0]
            part, a, b = part[left], a[left], b[left]
        right[np.setdiff1d(at, part)] = True
        verdict = "refuted" if witness is not None else "confirmed" if right.all() else "undecided"
        return Outcome(verdict, f"right on the closed l_{self.head['norm']} balls of radius {self.radius!r} round {n} "
                                f"data, kind {self.head['kind']}", int(right.sum()), n, witness)


@np.errstate(all="ignore")
def check(data: bytes) -> Outcome:
    """Return the verdict on the bytes of a certificate file, "invalid" if they are none; never raises."""
    try:
        return Prover(data).prove()
    except (Invalid, ArithmeticError, MemoryError) as error:
        return Outcome("invalid" if isinstance(error, Invalid) else "undecided", str(error) or "not enough memory")


def main(arguments: list[str]) -> int:
    """Check the file named; print the verdict and return the exit code (0, 1, 2, 3; 64 for wrong usage)."""
    begin = time.perf_counter()
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        print("usage: checker.py FILE (a certificate file that exists)", file=sys.stderr)
        return 64
    data = Path(arguments[0]).read_bytes()
    found = check(data)
    print(f"{found.verdict.upper()}: {found.message}")
    print("witness: datum {}, x = {}, outputs {}\n".format(*found.witness) if found.witness else "", end="")
    print(f"{found.proved} of {found.balls} balls proved right, {len(data)} bytes, {time.perf_counter() - begin:.2f} s")
    return ("confirmed", "refuted", "undecided", "invalid").index(found.verdict)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
