"""
Anatomy of a robust fit
=======================

What adversarial training of random features does to single points, seen in one large fit and predicted without data:
residuals are normal variables shrunk to exactly 0 for a known share of the points, multipliers bend where residuals
leave 0, and the risk is made of noise, missed signal, memory and the attack. As width grows memory gets cheap, the
signal is lost, and that is the curse.

``python demos/ex21_anatomy_of_a_robust_fit.py --full`` takes 800 inputs instead of 300 for the fit.
"""

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import experiments, features

SEED, DRAWS, SMALL = 21, 3, 100
SAMPLE_RATIO, NOISE, RADIUS = 4.0, 0.5, 0.3
RADII = (0.1, 0.3, 0.5)
WIDTHS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
BLUE, ORANGE, GREEN, VERMILION, SKY, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                              con.plotting.VERMILION, con.plotting.SKY, con.plotting.BLACK)
COLORS = dict(zip(RADII, (GREEN, ORANGE, VERMILION), strict=True))


def main(out=None, seed=SEED, full=False):
    """Fit, compare with predictions, draw; return the report, and save it with its picture into ``out`` if given."""
    inputs = 800 if full else 300
    fitted, rows = large_fit(inputs, seed), experiments.simulate_features(
        WIDTHS, [(radius, 0.0) for radius in RADII], inputs=SMALL, sample_ratio=SAMPLE_RATIO, noise=NOISE, draws=DRAWS,
        rng=seed)
    report = con.Report(
        title="Anatomy of a robust fit",
        checks=(*fit_checks(fitted), con.evidence.judge(
            f"share of points fitted exactly, {len(rows)} settings, {SMALL} inputs: largest distance from the limit",
            seen(max(abs(row.fitted[0] - row.limit.fitted) for row in rows)), "<=", 0.08)),
        tables=(numbers(fitted), decomposition(), experiments.feature_table(rows)),
        notes=(
            f"the large fit: {inputs} inputs, {SAMPLE_RATIO:g} times as many samples and as many features, noise "
            f"{NOISE}, radius {RADIUS}, no ridge, seed {seed}; {fitted['fit'].factorizations} factorizations, relative "
            f"duality gap {fitted['fit'].gap:.1e}",
            "predictions take the ratios of sizes, noise and radius, nothing else",
            "the attack follows gradients, so attacked risks are lower bounds; linearized means f linear in balls",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(fitted, rows).savefig(folder / "ex21_anatomy_of_a_robust_fit.png", dpi=160)
        text = con.report.text(report) + "\n"
        (folder / "ex21_anatomy_of_a_robust_fit.txt").write_text(text, encoding="utf-8")
    return report


def large_fit(inputs, seed):
    """Return one fit with its task, its risks, its neighbors in radius, and the limit."""
    rng, count = np.random.default_rng(seed), round(SAMPLE_RATIO * inputs)
    model = features.FeatureModel.draw(inputs, count, rng=rng)
    task = features.draw_task(inputs, count, noise=NOISE, rng=rng)
    problem = model.problem(task.X, task.y)
    fit = features.fit_problem(problem, radius=RADIUS)
    step = 0.01 * RADIUS
    beside = [features.fit_problem(problem, radius=RADIUS + sign * step).objective for sign in (-1.0, 1.0)]
    return {
        "fit": fit, "limit": features.adversarial_asymptotics(SAMPLE_RATIO, SAMPLE_RATIO, NOISE, RADIUS),
        "risks": features.exact_risks(model, fit.theta, task.beta, noise=NOISE, radius=RADIUS),
        "sampled": features.sampled_risks(model, fit.theta, task.beta, noise=NOISE, radius=RADIUS, points=4000,
                                          rng=seed),
        "slopes": np.linalg.norm(model.gradient(rng.normal(size=(1000, inputs)), fit.theta), axis=1),
        "energy": float(fit.theta @ fit.theta), "rate": (beside[1] - beside[0]) / (2.0 * step),
        "alignment": float(model.activation.linear * (fit.theta @ model.weights) @ task.beta),
    }


def seen(value):
    """Return the bracket of a number that rests on draws, or on floating point without a bound of its roundings."""
    return con.evidence.Bracket(float(value), float(value), con.evidence.Evidence.SAMPLED)


def whitened(fitted):
    """Return what the multipliers say the normal variables behind the residuals were."""
    fit, limit = fitted["fit"], fitted["limit"]
    u, push, s = fit.dual, RADIUS * fit.gradient_norm, math.sqrt(limit.standard_risk)
    outside = np.sign(u) * ((1.0 + limit.kappa) * np.abs(u) - push)
    return np.where(np.abs(u) <= push, limit.kappa * u, outside) / s


def normal_share(x):
    """Return the share of a standard normal variable below x."""
    return np.array([0.5 * math.erfc(-v / math.sqrt(2.0)) for v in np.atleast_1d(x)])


def normal_quantiles(count):
    """Return the quantiles (k + 1/2) / count of a standard normal variable, by bisection."""
    goal, low, high = (np.arange(count) + 0.5) / count, np.full(count, -9.0), np.full(count, 9.0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        below = normal_share(middle) < goal
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low


def fit_checks(fitted):
    """Return the checks on the large fit."""
    judge, fit, limit, n = con.evidence.judge, fitted["fit"], fitted["limit"], fitted["fit"].residuals.size
    g = np.sort(whitened(fitted))
    shares = normal_share(g)
    distance = max(np.abs(shares - np.arange(n) / n).max(), np.abs(shares - np.arange(1, n + 1) / n).max())
    rate = fit.gradient_norm * (float(np.abs(fit.residuals).mean()) + RADIUS * fit.gradient_norm)
    sampled = fitted["sampled"]
    return (
        judge("relative duality gap", seen(fit.gap), "<=", 1e-10),
        judge("multipliers, unshrunk: largest distance of their distribution from the normal one", seen(distance),
              "<=", 1.95 / math.sqrt(n), "one in a thousand of normal samples exceeds 1.95 / sqrt n"),
        judge("share of points fitted exactly: distance from the limit", seen(abs(fit.zero_fraction - limit.fitted)),
              "<=", 0.06),
        judge("rate of the objective in the radius: formula over difference quotient, off 1 by",
              seen(abs(rate / fitted["rate"] - 1.0)), "<=", 2e-3),
        judge("attacked over linearized risk on the same samples, at least", seen(
            sampled.attacked[0] / sampled.linearized[0]), ">=", 0.97),
        judge("attacked over linearized risk on the same samples, at most", seen(
            sampled.attacked[0] / sampled.linearized[0]), "<=", 1.01),
        judge("spread of gradient norms over points, relative", seen(
            fitted["slopes"].std() / fitted["slopes"].mean()), "<=", 0.1, "0 in the limit"),
    )


def numbers(fitted):
    """Return measured numbers of the fit beside the limit."""
    fit, limit, risks = fitted["fit"], fitted["limit"], fitted["risks"]
    rows = (
        ("robust risk", risks.adversarial, limit.adversarial_risk),
        ("standard risk", risks.standard, limit.standard_risk),
        ("gradient norm", risks.gradient_norm, limit.gradient_norm),
        ("share of points fitted exactly", fit.zero_fraction, limit.fitted),
        ("objective", fit.objective, limit.objective),
        ("training error, no attack", float((fit.residuals**2).mean()), limit.training_error),
        ("mean size of residuals", float(np.abs(fit.residuals).mean()), limit.mean_residual),
        ("|theta|^2", fitted["energy"], limit.weight_energy),
        ("alignment with the truth", fitted["alignment"], limit.alignment),
    )
    return con.evidence.Table("One fit beside the limit", ("", "fit", "limit", "off by"), tuple(
        (name, found, stated, f"{found / stated - 1.0:+.1%}") for name, found, stated in rows))


def parts(limit, radius):
    """Return noise, missed signal, what nonlinear parts add, and the price of the attack; they add up to the risk."""
    a, energy = features.relu(), limit.weight_energy
    linear = limit.gradient_norm**2 - a.slope_excess * energy  # squared length of the linear part
    missed = 1.0 - 2.0 * limit.alignment + linear
    return NOISE**2, missed, a.nonlinear * energy, limit.robust_risk(radius) - limit.standard_risk


def decomposition():
    """Return the parts of the risk by width."""
    rows = []
    for width in (1.0, 2.0, 4.0, 8.0, 32.0, 128.0, 1024.0):
        limit = features.adversarial_asymptotics(width, SAMPLE_RATIO, NOISE, RADIUS)
        rows.append((width / SAMPLE_RATIO, *parts(limit, RADIUS), limit.adversarial_risk, limit.fitted))
    return con.evidence.Table(f"What the robust risk is made of, radius {RADIUS}, in the limit", (
        "features per sample", "noise", "missed signal", "nonlinear parts", "attack", "robust risk", "share fitted"),
        tuple(rows))


def draw(fitted, rows):
    """Return the figure: residuals and multipliers, the share fitted exactly, the parts of the risk."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(16, 5.4), layout="constrained")
        draw_points(fitted, axes[0])
        draw_shares(rows, axes[1])
        draw_parts(axes[2])
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


def draw_points(fitted, axes):
    """Draw sorted residuals and multipliers against normal quantiles, with what is predicted of both."""
    fit, limit = fitted["fit"], fitted["limit"]
    g, s, push = normal_quantiles(fit.residuals.size), math.sqrt(limit.standard_risk), RADIUS * limit.gradient_norm
    shrunk = np.sign(g) * s * np.maximum(np.abs(g) - limit.nu, 0.0) / (1.0 + limit.kappa)
    bent = np.where(np.abs(g) <= limit.nu, s * g / limit.kappa,
                    np.sign(g) * (s * np.abs(g) + push) / (1.0 + limit.kappa))
    for values, law, color, name in ((fit.dual, bent, BLUE, "multipliers"),
                                     (fit.residuals, shrunk, ORANGE, "residuals")):
        axes.plot(g, np.sort(values), "o", color=color, ms=4, mec="none", alpha=0.5, label=name)
        axes.plot(g, law, color=BLACK, lw=1.3, label="predicted" if name == "residuals" else None)
    axes.axvspan(-limit.nu, limit.nu, color="0.93", zorder=-1)
    axes.annotate(f"fitted exactly:\n{fit.zero_fraction:.1%}, predicted {limit.fitted:.1%}", (0.0, 0.045),
                  xycoords=("data", "axes fraction"), ha="center", fontsize=11.5)
    axes.set(xlabel="quantile of a normal variable", ylabel="training points, sorted")
    axes.set_title(f"one fit of {fit.residuals.size} points, radius {RADIUS}", fontsize=13)
    axes.legend(loc="upper left", fontsize=11.5)


def draw_shares(rows, axes):
    """Draw the share of points fitted exactly against width, limits and fits."""
    shares = np.logspace(-1.0, 1.3, 200)
    for radius in RADII:
        swept = features.sweep_asymptotics(SAMPLE_RATIO * shares, SAMPLE_RATIO, NOISE, radius)
        axes.plot(shares, swept.fitted, color=COLORS[radius], lw=2.2, label=f"radius {radius}")
        mine = [row for row in rows if row.radius == radius]
        means, errors = np.array([row.fitted for row in mine]).T
        axes.errorbar([row.width_ratio / SAMPLE_RATIO for row in mine], means, errors, fmt="o", color=COLORS[radius],
                      ms=6.5, mec="white", mew=0.8, capsize=3, lw=1.4, zorder=5)
    axes.axvline(1.0, color=BLACK, lw=0.9, ls=":", zorder=0)
    axes.set(xscale="log", xlabel="features per sample (log scale)", ylabel="share of training points fitted exactly",
             ylim=(-0.02, 1.04), xlim=(0.1, 20.0))
    axes.set_title(f"memory, {SMALL} inputs and the limit", fontsize=13)
    axes.legend(loc="lower right", fontsize=11.5)


def draw_parts(axes):
    """Draw what the robust risk is made of against width."""
    shares = np.logspace(-1.0, 3.0, 300)
    found = np.array([parts(features.adversarial_asymptotics(SAMPLE_RATIO * x, SAMPLE_RATIO, NOISE, RADIUS), RADIUS)
                      for x in shares]).T
    names = ("noise", "missed signal", "nonlinear parts", "attack")
    axes.stackplot(shares, found, labels=names, colors=("0.75", SKY, GREEN, VERMILION), lw=0.0)
    axes.axhline(1.0 + NOISE**2, color=BLACK, lw=1.2, ls="--", label="predicting 0")
    axes.set(xscale="log", xlabel="features per sample (log scale)", ylabel="robust risk", xlim=(0.1, 1000.0),
             ylim=(0.0, 2.15))
    axes.set_title(f"what the risk is made of, radius {RADIUS}", fontsize=13)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper right", fontsize=11.5, ncols=2, columnspacing=1.0)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))
