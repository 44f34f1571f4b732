"""Curves: single functions of one number, tabulated on few knots with a proved slack.

What several units of one number add up to is read off their parts (:mod:`constructive.certificates.univariate`), knots
that lie on the chord of their neighbors are left out, and what that changes goes into the slack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from constructive.certificates.univariate import Affine, Array, Part

_UNIT = 2.0**-53
_UP = 1.0 + 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A function of one number: ``|function - chord| <= slack_i`` on [knots_i, knots_i+1]; infinite on gaps.

    ``knots`` (g,) increasing, ``values`` (g,), ``slack`` (g - 1,).
    """

    knots: Array
    values: Array
    slack: Array

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value off the gaps, rounded outward."""
        known = np.isfinite(self.slack)
        if not known.any():
            return -np.inf, np.inf
        ends = np.stack([self.values[:-1], self.values[1:]])[:, known]
        low = (ends.min(axis=0) - self.slack[known]).min()
        high = (ends.max(axis=0) + self.slack[known]).max()
        return float(np.nextafter(low, -np.inf)), float(np.nextafter(high, np.inf))


def curves(parts: Sequence[Part], step: Affine) -> list[Curve]:
    """Return the rows of the affine map as curves over all parts, without knots that lie on their chords.

    Between parts that do not touch the curve has a gap.
    """
    pieces: list[list[Curve]] = [[] for _ in range(step.bias.size)]
    for part in parts:
        image = part.image(step)
        if not (np.isfinite(image.error).all() and np.isfinite(image.values).all()):
            raise ValueError("sup_error: the network's values or their bounds exceed the largest double on the domain; "
                             "rescale its weights")
        place = np.full(step.bias.size, -1)
        place[image.alive] = np.arange(image.alive.size)
        ends = image.knots[[0, -1]]
        for row, at in enumerate(place.tolist()):
            slack = float(image.error[row])
            if at < 0:
                pieces[row].append(Curve(ends, np.zeros(2), np.array([slack])))
            else:
                pieces[row].append(_pruned(Curve(image.knots, image.values[at],
                                                 np.full(image.knots.size - 1, slack))))
    return [_joined(each) for each in pieces]


def _pruned(curve: Curve) -> Curve:
    """Return the curve without the knots on the chord of their neighbors; what they miss goes into the slack."""
    t, v = curve.knots, curve.values
    if t.size < 3:
        return curve
    width = t[2:] - t[:-2]
    share = np.divide(t[1:-1] - t[:-2], width, out=np.full(width.size, 0.5), where=width > 0)
    bend = np.abs(v[1:-1] - (v[:-2] + (v[2:] - v[:-2]) * share))
    flat = 2.0**-44 * np.abs(v).max()
    gap = ~np.isfinite(curve.slack)
    kept = np.concatenate([[True], (bend > flat) | gap[:-1] | gap[1:], [True]])
    if kept.all():
        return curve
    starts = np.flatnonzero(kept)[:-1]
    off = np.abs(v - np.interp(t, t[kept], v[kept]))
    missed = np.maximum(np.maximum.reduceat(off[:-1], starts), 0.0) + 16 * _UNIT * np.abs(v).max()
    if missed.max() > 256 * flat:
        return curve
    slack = (np.maximum.reduceat(curve.slack, starts) + missed) * _UP
    return Curve(t[kept], v[kept], slack)


def _joined(pieces: Sequence[Curve]) -> Curve:
    """Return consecutive curves as one; where two of them touch, the second one's first value yields."""
    knots, values, slack = [pieces[0].knots], [pieces[0].values], [pieces[0].slack]
    for piece in pieces[1:]:
        if piece.knots[0] == knots[-1][-1]:
            first = piece.slack.copy()
            first[0] += abs(float(piece.values[0] - values[-1][-1])) * _UP
            knots.append(piece.knots[1:])
            values.append(piece.values[1:])
            slack.append(first)
        else:
            knots.append(piece.knots)
            values.append(piece.values)
            slack.extend([np.array([np.inf]), piece.slack])
    return _pruned(Curve(np.concatenate(knots), np.concatenate(values), np.concatenate(slack)))
