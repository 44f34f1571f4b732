"""
Digits: robust test error from both sides
=========================================

Does memorizing wrong labels on whole balls hurt on unseen images? A small trained network is the teacher; four
students give all 1,400 training labels, the wrong ones too, on balls, and are proved to. Robust test error is then
measured from both sides, beside the nearest neighbor, beside the error that no network with these training balls can
avoid, and beside the most that such students can add to their teacher. Needs scikit-learn, for the images and the
teacher.

``python demos/ex08_digits_both_sides.py --full`` makes the whole table: three radii, four shares of wrong labels.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import constructive as con

SEED = 11
TRAIN, LONELY = 1400, 0.41
RADII, SHARES, DELTAS = (0.1,), (0.0, 0.1), (0.01, 0.03, 0.05)
FULL = {"radii": (0.05, 0.1, 0.2), "shares": (0.0, 0.05, 0.1, 0.2)}
DIGITS = tuple(range(10))
RECIPES = {
    "student": "clip",
    "patched student": con.Recipe("patched", patch=True),
    "student, needed faces": con.Recipe("needed", faces="needed"),
    "student, merged boxes": "lean",
}
VACUOUS = "lower bound vacuous here"


def main(out=None, seed=SEED, radii=RADII, shares=SHARES):
    """Train, memorize, prove, measure and draw; return the report, and save it with its picture into ``out``."""
    cases = []
    for share in shares:
        data = noisy_digits(share, seed)
        trained = MLPClassifier((48,), alpha=1.0, max_iter=150, random_state=seed, early_stopping=True)
        teacher = con.as_network(trained.fit(data["X"], data["y"]))
        cases += [case(data, share, radius, teacher, seed) for radius in radii]
    checks = [check for found in cases for check in checked(found)]
    report = con.Report(
        title="Digits: robust test error from both sides",
        checks=tuple(checks),
        tables=tuple(table(found) for found in cases),
        notes=(
            f"{TRAIN} training images, {len(cases[0]['held'])} held out with their published labels; split, noise and "
            f"training drawn with seed {seed}; images scaled to ink between 0 and 1",
            f"wrong labels: drawn among the training images that have no other within {LONELY} in l_inf; next to a "
            "closer one no network whatever could take both labels on balls of radius 0.2",
            "entries: share of held-out images whose closed l_inf ball of that radius holds a wrong answer, proved "
            "from both sides (one number where the sides meet); perturbed images may leave the range of ink",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(cases).savefig(folder / "ex08_digits_both_sides.png", dpi=160)
        (folder / "ex08_digits_both_sides.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def noisy_digits(share, seed):
    """Return the split, with a share of the training labels wrong, drawn where every radius still fits."""
    rng = np.random.default_rng(seed)
    X, digits = load_digits(return_X_y=True)
    X = X / 16
    rows, _ = train_test_split(np.arange(len(X)), train_size=TRAIN, random_state=seed, stratify=digits)
    held = np.setdiff1d(np.arange(len(X)), rows)
    y = digits[rows].copy()
    nearest = np.array([np.partition(np.abs(X[rows] - x).max(axis=1), 1)[1] for x in X[rows]])
    lonely = np.flatnonzero(nearest > LONELY)
    wrong = rng.choice(lonely, round(share * TRAIN), replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, 10, wrong.size)) % 10
    return {"X": X[rows], "y": y, "held": X[held], "truth": digits[held]}


def case(data, share, radius, teacher, seed):
    """Return all models of one radius and share of wrong labels, with their verdicts on the held-out images."""
    students = {name: con.memorize(data["X"], data["y"], radius=radius, teacher=teacher, recipe=recipe, rng=seed)
                for name, recipe in RECIPES.items()}
    models = {"teacher": teacher, **students, "1-nearest neighbor": con.NearestNeighbor(data["X"], data["y"], norm=2)}
    deltas = (0.0, *(delta for delta in DELTAS if delta != radius), radius)
    held, truth = data["held"], data["truth"]
    verdicts = {name: [con.risk.verdicts(model, held, truth, radius=delta, classes=DIGITS) for delta in deltas]
                for name, model in models.items()}
    least = [con.students.unavoidable(data["X"], data["y"], radius, held, truth, delta).mean() for delta in deltas]
    touched = [con.students.disturbed(students["student"], held, truth, delta).mean() for delta in deltas]
    return {"share": share, "radius": radius, "deltas": deltas, "models": models, "students": students,
            "verdicts": verdicts, "least": least, "touched": touched, "held": held}


def checked(found):
    """Return the checks of one case: training balls, counts, and both bounds against what was measured."""
    name = f"radius {found['radius']}, {found['share']:.0%} wrong"
    judge, out = con.evidence.judge, []
    for kind, student in found["students"].items():
        out.append(judge(f"{name}: robust training error of the {kind}", student.certify().robust_error, "==", 0.0))
        count = con.evidence.exactly(student.to_network().size.nonzeros)
        out.append(judge(f"{name}: nonzeros of the {kind}", count, "==", student.size.nonzeros, "formula"))
    for k, delta in enumerate(found["deltas"]):
        error = con.populations.sample_bracket(found["verdicts"]["student"][k])
        taught = con.populations.sample_bracket(found["verdicts"]["teacher"][k])
        if found["least"][k] > 0:
            out.append(judge(f"{name}: robust test error of the student at {delta}", error, ">=", found["least"][k],
                             "no memorizer below"))
        most = taught.upper + found["touched"][k]
        out.append(judge(f"{name}: the same", error, "<=", most, "teacher's, at most, + rivals in reach"))
    return out


def interval(verdicts):
    """Return the share of errors in percent: one number, or two where the sides do not meet."""
    low, high = 100 * (verdicts == 1).mean(), 100 * (verdicts != 0).mean()
    return f"{low:.1f}" if low == high else f"{low:.1f} - {high:.1f}"


def table(found):
    """Return the table of one case, errors in percent."""
    rows = []
    for name, model in found["models"].items():
        size = model.X.size if isinstance(model, con.NearestNeighbor) else model.size.nonzeros
        rows.append((name, size, *(interval(v) for v in found["verdicts"][name])))
    least = [f"{100 * v:.1f}" if v else VACUOUS for v in found["least"]]
    rows.append(("any memorizer, at least", "", *least))
    most = [min((v != 0).mean() + t, 1.0) for v, t in zip(found["verdicts"]["teacher"], found["touched"], strict=True)]
    rows.append(("student, at most", "", *(f"{100 * v:.1f}" for v in most)))
    columns = ("model", "nonzeros", "clean", *(f"delta {delta}" for delta in found["deltas"][1:]))
    title = f"Error in percent: training radius {found['radius']}, {found['share']:.0%} of the training labels wrong"
    note = (f"1-nearest neighbor: of the l_2 distance, decided exactly; it stores {TRAIN} x 64 numbers, and does not "
            "promise the training labels on l_inf balls of this radius")
    return con.evidence.Table(title, columns, tuple(rows), note)


def draw(cases):
    """Return the figure: one panel for each case, error against the perturbation, both sides shaded."""
    columns = max(2, len({found["radius"] for found in cases}))
    shown = -(-len(cases) // columns)
    colors = {"teacher": con.plotting.BLACK, "student": con.plotting.BLUE, "student, merged boxes": con.plotting.GREEN,
              "1-nearest neighbor": con.plotting.ORANGE}
    figure, grid = plt.subplots(shown, columns, figsize=(5.6 * columns, 4.2 * shown), layout="constrained",
                                squeeze=False, sharey=True)
    for found, axes in zip(cases, grid.flat, strict=True):
        deltas = found["deltas"]
        for name, color in colors.items():
            low = [100 * (v == 1).mean() for v in found["verdicts"][name]]
            high = [100 * (v != 0).mean() for v in found["verdicts"][name]]
            axes.fill_between(deltas, low, high, color=color, alpha=0.15, lw=0)
            style = {"lw": 5.0, "alpha": 0.35} if name == "teacher" else {"lw": 1.8, "marker": "o", "ms": 4}
            axes.plot(deltas, high, color=color, label=name, **style)
            axes.plot(deltas, low, color=color, lw=1.0, ls=":")
        axes.plot(deltas, 100 * np.array(found["least"]), color=con.plotting.VERMILION, lw=2.2, ls="--",
                  label="no memorizer below")
        axes.set_title(f"radius {found['radius']}, {found['share']:.0%} wrong labels", fontsize=12)
        axes.set(xlabel="perturbation delta (l_inf, in units of full ink)", ylim=(-3, 103))
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("robust test error (%)")
    grid.flat[0].legend(frameon=False, fontsize=10.5, loc="upper left")
    return figure


if __name__ == "__main__":
    print(con.report.text(main("out", **(FULL if "--full" in sys.argv[1:] else {}))))
