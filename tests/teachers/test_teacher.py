"""Teachers as records: any network is one, and the least squares affine map."""

from __future__ import annotations

import numpy as np
import pytest

from constructive.labels import clean_labels
from constructive.network import Network
from constructive.targets import cosine_product
from constructive.teachers import Teacher, as_teacher, fit_affine, taylor_partition


def test_networks_become_teachers_without_a_promise() -> None:
    network = Network.build([([[1.0, 2.0]], [0.5])])
    teacher = as_teacher(network)
    assert teacher.error is None
    assert teacher.target is None
    assert as_teacher(teacher) is teacher
    assert np.array_equal(teacher(np.ones((2, 3, 2))), network(np.ones((2, 3, 2))))
    with pytest.raises(TypeError, match="Teacher or a Network"):
        as_teacher("network")  # type: ignore[arg-type]


@pytest.mark.parametrize(("y", "outputs"), [([0, 1, 1, 0], 1), (["a", "b", "c", "a"], 3), ([0.5, 1.5, 2.5, -1.0], 1)])
def test_affine_fits_leave_residuals_orthogonal_to_the_data(y: list[object], outputs: int) -> None:
    X = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 3.0], [2.0, 2.0]])
    labels = clean_labels(y, 4, who="test")
    teacher = fit_affine(X, labels)
    wanted = labels.scores[:, None] if outputs == 1 else np.where(np.arange(3) == labels.index[:, None], 1.0, -1.0)
    residual = wanted - teacher(X)
    design = np.hstack([X, np.ones((4, 1))])
    assert teacher.to_network().outputs == outputs
    assert teacher.to_network().depth == 1
    assert teacher.nonzeros == teacher.to_network().size.nonzeros
    # backward stable: condition number below 10, entries below 4
    assert np.abs(design.T @ residual).max() < 1e-13


def test_a_network_is_written_out_once() -> None:
    teacher = taylor_partition(cosine_product([5.0, 4.0]), order=2, cells=2)
    assert isinstance(teacher, Teacher)
    assert teacher.to_network() is teacher.to_network()
