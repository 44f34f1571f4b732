"""The strategies keep their promises, and the records they feed accept what they draw."""

import numpy as np
from hypothesis import given, settings

import constructive as con
from constructive.testing import admissible_radii, dyadic_networks, separated_data


@given(separated_data(real_labels=True))
def test_separated_data_keep_twice_the_radius_and_two_ramps_apart(data):
    if len(data.X) > 1:
        assert 2 * data.radius + 2 * data.ramp <= con.separation(data.X).distance


@settings(max_examples=25)
@given(separated_data())
def test_students_of_drawn_data_are_certified(data):
    student = con.memorize(data.X, data.y, radius=data.radius, ramp=data.ramp)
    assert student.certify().verdict is con.Verdict.CONFIRMED
    assert con.theorems.find("robust-memorization").check(student.to_network(), data).verdict is con.Verdict.CONFIRMED


@given(dyadic_networks(inputs=2, outputs=1))
def test_drawn_networks_are_exact_in_doubles(network):
    x = [0.375, -1.25]
    assert network(np.array(x))[0] == network.exact(x)[0]


@given(admissible_radii(np.array([[0.0], [1.0]]), [0, 1]))
def test_admissible_radii_are_below_half_the_separation(radius):
    assert 0 <= radius < 0.5
