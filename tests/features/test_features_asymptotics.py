"""The limit of adversarially trained random features: golden values, laws, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from constructive.features import activation, adversarial_asymptotics, approximation_floor, zero_radius

# width_ratio, sample_ratio, noise, radius, ridge: kappa, q, s^2, m, risk, fitted, objective, |theta|^2
GOLDEN = {
    (2, 3, .5, .2, 0): (.7631398428006, .2595785996102, .8516061700423, 1.197728239128, 1.261746994063,
                        .1570290846417, .2046142957636, 3.328457404981),
    (4, 3, .5, .5, 0): (.8706212065432, .5926201040854, .7169475623943, 1.003575550550, 1.646744991089,
                        .3941090135007, .2552082388882, 2.228963112207),
    (6, 2, .3, .3, 0): (9.520989285820, .3312591272320, .5863476145952, .8455205743607, .9606400906506,
                        .9983890378050, .0321794325848, 1.660427457747),
    (2, 2, .3, .3, .2): (.4423325139072, .2598188445814, .5892888620772, .6648344398973, .8733948762157,
                         .0914964791555, .2829753951802, .7255571836194),
    (1, 1, .5, .3, 0): (1.209522924640, .3140535708590, 1.413855291321, 1.244758102277, 2.261866800683,
                        .2959469424471, .2409891901372, 3.749534340518),
    (.5, 4, .5, .3, 0): (.0625342566905, .1296101065469, 1.031820432035, .4388536094494, 1.262562912197,
                         .0064668407481, .5591645911409, .4056937653111),
    (3, 1.5, 0, .4, .05): (1.660028258396, .5154198480093, .4455374781981, .8600887525244, .9303485049373,
                           .6077873001929, .1181852744056, 1.349009622376),
    (64, 4, .5, .3, 1.8746): (1.00060879289, .354759866336, .400159871792, .748048911797, .6770582594,
                              .27739231022, .176472461423, .0949029823878),
    (4, 4, .5, .001, 0): (385.450021591, .00153656295437, 123.922220461, 17.1050737762, 124.226370294,
                          .446329009326, .000460381174948, 1056.34270174),
    (1e6, 2, .5, .3, 0): (2018778.5416, .000703811213424, 1.24999149234, .00262294060149, 1.25139600222,
                          1.0, 3.09591782952e-7, 2.75190726964e-5),
}


@pytest.mark.parametrize("arguments", GOLDEN, ids=str)
def test_golden_values(arguments: tuple[float, ...]) -> None:
    found = adversarial_asymptotics(*arguments)
    observed = (found.kappa, found.q, found.standard_risk, found.gradient_norm, found.adversarial_risk, found.fitted,
                found.objective, found.weight_energy)
    assert observed == pytest.approx(GOLDEN[arguments], rel=1e-11)
    assert not found.zero


def test_golden_values_where_all_but_one_in_ten_million_are_fitted() -> None:
    found = adversarial_asymptotics(1.5, 0.8, 0.2, 0.1)
    observed = (found.kappa, found.q, found.standard_risk, found.gradient_norm, found.adversarial_risk, found.fitted,
                found.objective, found.weight_energy)
    assert observed == pytest.approx((47.41676371, .1138908307, 1.017827026, 1.149015136, 1.2160128, .9999999335,
                                      .006601178942, 3.232289974), rel=5e-10)


def test_golden_training_error_and_alignment() -> None:
    found = adversarial_asymptotics(1.0, 1.0, 0.5, 0.3)
    assert found.training_error == pytest.approx(.151654024198, rel=1e-11)
    assert found.alignment == pytest.approx(.394405258638, rel=1e-11)


def test_golden_values_with_other_signals_and_test_radii() -> None:
    assert adversarial_asymptotics(2.0, 3.0, 0.5, 0.2, signal=2.0, test_radius=0.4).adversarial_risk == pytest.approx(
        5.08322356082, rel=1e-11)
    noise_only = adversarial_asymptotics(2.0, 3.0, 0.5, 0.2, signal=0.0)
    assert noise_only.adversarial_risk == pytest.approx(.4804713338, rel=1e-9)
    assert noise_only.alignment == 0.0


def test_golden_thresholds() -> None:
    assert zero_radius(2.0, 3.0, 0.5) == pytest.approx(1.1453881342209, rel=1e-13)
    assert zero_radius(1.0, 0.5, 4.0) == pytest.approx(1.3931325325, rel=1e-10)
    assert zero_radius(1.0, 0.4, 1.0) == pytest.approx(1.6376511377, rel=1e-10)


def test_golden_approximation_floors() -> None:
    floors = [approximation_floor(width, 0.5) for width in (1.0, 2.0, 4.0, 8.0)]
    assert floors == pytest.approx([.6979062053, .4782997976, .3547761933, .2990232659], rel=1e-9)


def test_golden_values_without_adversary_or_ridge() -> None:
    wide, narrow = adversarial_asymptotics(4.0, 2.0, 0.5, 0.0), adversarial_asymptotics(1.0, 2.0, 0.5, 0.0)
    assert (wide.standard_risk, wide.weight_energy) == pytest.approx((.9085245872, 3.2335030909), rel=1e-9)
    assert (narrow.standard_risk, narrow.weight_energy) == pytest.approx((1.3958124107, 5.1947879474), rel=1e-9)
    assert (wide.fitted, wide.objective, wide.training_error) == (1.0, 0.0, 0.0)
    assert narrow.objective == narrow.training_error / 2.0 > 0.0


def test_the_risk_at_the_interpolation_peak_is_infinite_without_adversary_or_ridge() -> None:
    peak = adversarial_asymptotics(2.0, 2.0, 0.5, 0.0)
    assert peak.standard_risk == peak.adversarial_risk == peak.gradient_norm == peak.weight_energy == math.inf
    assert 0.0 < peak.alignment < 1.0


@pytest.mark.parametrize("radius", [1e-12, 1e-30, 1e-60, 1e-100])
def test_tiny_radii_at_the_peak_keep_their_digits(radius: float) -> None:
    found = adversarial_asymptotics(2.0, 2.0, 0.5, radius)
    assert radius * found.standard_risk == pytest.approx(.17770920662574, rel=1e-12 + 10.0 * radius)
    assert found.fitted == pytest.approx(.4465321414505779, rel=1e-11)


# sample_ratio = 4, noise = 0.5, three decimals (s^2 in the last row)
WIDTHS = (.25, .5, 1, 1.5, 2, 3, 4, 6, 10, 20, 50)
CURVES = {
    (0.0, "adversarial_risk"): (1.148, 1.057, .931, .896, .957, 1.579, math.inf, 1.036, .563, .415, .357),
    (0.1, "adversarial_risk"): (1.210, 1.142, 1.028, .977, .993, 1.235, 1.941, 1.347, .896, .922, 1.079),
    (0.3, "adversarial_risk"): (1.271, 1.263, 1.205, 1.161, 1.150, 1.214, 1.360, 1.587, 1.271, 1.183, 1.257),
    (0.5, "adversarial_risk"): (1.250, 1.289, 1.314, 1.309, 1.309, 1.347, 1.426, 1.613, 1.651, 1.488, 1.455),
    (0.3, "standard_risk"): (1.159, 1.032, .847, .740, .688, .679, .737, .848, .740, .809, .997),
}


@pytest.mark.parametrize(("radius", "name"), CURVES, ids=str)
def test_the_curse_curves_have_their_published_values(radius: float, name: str) -> None:
    found = [getattr(adversarial_asymptotics(width, 4.0, 0.5, radius), name) for width in WIDTHS]
    assert found == pytest.approx(list(CURVES[radius, name]), abs=6e-4)


def robust_risk(log_width: float, samples: float, radius: float) -> float:
    return adversarial_asymptotics(math.exp(log_width), samples, 0.5, radius).adversarial_risk


def test_the_robust_risk_can_rise_with_the_width_while_the_standard_risk_falls() -> None:
    narrow, wide = adversarial_asymptotics(0.5, 2.0, 0.3, 0.6), adversarial_asymptotics(4.0, 2.0, 0.3, 0.6)
    assert (narrow.adversarial_risk, wide.adversarial_risk) == pytest.approx((1.164, 1.495), abs=6e-4)
    assert narrow.standard_risk == pytest.approx(.986, abs=6e-4)
    assert wide.standard_risk == pytest.approx(.57, abs=6e-3)


@pytest.mark.parametrize(("samples", "radius", "low", "high", "width", "risk"), [
    (4.0, 0.3, 1.0, 4.0, 1.9213, 1.149250), (4.0, 0.1, 1.0, 3.0, 1.6239, .974626),
    (4.0, 0.1, 8.0, 20.0, 12.480, .877411), (10.0, 0.05, 1.0, 8.0, 3.113, .610887),
    (10.0, 0.5, 2.0, 8.0, 4.025, 1.092286)])
def test_the_best_widths_are_where_they_were_found(samples: float, radius: float, low: float, high: float,
                                                   width: float, risk: float) -> None:
    best = minimize_scalar(robust_risk, bounds=(math.log(low), math.log(high)), args=(samples, radius),
                           method="bounded", options={"xatol": 1e-7})
    assert math.exp(best.x) == pytest.approx(width, abs=6e-4)
    assert best.fun == pytest.approx(risk, abs=6e-7)


def test_the_best_width_jumps_below_the_interpolation_threshold_at_one_radius() -> None:
    def lowest(radius: float, low: float, high: float) -> tuple[float, float]:
        best = minimize_scalar(robust_risk, bounds=(math.log(low), math.log(high)), args=(4.0, radius),
                               method="bounded", options={"xatol": 1e-9})
        return best.fun, math.exp(best.x)

    jump = brentq(lambda radius: lowest(radius, 1.0, 3.5)[0] - lowest(radius, 8.0, 40.0)[0], 0.2, 0.3, xtol=1e-9)
    assert jump == pytest.approx(.2530788, abs=1e-7)
    assert lowest(jump, 1.0, 3.5) == pytest.approx((1.1077788, 1.8694), abs=6e-5)
    assert lowest(jump, 8.0, 40.0)[1] == pytest.approx(15.663, abs=6e-4)


@pytest.mark.parametrize(("width", "ridge", "risk"), [
    (.5, .394, 1.225), (1, .227, 1.139), (2, .215, .995), (4, .311, .864), (8, .498, .779), (16, .789, .727),
    (64, 1.87, .677)])
def test_a_tuned_ridge_cures_the_curse(width: float, ridge: float, risk: float) -> None:
    assert adversarial_asymptotics(width, 4.0, 0.5, 0.3, ridge).adversarial_risk == pytest.approx(risk, abs=6e-4)


# -- the threshold ---------------------------------------------------------------------------------------------------

def test_the_gradient_vanishes_linearly_at_the_threshold() -> None:
    critical = zero_radius(2.0, 3.0, 0.5)
    slopes = [adversarial_asymptotics(2.0, 3.0, 0.5, critical - gap).gradient_norm / gap for gap in (1e-4, 1e-5, 1e-6)]
    assert slopes == pytest.approx([.96605] * 3, abs=3e-4)
    assert slopes[2] == pytest.approx(.96605, abs=6e-6)


@pytest.mark.parametrize("gap", [1e-4, 1e-6, 1e-8, 1e-10])
def test_risks_keep_their_digits_next_to_the_threshold(gap: float) -> None:
    critical = zero_radius(2.0, 3.0, 0.5)
    near = adversarial_asymptotics(2.0, 3.0, 0.5, critical * (1.0 - gap))
    # m is about 0.97 gap critical, and the objective is that of 0 up to the square of it
    assert near.objective == pytest.approx(0.625, rel=2.0 * gap**2 + 4e-16)
    assert near.gradient_norm == pytest.approx(.96605 * gap * critical, rel=20.0 * gap + 1e-14 / gap + 1e-5)


# -- edges and refusals ----------------------------------------------------------------------------------------------

def test_labels_that_are_all_zero_are_predicted_exactly() -> None:
    nothing = adversarial_asymptotics(2.0, 3.0, 0.0, 0.2, signal=0.0)
    assert (nothing.zero, nothing.standard_risk, nothing.objective, nothing.fitted) == (True, 0.0, 0.0, 1.0)


def test_a_vanishing_ridge_changes_nothing_under_attack() -> None:
    bare, faint = adversarial_asymptotics(4.0, 3.0, 0.5, 0.5), adversarial_asymptotics(4.0, 3.0, 0.5, 0.5, 1e-12)
    assert faint.adversarial_risk == pytest.approx(bare.adversarial_risk, rel=4e-11)


def test_a_linear_activation_is_refused_where_its_problem_is_degenerate() -> None:
    line = activation(lambda z: z, np.ones_like)
    with pytest.raises(ValueError, match=r"is linear; .* use linear_asymptotics"):
        adversarial_asymptotics(2.0, 3.0, 0.5, 0.2, activation=line)
    assert adversarial_asymptotics(2.0, 3.0, 0.5, 0.2, 0.1, activation=line).standard_risk > 0.25


def test_an_activation_without_linear_part_is_refused() -> None:
    with pytest.raises(ValueError, match="has no linear part"):
        adversarial_asymptotics(2.0, 3.0, 0.5, 0.2, activation=activation(np.abs, np.sign, kinks=[0.0], name="abs"))


@pytest.mark.parametrize(("arguments", "options", "message"), [
    ((0.0, 3.0, 0.5, 0.2), {}, "width_ratio"), ((2.0, -1.0, 0.5, 0.2), {}, "sample_ratio"),
    ((2.0, 3.0, -0.5, 0.2), {}, "noise"), ((2.0, 3.0, 0.5, -0.2), {}, "radius"),
    ((2.0, 3.0, 0.5, 0.2, -1.0), {}, "ridge"),
    ((2.0, 3.0, 0.5, 0.2), {"signal": -1.0}, "signal"), ((2.0, 3.0, 0.5, 0.2), {"test_radius": -1.0}, "test_radius"),
    ((2.0, math.nan, 0.5, 0.2), {}, "must be finite"), ((2.0, 3.0, 0.5, 1e-150), {}, "radius=1e-150 must be 0 or >= "),
    ((2.0, 3.0, 0.5, 0.2, 1e150), {}, "ridge"), ((1e-150, 3.0, 0.5, 0.2), {}, "width_ratio=1e-150 must be >= ")])
def test_values_out_of_range_are_refused(arguments: tuple[float, ...], options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"adversarial_asymptotics: .*{message}"):
        adversarial_asymptotics(*arguments, **options)


def test_what_is_no_activation_is_refused() -> None:
    with pytest.raises(TypeError, match="activation must be an Activation, got 'relu'"):
        adversarial_asymptotics(2.0, 3.0, 0.5, 0.2, activation="relu")  # type: ignore[arg-type]
