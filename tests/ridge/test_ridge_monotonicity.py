"""The best ridge grows with the radius: for one data set and l_2, and not beyond."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.ridge.equivalents import deterministic_equivalent
from constructive.ridge.monotonicity import best_ridges
from constructive.ridge.risk import adversarial_risk, dual_norm
from constructive.ridge.spectra import spiked

RADII = [0.0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0]


def path(X, y, theta, ridges):
    """The ridge predictors (g, p) from their definition, and their excess risks under the identity covariance."""
    n = len(y)
    found = np.array([X.T @ np.linalg.solve(X @ X.T + n * ridge * np.eye(n), y) for ridge in ridges])
    return found, np.square(found - theta).sum(axis=1)


@settings(max_examples=100)
@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5]))
def test_the_best_ridge_does_not_fall_for_one_data_set(n, p, seed, label_noise):
    rng = np.random.default_rng(seed)
    X, theta, ridges = rng.normal(size=(n, p)), rng.normal(size=p), np.geomspace(1e-3, 1e3, 40)
    predictors, risks = path(X, rng.normal(size=n) * 3.0, theta, ridges)
    found = best_ridges(ridges, risks, np.linalg.norm(predictors, axis=1), RADII, label_noise=label_noise)
    assert found.covered
    assert (np.diff(found.ridges) >= 0.0).all()
    assert found.ridges[0] == ridges[len(risks) - 1 - np.argmin(risks[::-1])]


@settings(max_examples=60)
@given(st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_norm_does_not_rise_with_the_ridge(n, p, seed):
    rng = np.random.default_rng(seed)
    predictors, _ = path(rng.normal(size=(n, p)), rng.normal(size=n), np.zeros(p), np.geomspace(1e-3, 1e3, 30))
    sizes = np.linalg.norm(predictors, axis=1)
    assert (np.diff(sizes) <= 1e-12 * sizes[0]).all()


def test_attacks_in_the_maximum_norm_are_computed_and_not_covered():
    """The l_1 norm of the predictor rises along the path, and the best ridge falls from 0.0563 to 0.0525."""
    X = np.array([[0.5, 0.1, -0.5], [12.7, -4.9, 12.3]])
    y, theta = np.array([0.3, 12.4]), np.array([0.8, -0.1, 0.3])
    sizes = dual_norm(path(X, y, theta, [1e-12, 1.0])[0], np.inf)
    assert sizes == pytest.approx([1.0562710, 1.0858046], abs=1e-7)
    ridges = np.linspace(0.05, 0.06, 2001)
    predictors, risks = path(X, y, theta, ridges)
    found = best_ridges(ridges, risks, dual_norm(predictors, np.inf), [0.2, 0.5])
    assert found.ridges == pytest.approx([0.05633, 0.05250], abs=4e-5)
    assert not found.covered
    assert "other than l_2" in found.why
    euclidean = best_ridges(ridges, risks, dual_norm(predictors, 2.0), [0.2, 0.5])
    assert euclidean.covered
    assert euclidean.ridges[0] <= euclidean.ridges[1]


def averaged_case():
    """Two data sets of one point on the line, risks and norms (2, g) of x^2 / (x^2 + ridge) times an estimate."""
    ridges = np.linspace(27.0, 30.0, 3001)
    squares, estimates = np.array([[240.0], [10.0]]), np.array([[1.3], [3.8]])
    predictors = squares / (squares + ridges) * estimates
    return ridges, (predictors - 1.0) ** 2, np.abs(predictors)


def test_averages_over_data_sets_are_computed_and_not_covered():
    ridges, risks, norms = averaged_case()
    found = best_ridges(ridges, risks, norms, [0.0, 0.02, 0.05])
    assert found.ridges == pytest.approx([29.08, 28.62, 28.00], abs=6e-3)
    assert not found.covered
    assert "averaged over data sets" in found.why


def test_averages_plugged_into_the_closed_form_are_covered():
    ridges, risks, norms = averaged_case()
    found = best_ridges(ridges, risks.mean(axis=0), np.sqrt(np.square(norms).mean(axis=0)), [0.0, 0.02, 0.05])
    assert found.covered
    assert (np.diff(found.ridges) >= 0.0).all()


def test_published_risks_at_the_optima_of_the_spiked_equivalents():
    """n = 200, ten heads, 1990 in the tail: the optimum is flat, so risks are compared and ridges roughly."""
    spectrum, ridges = spiked(10, 1.0, 1990, 20.0), np.geomspace(1e-3, 10.0, 4000)
    moments = deterministic_equivalent(spectrum, 200, ridges, 0.25)
    found = best_ridges(ridges, moments.risk, np.sqrt(moments.energy), [0.0, 0.05, 0.1, 0.2, 0.5, 1.0])
    assert found.risks == pytest.approx([0.0391, 0.0653, 0.0976, 0.1758, 0.479, 0.966], abs=6e-4)
    assert found.ridges == pytest.approx([0.041, 0.0615, 0.0821, 0.1305, 0.304, 2.80], rel=0.05)
    assert found.covered
    assert (np.diff(found.ridges) >= 0.0).all()


def test_among_equal_risks_the_largest_ridge_is_taken():
    assert best_ridges([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [0.0, 1.0]).ridges.tolist() == [2.0, 2.0]


def test_noise_of_test_labels_counts_as_risk():
    ridges, risks, norms = [0.0, 1.0, 2.0], np.array([0.5, 0.3, 0.6]), np.array([2.0, 1.0, 0.5])
    found = best_ridges(ridges, risks, norms, [0.0, 0.5, 1.0], label_noise=0.25)
    curves = np.array([adversarial_risk(risks, norms**2, radius, 0.25) for radius in (0.0, 0.5, 1.0)])
    assert (found.risks == curves.min(axis=1)).all()
    assert found.ridges.tolist() == np.array(ridges)[curves.argmin(axis=1)].tolist()
    # more than the noise itself is added: it stands under the root too
    assert best_ridges(ridges, risks, norms, [0.5]).risks[0] + 0.25 < found.risks[1]


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="increases"):
        best_ridges([1.0, 0.5], [1.0, 1.0], [1.0, 1.0], [0.0])
    with pytest.raises(ValueError, match="one shape"):
        best_ridges([0.0, 0.5], [[1.0, 1.0]] * 2, [1.0, 1.0], [0.0])
    with pytest.raises(ValueError, match=">= 0"):
        best_ridges([0.0, 0.5], [1.0, 1.0], [1.0, -1.0], [0.0])
    with pytest.raises(ValueError, match="3 columns"):
        best_ridges([0.0, 0.5], [1.0, 1.0, 2.0], [1.0, 1.0], [0.0])
