"""
The price of few parameters
===========================

A student that knows a whole ball round every datum can be had for 386 nonzeros a datum beside its teacher, or for less
than one. What is left out is not free: a bump with fewer faces, or one for many data, speaks for more of the space than
it was told about. Handwritten digits, odd or even, some labels wrong: the picture puts the ledger beside the share of
held-out images whose perturbation meets a bump of the other label, and beside the robust error, proved from both sides;
and the slopes of all students beside the law of robustness, which says how steep a network of few parameters must be.
Needs scikit-learn, for the images and the teacher.
"""

import functools
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import constructive as con
from constructive import experiments

SEED = 7
TRAIN, WRONG, DELTA = 1400, 28, 0.03
RADII, ROUND = (0.05, 0.1), 0.05
RECIPES = (
    con.Recipe("all faces"),
    con.Recipe("inside [0, 1]", domain=(0.0, 1.0)),
    con.Recipe("needed faces", faces="needed"),
    con.Recipe("needed, shared", faces="needed", share=True),
    con.Recipe("merged boxes", merge=True, domain=(0.0, 1.0)),
    con.Recipe("merged, needed", merge=True, faces="needed"),
)
PROJECTED = con.Recipe("projected to 8", bump="ball", projection=8)
TEACHER, NEIGHBOR, law = experiments.price.TEACHER, experiments.price.NEIGHBOR, experiments.price.law_of_robustness
GREEN, PURPLE, BLACK = con.plotting.GREEN, con.plotting.PURPLE, con.plotting.BLACK
COLORS = {RADII[0]: con.plotting.BLUE, RADII[1]: con.plotting.VERMILION}
LABELS = {
    "all faces": ((2, 42, "center"), (2, 42, "center")),
    "inside [0, 1]": ((-64, 22, "right"), (-24, -24, "right")),
    "needed faces": ((14, 4, "left"), (14, 4, "left")),
    "needed, shared": ((-14, 4, "right"), (-14, 4, "right")),
    "merged boxes": ((12, 0, "left"), (2, 19, "left")),
    "merged, needed": ((-14, 24, "center"), (-14, 26, "center")),
}
"""Where names stand beside their marks on the left and in the middle, in points."""


def main(out=None, seed=SEED):
    """Train, memorize, prove, measure and draw; return the report, and save it with its picture into ``out``."""
    rng = np.random.default_rng(seed)
    X, digits = load_digits(return_X_y=True)
    X, parity = X / 16, np.where(digits % 2 == 1, 1, -1)
    rows, _ = train_test_split(np.arange(len(X)), train_size=TRAIN, random_state=seed, stratify=digits)
    held = np.setdiff1d(np.arange(len(X)), rows)
    y, _ = con.populations.flip_labels(parity[rows], WRONG / TRAIN, rng)
    teacher = perturbed_training(X[rows], y, seed)
    prices = functools.partial(experiments.price_of_parameters, X[rows], y, X[held], parity[held], delta=DELTA,
                               teacher=teacher, budget=32, rng=seed)
    verdicts = functools.partial(con.risk.verdicts, budget=4)
    found = prices(radius=RADII, recipes=RECIPES, verdicts=verdicts)
    round_ones = prices(radius=ROUND, recipes=[PROJECTED], norm=2, verdicts=verdicts)
    everything = [*found, *round_ones]
    report = con.Report(
        title="The price of few parameters",
        checks=checks(everything),
        tables=(ledger(everything), worth(everything), slopes(everything)),
        notes=(
            f"digits, odd or even: {TRAIN} training images, {WRONG} labels wrong, all fitted by every student; "
            f"{len(held)} held-out images with the labels as published; drawn with seed {seed}",
            f"training radii {RADII} and test perturbation {DELTA} are different numbers, in units of full ink, in "
            f"l_inf; projected students: balls of radius {ROUND} and perturbations {DELTA} in l_2",
            "teacher: 48 hidden units, trained on perturbed images; the order of merging is drawn from the seed",
            f"least error of any memorizer within {DELTA}: {unavoidable(found):.3g} of the held-out images"
            + (", so that this lower bound is vacuous here" if unavoidable(found) == 0 else ""),
            "the law of robustness holds for smoothly parametrized families, isoperimetric data and noisy labels, with "
            "constants of its own: it is reported, not checked",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(found, round_ones, len(rows), X.shape[1]).savefig(folder / "ex09_price_of_parameters.png", dpi=160)
        (folder / "ex09_price_of_parameters.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def perturbed_training(X, y, seed, epochs=60, batch=100):
    """Return a network trained on images moved by DELTA * 1.5 against it, one gradient sign step a batch."""
    rng = np.random.default_rng(seed)
    model = MLPClassifier((48,), alpha=1.0, learning_rate_init=2e-3, random_state=seed)
    model.partial_fit(X[:batch], y[:batch], classes=[-1, 1])
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for rows in np.split(order, range(batch, len(X), batch)):
            hidden = X[rows] @ model.coefs_[0] + model.intercepts_[0]
            off = model.predict_proba(X[rows])[:, 1] - (y[rows] > 0)
            slope = (off[:, None] * model.coefs_[1].T * (hidden > 0)) @ model.coefs_[0].T
            model.partial_fit(np.clip(X[rows] + 1.5 * DELTA * np.sign(slope), 0, 1), y[rows])
    return con.as_network(model)


def students(rows):
    """Return the rows of students."""
    return [row for row in rows if row.name not in (TEACHER, NEIGHBOR)]


def unavoidable(rows):
    """Return the largest share of held-out images on which every memorizer errs."""
    return max(row.unavoidable.lower for row in rows)


def checks(rows):
    """Return what was proved about all students at once."""
    mine, judge = students(rows), con.evidence.judge
    taught = {row.norm: row.robust.upper for row in rows if row.name == TEACHER}
    beyond = [row.name for row in mine if row.robust.lower > row.contact.upper + taught[row.norm] + 2.0**-40]
    training = con.Bracket(max(row.training.lower for row in mine), max(row.training.upper for row in mine))
    found = (
        judge("largest robust training error", training, "==", 0.0),
        judge("counted nonzeros less their formula, largest",
              con.evidence.exactly(max(abs(row.nonzeros - row.formula) for row in mine)), "==", 0.0),
        judge("students whose proved robust error exceeds the teacher's, at most, and the share of contact",
              con.evidence.exactly(len(beyond)), "==", 0.0, "errors beyond the teacher's need contact"),
    )
    return tuple(replace(check, instances=len(mine)) for check in found)


def ledger(rows):
    """Return every count, by recipe and radius."""
    taught = next(row.nonzeros for row in rows if row.name == TEACHER)
    lines = [(row.name, row.norm, row.radius, row.nonzeros, row.nonzeros / TRAIN,
              None if row.bumps is None else (row.nonzeros - taught) / TRAIN, row.data_dependent, row.distinct,
              row.magnitude, row.depth, row.bumps, row.faces) for row in rows]
    columns = ("model", "norm", "radius", "nonzeros", "for each image", "without the teacher", "data-dependent",
               "distinct", "largest weight", "depth", "bumps", "faces")
    note = "the whole network with its teacher; the nearest neighbor stores its data; norm: of balls and perturbations"
    return con.evidence.Table("Ledger", columns, tuple(lines), note)


def worth(rows):
    """Return interference and held-out errors."""
    lines = [(row.name, row.norm, row.radius, row.ramp, row.interference and row.interference.upper,
              row.contact and row.contact.upper, row.accuracy, row.robust.lower, row.robust.upper) for row in rows]
    columns = ("model", "norm", "radius", "ramp", "within half a ramp", "within a ramp", "accuracy",
               "robust error at least", "at most")
    return con.evidence.Table(f"Held-out images, perturbations up to {DELTA}", columns, tuple(lines),
                              "within: share of images whose perturbations come that near, in l_1, to a box told the "
                              "other label")


def slopes(rows):
    """Return Lipschitz constants beside the law."""
    lines = [(row.name, row.norm, row.radius, row.nonzeros, row.lipschitz.lower, row.lipschitz.upper, row.law,
              row.lipschitz.lower / row.law) for row in rows if row.lipschitz is not None]
    columns = ("model", "norm", "radius", "nonzeros p", "Lipschitz at least", "at most", "sqrt(n d / p) / spread",
               "at least / law")
    return con.evidence.Table("Lipschitz constants in l_2, over the hull of all images", columns, tuple(lines),
                              "spread: root mean square distance of the images from their mean; no bound")


def draw(found, round_ones, n, d):
    """Return the figure: the other label's reach and the robust error against parameters, and slopes."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False}):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(16.5, 6.2), layout="constrained")
        for radius in RADII:
            for merged in (False, True):
                rows = [row for row in students(found) if row.radius == radius and ("merged" in row.name) == merged]
                draw_route(rows, n, COLORS[radius], "s" if merged else "o", left, middle)
        draw_others(found, round_ones, n, middle)
        for axes in (left, middle):
            axes.set_xscale("log")
            axes.set(xlabel="nonzeros for each image, teacher included (log scale)",
                     ylabel="share of held-out images", xlim=(0.4, 1300), ylim=(-0.014, 0.37))
            axes.spines[["top", "right"]].set_visible(False)
        for radius in RADII:
            left.plot([], [], color=COLORS[radius], lw=2.5, label=f"balls of radius {radius}")
        left.plot([], [], "o", color=BLACK, label="a bump for each image")
        left.plot([], [], "s", color=BLACK, label="a bump for several images")
        left.legend(loc="upper right", fontsize=11)
        left.set_title(f"perturbations of {DELTA} that meet a bump of the other label", fontsize=12.5)
        middle.set_title(f"robust error within {DELTA}, at least and at most", fontsize=12.5)
        draw_slopes([*found, *round_ones], n, d, right)
    return figure


def draw_route(rows, n, color, marker, left, middle):
    """Draw one way to fewer parameters: contact on the left, robust error in the middle, recipes by name."""
    rows = sorted(rows, key=lambda row: row.nonzeros)
    x = [row.nonzeros / n for row in rows]
    left.plot(x, [row.contact.upper for row in rows], "--", color=color, lw=1.6, marker=marker, ms=8)
    middle.plot(x, [(row.robust.lower + row.robust.upper) / 2 for row in rows], "--", color=color, lw=1.6, zorder=2)
    for place, row in zip(x, rows, strict=True):
        middle.plot([place, place], [row.robust.lower, row.robust.upper], color=color, lw=2.4, marker=marker, ms=5.5,
                    zorder=4)
        if row.radius == RADII[0]:
            heights = (row.contact.upper, row.robust.upper)
            for axes, height, (aside, above, side) in zip((left, middle), heights, LABELS[row.name], strict=True):
                axes.annotate(f"{row.name}\n{place:.3g}", (place, height), (aside, above), textcoords="offset points",
                              ha=side, va="center", fontsize=11, color=color, zorder=5,
                              arrowprops={"arrowstyle": "-", "color": color, "lw": 0.7, "shrinkB": 4})


def draw_others(found, round_ones, n, axes):
    """Draw the robust errors of the teacher, the nearest neighbor, and a projected student in its own norm."""
    for name, color, ink, place in ((TEACHER, GREEN, "#00664b", 0.09), (NEIGHBOR, "0.75", "0.3", 0.2)):
        row = next(row for row in found if row.name == name)
        axes.axhspan(row.robust.lower, row.robust.upper, color=color, alpha=0.45, lw=0, zorder=0)
        axes.annotate(name, (place, (row.robust.lower + row.robust.upper) / 2), xycoords=("axes fraction", "data"),
                      color=ink, ha="center", va="center", fontsize=11)
    for row in students(round_ones):
        place = row.nonzeros / n
        axes.plot([place] * 2, [row.robust.lower, row.robust.upper], color=PURPLE, lw=2.4, marker="D", ms=5.5)
        axes.annotate(f"{row.name}, in l_2: {place:.3g}", (place, row.robust.lower), (-20, -26),
                      textcoords="offset points", ha="center", va="top", fontsize=11, color="#a0527d",
                      arrowprops={"arrowstyle": "-", "color": PURPLE, "lw": 0.7, "shrinkB": 4})


def draw_slopes(rows, n, d, axes):
    """Draw Lipschitz constants, from both sides, against the number of parameters, and the law of robustness."""
    mine = [row for row in rows if row.lipschitz is not None]
    spread = law(n, d, mine[0].nonzeros) / mine[0].law
    p = np.geomspace(2e3, 1e6, 50)
    axes.plot(p, [law(n, d, value, spread) for value in p], "--", color=BLACK, lw=1.8)
    axes.annotate("law of robustness, constant 1:\nsqrt(n d / p) / spread of the images", (2.2e3, 0.1), fontsize=11)
    for row in mine:
        color = GREEN if row.name == TEACHER else PURPLE if row.norm != np.inf else COLORS[row.radius]
        axes.plot([row.nonzeros] * 2, [row.lipschitz.lower, row.lipschitz.upper], color=color, lw=1.7, marker="_", ms=9)
        axes.plot(row.nonzeros, row.lipschitz.lower, "s" if "merged" in row.name else "o", color=color, ms=6.5)
    for text, names, color in (
            ("teacher", (TEACHER,), "#00664b"), ("projected", (PROJECTED.name,), "#a0527d"),
            ("all faces", ("all faces", "inside [0, 1]"), BLACK), ("merged,\nneeded", ("merged, needed",), BLACK),
            ("needed faces,\nmerged boxes", ("needed faces", "needed, shared", "merged boxes"), BLACK)):
        named = [row for row in mine if row.name in names]
        place, low, high = (np.exp(np.mean(np.log([row.nonzeros for row in named]))),
                            min(row.lipschitz.lower for row in named), max(row.lipschitz.upper for row in named))
        under = text == "projected"  # the marks of all faces are above
        axes.annotate(text, (place, low / 1.6 if under else high * 1.4), ha="center", va="top" if under else "bottom",
                      fontsize=11, color=color)
    for radius in RADII:
        axes.plot([], [], color=COLORS[radius], lw=2.5, label=f"balls of radius {radius}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlabel="nonzeros p of the whole network (log scale)", xlim=(1.7e3, 1.2e6), ylim=(0.06, 3e6),
             ylabel="Lipschitz constant in l_2 (score for a unit of ink)")
    axes.set_title("slopes: proved (marks), at most (upper ends)", fontsize=12.5)
    axes.legend(loc="upper right", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    print(con.report.text(main("out")))
