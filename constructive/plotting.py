"""Pictures of constructions: the anatomy of a bump, a student beside its teacher, brackets as error bars.

Every function takes ``ax=None`` and returns the Axes it drew on; nothing is shown or saved. Colors are from the
Okabe-Ito palette, told apart without color vision; diverging scores run from blue (-B) over white to vermilion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.blocks import box_bump, published_indicator
from constructive.evidence import Bracket, Evidence
from constructive.students import Student
from constructive.students.boxes import Bumps

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#222222")


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt
    return plt.subplots(figsize=(5.0, 4.0), layout="constrained")[1]


def _scores_map() -> Any:
    from matplotlib.colors import LinearSegmentedColormap
    return LinearSegmentedColormap.from_list("scores", [BLUE, "#9cc7e2", "#ffffff", "#f0b48f", VERMILION])


def bump_anatomy(radius: float = 0.25, ramp: float = 0.125, ax: Any = None) -> Any:
    """Draw one bump in one dimension: plateau, ramps, and the hidden units it is made of, published and ours.

    Both networks are evaluated on a grid; they are the same function. Returns the Axes.
    """
    axes = _axes(ax)
    x = np.linspace(-0.5, 0.5, 801)[:, None]
    ours = box_bump([-radius], [radius], ramp)
    published = published_indicator([-radius], [radius], ramp)
    axes.axvspan(-radius, radius, color=SKY, alpha=0.18, lw=0)
    axes.plot(x, published.network(x), color=ORANGE, lw=5, alpha=0.6,
              label=f"published: {published.network.size.units} units")
    axes.plot(x, ours.network(x), color=BLUE, lw=2, label=f"ours: {ours.network.size.units} units")
    for row, style in zip(ours.network.hidden(x)[0], ("--", ":"), strict=True):
        axes.plot(x, row / ramp, color=BLACK, lw=1, ls=style)
    axes.plot([], [], color=BLACK, lw=1, ls="--", label="faces of ours, over ramp")
    axes.annotate("plateau: the memorized ball", (0, 1.0), (0, 1.13), ha="center", fontsize=10, color=BLUE)
    axes.annotate("", (radius, 0.1), (radius + ramp, 0.1), arrowprops={"arrowstyle": "<->", "color": BLACK})
    axes.text(radius + ramp / 2, 0.16, "ramp", ha="center", fontsize=10)
    axes.set(xlabel="x (input units)", ylabel="bump value", ylim=(-0.05, 1.3), xlim=(-0.5, 0.5))
    axes.legend(loc="center", fontsize=9, frameon=True, bbox_to_anchor=(0.5, 0.45))
    return axes


def score_map(model: Any, ax: Any = None, *, window: ArrayLike = ((0, 1), (0, 1)), bound: float = 1.0,
              resolution: int = 401) -> Any:
    """Draw the first score of a model on a window of the plane, clipped to [-bound, bound]; returns the Axes.

    ``model`` maps (..., 2) to (..., m); the zero level, the decision boundary, is drawn in black.
    """
    axes = _axes(ax)
    (x0, x1), (y0, y1) = np.asarray(window, dtype=np.float64)
    u, v = np.meshgrid(np.linspace(x0, x1, resolution), np.linspace(y0, y1, resolution))
    scores = np.asarray(model(np.stack([u, v], axis=-1)))[..., 0]
    axes.imshow(scores, origin="lower", extent=(x0, x1, y0, y1), cmap=_scores_map(),
                vmin=-bound, vmax=bound, interpolation="nearest", aspect="equal")
    if scores.min() < 0 < scores.max():
        axes.contour(u, v, scores, levels=[0.0], colors=BLACK, linewidths=0.8)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(x0, x1), ylim=(y0, y1))
    return axes


def data_points(X: ArrayLike, y: ArrayLike, ax: Any = None, *, wrong: NDArray[np.bool_] | None = None,
                size: float = 14.0) -> Any:
    """Draw two-dimensional data by sign; wrong labels get a ring. Returns the Axes."""
    axes = _axes(ax)
    points, signs = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    for sign, color, marker in ((1, VERMILION, "o"), (-1, BLUE, "s")):
        rows = signs == sign
        axes.scatter(*points[rows].T, s=size, c=color, marker=marker, edgecolors="white", linewidths=0.6, zorder=3)
    if wrong is not None and wrong.any():
        axes.scatter(*points[wrong].T, s=size * 5, facecolors="none", edgecolors=BLACK, linewidths=1.2, zorder=4)
    return axes


def student_boxes(student: Student, ax: Any = None, *, window: ArrayLike | None = None) -> Any:
    """Draw the memorized boxes (solid) and the l_1 supports round them (dashed) of a student in the plane.

    A side without a face runs out of the window. Raises ValueError for a student whose bumps are balls.
    """
    from matplotlib.patches import Polygon, Rectangle
    axes = _axes(ax)
    if student.bumps is None:
        return axes
    if not isinstance(student.bumps, Bumps):
        raise ValueError("student_boxes: this student's bumps are balls, not boxes; draw score_map(student) instead")
    w, far = student.ramp, 4.0 * (1.0 + float(np.abs(student.X).max()))
    for (a, b), (c, d) in zip(np.maximum(student.bumps.lower, -far), np.minimum(student.bumps.upper, far), strict=True):
        if window is not None:
            (x0, x1), (y0, y1) = np.asarray(window, dtype=np.float64)
            if c + w < x0 or a - w > x1 or d + w < y0 or b - w > y1:
                continue
        axes.add_patch(Rectangle((a, b), c - a, d - b, fill=False, ec=BLACK, lw=1.2, zorder=2))
        corners = [(a, b - w), (c, b - w), (c + w, b), (c + w, d), (c, d + w), (a, d + w), (a - w, d), (a - w, b)]
        axes.add_patch(Polygon(corners, closed=True, fill=False, ec=BLACK, lw=0.9, ls="--", zorder=2))
    return axes


def brackets(rows: Sequence[tuple[str, Bracket]], ax: Any = None, *, bound: tuple[str, Bracket] | None = None,
             label: str = "robust test error (fraction of points)") -> Any:
    """Draw named brackets as horizontal bars from lower to upper end; ``bound`` as a band with its name.

    Sampled brackets carry their confidence in the name. Returns the Axes.
    """
    axes = _axes(ax)
    for y, (_, bracket) in enumerate(reversed(rows)):
        axes.barh(y, bracket.lower, height=0.5, color=SKY, alpha=0.8, lw=0,
                  label="at least" if y == 0 else None)
        axes.barh(y, bracket.upper - bracket.lower, left=bracket.lower, height=0.5, color=ORANGE, alpha=0.9, lw=0,
                  label="at most" if y == 0 else None)
        axes.plot([bracket.lower, bracket.upper], [y, y], color=BLACK, lw=1.2, marker="|", ms=9)
        level = f", {bracket.confidence:.0%}" if bracket.evidence is Evidence.SAMPLED and bracket.confidence else ""
        axes.annotate(f" {bracket.lower:.2%} to {bracket.upper:.2%}{level}", (bracket.upper, y), va="center",
                      fontsize=9)
    if bound is not None:
        axes.axvspan(bound[1].lower, bound[1].upper, color=GREEN, alpha=0.25, lw=0)
        axes.axvline(bound[1].lower, color=GREEN, lw=1.4, ls="--")
        axes.annotate(bound[0], (bound[1].upper, -0.62), color=GREEN, fontsize=9, va="center",
                      xytext=(4, 0), textcoords="offset points")
    axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
    highest = max([b.upper for _, b in rows] + ([bound[1].upper] if bound else []))
    axes.set(xlabel=label, xlim=(0, max(1e-3, highest * 1.55)), ylim=(-1.4, len(rows) - 0.4))
    axes.legend(loc="lower right", ncols=2, frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
