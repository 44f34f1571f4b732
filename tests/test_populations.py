"""Populations keep what they promise: label laws, distances between classes, the best classifier's error, intervals."""

from __future__ import annotations

import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import constructive as con
from constructive.evidence import Evidence, clopper_pearson
from constructive.populations import (
    Population,
    Spheres,
    checkerboard,
    difference_bracket,
    flip_labels,
    gaussians,
    hypergeometric,
    moons,
    rings,
    risk_bracket,
    table,
    wave,
)

RNG = np.random.default_rng(0)
ROWS = np.repeat(RNG.random((60, 3)), [2] + [1] * 59, axis=0)  # one row occurs twice
NAMES = np.array(["a", "b", "c"])[np.arange(61) % 3]  # with two labels

CUBES = {
    "board": checkerboard(3, 2),
    "board in space": checkerboard(2, 3),
    "strips": checkerboard(4, 3, axes=1),
    "rings": rings((0.15, 0.3, 0.45)),
    "rings in space": rings((0.4,), 3),
    "moons": moons(),
    "wave": wave(turns=2),
    "wave in space": wave(3),
}
LAWS = {
    **{name: population.with_noise(0.2) for name, population in CUBES.items()},
    "spheres": Spheres(5, (0.5, 0.75, 1.0), noise=0.3),
    "circle and point pair": Spheres(1, noise=0.1),
    "mixture": gaussians([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]], scale=[1.0, 0.5, 1.0], weights=[0.5, 0.25, 0.25],
                         noise=0.1),
    "table": table(ROWS, NAMES, noise=0.3),
}


def named(cases):
    return pytest.mark.parametrize("population", list(cases.values()), ids=list(cases))


# -- the label law --------------------------------------------------------------------------------------------------


def index_of(labels, classes):
    return np.array([list(classes).index(v) for v in labels.tolist()])


def frequencies_agree(claimed, drawn, level=1e-6):
    """Return whether class frequencies, in groups of like probability, lie in exact binomial intervals of the claim.

    Within a group claims differ by at most 0.05; the interval of the frequency must then reach the group's range.
    """
    for c in range(claimed.shape[1]):
        p = claimed[:, c]
        for low in np.arange(0.0, 1.0, 0.05):
            group = (p >= low) & (p < low + 0.05) if low < 0.95 else p >= low
            if not group.any():
                continue
            interval = clopper_pearson(int((drawn[group] == c).sum()), int(group.sum()), 1 - level)
            if p[group].max() < interval.lower or p[group].min() > interval.upper:
                return False
    return True


def sampled(population, rng):
    """Return points and labels of many draws; a table is drawn whole, again and again."""
    if not isinstance(population, con.populations.Tabled):
        return population.sample(6000, rng)
    draws = [population.sample(61, rng) for _ in range(100)]
    return np.concatenate([X for X, _ in draws]), np.concatenate([y for _, y in draws])


@named(LAWS)
def test_labels_have_the_stated_law(population):
    X, y = sampled(population, np.random.default_rng(1))
    claimed = population.probability(X)
    assert claimed.shape == (len(X), len(population.classes))
    assert np.abs(claimed.sum(axis=1) - 1).max() <= 4 * len(population.classes) * 2.0**-53
    assert frequencies_agree(claimed, index_of(y, population.classes))
    again = population.label(X, np.random.default_rng(2))
    assert frequencies_agree(claimed, index_of(again, population.classes))


@named(LAWS)
def test_a_wrong_law_is_noticed(population):
    X, y = sampled(population, np.random.default_rng(1))
    shifted = np.roll(population.probability(X), 1, axis=1)
    assert not frequencies_agree(shifted, index_of(y, population.classes))


@named(LAWS)
def test_clean_labels_are_the_likeliest_ones(population):
    X, _ = population.sample(60, np.random.default_rng(3))
    claimed, told = population.probability(X), index_of(population.truth(X), population.classes)
    assert (claimed[np.arange(len(X)), told] == claimed.max(axis=1)).all()


@named(LAWS)
def test_draws_repeat_with_the_seed_and_arguments_stay_whole(population):
    first, second = (population.sample(20, np.random.default_rng(7)) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
    X = first[0].copy()
    population.truth(X)
    population.probability(X)
    assert (first[0] == X).all()


@named({name: law for name, law in LAWS.items() if name != "circle and point pair"})
def test_populations_travel_between_processes(population):
    there = pickle.loads(pickle.dumps(population))
    X, _ = population.sample(20, np.random.default_rng(7))
    assert (there.truth(X) == population.truth(X)).all()


def test_the_cube_draws_the_same_points_as_ever():
    """Figures of earlier versions depend on the order of the draws."""
    X, y = Population(lambda P: P[:, 0] - 0.5, 2, noise=0.25).sample(5, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    assert (rng.random((5, 2)) == X).all()
    assert (y == np.where(rng.random(5) < 0.25, -1, 1) * np.where(X[:, 0] >= 0.5, 1, -1)).all()


# -- margins and distances between the classes ----------------------------------------------------------------------


@named(CUBES)
def test_margins_are_lipschitz_with_the_stated_constant(population):
    rng = np.random.default_rng(4)
    X = rng.random((4000, population.dimension))
    Y = np.clip(X + rng.uniform(-1, 1, X.shape) * 2.0 ** rng.integers(-8, 0, (4000, 1)), 0, 1)
    rise = np.abs(population.margin(X) - population.margin(Y))
    assert (rise <= population.lipschitz * np.abs(X - Y).max(axis=1) + 2.0**-48).all()


@named(CUBES)
def test_both_classes_occur_and_the_margin_changes_sign_between_them(population):
    share = (population.truth(np.random.default_rng(5).random((4000, population.dimension))) > 0).mean()
    assert 0.2 < share < 0.8


@named(CUBES)
def test_separated_classes_keep_their_distance(population):
    apart = population.separated(0.03)
    X, y = apart.sample(1500, np.random.default_rng(6))
    assert (y == apart.truth(X)).all()
    assert set(y.tolist()) == {-1, 1}
    for norm in (1, 2, math.inf):
        assert con.separation(X, y, norm=norm).distance >= apart.separation(norm) > 0


def test_the_distance_of_the_board_is_attained():
    board = checkerboard(2).separated(0.125)
    assert board.separation() == 0.25
    # opposite sides of an edge, at the gap
    edge = np.array([[0.5 - 0.125, 0.25], [0.5 + 0.125, 0.25]])
    assert np.abs(board.margin(edge)).tolist() == [0.125, 0.125]
    assert board.truth(edge).tolist() == [1, -1]


def test_too_large_a_constant_is_not_needed_and_too_small_a_one_is_noticed():
    """Negative control: with half the Lipschitz constant the promise would be broken on a sample."""
    board = checkerboard(4).separated(0.06)
    X, y = board.sample(3000, np.random.default_rng(8))
    measured = con.separation(X, y).distance
    liar = Population(board.margin, 2, gap=0.06, lipschitz=0.5)
    assert board.separation() <= measured < liar.separation()


def test_separated_points_are_uniform_among_the_allowed_ones():
    strips = checkerboard(2, 2, axes=1).separated(0.25)
    X, _ = strips.sample(4000, np.random.default_rng(9))
    assert (np.abs(X[:, 0] - 0.5) >= 0.25).all()
    assert 0.5 in clopper_pearson(int((X[:, 0] < 0.125).sum() + (X[:, 0] > 0.875).sum()), 4000, 1 - 1e-6)


def test_a_gap_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="smaller gap"):
        checkerboard(4).separated(0.26).sample(10, np.random.default_rng(0))


@pytest.mark.parametrize("dimension", [1, 2, 10, 100])
def test_spheres_keep_their_distance_and_their_radii(dimension):
    spheres = Spheres(dimension, (0.5, 0.75, 1.0))
    X, y = spheres.sample(400, np.random.default_rng(10))
    assert np.abs(np.linalg.norm(X, axis=1) - np.array(spheres.radii)[y]).max() <= 2.0**-44
    for norm in (1, 2, math.inf):
        assert con.separation(X, y, norm=norm).distance >= spheres.separation(norm) > 0
    assert spheres.separation(2) == pytest.approx(0.25, rel=1e-9)


def test_spheres_are_uniform():
    X, _ = Spheres(3, (1.0, 2.0)).sample(6000, np.random.default_rng(11))
    height = X[:, 2] / np.linalg.norm(X, axis=1)  # uniform on [-1, 1] in three dimensions
    for cut in (-0.5, 0.0, 0.7):
        assert (1 - cut) / 2 in clopper_pearson(int((height > cut).sum()), 6000, 1 - 1e-6)


@pytest.mark.parametrize("phase", [0.0, 0.5], ids=["right teacher", "teacher that errs"])
def test_fitting_well_separated_clean_classes_costs_nothing(phase):
    """No ball round a test point meets a bump of another label, so the student errs only where its teacher does."""
    population, radius, delta = checkerboard(2).separated(0.1), 0.04, 0.02
    X, y = population.sample(150, np.random.default_rng(12))
    target = con.targets.cosine_product([math.pi, math.pi], [phase, 0.0])
    student = con.memorize(X, y, radius=radius, teacher=con.taylor_partition(target, order=2, cells=6))
    assert population.separation() > delta + radius + student.ramp
    assert student.certify().robust_error.upper == 0
    fresh, clean = population.sample(400, np.random.default_rng(13))
    own, taught = (con.risk.verdicts(model, fresh, clean, radius=delta) for model in (student, student.teacher))
    assert not con.students.unavoidable(X, y, radius, fresh, clean, delta).any()
    assert set(taught.tolist()) == ({0} if phase == 0.0 else {0, 1})
    assert (own <= taught).all()
    assert (own >= 0).all()
    assert difference_bracket(own, taught).lower <= 0


# -- the error of the best classifier -------------------------------------------------------------------------------


@named(LAWS)
def test_the_best_classifier_errs_as_often_as_stated(population):
    X, y = sampled(population, np.random.default_rng(14))
    seen = clopper_pearson(int((population.truth(X) != y).sum()), len(y), 1 - 1e-6)
    stated = population.bayes_error()
    assert stated.lower <= seen.upper
    assert seen.lower <= stated.upper


@pytest.mark.parametrize(("population", "error"), [
    (checkerboard(2, noise=0.125), 0.125), (checkerboard(2, noise=0.875), 0.125), (Spheres(3, noise=0.25), 0.25),
    (Spheres(3, (1.0, 2.0, 3.0), noise=0.75), 0.625), (table([[0.0], [1.0]], [0, 1], noise=0.0), 0.0),
    (table([[0.0], [0.0], [1.0], [2.0]], [0, 1, 1, 0], noise=0.25), 0.5 * 0.5 + 0.5 * 0.25)])
def test_errors_from_noise_alone_are_exact(population, error):
    bracket = population.bayes_error()
    assert bracket.lower == bracket.upper == error
    assert bracket.evidence is Evidence.EXACT


def test_errors_of_two_gaussians_agree_with_quadrature():
    from scipy.integrate import quad

    for weights, noise in (((0.5, 0.5), 0.0), ((0.9, 0.1), 0.0), ((0.7, 0.3), 0.2)):
        mixture = gaussians([[0.0], [1.5]], scale=0.8, weights=weights, noise=noise)

        def density(x, mixture=mixture):
            law = mixture.probability(np.array([[x]]))[0]
            bells = np.exp(-((x - mixture.means[:, 0]) / 0.8) ** 2 / 2)
            total = float(mixture.weights @ bells)
            return total / (0.8 * math.sqrt(2 * math.pi)) * law.min()

        value, error = quad(density, -8, 10, points=[0.0, 0.75, 1.5, 2.3], limit=400)
        bracket = mixture.bayes_error()
        assert bracket.lower - 4 * error <= value <= bracket.upper + 4 * error
        assert bracket.evidence is Evidence.ENCLOSED


def test_errors_of_other_mixtures_are_sampled_and_say_so():
    mixture = gaussians([[0.0], [2.0]], scale=[1.0, 0.5])
    bracket = mixture.bayes_error(draws=2000, confidence=0.999)
    assert bracket.evidence is Evidence.SAMPLED
    assert bracket.confidence == 0.999
    # the classes overlap between 1 and 2 only: a threshold at 1.2 errs so much, the best classifier no more
    threshold = 0.5 * (0.5 * math.erfc(1.2 / math.sqrt(2)) + 0.5 * math.erfc(0.8 / 0.5 / math.sqrt(2)))
    assert bracket.lower < threshold


def test_gaussians_on_one_spot_leave_the_rarer_class():
    bracket = gaussians([[1.0], [1.0]], weights=[0.75, 0.25]).bayes_error()
    assert 0.25 in bracket


# -- tables ---------------------------------------------------------------------------------------------------------


def test_splits_share_no_row_and_leave_none_out():
    split = table(ROWS, NAMES, noise=0.5).split(40, np.random.default_rng(15))
    assert sorted([*split.rows, *split.rows_test]) == list(range(61))
    assert (ROWS[split.rows] == split.X).all()
    assert (split.clean_test == NAMES[split.rows_test]).all()
    assert (split.wrong == (split.y != NAMES[split.rows])).all()
    assert 0 < split.wrong.sum() < 40


def test_a_table_knows_nothing_of_other_points():
    population = table(ROWS, NAMES)
    with pytest.raises(ValueError, match="not a row"):
        population.probability(ROWS[:1] + 0.5)
    assert population.probability(ROWS[:2]).tolist() == [[0.5, 0.5, 0.0]] * 2
    assert (population.truth(-0.0 * ROWS + ROWS)[2:] == NAMES[2:]).all()


def test_tables_keep_their_own_copy():
    X = ROWS.copy()
    population = table(X, NAMES)
    X[:] = 0
    assert (population.X == ROWS).all()
    with pytest.raises(ValueError, match="read-only"):
        population.X[0] = 1.0


# -- intervals ------------------------------------------------------------------------------------------------------


def test_intervals_cover_with_the_stated_probability_at_every_risk():
    """Coverage summed exactly over all samples, not drawn: it must never fall below the level."""
    n, level = 25, 0.9
    brackets = [risk_bracket(np.arange(n) < k, level) for k in range(n + 1)]
    for risk in np.linspace(0.0, 1.0, 41):
        coverage = sum(binom.pmf(k, n, risk) for k, bracket in enumerate(brackets) if risk in bracket)
        assert coverage >= level


def test_measured_coverage_is_at_least_the_stated_one():
    rng, level = np.random.default_rng(16), 0.9
    population, draws = checkerboard(2, noise=0.15), 400
    hits = 0
    for _ in range(draws):
        X, y = population.sample(60, rng)
        hits += 0.15 in risk_bracket((population.truth(X) != y).astype(np.int8), level)
    # refuted only where so few hits would have probability below 1e-6 at the stated level
    assert binom.cdf(hits, draws, level) > 1e-6


def test_unknown_points_count_to_the_upper_end_only():
    verdicts = np.array([1] * 10 + [-1] * 20 + [0] * 70, np.int8)
    bracket = risk_bracket(verdicts)
    assert bracket.lower == clopper_pearson(10, 100, 0.99).lower
    assert bracket.upper == clopper_pearson(30, 100, 0.99).upper


def test_table_intervals_cover_with_the_stated_probability_at_every_count():
    from scipy.stats import hypergeom

    rows, n, level = 30, 12, 0.9
    brackets = [hypergeometric(k, n, rows, level) for k in range(n + 1)]
    for wrong in range(rows + 1):
        counts = np.arange(n + 1)
        chance = hypergeom.pmf(counts, rows, wrong, n)
        assert sum(p for p, bracket in zip(chance, brackets, strict=True) if wrong / rows in bracket) >= level
    assert all(b.upper - b.lower < clopper_pearson(k, n, level).width for k, b in enumerate(brackets))


def test_a_whole_table_is_no_sample():
    verdicts = np.array([1, 0, 0, -1], np.int8)
    bracket = risk_bracket(verdicts, table=4)
    assert (bracket.lower, bracket.upper) == (0.25, 0.5)


@given(st.floats(0.0, 0.4), st.floats(0.0, 0.4))
@settings(max_examples=25)
def test_paired_intervals_cover_with_the_stated_probability(only_first, only_second):
    """Coverage summed exactly over all pairs of counts of a sample of 14."""
    n, level = 14, 0.9
    coverage = 0.0
    for i, k in itertools.product(range(n + 1), repeat=2):
        if i + k > n:
            continue
        first = np.array([1] * i + [0] * (n - i), np.int8)
        second = np.array([0] * (n - k) + [1] * k, np.int8)
        chance = math.comb(n, i) * math.comb(n - i, k) * only_first**i * only_second**k * (
            1 - only_first - only_second) ** (n - i - k)
        coverage += chance * (only_first - only_second in difference_bracket(first, second, level))
    assert coverage >= level


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_paired_intervals_hold_whatever_the_unknown_points_are(first, random):
    second = [random.choice([-1, 0, 1]) for _ in first]
    bracket = difference_bracket(np.array(first, np.int8), np.array(second, np.int8))
    settled = [[random.choice([0, 1]) if v < 0 else v for v in verdicts] for verdicts in (first, second)]
    inner = difference_bracket(*(np.array(v, np.int8) for v in settled))
    assert bracket.lower <= inner.lower
    assert inner.upper <= bracket.upper
    assert inner.lower <= sum(settled[0]) / len(first) - sum(settled[1]) / len(first) <= inner.upper


def test_pairing_sees_what_separate_intervals_do_not():
    rng = np.random.default_rng(17)
    teacher = (rng.random(2000) < 0.3).astype(np.int8)
    student = teacher.copy()
    student[np.flatnonzero(teacher == 0)[:40]] = 1
    paired = difference_bracket(student, teacher)
    apart = risk_bracket(student).lower - risk_bracket(teacher).upper
    assert 0 < paired.lower <= 0.02 <= paired.upper
    assert apart < 0


def test_pairs_from_different_samples_are_refused():
    with pytest.raises(ValueError, match="same points"):
        difference_bracket(np.zeros(3, np.int8), np.zeros(4, np.int8))


# -- flipped labels and refusals ------------------------------------------------------------------------------------


def test_flipped_labels_of_several_classes_are_other_classes():
    y = np.array(["a", "b", "c", "d"])[np.random.default_rng(18).integers(0, 4, 400)]
    flipped, wrong = flip_labels(y, 0.25, np.random.default_rng(19), ("a", "b", "c", "d"))
    assert wrong.sum() == 100
    assert (flipped[wrong] != y[wrong]).all()
    assert (flipped[~wrong] == y[~wrong]).all()
    assert len(set(zip(y[wrong].tolist(), flipped[wrong].tolist(), strict=True))) == 12


@pytest.mark.parametrize(("make", "words"), [
    (lambda: flip_labels([1, 5], 0.5, RNG, (1, 2)), "5"),
    (lambda: flip_labels([1, 1], 0.5, RNG, (1,)), "two"),
    (lambda: Spheres(2, (1.0,)), "radii"),
    (lambda: Spheres(2, (1.0, 1.0 + 2.0**-35)), "radii"),
    (lambda: Spheres(2, noise=1.0), "noise"),
    (lambda: rings((0.3, 0.2)), "radii"),
    (lambda: wave(1), "dimension"),
    (lambda: checkerboard(2, 2, axes=3), "axes"),
    (lambda: checkerboard(2).separated(-0.1), "gap"),
    (lambda: Population(lambda X: X[:, 0], 2, lipschitz=0.0), "lipschitz"),
    (lambda: gaussians([[0.0]]), "two classes"),
    (lambda: gaussians([[0.0], [1.0]], scale=0.0), "scale"),
    (lambda: gaussians([[0.0], [1.0]], weights=[0.5, 0.6]), "sum to 1"),
    (lambda: gaussians([[0.0], [1.0]], noise=0.5), "noise"),
    (lambda: table([[0.0], [1.0]], ["a", "a"]), "one class"),
    (lambda: table(ROWS, NAMES).sample(62, RNG), "n=62"),
    (lambda: table(ROWS, NAMES).split(61, RNG), "testing"),
    (lambda: hypergeometric(3, 2, 5), "errors"),
    (lambda: hypergeometric(1, 2, 5, 1.0), "confidence"),
])
def test_bad_arguments_are_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_bounds_of_distances_are_rounded_down():
    third = Population(lambda X: X[:, 0] - 0.5, 1, gap=0.1, lipschitz=3.0)
    assert Fraction(third.separation()) <= 2 * Fraction(0.1) / 3
