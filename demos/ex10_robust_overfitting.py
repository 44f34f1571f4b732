"""
Robust overfitting, as practiced and as constructed
===================================================

Train a network on images that an adversary moves, with a few labels wrong, and go on until no attack finds a wrong
answer round any training image: on the way its robust *test* error rises, and practitioners stop early. A *student* of
the network that was stopped early gives every training label, the wrong ones too, on the same balls, which is proved,
and its robust test error is its teacher's. Five seeds for each share of wrong labels; the rise with its interval,
whatever its sign. Needs scikit-learn, for the images.

``python demos/ex10_robust_overfitting.py --thorough`` trains twice as many parameters on 1,100 images instead of 600.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import constructive as con
from constructive import training

SEED = 3
SEEDS, NOISES, RADIUS, VALIDATION = 5, (0.1, 0.2), 0.03, 300
PROVED_SEEDS, PROVED_BALLS = 3, 200
DIGITS = tuple(range(10))
QUICK = {"train": 600, "hidden": (64, 64), "epochs": 400}
THOROUGH = {"train": 1100, "hidden": (96, 96), "epochs": 400}
RECORDED = (2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 60, 80, 120, 160, 200, 250, 300, 310, 350)
MODELS = ("trained to the end", "stopped early", "student", "lean student", "1-nearest neighbor")
BLUE, ORANGE, GREEN, VERMILION, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                         con.plotting.VERMILION, con.plotting.BLACK)


def main(out=None, seed=SEED, thorough=False):
    """Train, stop, memorize, prove, measure and draw; return the report, and save it with its picture into ``out``."""
    setting = THOROUGH if thorough else QUICK
    tasks = [(noise, seed + k) for noise in NOISES for k in range(SEEDS)]
    with ThreadPoolExecutor(2) as pool:  # the kernels release the interpreter lock
        found = list(pool.map(partial(case, setting, proved_below=seed + PROVED_SEEDS), tasks))
    cases = {noise: [c for c, (share, _) in zip(found, tasks, strict=True) if share == noise] for noise in NOISES}

    first = found[0]
    sizes = {name: first["models"][name].size for name in MODELS[2:4]}
    report = con.Report(
        title="Robust overfitting, as practiced and as constructed",
        checks=tuple(check for noise, runs in cases.items() for check in checked(noise, runs)),
        tables=(rises(cases), errors(cases), courses(cases)),
        notes=(
            f"{setting['train']} training images, {VALIDATION} for the choice of the epoch, both with the same share "
            f"of labels moved to another class; {len(first['held'])} held-out images with their published labels; "
            f"split, noise and training drawn anew for seeds {seed} to {seed + SEEDS - 1}",
            f"network: {first['run'].network.size.parameters:,} parameters, two hidden layers of "
            f"{setting['hidden'][0]}; radius {RADIUS} in units of full ink, in training and test; 5 ascent steps in "
            f"training, Adam, {setting['epochs']} epochs, the rate divided by ten after three quarters",
            f"nonzeros, teacher included: {sizes['student'].nonzeros:,} of the first student, "
            f"{sizes['lean student'].nonzeros:,} of the first lean one",
            "not all images are used, so that ten networks are trained, attacked and bounded in about a minute" if not
            thorough else "all images are used: training, choice of the epoch, held out",
            "an attack finds wrong answers, so it bounds a robust error from below; 0 found is not 0 proved",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(cases).savefig(folder / "ex10_robust_overfitting.png", dpi=160)
        (folder / "ex10_robust_overfitting.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def case(setting, task, *, proved_below):
    """Return one run of training and the students of its stopped network, with verdicts for seeds below a bound."""
    noise, seed = task
    X, digits = load_digits(return_X_y=True)
    X, rng = X / 16, np.random.default_rng(seed)
    rows, held = train_test_split(np.arange(len(X)), train_size=1400, random_state=seed, stratify=digits)
    labels, _ = con.populations.flip_labels(digits[rows], noise, rng, DIGITS)
    seen, kept = np.split(np.arange(setting["train"] + VALIDATION), [setting["train"]])
    X_seen, y_seen = X[rows[seen]], labels[seen]
    run = training.train(
        X_seen, y_seen, radius=RADIUS, hidden=setting["hidden"], epochs=setting["epochs"], steps=5,
        rate=lambda epoch: 5e-3 if epoch <= 0.75 * setting["epochs"] else 5e-4, classes=DIGITS, every=RECORDED,
        validation=(X[rows[kept]], labels[kept]), test=(X[held], digits[held]), rng=seed)
    models = dict(zip(MODELS, (
        run.network, run.stopped,
        con.memorize(X_seen, y_seen, radius=RADIUS, teacher=run.stopped),
        con.memorize(X_seen, y_seen, radius=RADIUS, teacher=run.stopped, recipe="lean", rng=seed),
        con.NearestNeighbor(X_seen, y_seen)), strict=True))
    found = {
        "run": run, "models": models, "held": held,
        "certificates": {name: models[name].certify().robust_error for name in MODELS[2:4]},
        "clean": {name: clean_error(model, X[held], digits[held]) for name, model in models.items()},
        "disturbed": con.students.disturbed(models["student"], X[held], digits[held], RADIUS).mean(),
        "attacked": {name: attacked(models[name], X[held], digits[held]) for name in MODELS[:2]},
    }
    if seed < proved_below:
        proved = partial(con.risk.verdicts, radius=RADIUS, classes=DIGITS, budget=16)
        few = slice(PROVED_BALLS)
        found["training"] = {name: proved(model, X_seen[few], y_seen[few]) for name, model in models.items()}
        found["test"] = {name: proved(model, X[held], digits[held]) for name, model in models.items()}
    return found


def clean_error(model, X, y):
    """Return the share of points that the model labels wrong."""
    told = model.predict(X) if hasattr(model, "predict") else np.argmax(model(X), axis=1)
    return float((told != y).mean())


def attacked(network, X, y):
    """Return where the ascent of the training finds a wrong answer."""
    points = training.adversarial_points(network, X, y, radius=RADIUS, classes=DIGITS)
    return np.argmax(network(points), axis=1) != y


def checked(noise, runs):
    """Return the checks of one share of wrong labels; each holds for every seed."""
    judge, name, n = con.evidence.judge, f"{noise:.0%} wrong labels", len(runs)
    out = []
    for kind in MODELS[2:4]:
        worst = max((c["certificates"][kind] for c in runs), key=lambda bracket: bracket.upper)
        out.append(judge(f"{name}: robust training error of the {kind}", worst, "==", 0.0))
    disturbed = con.evidence.exactly(max(c["disturbed"] for c in runs))
    out.append(judge(f"{name}: held-out balls within reach of a bump of another class", disturbed, "==", 0.0,
                     "elsewhere the student is right where its teacher is"))
    out = [replace(check, instances=n) for check in out]
    denied = sum(int((c["attacked"][kind] & (c["test"][kind] == 0)).sum()) for c in runs if "test" in c
                 for kind in MODELS[:2])
    out.append(replace(judge(f"{name}: balls proved right in which the attack finds a wrong answer",
                             con.evidence.exactly(denied), "==", 0.0), instances=PROVED_SEEDS))
    return out


def rises(cases):
    """Return the rise of the robust test error with its interval over the seeds."""
    rows = []
    for noise, runs in cases.items():
        for since, words in (("stopped", "epoch chosen by validation"), ("least", "least over the epochs, biased")):
            values = [c["run"].rise(since=since) for c in runs]
            interval = training.mean_interval(values)
            rows.append((f"{noise:.0%}", words, float(np.mean(values)), interval.lower, interval.upper,
                         " ".join(f"{v:+.3f}" for v in values)))
    columns = ("wrong labels", "last epoch less the", "mean rise", "95 % from", "to", "by seed")
    return con.evidence.Table("Rise of the robust test error found by the attack", columns, tuple(rows),
                              "t interval over seeds, which draw the split of the same 1,797 images, the noise, the "
                              "weights and the order; the least over the epochs is chosen on the test images "
                              "themselves, so that row is never below 0")


def errors(cases):
    """Return clean and robust errors of all models, means over the seeds."""
    rows = []
    for noise, runs in cases.items():
        for name in MODELS:
            clean = float(np.mean([c["clean"][name] for c in runs]))
            rows.append((f"{noise:.0%}", name, clean, *proved_ends(runs, name, "training"),
                         *proved_ends(runs, name, "test")))
    columns = ("wrong labels", "model", "clean test error", "robust training error at least", "at most",
               "robust test error at least", "at most")
    return con.evidence.Table(f"Errors at radius {RADIUS}", columns, tuple(rows),
                              f"means over {SEEDS} seeds; robust errors over the first {PROVED_SEEDS}, proved from "
                              f"both sides on {PROVED_BALLS} training balls, where given labels count as right, and on "
                              "all held-out images")


def proved_ends(runs, name, part):
    """Return the share of balls proved wrong, and of those not proved right, means over the seeds with verdicts."""
    return tuple(float(np.mean([share(c[part][name]) for c in runs if part in c])) for share in (
        lambda verdicts: (verdicts == 1).mean(), lambda verdicts: (verdicts != 0).mean()))


def courses(cases):
    """Return the course of the attacked errors, means over the seeds."""
    rows = []
    for noise, runs in cases.items():
        epochs, found = course(runs, "training")
        for k, epoch in enumerate(epochs):
            if epoch in (0, 2, 5, 10, 20, 40, 80, 160, 300, 400):
                rows.append((f"{noise:.0%}", int(epoch), float(found[:, k].mean()), float(found[:, k].max()),
                             float(course(runs, "test")[1][:, k].mean())))
        rows.append((f"{noise:.0%}", "chosen: " + ", ".join(str(c["run"].stopped_epoch) for c in runs), "", "", ""))
    columns = ("wrong labels", "epoch", "robust training error found", "largest seed", "robust test error found")
    return con.evidence.Table("Course of training", columns, tuple(rows),
                              "20 ascent steps from every image; lower bounds of the robust errors")


def course(runs, name):
    """Return the recorded epochs and the attacked errors on a data set, one row for each seed."""
    history = runs[0]["run"].history
    column = history.column(name)
    return history.epochs, np.array([c["run"].history.attacked[:, column] for c in runs])


def draw(cases):
    """Return the figure: the course of training with what is proved about the models, and the rise by seed."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(14.5, 6.2), layout="constrained", width_ratios=[1.0, 1.0, 0.6])
        for (noise, runs), panel in zip(cases.items(), axes, strict=False):
            draw_course(noise, runs, panel)
        top = max(panel.get_ylim()[1] for panel in axes[:2])
        for panel in axes[:2]:
            panel.set_ylim(-0.02, top)
        draw_rises(cases, axes[2])
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_course(noise, runs, axes):
    """Draw attacked errors over the epochs, where training was stopped, and the proved test errors."""
    for name, color in (("test", VERMILION), ("training", BLUE)):
        epochs, found = course(runs, name)
        axes.plot(epochs[1:], found.mean(axis=0)[1:], color=color, lw=2.4, label=f"robust {name} error, attacked")
        axes.fill_between(epochs[1:], found.min(axis=0)[1:], found.max(axis=0)[1:], color=color, alpha=0.18, lw=0)
    last = int(epochs[-1])
    axes.axhspan(*proved_ends(runs, "student", "test"), color=GREEN, alpha=0.45, lw=0, zorder=0,
                 label=f"student: robust test error, proved ({PROVED_SEEDS} seeds)")
    axes.axhline(0, color=GREEN, lw=5, alpha=0.6, zorder=0, label="student: robust training error, proved 0")
    for place, (name, word, color) in enumerate((("trained to the end", "end", VERMILION),
                                                 ("1-nearest neighbor", "1-NN", BLACK))):
        low, high = proved_ends(runs, name, "test")
        x = last * 1.3 * 1.5**place
        axes.plot([x, x], [low, high], color=color, lw=2.2, marker="_", ms=12,
                  label=f"the same of others, proved ({PROVED_SEEDS} seeds)" if name == "1-nearest neighbor" else None)
        axes.annotate(word, (x, high), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=11)
    stops = sorted(c["run"].stopped_epoch for c in runs)
    axes.axvspan(stops[0], stops[-1], color=BLACK, alpha=0.08, lw=0, zorder=0)
    axes.axvline(stops[len(stops) // 2], color=BLACK, lw=1.2, ls="--", label="stopped early: median and range")
    axes.set_xscale("log")
    axes.set_xticks([2, 5, 10, 20, 50, 100, 200, 400], ["2", "5", "10", "20", "50", "100", "200", "400"])
    axes.minorticks_off()
    axes.set(xlabel="epoch (log scale)", ylabel="share of images", xlim=(2, last * 2.6))
    axes.set_title(f"{noise:.0%} wrong labels: mean and range of {len(runs)} seeds", fontsize=13)
    axes.spines[["top", "right"]].set_visible(False)


def draw_rises(cases, axes):
    """Draw the rise of each seed and the interval of its mean."""
    for place, runs in enumerate(cases.values()):
        values = [c["run"].rise() for c in runs]
        interval = training.mean_interval(values)
        axes.plot(np.full(len(values), place) - 0.12, values, "o", color=VERMILION, ms=6, alpha=0.8,
                  label="one seed" if place == 0 else None)
        axes.plot([place + 0.12] * 2, [interval.lower, interval.upper], color=BLACK, lw=2.2, marker="_", ms=14,
                  label="mean, 95 % t interval" if place == 0 else None)
        axes.plot(place + 0.12, np.mean(values), "D", color=BLACK, ms=6)
        axes.annotate(f"  {np.mean(values):+.2f}", (place + 0.16, np.mean(values)), va="center")
    axes.axhline(0.0, color=BLACK, lw=0.9)
    axes.set_xticks(range(len(cases)), [f"{noise:.0%} wrong" for noise in cases])
    axes.set(xlim=(-0.5, len(cases) - 0.25), ylabel="last epoch less the chosen one")
    axes.set_ylim(min(-0.02, axes.get_ylim()[0]), axes.get_ylim()[1] * 1.25)
    axes.set_title("rise of the robust test error", fontsize=13)
    axes.legend(loc="upper left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    print(con.report.text(main("out", thorough="--thorough" in sys.argv[1:])))
