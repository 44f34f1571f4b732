"""Paths of ridges, fitted models analyzed as they are, linear networks: against plain formulas and scikit-learn."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import constructive as con
from constructive.ridge.analysis import analyze_ridge
from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.linear import attacked_errors, linear_network
from constructive.ridge.moments import conditional_moments
from constructive.ridge.path import ridge_path
from constructive.ridge.risk import adversarial_risk
from constructive.ridge.spectra import Spectrum
from constructive.tables import read_table


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(1, 13)), int(rng.integers(1, 13))
    return rng.normal(size=(n, p)), rng.normal(size=n) + 3.0


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """Return the diabetes table, labels in standard deviations, features of variance one."""
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_diabetes(return_X_y=True)
    return X * np.sqrt(X.shape[0]), (y - y.mean()) / y.std()


@given(st.integers(0, 10**6), st.floats(1e-3, 10.0), st.booleans())
def test_a_path_solves_the_normal_equations(seed: int, ridge: float, intercept: bool) -> None:
    X, y = drawn(seed)
    path = ridge_path(X, y, [ridge, 2.0 * ridge], intercept=intercept)
    Z, t = (X - X.mean(axis=0), y - y.mean()) if intercept else (X, y)
    for i, penalty in enumerate([len(y) * ridge, 2 * len(y) * ridge]):
        matrix = Z.T @ Z + penalty * np.eye(X.shape[1])
        inverse = np.linalg.inv(matrix)
        slack = 100.0 * np.finfo(np.float64).eps * np.linalg.cond(matrix)  # of the inverse, not of the path
        theta = inverse @ Z.T @ t
        hat = Z @ inverse @ Z.T
        left = np.eye(len(y)) - hat - intercept / len(y)
        assert np.linalg.norm(path.coefficients[i] - theta) <= slack * max(np.linalg.norm(theta), 1e-9)
        assert path.degrees[i] == pytest.approx(np.trace(hat), rel=slack, abs=slack)
        assert path.residual_degrees[i] == pytest.approx(np.trace(left @ left), rel=slack, abs=len(y) * slack)
        assert path.noise_gains[i] == pytest.approx(np.trace(inverse @ Z.T @ Z @ inverse), rel=slack, abs=slack)
        fitted = X @ path.coefficients[i] + path.intercepts[i]
        assert path.training_errors[i] == pytest.approx(((y - fitted) ** 2).mean(), rel=1e-9, abs=1e-12)


@given(st.integers(0, 10**6))
def test_without_ridge_it_is_the_pseudoinverse_and_no_solution_is_shorter(seed: int) -> None:
    X, y = drawn(seed)
    theta = ridge_path(X, y, [0.0]).coefficients[0]
    assert theta == pytest.approx(np.linalg.pinv(X) @ y, rel=1e-9, abs=1e-10)
    if X.shape[1] > X.shape[0]:
        assert X @ theta == pytest.approx(y, rel=1e-9, abs=1e-9)
        assert theta @ theta == pytest.approx(y @ np.linalg.solve(X @ X.T, y), rel=1e-7)
        kernel = np.linalg.svd(X)[2][X.shape[0]:]
        other = theta + np.random.default_rng(seed).normal(size=len(kernel)) @ kernel
        assert np.linalg.norm(other) >= np.linalg.norm(theta) * (1.0 - 1e-12)


@given(st.integers(0, 10**6), st.booleans())
def test_lengths_do_not_rise_with_the_ridge(seed: int, intercept: bool) -> None:
    X, y = drawn(seed)
    path = ridge_path(X, y, np.append(0.0, np.geomspace(1e-6, 1e3, 20)), intercept=intercept)
    assert (np.diff(path.energies) <= 1e-12 * path.energies[0]).all()
    assert (path.lengths() ** 2 == pytest.approx(path.energies))


@given(st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_the_best_ridge_of_a_data_set_does_not_fall_with_the_radius(seed: int, noise: float) -> None:
    X, y = drawn(seed)
    path = ridge_path(X, y, np.append(0.0, np.geomspace(1e-4, 1e2, 40)))
    theta = np.random.default_rng(seed + 1).normal(size=X.shape[1])
    risks = ((path.coefficients - theta) ** 2).sum(axis=1)
    last = 0
    for radius in np.linspace(0.0, 2.0, 15):
        attacked = adversarial_risk(risks, path.energies, radius, noise)
        ties = np.flatnonzero(np.isclose(attacked, attacked.min(), rtol=1e-10, atol=0.0))
        assert ties[-1] >= last
        last = int(ties[-1])


def test_other_norms_may_rise_with_the_ridge_and_the_best_ridge_may_fall_with_the_radius() -> None:
    X, truth = np.array([[.5, .1, -.5], [12.7, -4.9, 12.3]]), np.array([.8, -.1, .3])
    ridges = np.append(0.0, np.geomspace(1e-3, 1.0, 4001))
    path = ridge_path(X, [.3, 12.4], ridges)
    lengths = path.lengths(np.inf)
    assert lengths[[0, -1]] == pytest.approx([1.0562710, 1.0858046], abs=5e-8)
    risks = ((path.coefficients - truth) ** 2).sum(axis=1)
    small, large = (float(ridges[adversarial_risk(risks, lengths**2, a).argmin()]) for a in (.2, .5))
    assert small == pytest.approx(.05633, rel=2e-3)
    assert large == pytest.approx(.05250, rel=2e-3)


def test_the_best_ridge_for_the_mean_over_data_sets_may_fall_with_the_radius() -> None:
    ridges = np.linspace(20.0, 40.0, 20_001)
    paths = [ridge_path([[np.sqrt(s)]], [np.sqrt(s) * solution], ridges) for s, solution in ((240.0, 1.3), (10.0, 3.8))]
    best = [float(ridges[np.mean([adversarial_risk((path.coefficients[:, 0] - 1.0) ** 2, path.energies, a)
                                  for path in paths], axis=0).argmin()]) for a in (0.0, 0.02, 0.05)]
    assert best == pytest.approx([29.08, 28.62, 28.00], abs=0.01)


@given(st.integers(0, 10**6), st.sampled_from([1.0, 2.0, np.inf]), st.floats(0.0, 2.0))
def test_no_perturbation_makes_a_larger_error_and_one_makes_it(seed: int, norm: float, radius: float) -> None:
    X, y = drawn(seed)
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=X.shape[1])
    worst = attacked_errors(theta, 0.5, X, y, radius, norm=norm)
    direction = {1.0: np.where(np.abs(theta) == np.abs(theta).max(), np.sign(theta), 0.0), 2.0: theta,
                 np.inf: np.sign(theta)}[norm]
    d = rng.normal(size=(20, X.shape[1]))
    for step in (*d, direction, -direction):
        moved = X + radius * step / np.linalg.norm(step, ord=norm)
        errors = (y - moved @ theta - 0.5) ** 2
        assert (errors <= worst * (1.0 + 1e-12) + 1e-14).all()
    residual = y - X @ theta - 0.5
    chosen = X - radius * np.sign(residual)[:, None] * direction / np.linalg.norm(direction, ord=norm)
    assert (y - chosen @ theta - 0.5) ** 2 == pytest.approx(worst, rel=1e-9, abs=1e-12)


def test_errors_of_a_path_are_those_of_its_predictors_and_networks() -> None:
    X, y = drawn(3)
    path = ridge_path(X, y, [0.0, 0.1, 1.0], intercept=True)
    errors = path.attacked_errors(X, y, 0.25, norm=np.inf)
    for i in range(3):
        alone = attacked_errors(path.coefficients[i], float(path.intercepts[i]), X, y, 0.25, norm=np.inf)
        assert errors[i] == pytest.approx(alone.mean(), rel=1e-14)
        assert path.network(i)(X)[:, 0] == pytest.approx(path(X)[i], rel=1e-12)


def test_robust_error_of_the_network_is_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 6))
    y = np.where(X[:, 0] + 0.5 * rng.normal(size=50) > 0.0, 1, -1)
    path = ridge_path(X, y, [0.1], intercept=True)
    network = path.network(0)
    assert network.size.depth == 1
    margins = y * path(X)[0]
    for norm in (1.0, 2.0, np.inf):
        for radius in (0.0, 0.1, 0.5):
            reach = radius * path.lengths(norm)[0]
            assert np.abs(margins - reach).min() > 1e-9  # no datum lies on the border
            found = con.robust_error(network, X, y, radius=radius, norm=norm)
            assert found.lower == found.upper == (margins <= reach).mean()


def test_scikit_learns_ridge_is_analyzed_as_it_is() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = diabetes()
    model = linear_model.Ridge(alpha=30.0).fit(X[:300], y[:300])
    found = analyze_ridge(model, X[:300], y[:300], radii=[0.0, 0.2, 0.5], held_out=(X[300:], y[300:]))
    assert found.ridge == 0.1
    assert found.distance < 1e-12
    assert found.notes == ()
    assert found.errors[0] == pytest.approx(((model.predict(X[300:]) - y[300:]) ** 2).mean(), rel=1e-12)
    assert (found.best_errors <= found.errors).all()
    assert (found.errors[1:] > found.errors[:-1]).all()
    assert 0.3 < found.noise_variance < 0.7
    assert 0.0 < found.noise_energy < found.energy
    assert found.network()(X[:5])[:, 0] == pytest.approx(model.predict(X[:5]), rel=1e-12)
    assert len(found.table().rows) == 3


def test_a_cross_validated_ridge_is_read_by_what_it_chose() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = diabetes()
    model = linear_model.RidgeCV(alphas=[1.0, 40.0], fit_intercept=False).fit(X, y)
    found = analyze_ridge(model, X, y, radii=0.1)
    assert found.ridge == model.alpha_ / len(y)
    assert found.distance < 1e-10
    assert found.notes == ("errors are on the training data; pass held_out for others",)


def test_a_model_of_other_data_is_told_from_a_solution() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = diabetes()
    weighted = linear_model.Ridge(alpha=30.0).fit(X, y, sample_weight=np.linspace(0.5, 1.5, len(y)))
    lasso = linear_model.Lasso(alpha=0.1).fit(X, y)
    for model in (weighted, lasso, linear_model.Ridge(alpha=30.0).fit(X, -y)):
        found = analyze_ridge(model, X, y, radii=0.1)
        assert found.distance > 1e-3
        assert "relatively, from the ridge solution" in found.notes[0]


def test_a_model_of_shifted_data_is_told_by_its_intercept() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    path = ridge_path(X, y, [0.1], intercept=True)
    model = SimpleNamespace(coef_=path.coefficients[0], intercept_=path.intercepts[0], alpha=2.0, fit_intercept=True)
    assert len(analyze_ridge(model, X, y, radii=0.1).notes) == 1  # that errors are on the training data
    for Z, t in ((X + 1.0, y), (X, y + 1.0)):
        found = analyze_ridge(model, Z, t, radii=0.1)
        assert found.distance < 1e-12
        assert "intercept_ is not that of the ridge solution" in found.notes[0]


def test_the_distance_is_relative_to_the_solution() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    theta = ridge_path(X, y, [0.1]).coefficients[0]
    model = SimpleNamespace(coef_=1.5 * theta, intercept_=0.0, alpha=2.0, fit_intercept=False)
    found = analyze_ridge(model, X, y, radii=0.1, noise_variance=0.7)
    assert found.distance == pytest.approx(0.5, rel=1e-12)
    gain = np.linalg.solve(X.T @ X + 2.0 * np.eye(3), X.T)
    assert found.noise_energy == pytest.approx(0.7 * (gain**2).sum(), rel=1e-12)
    left = np.eye(20) - X @ gain
    told = analyze_ridge(model, X, y, radii=0.1).noise_variance
    assert told == pytest.approx(((left @ y) ** 2).sum() / np.trace(left @ left), rel=1e-12)


def test_the_training_mean_is_that_of_the_labels_with_and_without_intercept() -> None:
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20) + 5.0
    for intercept in (False, True):
        path = ridge_path(X, y, [0.1], intercept=intercept)
        model = SimpleNamespace(coef_=path.coefficients[0], intercept_=path.intercepts[0], alpha=2.0,
                                fit_intercept=intercept)
        assert analyze_ridge(model, X, y, radii=0.1).mean_error == pytest.approx(y.var(), rel=1e-12)


def test_points_without_labels_are_no_pair() -> None:
    model = SimpleNamespace(coef_=np.ones(3), intercept_=0.0, alpha=1.0, fit_intercept=True)
    with pytest.raises(TypeError, match=r"held_out must be a pair \(Z, t\)"):
        analyze_ridge(model, np.eye(3), np.ones(3), radii=0.1, held_out=np.eye(3))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["equal rows", "multiples", "zeros"])
def test_lengths_of_singular_designs_do_not_rise_from_no_ridge_to_the_smallest(kind: str) -> None:
    rng = np.random.default_rng(6)
    X = np.zeros((4, 3)) if kind == "zeros" else np.outer(rng.normal(size=4) if kind == "multiples" else np.ones(4),
                                                          rng.normal(size=3))
    path = ridge_path(X, rng.normal(size=4), np.append([0.0, 5e-324], np.geomspace(1e-300, 1.0, 61)))
    assert (np.diff(path.energies) <= 1e-12 * path.energies[0]).all()


def test_an_interpolant_asks_for_the_noise() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 30)), rng.normal(size=10)
    theta = np.linalg.pinv(X) @ y
    model = SimpleNamespace(coef_=theta, intercept_=0.0, alpha=0.0, fit_intercept=False)
    found = analyze_ridge(model, X, y, radii=1.0)
    assert np.isnan(found.noise_variance)
    assert "pass noise_variance" in found.notes[0]
    told = analyze_ridge(model, X, y, radii=1.0, noise_variance=1.0)
    assert told.noise_energy == pytest.approx(np.trace(np.linalg.inv(X @ X.T)), rel=1e-9)


@pytest.mark.parametrize(("model", "kind", "message"), [
    (SimpleNamespace(coef_=np.ones(3)), TypeError, "must have alpha and fit_intercept"),
    (SimpleNamespace(alpha=1.0, fit_intercept=True), ValueError, "is not fitted"),
    (SimpleNamespace(alpha=1.0, fit_intercept=True, coef_=np.ones((2, 3)), intercept_=np.zeros(2)), ValueError,
     "expected one output"),
    (SimpleNamespace(alpha=1.0, fit_intercept=True, coef_=np.ones(2), intercept_=0.0), ValueError,
     "X has 3 columns, expected 2"),
])
def test_other_models_are_refused(model: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        analyze_ridge(model, np.eye(3), np.ones(3), radii=0.1)


def test_a_table_of_somebody_else_is_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 3))
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=40)
    with open(tmp_path / "houses.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["rooms", "price", "age", "town", "income"])
        rows.writerows([repr(float(x[0])), repr(float(t)), repr(float(x[1])), "somewhere", repr(float(x[2]))]
                       for x, t in zip(X, y, strict=True))
    table = read_table(tmp_path / "houses.csv", "price")
    path = ridge_path(table.features, table.labels, [0.0, 0.1])
    assert (table.features == X).all()
    assert (path.coefficients == ridge_path(X, y, [0.0, 0.1]).coefficients).all()


def test_rows_drawn_from_a_real_table_behave_as_the_equivalent_of_its_covariance_says() -> None:
    X, y = diabetes()
    covariance = X.T @ X / len(y)
    theta = np.linalg.solve(covariance, X.T @ y / len(y))
    noise = float(((y - X @ theta) ** 2).mean())
    spectrum = Spectrum.of_covariance(covariance, theta)
    ridges, rng = [0.01, 0.1, 1.0], np.random.default_rng(0)
    draws = [conditional_moments(X[rng.integers(0, len(y), 100)], theta, covariance, ridges, noise) for _ in range(200)]
    limit = deterministic_equivalent(spectrum, 100, ridges, noise)
    attacked = np.mean([found.adversarial(0.3) for found in draws], axis=0)
    assert attacked == pytest.approx(limit.adversarial(0.3), rel=0.03)
    assert np.mean([found.noise_energy for found in draws], axis=0) == pytest.approx(limit.noise_energy, rel=0.03)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: ridge_path(np.eye(3), np.ones(2), [1.0]), "one real label for each of the 3 points"),
    (lambda: ridge_path(np.eye(3), np.ones(3), 1.0), "ridges must be a vector"),
    (lambda: ridge_path(np.eye(3), np.ones(3), [-1.0]), "must be finite numbers >= 0"),
    (lambda: linear_network(np.eye(2)), "theta must be a vector"),
    (lambda: attacked_errors([1.0], 0.0, np.eye(2), np.ones(2), 1.0), "X has 2 columns, expected 1"),
    (lambda: ridge_path(np.eye(3), np.ones(3), [1.0]).network(1), "index=1 must be <= 0"),
])
def test_wrong_arguments_are_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
