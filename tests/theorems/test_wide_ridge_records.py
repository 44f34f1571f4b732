"""Records of wide networks under attack: what a wrong slope or a wrong kernel breaks."""

from __future__ import annotations

import numpy as np
from record_cases import case, refuted

from constructive.evidence import Verdict
from constructive.ridge import spiked
from constructive.tangent import TwoLayerKernel
from constructive.theorems import kernel_slopes, wide_ridge

SLOPES, WIDE = kernel_slopes.THEOREM, wide_ridge.THEOREM


def test_slopes_of_the_other_kernel_are_refuted_by_homogeneity():
    _, instance = case(SLOPES)
    other = "both" if instance["trained"] == "first" else "first"
    found = SLOPES.build(**{**instance, "trained": other})
    assert "|<x, grad f> - f| over its scale" in refuted(SLOPES, found, instance)


def test_slopes_between_the_jumps_of_finite_networks_are_refuted_by_differences_alone():
    found, instance = next(pair for pair in (case(SLOPES, k) for k in range(20)) if pair[1]["trained"] == "first")
    wrong = SLOPES.fault(found, instance, np.random.default_rng(0))
    assert refuted(SLOPES, wrong, instance) == ["slopes off difference quotients, over their scale"]


def test_more_than_the_kernels_slope_is_refuted():
    found, instance = case(SLOPES)
    size = np.abs(instance["coefficients"]) @ np.linalg.norm(instance["X"], axis=1)
    most = TwoLayerKernel(instance["trained"]).slope * size
    for factor, expected in ((0.999, False), (1.001, True)):
        steep = factor * most * found / np.linalg.norm(found, axis=1, keepdims=True)
        assert ("|grad f| over its bound" in refuted(SLOPES, steep, instance)) == expected


def test_a_spectrum_with_too_strong_a_head_is_outside_the_hypotheses():
    found, instance = case(WIDE)
    broken = {**instance, "spectrum": spiked(6, 8.0, 1000, 40.0)}
    assert "n tr(Sigma^2) / L^2" in refuted(WIDE, WIDE.build(**broken), broken)
    assert WIDE.check(found, instance).verdict is Verdict.CONSISTENT


def test_without_the_ridge_of_its_own_the_linear_equivalent_is_refuted():
    found, instance = case(WIDE)
    wrong = WIDE.fault(found, instance, np.random.default_rng(0))
    assert refuted(WIDE, wrong, instance) == ["mean squared slope, off that of linear ridge on the same points"]
