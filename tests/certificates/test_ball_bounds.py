"""Bounds over l_1 and l_2 balls: never narrower than what is found inside, and tight enough for bumps on balls."""

from __future__ import annotations

import numpy as np
import pytest
from ball_cases import ball_points, bumps_or_none, drawn_bumps, drawn_data, label_network
from oracles import machine_values

from constructive.certificates.balls import ball_bounds
from constructive.certificates.training import certify
from constructive.evidence import Verdict
from constructive.network import Layer, Network
from constructive.students import memorize, separation
from constructive.students.balls import make_ball_bumps

NORMS = pytest.mark.parametrize("norm", [1.0, 2.0])


@NORMS
def test_bumps_on_balls_are_confirmed_on_drawn_data(norm):
    rng = np.random.default_rng(int(norm))
    for k in range(60):
        X, y = drawn_data(rng, d=64 if k % 20 == 0 else None)
        radius, bumps = drawn_bumps(rng, X, y, norm, float(rng.uniform(0.2, 0.98)))
        certificate = certify(label_network(bumps), X, y, radius=radius, norm=norm, method="ball")
        assert certificate.verdict is Verdict.CONFIRMED, k
        assert certificate.robust_error.upper == 0.0
        assert certificate.certified == (("ball", len(X)),)
        assert certificate.kind == "float64"


@NORMS
def test_bumps_in_single_precision_are_confirmed(norm):
    rng = np.random.default_rng(7)
    done = 0
    for _ in range(20):
        X, y = drawn_data(rng)
        found = bumps_or_none(rng, X, y, norm, float(rng.uniform(0.2, 0.8)), "float32")
        if found is None:
            continue
        done, (radius, bumps) = done + 1, found
        certificate = certify(label_network(bumps, "float32"), X, y, radius=radius, norm=norm, method="ball")
        assert (certificate.verdict, certificate.kind) == (Verdict.CONFIRMED, "float32")
    assert done >= 8


def test_a_drawn_projection_is_confirmed_from_its_weights():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        X, y = rng.random((12, 50)), rng.choice((-1.0, 1.0), 12)
        y[:2] = (-1, 1)
        radius, bumps = drawn_bumps(rng, X, y, 2.0, 0.1, projection=12)
        certificate = certify(label_network(bumps), X, y, radius=radius, norm=2.0, method="ball")
        assert certificate.verdict is Verdict.CONFIRMED


@NORMS
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_no_value_of_the_program_is_outside_the_bounds(norm, precision):
    """Bumps, then every weight perturbed: the bounds hold for any network of that shape."""
    rng = np.random.default_rng(11)
    for k in range(12):
        X, y = drawn_data(rng, d=int(rng.choice((1, 2, 3, 5))), n=6)
        image = 2 if norm == 2.0 and X.shape[1] == 5 else None
        radius, bumps = drawn_bumps(rng, X, y, norm, 0.01 if image else 0.4, projection=image)
        network = label_network(bumps, precision)
        if k % 2:
            network = _shaken(network, rng, 2.0 ** -float(rng.integers(1, 20)))
        wide = radius * float(rng.choice((1.0, 1.5, 3.0)))
        points, rows = ball_points(rng, X, y, wide, norm, dtype=network.dtype.type)
        found = ball_bounds(network, X, wide, norm)
        assert found is not None
        for values in (network(points), machine_values(network, points, rng)):
            assert (values >= found[0][rows]).all()
            assert (values <= found[1][rows]).all()


@NORMS
def test_a_weight_moved_anywhere_never_leaves_a_broken_claim_confirmed(norm):
    rng = np.random.default_rng(12)
    broken = kept = 0
    for k in range(240):
        if k % 24 == 0:
            image = 2 if norm == 2.0 and k % 48 else None
            X, y = drawn_data(rng, d=3, n=5)
            radius, bumps = drawn_bumps(rng, X, y, norm, 0.1 if image else 0.8, projection=image)
            network = label_network(bumps)
            points, rows = ball_points(rng, X, y, radius, norm, each=10)
        moved = _moved(network, rng)
        wrong = (moved(points)[:, 0] * y[rows] <= 0).any()
        confirmed = certify(moved, X, y, radius=radius, norm=norm, method="ball").verdict is Verdict.CONFIRMED
        assert not (wrong and confirmed)
        broken += wrong
        kept += confirmed
    assert broken > 20
    assert kept > 20


@NORMS
def test_a_radius_beyond_what_was_built_is_not_confirmed_and_its_witness_is_in_the_ball(norm):
    rng = np.random.default_rng(13)
    for _ in range(3):
        X, y = drawn_data(rng, d=3, n=6)
        _, bumps = drawn_bumps(rng, X, y, norm, 0.5)
        wide = separation(X, y, norm=norm).distance * 0.7
        certificate = certify(label_network(bumps), X, y, radius=wide, norm=norm)
        assert certificate.verdict is not Verdict.CONFIRMED
        if certificate.witness is not None:
            i, point, _ = certificate.witness
            assert np.linalg.norm(point - X[i], ord=norm) <= wide


@NORMS
def test_students_of_every_gate_with_a_teacher_are_confirmed(norm):
    rng = np.random.default_rng(14)
    teacher = Network.build([(rng.normal(size=(4, 3)), rng.normal(size=4)), (rng.normal(size=(1, 4)), [0.1])])
    X, y = drawn_data(rng, d=3, n=10)
    radius = 0.45 * separation(X, y, norm=norm).distance
    for recipe in ("clip", "additive", "argmax"):
        student = memorize(X, y, radius=radius, norm=norm, teacher=teacher, recipe=recipe)
        certificate = certify(student.to_network(), X, y, radius=radius, norm=norm, method="ball")
        assert certificate.verdict is Verdict.CONFIRMED, recipe


@NORMS
def test_shuffled_units_are_recognized(norm):
    rng = np.random.default_rng(15)
    X, y = drawn_data(rng, d=5, n=8)
    radius, bumps = drawn_bumps(rng, X, y, norm, 0.9)
    assert certify(_shuffled(label_network(bumps), rng), X, y, radius=radius, norm=norm,
                   method="ball").verdict is Verdict.CONFIRMED


def test_digits_like_data_at_radius_one_half():
    """64 coordinates in sixteenths, as images have them: l_2 balls that the boxes of that radius cannot tell apart."""
    rng = np.random.default_rng(16)
    X = rng.integers(0, 17, (60, 64)) / 16.0
    y = rng.choice((-1.0, 1.0), 60)
    X[1] = X[0]
    X[1, :4] = np.where(X[0, :4] > 0.5, X[0, :4] - 0.5, X[0, :4] + 0.5)  # a pair at distance 1, 1/2 in l_inf
    X[1, 4] = 1.0 - X[0, 4]
    y[:2] = (-1.0, 1.0)
    radius = 0.97 * separation(X, y, norm=2.0).distance / 2
    assert radius > separation(X, y).distance / 2
    bumps = make_ball_bumps(X, y, (y > 0).astype(np.int64), np.arange(60), radius, None, 2.0, who="test")
    assert certify(label_network(bumps), X, y, radius=radius, norm=2.0).verdict is Verdict.CONFIRMED


def test_networks_without_such_bumps_get_no_bounds():
    f = Network.build([([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)])
    assert ball_bounds(f, [[0.0]], 1.0, 2.0) is None
    with pytest.raises(ValueError, match="method='ball'"):
        certify(f, [[0.0], [1.0]], [-1, 1], radius=0.1, method="ball")


def _shaken(network, rng, size):
    layers = []
    for layer in network.layers:
        weight = layer.weight.copy()
        weight.data = weight.data * (1 + size * rng.uniform(-1, 1, weight.data.size)).astype(network.dtype)
        layers.append(Layer.build(weight, layer.bias, network.dtype))
    return Network(tuple(layers))


def _moved(network, rng):
    """Return the network with one stored weight or bias of a drawn layer changed."""
    k = int(rng.integers(network.depth))
    layer = network.layers[k]
    weight, bias = layer.weight.copy(), layer.bias.copy()
    data = weight.data.copy()
    at = int(rng.integers(data.size + bias.size))
    values, place = (data, at) if at < data.size else (bias, at - data.size)
    factor = float(rng.choice([0.0, -1.0, 0.5, 1.5, 1 + 2.0 ** -float(rng.integers(1, 50))]))
    values[place] = values[place] * factor if values[place] else float(rng.choice((-1.0, 1.0, 2.0**-20)))
    weight.data = data
    layers = list(network.layers)
    layers[k] = Layer.build(weight, bias)
    return Network(tuple(layers))


def _shuffled(network, rng):
    layers, order = [], np.arange(network.inputs)
    for k, layer in enumerate(network.layers):
        weight, rows = layer.weight[:, order], np.arange(layer.outputs)
        if k + 1 < network.depth:
            rows = rng.permutation(layer.outputs)
        layers.append(Layer.build(weight[rows], layer.bias[rows]))
        order = rows
    return Network(tuple(layers))
