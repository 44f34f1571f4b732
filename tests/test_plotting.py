"""Pictures: drawn on the given Axes, labelled, nothing shown or left open."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

import constructive as con

X, Y = np.array([[0.25, 0.25], [0.75, 0.75]]), np.array([-1, 1])
STUDENT = con.memorize(X, Y, radius=0.1)


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_every_function_draws_on_the_axes_it_is_given_and_names_them(ax):
    for draw in (con.plotting.bump_anatomy, lambda ax: con.plotting.score_map(STUDENT, ax, resolution=21)):
        ax.clear()
        assert draw(ax=ax) is ax
        assert ax.get_xlabel()
        assert ax.get_ylabel()


def test_boxes_and_supports_are_drawn_where_the_weights_have_them(ax):
    con.plotting.student_boxes(STUDENT, ax)
    boxes = [p for p in ax.patches if isinstance(p, Rectangle)]
    assert len(ax.patches) == 4
    assert {round(box.get_x(), 12) for box in boxes} == {0.15, 0.65}
    for box in boxes:
        corner = np.array([box.get_x(), box.get_y()])
        assert STUDENT(corner + 1e-9)[0] in (-1.0, 1.0)


def test_boxes_outside_the_window_are_left_out(ax):
    con.plotting.student_boxes(STUDENT, ax, window=((0, 0.3), (0, 0.3)))
    assert len(ax.patches) == 2


def test_bars_run_from_the_lower_to_the_upper_end(ax):
    rows = [("a", con.Bracket(0.1, 0.3)), ("b", con.Bracket(0.2, 0.2))]
    con.plotting.brackets(rows, ax, bound=("limit", con.Bracket(0.05, 0.06)))
    lines = [line.get_xdata() for line in ax.lines[:2]]
    assert sorted(map(tuple, lines)) == [(0.1, 0.3), (0.2, 0.2)]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "a"]


def test_wrong_labels_are_ringed(ax):
    con.plotting.data_points(X, Y, ax, wrong=np.array([True, False]))
    assert ax.collections[-1].get_offsets().tolist() == [[0.25, 0.25]]


def test_axes_are_made_when_none_are_given():
    axes = con.plotting.bump_anatomy()
    assert plt.fignum_exists(axes.figure.number)
    plt.close(axes.figure)
