"""
Handwritten digits: robust memorization with fewer parameters than data
=======================================================================

1,400 handwritten digits in 64 dimensions, a few labels wrong on purpose. A small trained network is the *teacher*;
*students* give every training label, the wrong ones too, on a whole ball round its image and copy the teacher
elsewhere. The ledger shows the price of that, from 386 nonzeros for each image down to less than one, and the picture
puts it beside the robust test error, proved from both sides, of the teacher, a teacher trained on perturbed images, the
students and the nearest neighbor. Needs scikit-learn, for the images and the teacher.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import constructive as con

SEED = 7
TRAIN, WRONG, RADIUS, DELTA = 1400, 28, 0.1, 0.03
LEDGER = (
    ("all faces", con.Recipe("all faces", gate="argmax"), 1),
    ("needed faces", con.Recipe("needed faces", gate="argmax", faces="needed"), 1),
    ("needed, shared faces", con.Recipe("shared", gate="argmax", faces="needed", share=True), 1),
    ("merged boxes", con.Recipe("merged", gate="argmax", faces="needed", merge=True), 5),
)


def main(out=None, seed=SEED):
    """Train, memorize, prove, measure and draw; return the report, and save it with its picture into ``out``."""
    rng = np.random.default_rng(seed)
    X, digits = load_digits(return_X_y=True)
    X = X / 16
    rows, _ = train_test_split(np.arange(len(X)), train_size=TRAIN, random_state=seed, stratify=digits)
    held = np.setdiff1d(np.arange(len(X)), rows)
    y = digits[rows].copy()
    wrong = rng.choice(TRAIN, WRONG, replace=False)
    y[wrong] = (y[wrong] + rng.integers(1, 10, WRONG)) % 10

    plain = MLPClassifier((48,), alpha=1.0, max_iter=150, random_state=seed, early_stopping=True).fit(X[rows], y)
    hardened = perturbed_training(X[rows], y, seed)
    teacher, robust_teacher = con.as_network(plain), con.as_network(hardened)
    students = {
        "student": con.memorize(X[rows], y, radius=RADIUS, teacher=teacher),
        "lean student": con.memorize(X[rows], y, radius=RADIUS, teacher=teacher, recipe="lean", rng=seed),
        "student of the robust teacher": con.memorize(X[rows], y, radius=RADIUS, teacher=robust_teacher),
    }
    models = {"teacher": teacher, "robust teacher": robust_teacher, **students,
              "1-nearest neighbor": con.NearestNeighbor(X[rows], y)}
    verdicts = {name: con.risk.verdicts(model, X[held], digits[held], radius=DELTA, classes=tuple(range(10)))
                for name, model in models.items()}
    ledger = [(radius, *priced(X, digits, radius, seed)) for radius in (0.05, 0.1, 0.2)]

    checks = []
    for name, student in students.items():
        checks.append(con.evidence.judge(f"robust training error of the {name}", student.certify().robust_error, "==",
                                         0.0))
        count = con.evidence.exactly(student.to_network().size.nonzeros)
        checks.append(con.evidence.judge(f"{name}: nonzeros counted", count, "==", student.size.nonzeros, "formula"))
    right = {name: accuracy(model, X[held], digits[held]) for name, model in models.items()}
    loss = con.evidence.exactly(right["teacher"] - right["student"])
    checks.append(con.evidence.judge("held-out accuracy that the student loses against its teacher", loss, "<=", 0.005,
                                     "half a point"))
    report = con.Report(
        title="Handwritten digits: robust memorization with fewer parameters than data",
        checks=tuple(checks),
        tables=(prices(ledger), sizes(teacher, students), tested(verdicts, right)),
        notes=(
            f"training split: {TRAIN} images, stratified, {WRONG} labels wrong, all fitted by every student; held-out "
            f"split: {len(held)} images, labels as published; both drawn with seed {seed}",
            f"training radius {RADIUS} and test perturbation {DELTA} are different numbers, in units of full ink",
            f"separation between classes, clean labels, all {len(X)} images: {con.separation(X, digits).distance}; "
            f"training split with the wrong labels: {con.separation(X[rows], y).distance}",
            f"merging: medians of 5 orders, seeds {seed} to {seed + 4}; the lean student's order has seed {seed}",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(ledger, verdicts).savefig(folder / "ex02_digits.png", dpi=160)
        (folder / "ex02_digits.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def perturbed_training(X, y, seed, epochs=60, batch=100):
    """Return a network trained on images moved by DELTA * 1.5 against it, one gradient sign step a batch."""
    rng = np.random.default_rng(seed)
    model = MLPClassifier((48,), alpha=1.0, learning_rate_init=2e-3, random_state=seed)
    classes, truth = np.arange(10), np.eye(10)
    model.partial_fit(X[:batch], y[:batch], classes=classes)
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for rows in np.split(order, range(batch, len(X), batch)):
            hidden = X[rows] @ model.coefs_[0] + model.intercepts_[0]
            off = model.predict_proba(X[rows]) - truth[y[rows]]
            slope = (off @ model.coefs_[1].T * (hidden > 0)) @ model.coefs_[0].T
            model.partial_fit(np.clip(X[rows] + 1.5 * DELTA * np.sign(slope), 0, 1), y[rows])
    return model


def priced(X, y, radius, seed):
    """Return the nonzeros for each image of every line of the ledger; proved right on every ball first."""
    out = []
    for _, recipe, orders in LEDGER:
        counts = []
        for k in range(orders):
            student = con.memorize(X, y, radius=radius, recipe=recipe, rng=seed + k)
            if student.certify().robust_error.upper != 0.0:
                raise RuntimeError(f"{recipe.name} at radius {radius} was not certified")
            counts.append(student.size.nonzeros / len(X))
        out.append(float(np.median(counts)))
    return out


def accuracy(model, X, y):
    """Return the fraction of images that the model labels right."""
    told = model.predict(X) if hasattr(model, "predict") else np.argmax(model(X), axis=1)
    return float((told == y).mean())


def prices(ledger):
    """Return the ledger: nonzeros for each image, by recipe and radius."""
    columns = ("radius", *(name for name, _, _ in LEDGER))
    note = ("all 1,797 images, clean labels, no teacher, scores compared (no gate): the whole network, divided by the "
            "number of images; every entry certified right on every ball first")
    return con.evidence.Table("Nonzeros for each image", columns, tuple(ledger), note)


def sizes(teacher, students):
    """Return every count of the teacher and the students."""
    rows = []
    for name, size in (("teacher", teacher.size), *((name, s.size) for name, s in students.items())):
        extra = "" if name == "teacher" else (size.nonzeros - teacher.size.nonzeros) / TRAIN
        rows.append((name, size.nonzeros, extra, size.units, size.depth, size.width, size.parameters, size.magnitude))
    columns = ("network", "nonzeros", "more per image", "units", "depth", "width", "dense parameters", "largest weight")
    return con.evidence.Table("Size, by formula", columns, tuple(rows))


def tested(verdicts, right):
    """Return held-out accuracy and robust test error, proved from both sides on these images."""
    rows = [(name, right[name], float((v == 1).mean()), float((v != 0).mean())) for name, v in verdicts.items()]
    title = f"Held-out split, perturbations up to {DELTA}"
    return con.evidence.Table(title, ("model", "accuracy", "robust error at least", "at most"), tuple(rows),
                              "the picture adds the sampling interval (99 %)")


def draw(ledger, verdicts):
    """Return the figure: the ledger on a logarithmic scale, and the robust test errors."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13.5, 5.0), layout="constrained",
                                         gridspec_kw={"width_ratios": [1.0, 1.15]})
    names = [name for name, _, _ in LEDGER]
    colors = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN)
    for k, ((radius, *values), color) in enumerate(zip(ledger, colors, strict=True)):
        places = np.arange(len(names)) + 0.26 * (k - 1)
        left.bar(places, values, 0.24, color=color, label=f"radius {radius}")
        for x, v in zip(places, values, strict=True):
            left.annotate(f"{v:.3g}", (x, v), ha="center", va="bottom", fontsize=8.5)
    left.axhline(1.0, color="black", lw=1.2, ls="--", zorder=0, label="one for each image")
    left.set_yscale("log")
    left.set_ylim(0.4, 1200)
    left.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names])
    left.set_ylabel("nonzeros for each image (log scale)")
    left.set_title("the price of memorizing 1,797 images on whole balls", fontsize=11)
    left.legend(frameon=False)
    left.spines[["top", "right"]].set_visible(False)
    risks = [(name, con.populations.risk_bracket(v)) for name, v in verdicts.items()]
    con.plotting.brackets(risks, right)
    right.set_title(f"robust test error at {DELTA}: proved, 99 % intervals", fontsize=11)
    return figure


if __name__ == "__main__":
    print(con.report.text(main("out")))
