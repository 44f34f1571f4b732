"""Long runs near initialization: low robust loss, no growth with the ambient dimension, wide networks."""

import numpy as np
import pytest

from constructive import nearinit

pytestmark = pytest.mark.slow

KNEE = 0.3


def same_gram(seed, dimension):
    """Ten points of one Gram matrix in any dimension >= 4, with signs."""
    rng = np.random.default_rng(seed)
    X4, y = nearinit.separated_sphere(10, 4, 0.9, rng=rng), rng.choice([-1.0, 1.0], 10)
    turn = np.linalg.qr(np.random.default_rng(seed + 10).normal(size=(dimension, dimension)))[0]
    return nearinit.caps(np.hstack([X4, np.zeros((10, dimension - 4))]) @ turn, 0.1), y


def robust_loss(run):
    found = nearinit.robust_deviation(run.network.gated(), run.caps, run.y, rng=0, starts=6, steps=20)
    return float(nearinit.huber_loss(found.deviations, run.huber).mean())


@pytest.mark.parametrize("seed", range(3))
def test_robust_loss_falls_from_nine_tenths_to_half_a_percent(seed):
    caps, y = same_gram(seed, 16)
    units = nearinit.draw_units(512, 16, rng=seed)
    run = nearinit.adversarial_training(caps, y, units, nearinit.paper_scale(512), rounds=4000, huber=KNEE,
                                        rate=lambda t: 4.0 if t <= 1000 else 2.0 if t <= 2500 else 1.0,
                                        smoothing=0.1, rng=seed)
    assert 0.8 < run.losses[0] < 1.0
    assert robust_loss(run) < 0.005
    assert nearinit.regret_ledger(run, np.random.default_rng(seed).normal(size=run.theta.shape)).balanced


def test_robust_loss_does_not_grow_with_the_dimension_at_one_gram_matrix():
    logs = {}
    for d in (4, 64):
        for seed in range(6):
            caps, y = same_gram(seed, d)
            units = nearinit.draw_units(512, d, rng=seed + 20)
            run = nearinit.adversarial_training(caps, y, units, nearinit.paper_scale(512), rounds=300, rate=4.0,
                                                huber=KNEE, smoothing=0.1, rng=0)
            logs.setdefault(d, []).append(np.log(robust_loss(run)))
    difference = np.array(logs[64]) - np.array(logs[4])
    spread = difference.std(ddof=1) / np.sqrt(difference.size)
    assert difference.mean() <= 3.0 * spread  # no growth that the spread over the data does not explain
    assert np.exp(difference.mean()) < 1.25


def test_a_wide_network_in_many_dimensions_trains_and_its_ledger_balances():
    rng = np.random.default_rng(3)
    caps = nearinit.caps(nearinit.separated_sphere(20, 64, 0.9, rng=rng), 0.1)
    units = nearinit.draw_units(2**14, 64, paired=True, rng=rng)
    run = nearinit.adversarial_training(caps, rng.choice([-1.0, 1.0], 20), units, nearinit.unit_scale(), rounds=60,
                                        rate=4.0, smoothing=0.1, rng=rng)
    assert run.losses[-1] < 0.1 * run.losses[0]
    assert nearinit.regret_ledger(run, rng.normal(size=run.theta.shape)).balanced
