"""
Robust overfitting of infinitely wide networks
==============================================

Train an infinitely wide network on digits 3 and 8, a tenth of the labels wrong, with or without an adversary. Its
robust test accuracy rises, and then falls: both runs end in the same interpolant, which is not robust. How far
attacked training still is from that interpolant is bounded in advance, whatever the attack. Accuracies stand between
an attack, from above, and a certificate from the kernel, from below; stopping early and ridge keep both. Learned
strengths of the attack keep more where it is strong, at the price of some clean accuracy. Needs scikit-learn, for the
images.

``python demos/ex16_robust_overfitting_of_wide_networks.py --full`` takes three splits instead of one, a
stronger attack, and three l_inf radii.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import constructive as con
from constructive import domain, tangent

SEED = 0
TRAIN, VALIDATION, WRONG = 180, 60, 0.1
KERNEL = tangent.ReluKernel(depth=3, weight_std=1.76, bias_std=0.18)
RADIUS, RADII, FLAT = 0.3, (0.01, 0.05, 0.1, 0.2, 0.3, 0.5), {False: (0.15,), True: (0.05, 0.1, 0.15)}
TIMES = (0.003, 0.006, 0.012, 0.025, 0.05, 0.1, 0.25, 0.6, 1.6, 5.0, 20.0)
QUICK, THOROUGH = {"steps": 10, "starts": 0}, {"steps": 20, "starts": 1}
MODELS = ("interpolant", "stopped early", "ridge")
BLUE, ORANGE, GREEN, VERMILION, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                         con.plotting.VERMILION, con.plotting.BLACK)


def main(out=None, seed=SEED, full=False):
    """Train, attack, certify and draw; return the report, and save it with its picture into ``out`` if given."""
    attack = THOROUGH if full else QUICK
    cases = [case(seed + k, full, attack) for k in range(3 if full else 1)]
    judge, exactly = con.evidence.judge, con.evidence.exactly
    gone = [c["bounds"] for c in cases]
    report = con.Report(
        title="Robust overfitting of infinitely wide networks",
        checks=(
            judge("times at which attacked training leaves a bound on its distance from the interpolant",
                  exactly(sum(int(found.violated.sum()) for found in gone)), "==", 0.0),
            judge("that distance over the bound known before training, largest while the bound is above 1e-6",
                  seen(max(float((found.gap / found.prior)[found.prior > 1e-6].max()) for found in gone)), "<=", 1.0),
            judge("attacks of one common strength 5 against plain training at 5 times the time, largest difference",
                  seen(max(common(c) for c in cases)), "<=", 1e-9, "a change of time only"),
            *(judge(f"split {c['seed']}: time at which an attack with full budget has reached the interpolant",
                    c["saturated"].extinction, "<=", c["latest"].upper, "known before training") for c in cases),
            *(judge(f"fall of robust accuracy found, {name} training: best time less limit",
                    seen(fall(cases, name)), ">=", 0.1) for name in ("plain", "attacked")),
            judge(f"certified accuracy at l_2 radius {RADII[2]}: stopped early less interpolant",
                  exactly(np.mean([certified(c["models"]["stopped early"][2]) - certified(c["models"]["interpolant"][2])
                                   for c in cases])), ">=", 0.3, "between proofs, not truths"),
            judge("robust_error of a drawn network of width 128, its own answers as labels: upper end less lower",
                  exactly(own_answers(cases[0], seed).width), "<=", 0.05, f"l_2 radius {RADII[1]}, 40 images"),
        ),
        tables=(course(cases), by_model(cases), flat_table(cases), distances(gone[0])),
        notes=(
            f"digits 3 and 8, ink from -1/2 to 1/2; {TRAIN} images for training, {VALIDATION} to choose time and "
            f"ridge, {len(cases[0]['z'])} for the test; {WRONG:.0%} of the labels of the first two wrong, drawn anew "
            f"for each of {len(cases)} splits; test labels as published",
            f"kernel: depth {KERNEL.depth}, weight_std {KERNEL.weight_std}, bias_std {KERNEL.bias_std}; attacked "
            "training: a strength for each image, log uniform between 1 and e^2, constant in time",
            "found: accuracy left by an attack, an upper bound of robust accuracy, each error proved with roundings; "
            "certified: right on the whole ball, proved, a lower bound, which is loose for interpolants",
            "time and ridge are chosen by the squared loss under attack on the validation images; learned strengths "
            "descend that loss, 60 steps",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(cases).savefig(folder / "ex16_robust_overfitting_of_wide_networks.png", dpi=160)
        text = con.report.text(report) + "\n"
        (folder / "ex16_robust_overfitting_of_wide_networks.txt").write_text(text, encoding="utf-8")
    return report


def seen(value):
    """Return the bracket of a number that rests on attacks, or on floating point without a bound of its roundings."""
    return con.evidence.Bracket(float(value), float(value), con.evidence.Evidence.SAMPLED)


def images(seed):
    """Return images, published labels -1 and +1, and the same labels with a tenth of those seen wrong."""
    X, digits = load_digits(return_X_y=True)
    rng, chosen = np.random.default_rng(seed), np.isin(digits, (3, 8))
    order = rng.permutation(int(chosen.sum()))
    X, y = X[chosen][order] / 16 - 0.5, np.where(digits[chosen][order] == 3, 1, -1)
    seen = TRAIN + VALIDATION
    wrong = rng.choice(seen, round(WRONG * seen), replace=False)
    labels = y.copy()
    labels[wrong] *= -1
    return X, y, labels


def case(seed, full, attack):
    """Return one split: both flows with their accuracies, bounds on the distance to the limit, and three models."""
    X, y, labels = images(seed)
    seen, kept = slice(TRAIN), slice(TRAIN, TRAIN + VALIDATION)
    X_seen, y_seen, Z, z = X[seen], labels[seen], X[TRAIN + VALIDATION:], y[TRAIN + VALIDATION:]
    flow = tangent.GradientFlow.of(KERNEL, X_seen, y_seen)
    theta, limit = KERNEL.ntk(X_seen), flow.limit()
    strengths = np.exp(np.random.default_rng(seed).uniform(0.0, 2.0, TRAIN))
    attacked = tangent.adversarial_flow(theta, -y_seen, strengths, TIMES)

    def measured(f, radius):
        return (float((z * f(Z)[:, 0] > 0.0).mean()),
                tangent.kernel_robust_error(f, Z, z, radius, norm=2, rng=seed, **attack).error)

    paths = {"plain": [measured(flow.at(t), RADIUS) for t in TIMES],
             "attacked": [measured(attacked.predictor(k, KERNEL, X_seen), RADIUS) for k in range(len(TIMES))]}
    kept_too = (X_seen, y_seen, X[kept], labels[kept])
    early = tangent.stop_early(KERNEL, *kept_too, radius=RADIUS, norm=2, rng=seed)
    ridge = tangent.choose_ridge(KERNEL, *kept_too, radius=RADIUS, norm=2, rng=seed)
    models = dict(zip(MODELS, (limit, early.predictor, ridge.predictor), strict=True))
    budgets = tangent.attack_budgets(KERNEL, X_seen, RADIUS)
    saturated = tangent.saturated_flow(theta, -y_seen, budgets)
    cross = KERNEL.ntk(Z, X_seen)
    return {
        "seed": seed, "Z": Z, "z": z, "flow": flow, "theta": theta, "y": y_seen, "paths": paths,
        "limit": measured(limit, RADIUS), "stop": early.chosen, "ridge": ridge.chosen,
        "models": {name: [measured(f, radius) for radius in RADII] for name, f in models.items()},
        "flat": flat(limit, X, y, labels, seed, FLAT[full], attack),
        "bounds": tangent.degeneration_bounds(KERNEL, X_seen, y_seen, strengths, np.logspace(-3, 2.3, 60), Z),
        "saturated": saturated, "latest": tangent.extinction_bounds(theta, -y_seen, budgets),
        "saturated gap": np.abs(cross @ (limit.coefficients + saturated.moved)).max(axis=(1, 2)),
    }


def flat(limit, X, y, labels, seed, radii, attack):
    """Return (clean, robust found) accuracies in l_inf balls of images, each model chosen or trained for its radius."""
    kept, held = slice(TRAIN, TRAIN + VALIDATION), slice(TRAIN + VALIDATION, None)
    data = (X[:TRAIN], labels[:TRAIN], X[kept], labels[kept])
    everything = tangent.fit_interpolant(KERNEL, X[:TRAIN + VALIDATION], labels[:TRAIN + VALIDATION])
    box, rows = domain.Box(np.full(64, -0.5), np.full(64, 0.5)), {}
    for radius in radii:
        ball = {"radius": radius, "box": box, "rng": seed}
        for name, f in (("interpolant", limit), ("interpolant, validation images too", everything),
                        ("stopped early", tangent.stop_early(KERNEL, *data, **ball).predictor),
                        ("ridge", tangent.choose_ridge(KERNEL, *data, **ball).predictor),
                        ("learned strengths", tangent.AdvNTK.train(KERNEL, *data, **ball).predictor)):
            seen = tangent.kernel_attack(f, X[held], y[held], **ball, **attack)
            rows[name, radius] = (float((seen.clean > 0.0).mean()), 1.0 - seen.error)
    return rows


def own_answers(found, seed):
    """Return which part of 40 images a drawn, finite network answers otherwise nearby: an ordinary Network, proved."""
    network = tangent.WideNetwork.drawn(KERNEL, 64, 128, rng=seed).network()
    images = found["Z"][:40]
    answers = np.where(network(images)[:, 0] > 0.0, 1, -1)
    return con.robust_error(network, images, answers, radius=RADII[1], norm=2, budget=2)


def common(found):
    """Return the largest coefficient by which attacks of strength 5 differ from plain training at five times the time.
    """
    flow = tangent.adversarial_flow(found["theta"], -found["y"], np.full(TRAIN, 5.0), TIMES)
    return max(float(np.abs(-flow.moved[k] - found["flow"].at(5.0 * t).coefficients).max())
               for k, t in enumerate(TIMES))


def certified(measured):
    """Return the certified accuracy."""
    return 1.0 - measured[1].upper


def attacked(measured):
    """Return the accuracy that the attack left."""
    return 1.0 - measured[1].lower


def fall(cases, name):
    """Return the robust accuracy found at the best time less that of the limit, means over the splits."""
    means = np.mean([[attacked(m) for m in c["paths"][name]] for c in cases], axis=0)
    return means.max() - np.mean([attacked(c["limit"]) for c in cases])


def shown(values):
    """Return a mean, with its standard error if there are several values."""
    error = f" +- {np.std(values, ddof=1) / np.sqrt(len(values)):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{error}"


def course(cases):
    """Return accuracies along both flows and at the limit."""
    rows = []
    for k, t in enumerate(TIMES):
        found = [[c["paths"][name][k] for c in cases] for name in ("plain", "attacked")]
        rows.append((t, *(shown([value(m) for m in part]) for part in found
                          for value in (lambda m: m[0], attacked, certified))))
    ends = [shown([value(c["limit"]) for c in cases]) for value in (lambda m: m[0], attacked, certified)]
    rows.append(("limit", *ends, *ends))
    columns = ("time", *(f"{name}: {what}" for name in ("plain", "attacked") for what in ("clean", "found",
                                                                                         "certified")))
    return con.evidence.Table(f"Test accuracy in time, l_2 radius {RADIUS}", columns, tuple(rows))


def by_model(cases):
    """Return certified and attacked accuracies by radius."""
    rows = []
    for name in MODELS:
        for what, value in (("found", attacked), ("certified", certified)):
            rows.append((name, what, shown([c["models"][name][0][0] for c in cases]), *(
                shown([value(c["models"][name][k]) for c in cases]) for k in range(len(RADII)))))
    columns = ("model", "", "clean", *(f"radius {radius}" for radius in RADII))
    stops = "; ".join(f"{c['stop']:.3g}, {c['ridge']:.3g}" for c in cases)
    return con.evidence.Table("Robust test accuracy in l_2", columns, tuple(rows),
                              f"time and ridge chosen at radius {RADIUS}: {stops}")


def flat_table(cases):
    """Return clean and attacked accuracies in l_inf."""
    rows, radii = [], list(dict.fromkeys(radius for _, radius in cases[0]["flat"]))
    for name in dict.fromkeys(name for name, _ in cases[0]["flat"]):
        rows.append((name, *(" / ".join(shown([c["flat"][name, radius][k] for c in cases]) for k in (0, 1))
                             for radius in radii)))
    return con.evidence.Table("Clean / robust test accuracy found, l_inf", ("model", *(
        f"radius {radius}" for radius in radii)), tuple(rows), "an attack's accuracies are upper bounds; balls cut "
        "with the range of ink; time, ridge and strengths for each radius")


def distances(found):
    """Return the distance of attacked training from the interpolant with its bounds, at some of the times."""
    rows = found.table().rows[::6]
    return con.evidence.Table("Distance of attacked training from the interpolant", (
        "time", "largest on test images", "bound, residuals known", "strengths known", "least strength known",
        "violated"), rows, "bounds below 1e-12 are below what rounding leaves of the distance")


def draw(cases):
    """Return the figure: accuracy in time, the distance to the limit, and accuracy by radius."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(15.5, 5.4), layout="constrained", width_ratios=[1.1, 1, 1])
        draw_course(cases, axes[0])
        draw_distance(cases[0], axes[1])
        draw_radii(cases, axes[2])
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


def draw_course(cases, axes):
    """Draw clean accuracy, accuracy found and certified for both flows, and their common limit."""
    for name, color in (("plain", BLUE), ("attacked", VERMILION)):
        clean, found, proved = (np.mean([[value(m) for m in c["paths"][name]] for c in cases], axis=0)
                                for value in (lambda m: m[0], attacked, certified))
        axes.plot(TIMES, clean, color=color, lw=1.2, ls=":")
        axes.plot(TIMES, found, "o-", color=color, lw=2.4, ms=4.5, label=f"{name} training")
        axes.plot(TIMES, proved, color=color, lw=1.6, ls="--")
    axes.axhline(np.mean([attacked(c["limit"]) for c in cases]), color=BLACK, lw=1.2, ls="-.", zorder=0)
    for text, place in (("clean", (0.2, 1.005)), ("under attack", (0.5, 0.845)), ("certified", (0.15, 0.2))):
        axes.annotate(text, place, va="bottom", fontsize=11.5)
    axes.annotate("limit of both", (TIMES[0] * 4, np.mean([attacked(c["limit"]) for c in cases]) - 0.01), va="top",
                  fontsize=11.5)
    axes.set(xscale="log", xlabel="training time (log scale)", ylabel="test accuracy", ylim=(-0.02, 1.08),
             xlim=(TIMES[0], TIMES[-1]))
    axes.set_title(rf"robust accuracy, $\ell_2$ radius {RADIUS}: rise and fall", fontsize=13)
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.42), fontsize=11.5)


def draw_distance(found, axes):
    """Draw the distance to the limit with its bounds, and that of the attack with full budget."""
    bounds, saturated = found["bounds"], found["saturated"]
    axes.plot(bounds.times, bounds.prior, color=BLACK, lw=1.8, ls="--", label="bound before training")
    axes.plot(bounds.times, bounds.posterior, color=ORANGE, lw=2.0, label="bound, residuals known")
    axes.plot(bounds.times, bounds.gap, color=VERMILION, lw=2.6, label="attacked training")
    axes.plot(saturated.times[1:], found["saturated gap"][1:], color=GREEN, lw=2.2, label="attack with full budget")
    end = saturated.extinction
    axes.axvspan(end.lower, end.upper, color=GREEN, alpha=0.18, lw=0, label="its end, enclosed")
    axes.axvline(found["latest"].upper, color=GREEN, lw=1.4, ls="--", label="its latest end, by formula")
    axes.set(xscale="log", yscale="log", xlabel="training time (log scale)", xlim=(1e-3, 200), ylim=(1e-11, 300),
             ylabel="largest distance from the limit\non test images (log scale)")
    axes.set_title("attacked training ends in the interpolant", fontsize=13)
    axes.legend(loc="lower left", fontsize=11.5)


def draw_radii(cases, axes):
    """Draw accuracy by radius: between certificate and attack."""
    for name, color, marker in zip(MODELS, (VERMILION, BLUE, GREEN), "os^", strict=True):
        found, proved = (np.mean([[value(m) for m in c["models"][name]] for c in cases], axis=0)
                         for value in (attacked, certified))
        axes.plot(RADII, found, color=color, marker=marker, lw=2.2, ms=6, label=name)
        axes.plot(RADII, proved, color=color, marker=marker, lw=1.6, ms=5, ls="--")
    axes.annotate("under attack", (0.37, 0.845), va="bottom", fontsize=11.5)
    axes.annotate("certified", (0.19, 0.46), va="bottom", fontsize=11.5)
    axes.set(xlabel=r"$\ell_2$ radius", ylabel="test accuracy", ylim=(-0.02, 1.08), xlim=(0, RADII[-1]))
    axes.set_title("what stopping early keeps", fontsize=13)
    axes.legend(loc="upper right", bbox_to_anchor=(1.02, 1.03), fontsize=11.5)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))
