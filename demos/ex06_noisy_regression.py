"""
Noisy regression: every label on a ball, the error hardly changed
=================================================================

Real labels with noise, on a line and in a square. A least squares *teacher* smooths them; a *student* takes every
noisy label, on a whole ball round its datum, and copies the teacher elsewhere. The spikes are so narrow that the mean
squared error of both agrees up to the volume of the spikes, and yet an adversary who may move a point a little finds
them: the robust error is at least what the data force on every network that memorizes. The report certifies the
training labels on every ball and puts both errors side by side.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import experiments

SEED = 20240119
NOISE, ORDER, TEST = 0.3, 3, 4_000
BLUE, ORANGE, GREEN, BLACK = con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN, con.plotting.BLACK


def main(out=None, seed=SEED):
    """Fit, memorize, prove, measure and draw; return the report, and save it with its picture into ``out`` if given."""
    rng = np.random.default_rng(seed)
    line = case(con.targets.cosine_product([5.0], [-0.4]), rng.random((80, 1)), rng)
    lattice = con.populations.jittered_lattice(14, 2, 0.6, rng)
    square = case(con.targets.cosine_product([4.0, 3.0], [-0.5, 0.4]), lattice, rng, radius=0.004)
    cases = {"line, d = 1": line, "square, d = 2": square}

    checks = []
    for name, found in cases.items():
        student, harm, gap = found["student"], found["harm"], found["gap"]
        checks += [
            con.evidence.judge(f"{name}: training labels missed somewhere on their ball (share)",
                               student.certify().robust_error, "==", 0.0),
            con.evidence.judge(f"{name}: nonzeros counted",
                               con.evidence.exactly(student.to_network().size.nonzeros), "==", student.size.nonzeros,
                               "formula"),
            con.evidence.judge(f"{name}: squared error added by the spikes",
                               con.Bracket(harm.measured - 3 * harm.deviation, harm.measured + 3 * harm.deviation,
                                           con.Evidence.SAMPLED), "<=", harm.bound,
                               "V sum (|y_i - h(x_i)| + Lambda (r + w))^2"),
            con.evidence.judge(f"{name}: test points where the attack finds less than the data force",
                               con.evidence.exactly(gap.escapes), "==", 0.0),
        ]
    report = con.Report(
        title="Noisy regression: every label on a ball, the error hardly changed",
        checks=tuple(checks),
        tables=(errors(cases), gaps(cases), spikes(cases)),
        notes=(
            f"labels h(x) + noise, uniform of standard deviation {NOISE}; teachers of order {ORDER}",
            "line: 80 independent points, radius a quarter of their separation; square: 196 points, one in each cell "
            "of a lattice, moved at random, so that balls wide enough to be seen fit",
            *(f"{name}: {found['student'].teacher.statement}" for name, found in cases.items()),
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(cases).savefig(folder / "ex06_noisy_regression.png", dpi=160)
        (folder / "ex06_noisy_regression.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def noisy(target, X, rng):
    """Return labels of the target at X with uniform noise."""
    return target(X) + np.sqrt(3.0) * NOISE * rng.uniform(-1, 1, len(X))


def case(target, X, rng, radius=None):
    """Return the student of noisy labels at X with its teacher, both squared errors, and the robust gap."""
    n, d = X.shape
    y = noisy(target, X, rng)
    cells = experiments.counting.cells_for(n, ORDER, d)
    teacher = con.fit_cells(X, y, order=ORDER, cells=cells)
    separation = con.separation(X).distance
    student = con.memorize(X, y, radius=radius or separation / 4, ramp=radius, teacher=teacher, task="regression")
    nodes, weights = experiments.errors.cell_nodes(cells, d)
    fresh, delta = rng.random((TEST, d)), 0.5 * (4.0 / n) ** (1.0 / d)
    gap = experiments.gaps.robust_gap(lambda x: student(x)[:, 0], X, student.labels.scores, student.radius, fresh,
                                      noisy(target, fresh, rng), delta)
    return {"target": target, "student": student, "separation": separation, "gap": gap, "delta": delta,
            "taught": experiments.errors.squared_error(teacher(nodes)[..., 0], target(nodes), weights),
            "harm": experiments.errors.harm(student, target, rng)}


def errors(cases):
    """Return the squared L2 errors of teacher and student, side by side."""
    rows = [(name, len(found["student"].X), found["taught"], found["taught"] + found["harm"].measured,
             found["harm"].deviation, found["taught"] + found["harm"].bound, found["harm"].volume)
            for name, found in cases.items()]
    columns = ("case", "n", "teacher", "student", "its standard error", "at most", "volume of the spikes, at most")
    note = ("mean of (f - h)^2 over the cube: the teacher's by quadrature; what the spikes add is the mean of 4,096 "
            "draws inside them (the check takes three standard errors), and bounded by a proof")
    return con.evidence.Table("Squared errors", columns, tuple(rows), note)


def gaps(cases):
    """Return what an adversary does to the student, beside what the data force on every memorizer."""
    rows = [(name, found["delta"], found["gap"].reached, found["gap"].plain, found["gap"].attacked,
             found["gap"].forced, NOISE**2) for name, found in cases.items()]
    columns = ("case", "perturbation", "data in reach, mean", "no attack", "attacked", "forced", "noise^2")
    note = (f"mean of (f(x') - y)^2 over {TEST:,} fresh noisy labels; attacked: found, so a lower bound; forced: from "
            "the data alone, for any network that takes the labels on these balls")
    return con.evidence.Table("Robust regression gap", columns, tuple(rows), note)


def spikes(cases):
    """Return widths and sizes."""
    rows = [(name, found["separation"], found["student"].radius, found["student"].ramp,
             found["student"].teacher.nonzeros, found["student"].size.nonzeros, found["student"].size.depth)
            for name, found in cases.items()]
    columns = ("case", "separation", "radius", "ramp", "nonzeros of the teacher", "of the student", "depth")
    return con.evidence.Table("Spikes", columns, tuple(rows), "the student needs 6 d + 3 nonzeros for each datum")


def draw(cases):
    """Return the figure: the line with one spike enlarged, the errors, and the square with one spike enlarged."""
    line, square = cases.values()
    with plt.rc_context({"font.size": 12, "legend.frameon": False, "legend.fontsize": 11.5}):
        figure = plt.figure(figsize=(13.0, 10.0), layout="constrained")
        top, below = figure.subfigures(2, 1, height_ratios=[1.0, 1.12], hspace=0.03)
        curve, bars = top.subplots(1, 2, width_ratios=[1.9, 1.0])
        draw_line(line, curve)
        draw_errors(cases, bars)
        draw_square(square, below)
    return figure


def draw_line(found, axes):
    """Draw target, teacher and student on the line; an inset enlarges the two closest data."""
    student, target = found["student"], found["target"]
    low, high, ramp = student.bumps.lower[:, 0], student.bumps.upper[:, 0], student.ramp
    x = np.unique(np.concatenate([np.linspace(0.0, 1.0, 4001), low, high, low - ramp, high + ramp]))
    x = x[(x >= 0.0) & (x <= 1.0)]
    axes.plot(x, student(x[:, None])[:, 0], color=BLUE, lw=1.0, label="student, with all its spikes")
    axes.plot(x, target(x[:, None]), color=GREEN, lw=2.4, ls="--", label="target")
    axes.plot(x, student.teacher(x[:, None])[:, 0], color=ORANGE, lw=2.4, label="teacher")
    axes.plot(student.X[:, 0], student.y, "o", color=BLACK, ms=4, label="noisy labels")
    axes.set(xlabel="x", ylabel="value", xlim=(0.0, 1.0), ylim=(-1.7, 4.3))
    axes.set_yticks([-1, 0, 1])
    axes.set_title(f"{len(student.X)} noisy labels on the line", fontsize=14, loc="left")
    axes.legend(loc="upper left", ncols=1)
    axes.spines[["top", "right"]].set_visible(False)
    order = np.argsort(student.X[:, 0])
    first = order[np.argmin(np.diff(student.X[order, 0]))]
    middle, unit = student.X[first, 0] + found["separation"] / 2, found["separation"]
    near = np.unique(np.concatenate([np.linspace(middle - 1.5 * unit, middle + 1.5 * unit, 2001),
                                     low[np.abs(low - middle) < 1.5 * unit], high[np.abs(high - middle) < 1.5 * unit]]))
    inset = axes.inset_axes([0.44, 0.6, 0.55, 0.38])
    inset.plot((near - middle) / unit, student(near[:, None])[:, 0], color=BLUE, lw=2.0)
    inset.plot((near - middle) / unit, student.teacher(near[:, None])[:, 0], color=ORANGE, lw=2.0, ls="--")
    shown = np.abs(student.X[:, 0] - middle) < 1.5 * unit
    inset.plot((student.X[shown, 0] - middle) / unit, student.y[shown], "o", color=BLACK, ms=6)
    inset.set(xlabel=f"x - {middle:.4f}, in separations of {unit:.1e}", xlim=(-1.5, 1.5))
    inset.set_title("the closest two, enlarged", fontsize=11.5)
    inset.tick_params(labelsize=10.5)


def draw_errors(cases, axes):
    """Draw squared errors without and with an adversary, with the proved bounds."""
    names = ["teacher,\nto target", "student,\nto target", "student, to\nnoisy labels", "the same,\nattacked"]
    for k, (found, color) in enumerate(zip(cases.values(), (con.plotting.SKY, BLUE), strict=True)):
        taught, gap, harm = found["taught"], found["gap"], found["harm"]
        values = (taught, taught + harm.measured, gap.plain, gap.attacked)
        places = np.arange(4)[::-1] + 0.2 - 0.4 * k
        axes.barh(places, values, 0.36, color=color, label=f"d = {k + 1}")
        for place, value in zip(places, values, strict=True):
            axes.annotate(f" {value:.2g}", (value, place), va="center", fontsize=11.5)
        for row, bound, shade in ((1, taught + harm.bound, BLACK), (3, gap.forced, GREEN)):
            axes.plot([bound, bound], [places[row] - 0.2, places[row] + 0.2], color=shade, lw=2.6, zorder=4)
    axes.plot([], [], color=BLACK, lw=2.6, label="proved: at most")
    axes.plot([], [], color=GREEN, lw=2.6, label="forced: at least")
    axes.set_yticks(range(4), names[::-1])
    axes.set(xlabel="mean squared error (label units squared)", xlim=(0.0, 0.72))
    axes.set_title("what the spikes cost", fontsize=14)
    axes.legend(loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)


def draw_square(found, figure):
    """Draw the student over the square, a part of it from above, and one spike from near."""
    student = found["student"]
    X = student.X
    spike = X[next(i for i in np.argsort(-student.y) if (np.abs(X[i] - 0.5) < 0.37).all())]
    part = np.stack([spike - 0.12, spike + 0.12], axis=1)
    axes = figure.add_subplot(1, 3, 2)
    con.plotting.score_map(student, axes, window=part, bound=1.5, resolution=601)
    for lines in list(axes.collections):  # the level 0 means nothing for real labels
        lines.remove()
    con.plotting.student_boxes(student, axes, window=part)
    axes.set_title("a part of it: balls and ramps", fontsize=14)
    axes.locator_params(nbins=4)
    figure.colorbar(axes.images[0], ax=axes, label="value", location="bottom", shrink=0.9, pad=0.02)
    colors = axes.images[0].cmap

    whole = figure.add_subplot(1, 3, 1, projection="3d", computed_zorder=False)
    surface(student.teacher, whole, np.array([[0.0, 1.0], [0.0, 1.0]]), 61, colors, (-1.5, 1.5))
    for point, start, end in zip(X, student.teacher(X)[:, 0], student(X)[:, 0], strict=True):
        color = con.plotting.VERMILION if end > start else BLUE
        whole.plot([point[0]] * 2, [point[1]] * 2, [start, end], color=color, lw=1.4)
    whole.set_title(f"value of the student: {len(X)} spikes", fontsize=14)
    near = figure.add_subplot(1, 3, 3, projection="3d")
    surface(student, near, np.stack([spike - 0.014, spike + 0.014], axis=1), 169, colors, (0.0, 1.5))
    near.set_title("value on one spike", fontsize=14)


def surface(model, axes, window, resolution, colors, heights):
    """Draw a model over a window of the square as a surface."""
    u, v = np.meshgrid(*[np.linspace(*side, resolution) for side in window])
    axes.plot_surface(u, v, model(np.stack([u, v], axis=-1))[..., 0], cmap=colors, vmin=-1.5, vmax=1.5,
                      rcount=resolution, ccount=resolution, linewidth=0, antialiased=False, alpha=0.85)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", zlim=heights)
    for name in "xyz":
        axes.locator_params(axis=name, nbins=4, prune="both")
    axes.tick_params(pad=0)
    axes.view_init(elev=24, azim=-58)
    axes.set_box_aspect((1, 1, 1), zoom=1.1)


if __name__ == "__main__":
    print(con.report.text(main("out")))
