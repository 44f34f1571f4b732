"""Words that fold open: thresholds packed into one integer, so that folds of the line pop them one by one.

A word of s thresholds of ``bits`` binary digits each is an integer V_1. Comparing ``z H_1`` with V_1 tells whether z
is beyond the first threshold; then ``bits`` folds ``v -> v - 2 relu(v - h)``, h = H_1 2^(bits - 1), ..., H_1, turn V_1
into the word V_2 of the rest. No threshold is ever decoded, and a fold is one unit.
"""

from __future__ import annotations

from collections.abc import Sequence


def scale_of(place: int, count: int, bits: int) -> int:
    """Return ``H_i = 2^(bits (s - i) + 1)``: the unit of threshold ``place`` = i of ``count`` = s, counted from 1."""
    return 1 << (bits * (count - place) + 1)


def pack(thresholds: Sequence[int], bits: int) -> int:
    """Return the word of the thresholds, the first to be popped first: ``t_1 H_1 + (V_2 or H_1 - V_2)``.

    The rest is stored reversed where t_1 is odd, because that many folds reverse it. Each ``0 <= t < 2^bits``;
    the word is positive and below ``2^(bits s + 1)``. Raises ValueError outside, or without a threshold.

    >>> pack([1, 4, 6], bits=3), pack([4, 6], bits=3), pack([6], bits=3)
    (179, 77, 13)
    """
    wrong = [t for t in thresholds if not 0 <= t < 1 << bits]
    if wrong or not thresholds:
        raise ValueError(f"pack: thresholds={list(thresholds)} must be 0 <= t < 2^{bits}, and at least one")
    word = 1
    for place in range(len(thresholds), 0, -1):
        unit, threshold = scale_of(place, len(thresholds), bits), thresholds[place - 1]
        word = threshold * unit + (word if threshold % 2 == 0 else unit - word)
    return word


def fold(word: int, unit: int, bits: int) -> int:
    """Return the word after ``bits`` folds at ``unit 2^(bits - 1), ..., unit``: its first threshold popped.

    >>> fold(179, unit=128, bits=3)
    77
    """
    for k in range(bits - 1, -1, -1):
        word -= 2 * max(word - (unit << k), 0)
    return word
