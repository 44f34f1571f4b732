"""Brackets, verdicts, and confidence intervals that keep their word."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructive.evidence import (
    Bracket,
    Check,
    Evidence,
    Report,
    Source,
    Table,
    Verdict,
    clopper_pearson,
    exactly,
    versions,
    worst,
)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_bracket_refuses_crossed_ends_and_nothing_else(a: float, b: float) -> None:
    if a > b:
        with pytest.raises(ValueError, match="lower <= upper"):
            Bracket(a, b)
    else:
        assert a in Bracket(a, b)
        assert b in Bracket(a, b)


@pytest.mark.parametrize(("lower", "upper"), [(math.nan, 1.0), (0.0, math.nan), (1.0, 0.0)])
def test_a_bracket_without_meaning_is_refused(lower: float, upper: float) -> None:
    with pytest.raises(ValueError, match="Bracket"):
        Bracket(lower, upper)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, math.nan])
def test_a_confidence_lies_strictly_inside(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        Bracket(0.0, 1.0, Evidence.SAMPLED, confidence)


def test_a_bracket_is_written_with_its_evidence() -> None:
    assert str(Bracket(0.0, 0.25)) == "[0, 0.25] ENCLOSED"
    assert str(Bracket(0.0, 0.0, Evidence.EXACT)) == "0 EXACT"
    assert str(Bracket(0.1, 0.2, Evidence.SAMPLED, 0.95)) == "[0.1, 0.2] SAMPLED at 0.95"


@given(st.fractions())
def test_an_exact_number_is_bracketed_as_narrowly_as_doubles_allow(value: Fraction) -> None:
    bracket = exactly(value)
    assert Fraction(bracket.lower) <= value <= Fraction(bracket.upper)
    assert bracket.upper in (bracket.lower, math.nextafter(bracket.lower, math.inf))
    assert (bracket.width == 0) == (Fraction(float(value)) == value)


def test_the_worst_verdict_decides_and_nothing_shown_is_undecided() -> None:
    order = [Verdict.CONFIRMED, Verdict.CONSISTENT, Verdict.UNDECIDED, Verdict.REFUTED]
    for a, b in itertools.product(order, order):
        assert worst([a, b]) is order[max(order.index(a), order.index(b))]
    assert worst([]) is Verdict.UNDECIDED
    bracket = Bracket(0.0, 1.0)
    checks = tuple(Check("claim", "<= 1", bracket, verdict) for verdict in order[:3])
    assert Report("title", checks).verdict is Verdict.UNDECIDED
    assert Report("title").verdict is Verdict.UNDECIDED


def tail(n: int, p: Fraction, least: int) -> Fraction:
    """Return P(Binomial(n, p) >= least) exactly."""
    return sum((math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(least, n + 1)), Fraction(0))


@pytest.mark.parametrize(("errors", "n"), [(0, 1), (1, 1), (0, 20), (3, 20), (10, 20), (20, 20), (7, 60)])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_ends_of_the_interval_are_the_exact_binomial_quantiles(errors: int, n: int,
                                                                  confidence: float) -> None:
    bracket, level = clopper_pearson(errors, n, confidence), Fraction(1.0 - confidence) / 2
    nudge = Fraction(1, 10**9)  # the incomplete beta function is inverted to about twelve digits
    if errors == 0:
        assert bracket.lower == 0.0
    else:
        lower = Fraction(bracket.lower)
        assert tail(n, lower * (1 - nudge), errors) < level < tail(n, lower * (1 + nudge), errors)
    if errors == n:
        assert bracket.upper == 1.0
    else:
        upper = Fraction(bracket.upper)
        above, below = (1 - tail(n, upper * (1 + t * nudge), errors + 1) for t in (-1, 1))
        assert below < level < above
    assert (bracket.evidence, bracket.confidence) == (Evidence.SAMPLED, confidence)


@pytest.mark.parametrize("p", [Fraction(1, 50), Fraction(1, 7), Fraction(1, 2)])
def test_the_interval_covers_the_truth_with_the_stated_probability(p: Fraction) -> None:
    n, confidence = 30, 0.9
    covered = sum((math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)
                   if float(p) in clopper_pearson(k, n, confidence)), Fraction(0))
    assert covered >= Fraction(9, 10)


@pytest.mark.parametrize(("errors", "n", "confidence"), [(-1, 5, 0.9), (6, 5, 0.9), (0, 0, 0.9), (1, 5, 0.0),
                                                         (1, 5, 1.0), (1, 5, math.nan)])
def test_an_interval_of_nothing_is_refused(errors: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="clopper_pearson"):
        clopper_pearson(errors, n, confidence)


def test_records_refuse_words_and_rows_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="origin='theirs'"):
        Source("0000.00000", "a statement", origin="theirs")
    with pytest.raises(ValueError, match="read='half'"):
        Source("0000.00000", "a statement", read="half")
    with pytest.raises(ValueError, match="1 entries for 2 columns"):
        Table("title", ("a", "b"), (("only",),))


def test_versions_are_those_installed() -> None:
    names = "python", "numpy", "scipy", "numba", "constructive"
    assert all(versions()[name][0].isdigit() for name in names)
