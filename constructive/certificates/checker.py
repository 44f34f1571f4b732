"""Check a certificate file in exact integer arithmetic: CONFIRMED, REFUTED with a witness, or UNDECIDED.

    python -m constructive.certificates.checker FILE        python checker.py FILE

Needs only Python and numpy, shares no code with the library and trusts nothing in the file. The claim is derived again
from weights, data and radius: on the closed ball round every datum the network's answer is right (its sign is the
goal's, its largest score is strictly the goal's, or its value equals the goal). Balls in l_1 and l_2 are checked on the
l_inf box around them; boxes are rounded outward to the network's format. All values of one layer are Python integers
times 2^-scale, which holds every double.
* Kind "real": interval arithmetic on these integers, no rounding.
* Kinds "float64", "float32": every program that evaluates the network in that format with +, x and fused multiply-add
  rounded to nearest, each sum in any order. A unit is then a tree of rounded additions. Rounding is monotone, so the
  tree's value rises with each summand: it is at most its value on upper ends T of the summands, T a number of the
  format >= the real product (then also >= the rounded one). Summands with T <= 0 may be left out. ``upper_end`` takes
  the least of these bounds, each true for every tree: (1) two summands: their sum, rounded; (2) all are multiples of g,
  the positive and the negative ones add up to at most 2^p g each: each partial sum is a number of the format, so the
  tree is exact (also with summands T <= 0 left out that are no multiples); (3) m summands: the sum plus
  (m - 1) 2^-p times the sum of their sizes. Sizes near overflow leave a box undecided.
* A bump, ``relu(v - sum c relu(s x_j + t))`` with v, c > 0, is 0 where one face has c z >= v, z its unit rounded
  down: c z then cancels v, the other faces only lower. So each bump has a box outside of which it is 0. Which bumps
  meet which ball is found in a tree over these boxes; the file's ``order`` says how to group them, but the hulls are
  computed here, so a bad order costs time, never truth. REFUTED: at one point of the real ball all programs are wrong.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

MAGIC = b"constructive certificate 1\n"
FORMATS = {"float64": (53, -1074, 1024), "float32": (24, -149, 128)}  # bits, lowest exponent, 2^top overflows
WORK = 1 << 27  # summands handled before the rest is left undecided
PARTS = 1 << 9  # boxes cut out of undecided ones at a time, in at most six dimensions
FIELDS = {"about": dict, "d": int, "format": str, "goal": str, "kind": str, "layers": list, "n": int, "norm": str,
          "ordered": int, "radius": str, "witnesses": int}
_NONE = np.zeros((2, 0, 1), object)


class Invalid(ValueError):
    """The bytes are not a certificate; the message says why in one line."""


def _need(condition: Any, why: str) -> None:
    if not condition:
        raise Invalid(why)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Verdict in words, why, how many of the balls were proved right, and (index, point, outputs) of a wrong answer."""

    verdict: str
    message: str
    proved: int = 0
    balls: int = 0
    witness: tuple[int, tuple[float, ...], tuple[str, ...]] | None = None


def read(data: bytes) -> tuple[dict[str, Any], list[tuple[Any, ...]], tuple[Any, ...]]:
    """Return header, layers (starts, columns, weights, biases, finenesses), (X, goals, order, owners, witnesses)."""
    at = len(MAGIC) + 9
    _need(len(data) > at + 32 and data.startswith(MAGIC), "this is no certificate of version 1")
    _need(hashlib.sha256(memoryview(data)[:-32]).digest() == data[-32:], "the SHA-256 at the end does not match")
    _need(data[at - 9:at - 1].isdigit() and data[at - 1:at] == b"\n", "the header's length is not eight digits")
    text = data[at:at + min(int(data[at - 9:at]), 1 << 20)]
    _need(max(accumulate((c in b"[{") - (c in b"]}") for c in text), default=0) <= 64, "the header is too deep")
    try:
        head = json.loads(text.decode("ascii"))
        again = json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=False)
        _need(again.encode() == text, "the header is not in canonical form (sorted keys, no spaces, no key twice)")
        _need({name: type(v) for name, v in dict(head).items()} == FIELDS, "the header's fields are wrong")
        radius = float.fromhex(head["radius"])
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise error if isinstance(error, Invalid) else Invalid("the header is not JSON of the right form") from error
    n, d, shapes, hints, at = head["n"], head["d"], head["layers"], head["witnesses"], at + len(text)
    _need(head["format"] in FORMATS and head["kind"] in (head["format"], "real") and head["norm"] in ("1", "2", "inf")
          and head["goal"] in ("sign", "score", "value"), "kind, format, norm or goal is unknown, or they do not fit")
    _need(0 <= radius < np.inf and radius.hex() == head["radius"], "the radius is out of range or of form")
    _need(0 < len(shapes) <= 256 and all(type(s) is list and len(s) == 3 and all(type(v) is int for v in s)
          and min(s[0], s[1], s[2] + 1) > 0 and max(s) < 1 << 31 for s in shapes), "the layers' sizes are out of range")
    _need(n > 0 and [s[1] for s in shapes] == [d, *(s[0] for s in shapes)][:-1] and head["ordered"] in (0, 1)
          and hints >= 0, "n, ordered or witnesses is out of range, or the layers' sizes do not chain")
    places = shapes[1][0] if head["ordered"] and len(shapes) > 1 else 0
    plan = [("<f8", n * d), ("<f8", n), ("<i4", places), ("<i4", hints), ("<f8", hints * d)]
    number = "<f4" if head["format"] == "float32" else "<f8"
    for rows, _, nonzeros in shapes[::-1]:
        plan[:0] = [("<i4", rows + 1), ("<i4", nonzeros), (number, nonzeros), (number, rows)]
    ends = list(accumulate((int(name[2]) * count for name, count in plan), initial=at))
    _need(ends[-1] + 32 == len(data), "the arrays do not fill the file")  # before anything is allocated
    arrays: list[Any] = [np.frombuffer(data, *part, end) for part, end in zip(plan, ends[:-1], strict=True)]
    layers = []
    for (_, inputs, _), start, column, weight, bias in zip(shapes, *(arrays[k:-5:4] for k in range(4)), strict=True):
        _need(start[0] == 0 and start[-1] == column.size and (start[1:] >= start[:-1]).all(), "row starts fall")
        _need(column.min(initial=0) >= 0 and column.max(initial=0) < inputs, "a column is out of range")
        fresh = np.zeros(column.size + 1, bool)
        fresh[start] = True
        _need(((column[1:] > column[:-1]) | fresh[1:-1]).all(), "columns of a row are not in rising order")
        _need(np.isfinite(weight).all() and np.isfinite(bias).all() and (weight != 0).all(), "weights 0 or infinite")
        layers.append((start.astype(np.int64), column, weight, bias, fineness(weight), fineness(bias)))
    X, y, order, owner, points = arrays[-5:]
    _need(all(np.isfinite(part).all() for part in (X, y, points)), "data, goals or witnesses are not finite")
    m, known = shapes[-1][0], {"sign": np.abs(y) == 1, "score": (y == np.floor(y)) & (y >= 0), "value": y == y}
    _need((y.max() < m > 1 if head["goal"] == "score" else m == 1) and known[head["goal"]].all(),
          "a goal is no sign or no class, or does not fit the number of outputs")
    _need(np.array_equal(np.sort(order), np.arange(order.size)) and ((owner >= 0) & (owner < n)).all(),
          "the order is no permutation, or a witness belongs to no datum")
    return head, layers, (X.reshape(n, d), y, order.astype(np.int64), owner, points.reshape(-1, d))


def _pieces(values: Any) -> tuple[Any, Any]:
    """Return (w, e) with values = w 2^e, w an odd 64-bit integer or 0."""
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.where(whole == 0, 0, np.frexp((whole & -whole).astype(np.float64))[1] - 1)
    return whole >> zeros, np.where(whole == 0, 0, exponent - 53 + zeros)


def fineness(*values: Any) -> int:
    """Return the least s >= 0 for which all values are multiples of 2^-s."""
    return max(0, *(int(-_pieces(part)[1].min(initial=0)) for part in values))


def integers(values: Any, scale: int) -> Any:
    """Return values 2^scale as Python integers; scale must be at least the fineness."""
    odd, exponent = _pieces(values)
    return odd.astype(object) << (exponent + scale).astype(object)


def rounded(values: Any, scale: int, form: tuple[int, int, int] | None, way: int) -> Any:
    """Return the integers (times 2^-scale) rounded to the format: up (1), down (-1), to nearest even (0)."""
    if form is None:
        return values
    bits, floor = form[0], scale + form[1]

    def one(value: int) -> int:
        if (drop := max(value.bit_length() - bits, floor)) <= 0:
            return value
        whole, half = value >> drop, 1 << (drop - 1)
        rest = value - (whole << drop)
        return (whole + (rest > 0 if way > 0 else way == 0 and rest + (whole & 1) > half)) << drop
    return np.frompyfunc(one, 1, 1)(values)


def upper_end(terms: Any, fixed: Any, scale: int, form: tuple[int, int, int] | None) -> Any:
    """Return bounds (N,) of sums over terms (m, N) and the terms ``fixed`` (q, 1 or N); see the top of the file."""
    if form is None:
        return terms.sum(axis=0) + fixed.sum(axis=0)
    parts = [rounded(part, scale, form, 1) for part in (terms, fixed)]
    rise = [np.where(part > 0, part, 0) for part in parts]
    fall = [up - part for up, part in zip(rise, parts, strict=True)]
    above, below = (side[0].sum(axis=0) + side[1].sum(axis=0) for side in (rise, fall))
    size, count = above + below, sum((part != 0).sum(axis=0) for part in parts)
    if size.size and size.max() >> (form[2] - 2 + scale) > 0:
        raise ArithmeticError("a sum comes near overflow")
    best = above - below - np.where(count > 1, (1 - count) * size >> form[0], 0)
    best = np.where(count <= 2, np.minimum(best, rounded(above - below, scale, form, 0)), best)
    for side in (parts, rise):  # all terms, then: negative ones off the grid of the positive ones, or fixed, left out
        grid = np.bitwise_or.reduce(side[0], axis=0, initial=0) | np.bitwise_or.reduce(side[1], axis=0, initial=0)
        grid &= -grid
        kept = below if side is parts else np.where(fall[0] & (grid - 1) == 0, fall[0], 0).sum(axis=0)
        best = np.where(np.maximum(above, kept) <= grid << form[0], np.minimum(best, above - kept), best)
    return rounded(best, scale, form, -1)


def both_ends(terms: Any, fixed: Any, scale: int, form: Any, relu: bool) -> tuple[Any, Any]:
    """Return bounds of sums (then ReLU) of terms, lower and upper ends (m, N) each, and fixed ones, (q, 1 or N)."""
    ends = (sign * upper_end(sign * term, sign * part, scale, form)
            for sign, term, part in zip((-1, 1), terms, fixed, strict=True))
    low, high = (np.maximum(end, 0) if relu else end for end in ends)
    return low, high


def _products(weight: Any, low: Any, high: Any) -> tuple[Any, Any]:
    return np.where(weight > 0, weight * low, weight * high), np.where(weight > 0, weight * high, weight * low)


def _table(terms: Any, place: Any, size: int) -> Any:
    """Return terms as columns (m, size) by their places, which rise; zeros fill up."""
    count = np.bincount(place, minlength=size)
    table = np.zeros((count.max(initial=0), size), object)
    table[np.arange(place.size) - (np.cumsum(count) - count)[place], place] = terms
    return table


class Prover:
    """Bounds of the network over many boxes; bumps of the second layer enter only where they may not be 0."""

    def __init__(self, data: bytes) -> None:
        self.head, self.layers, (self.X, self.y, self.order, self.owner, self.points) = read(data)
        self.form = None if self.head["kind"] == "real" else FORMATS[self.head["format"]]
        self.type: Any = np.float32 if self.head["format"] == "float32" else np.float64
        self.radius, self.left, self.bumps = float.fromhex(self.head["radius"]), WORK, np.zeros(0, np.int64)
        # entered: units that a bump reaches, and all outputs; needed: other units that these read (all without bumps)
        readers = [np.repeat(np.arange(layer[3].size), np.diff(layer[0])) for layer in self.layers]
        self.entered = [np.zeros(layer[3].size, bool) for layer in self.layers]
        if len(self.layers) > 2 and self._supports(*readers[1:3]):
            self.entered[1][self.bumps] = self.entered[-1][:] = True
        for k in range(2, len(self.layers)):
            self.entered[k][readers[k][self.entered[k - 1][self.layers[k][1]]]] = True
        wanted = [~self.entered[-1]]
        for k in range(len(self.layers) - 1, 0, -1):
            read_by = (wanted[0] | (self.entered[k] & (k > 1)))[readers[k]]
            wanted.insert(0, np.zeros(self.entered[k - 1].size, bool))
            wanted[0][self.layers[k][1][read_by]] = True
            wanted[0] &= ~self.entered[k - 1]
        self.needed = [np.flatnonzero(part) for part in wanted]

    def _spend(self, amount: int) -> None:
        """Take summands off those allowed; raises when none are left or they are too many at once for memory."""
        self.left -= int(amount)
        if self.left < 0 or amount > 1 << 21:
            raise ArithmeticError("the work allowed is used up")

    def _faces(self, rows: Any) -> tuple[Any, ...]:
        """Return place in rows, coordinate, s, t, c, v of all faces of the given bumps."""
        first, (start, column, weight, bias, *_) = self.layers[:2]
        count = start[rows + 1] - start[rows]
        self._spend(count.sum())
        place = np.repeat(np.arange(rows.size), count)
        entry = np.arange(place.size) + (start[rows] - np.cumsum(count) + count)[place]
        at = first[0][column[entry]]
        return place, first[1][at], first[2][at], first[3][column[entry]], -weight[entry], bias[rows[place]]

    def _supports(self, reader: Any, third_reader: Any) -> bool:
        """Find bumps and ends (m, d) outside of which each is 0: guessed in floating point, proved in integers."""
        (start, *_), (_, column, weight, bias, *_) = self.layers[:2]
        good = (bias > 0) & (np.bincount(reader, minlength=bias.size) > 0)
        good[reader[(np.diff(start) != 1)[column] | (weight > 0)]] = False
        order = self.order if self.order.size else np.arange(bias.size)
        shape, up = (np.count_nonzero(good), self.X.shape[1]), self.type(np.inf)
        if not 0 < shape[0] * shape[1] <= 1 << 26:
            return False
        self.bumps, lower, upper = order[good[order]], np.full(shape, -np.inf), np.full(shape, np.inf)
        for begin in range(0, shape[0], 256):
            place, axis, s, t, c, v = self._faces(self.bumps[begin:begin + 256])
            rise = np.nextafter(np.nextafter(v / c, up) - t, up).astype(np.float64) / s
            edge = np.nextafter(rise, np.where(s > 0, np.inf, -np.inf))
            edge = np.where(np.isfinite(edge), edge, 0)
            fine, one = fineness(s), max(fineness(s) + fineness(edge), fineness(t))
            unit = rounded(integers(s, fine) * integers(edge, one - fine), one, self.form, -1) + integers(t, one)
            two = max(one + fineness(c), fineness(v))
            proved = integers(c, two - one) * np.maximum(rounded(unit, one, self.form, 0), 0) >= integers(v, two)
            for part, chosen, ufunc in ((upper, proved & (s > 0), np.minimum), (lower, proved & (s < 0), np.maximum)):
                ufunc.at(part, (begin + place[chosen], axis[chosen]), edge[chosen])
        self.hulls = [(lower, upper)]
        while lower.shape[0] > 1:
            cuts = np.arange(0, lower.shape[0], 2)
            lower, upper = np.minimum.reduceat(lower, cuts), np.maximum.reduceat(upper, cuts)
            self.hulls.append((lower, upper))
        place = np.full(bias.size, -1)  # the third layer's weights on bumps, sorted by bump
        place[self.bumps] = np.arange(shape[0])
        told = place[self.layers[2][1]]
        self.told = np.argsort(told, kind="stable")[np.count_nonzero(told < 0):]
        self.begin, self.reader = np.searchsorted(told[self.told], np.arange(shape[0] + 1)), third_reader[self.told]
        return True

    def _meeting(self, low: Any, high: Any) -> tuple[Any, Any]:
        """Return pairs (box, place of bump), sorted by box: all bumps that may not be 0 on a box."""
        box, node = np.arange(low.shape[0]), np.zeros(low.shape[0], np.int64)
        for lower, upper in self.hulls[::-1]:
            if lower.shape[0] > 1:
                box, node = np.repeat(box, 2), np.repeat(2 * node, 2) + np.arange(2 * node.size) % 2
                box, node = box[node < lower.shape[0]], node[node < lower.shape[0]]
            self._spend(box.size >> 2)
            for j in range(low.shape[1]):
                alive = (low[box, j] < upper[node, j]) & (high[box, j] > lower[node, j])
                box, node = box[alive], node[alive]
        return box, node

    def _heights(self, low: Any, high: Any, scales: list[int], box: Any, bump: Any) -> tuple[Any, Any]:
        """Return bounds of bumps, each on its box."""
        place, axis, s, t, c, _ = self._faces(self.bumps[bump])
        (zero, one, two), box, offset = scales[:3], box[place], integers(t, scales[1])
        ends = _products(integers(s, one - zero), integers(low[box, axis], zero), integers(high[box, axis], zero))
        risen = ends[1] + offset > 0  # elsewhere the unit is 0, rounded or not
        units = both_ends((np.stack([end[risen], offset[risen]]) for end in ends), _NONE, one, self.form, True)
        terms = (_table(end, place[risen], bump.size) for end in _products(integers(-c[risen], two - one), *units))
        top = integers(self.layers[1][3][self.bumps[bump]], two)[None, :]
        return both_ends((np.vstack([end, top]) for end in terms), _NONE, two, self.form, True)

    def _layer(self, k: int, rows: Any, count: int, scales: list[int], live: Any, fixed: Any, told: Any = None) -> Any:
        # live, fixed: places, low, high of units below, count or one column; told: reader, box, ends of terms of bumps
        (start, column, weight, bias, *_), ends = self.layers[k], np.zeros((2, rows.size, count), object)
        for a, row in enumerate(rows):
            span, parts = slice(start[row], start[row + 1]), []
            steps = integers(weight[span], scales[k + 1] - scales[k])[:, None]
            for place, below_low, below_high in (live, fixed):
                at = place[column[span]]
                self._spend((np.count_nonzero(at >= 0) + 1) * below_low.shape[1] * (1 + (scales[k + 1] >> 10)))
                parts.append(_products(steps[at >= 0], below_low[at[at >= 0]], below_high[at[at >= 0]]))
            offset = np.repeat(integers(bias[row:row + 1], scales[k + 1])[:, None], count, axis=1)
            terms = [[end.reshape(-1, count), offset] for end in parts[0]]
            if told is not None:
                mine = slice(*np.searchsorted(told[0], (row, row + 1)))
                terms = [[*terms[e], _table(told[2 + e][mine], told[1][mine], count)] for e in (0, 1)]
            ends[:, a] = both_ends(map(np.vstack, terms), parts[1], scales[k + 1], self.form, k + 1 < len(self.layers))
        place = np.full(bias.size, -1)
        place[rows] = np.arange(rows.size)
        return place, ends[0], ends[1]

    def bounds(self, low: Any, high: Any, hull: Any = None) -> tuple[Any, Any, int]:
        """Return bounds (m, N) of the outputs over boxes (N, d), and their scale; units without bumps over ``hull``."""
        wide, count = (low, high) if hull is None else hull, low.shape[0]
        scales = list(accumulate(self.layers, lambda scale, layer: max(scale + layer[4], layer[5]),
                                 initial=fineness(low, high, *wide)))
        none = [(np.full(size, -1), *_NONE) for size in (low.shape[1], *(layer[3].size for layer in self.layers))]
        fixed: list[Any] = [(np.arange(low.shape[1]), *(integers(end.T, scales[0]) for end in wide))]
        for k, rows in enumerate(self.needed):
            fixed.append(self._layer(k, rows, wide[0].shape[0], scales, fixed[k], none[k]))
        if not self.bumps.size:
            return fixed[-1][1], fixed[-1][2], scales[-1]
        box, bump = self._meeting(low, high)
        heights = self._heights(low, high, scales, box, bump)
        pair = np.repeat(np.arange(box.size), np.where(heights[1] > 0, self.begin[bump + 1] - self.begin[bump], 0))
        entry = self.begin[bump[pair]] + np.arange(pair.size) - np.searchsorted(pair, pair)
        by = np.argsort(self.reader[entry], kind="stable")
        pair, entry = pair[by], entry[by]
        steps = integers(self.layers[2][2][self.told[entry]], scales[3] - scales[2])
        told: Any = (self.reader[entry], box[pair], *_products(steps, heights[0][pair], heights[1][pair]))
        live: Any = none[2]
        for k in range(2, len(self.layers)):
            live, told = self._layer(k, np.flatnonzero(self.entered[k]), count, scales, live, fixed[k], told), None
        return live[1], live[2], scales[-1]

    def boxes(self) -> list[Any]:
        """Return ends (N, d) of the boxes round the balls, rounded outward to numbers of the network's format."""
        found = [(self.X + sign * self.radius).astype(self.type) for sign in (-1, 1)]
        for side, sign in ((0, -1), (1, 1), (0, -1), (1, 1)):
            if not np.isfinite(found[side]).all():
                raise ArithmeticError("a ball reaches beyond the numbers of the format")
            scale = fineness(self.X, self.radius, found[side])
            away = sign * (integers(found[side], scale) - integers(self.X, scale))
            found[side] = np.where(away < integers(self.radius, scale),
                                   np.nextafter(found[side], self.type(sign * np.inf)), found[side])
        return [end.astype(np.float64) for end in found]

    def _judge(self, low: Any, high: Any, scale: int, y: Any) -> tuple[Any, Any]:
        """Return where bounds (m, N) leave only right answers, and where only wrong ones."""
        if self.head["goal"] == "value":
            more = max(scale, fineness(y)) - scale
            low, high, want = low[0] << more, high[0] << more, integers(y, scale + more)
            return (low == want) & (high == want), (low > want) | (high < want)
        if self.head["goal"] == "sign":  # a second score, always 0
            low, high, y = np.vstack([0 * low, low]), np.vstack([0 * low, high]), y > 0
        own = np.arange(low.shape[0])[:, None] == y
        rivals = [np.where(own, end.min() - 1, end).max(axis=0) for end in (low, high)]
        mine = [np.where(own, end, 0).sum(axis=0) for end in (low, high)]
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
        for i, point in tries:
            p = point.astype(self.type).astype(np.float64)
            away = [abs(Fraction(a) - Fraction(b)) for a, b in zip(p.tolist(), self.X[i].tolist(), strict=True)]
            size = {"1": sum(away), "2": sum(v * v for v in away), "inf": max(away)}[self.head["norm"]]
            inside = size <= Fraction(self.radius) ** (2 if self.head["norm"] == "2" else 1)
            if inside and self.decide(np.array([i]), p[None, :], p[None, :], 1)[1].all():
                low, high, scale = self.bounds(p[None, :], p[None, :])
                return i, tuple(p.tolist()), tuple(f"{a:#x} .. {b:#x} * 2^-{scale}" for a, b in np.hstack([low, high]))
        return None

    def prove(self) -> Outcome:
        """Return the verdict: all balls with one hull, some points, undecided boxes one by one, then their parts."""
        (n, d), axes, (low, high) = self.X.shape, np.arange(self.X.shape[1]), self.boxes()
        right = self.decide(np.arange(n), low, high, 1024, (low.min(axis=0)[None, :], high.max(axis=0)[None, :]))[0]
        at = np.flatnonzero(~right)
        tries = list(zip(self.owner.tolist(), self.points, strict=True))[:256]
        for i in at[:64].tolist():
            x = self.X[i]
            near = [np.nextafter(end[i].astype(self.type), x.astype(self.type)) for end in (low, high)]
            for end in (x, low[i], high[i], *near):
                tries += [(i, np.where(use, end, x)) for j in range(min(d, 4)) for use in (axes == j, axes >= j)]
        witness = self.wrong(tries)
        right[at] = witness is None and self.decide(at, low[at], high[at], 64)[0]
        first = at = np.flatnonzero(~right & (d <= 6))
        a, b = low[at], high[at]
        while witness is None and 0 < at.size <= PARTS and self.left > 0 and (a < b).any():
            self.left -= 1 << 21  # at most 64 rounds
            middle, cut = np.clip(a / 2 + b / 2, a, b), axes == np.argmax(b / 2 - a / 2, axis=1)[:, None]
            witness = self.wrong(list(zip(at.tolist(), middle[:4], strict=False)))
            a, b = np.vstack([a, np.where(cut, middle, a)]), np.vstack([np.where(cut, middle, b), b])
            at = np.tile(at, 2)
            left = ~self.decide(at, a, b, 64)[0]
            at, a, b = at[left], a[left], b[left]
        right[np.setdiff1d(first, at)] = True
        verdict = "refuted" if witness is not None else "confirmed" if right.all() else "undecided"
        how = f"every {self.head['kind']} program, sums in any order" if self.form else "real arithmetic"
        text = {"refuted": "wrong somewhere", "confirmed": "right", "undecided": "bounds too wide, or too much work,"}
        return Outcome(verdict, f"{text[verdict]} on the closed l_{self.head['norm']} balls of radius {self.radius!r} "
                                f"round {n} data, {how}", int(right.sum()), n, witness)


def check(data: bytes) -> Outcome:
    """Return the verdict on the bytes of a certificate file, "invalid" if they are none; never raises."""
    try:
        with np.errstate(all="ignore"):
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
