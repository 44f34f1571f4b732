"""
The curse of width under attack, and its cure
=============================================

Random features trained on noisy data: without an adversary the risk peaks where features and samples are equal, and
then falls for good as features are added. Trained and tested against an adversary it rises again, and a wide enough
model is worse than predicting zero: features memorize through their nonlinear parts at almost no cost in slope. A
ridge that grows with the width cures it. Lines are exact limits, dots are fits with a certified duality gap.

``python demos/ex20_curse_and_cure.py --full`` takes 400 inputs instead of 200 and keeps finished fits in ``out``.
"""

import math
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import experiments, features

SEED, DRAWS = 20, 3
SAMPLE_RATIO, NOISE = 4.0, 0.5
NULL = 1.0 + NOISE**2
RADII = (0.0, 0.1, 0.3, 0.5)
CURED = 0.3
RIDGES = (0.01, 0.1, 0.5)
WIDTHS = (0.5, 1.0, 2.0, 3.0, 6.0, 12.0)
"""Features per input; there are four samples per input."""
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                                 con.plotting.VERMILION, con.plotting.PURPLE, con.plotting.BLACK)
COLORS = {0.0: BLUE, 0.1: GREEN, 0.3: ORANGE, 0.5: VERMILION}


def main(out=None, seed=SEED, full=False):
    """Simulate, solve, draw; return the report, and save it with its picture into ``out`` if given."""
    inputs = 400 if full else 200
    folder = None if out is None else Path(out)
    settings = [(0.0, 0.0), (CURED, 0.0), (0.5, 0.0), (CURED, None)]
    rows = experiments.simulate_features(
        WIDTHS, settings, inputs=inputs, sample_ratio=SAMPLE_RATIO, noise=NOISE, draws=DRAWS, rng=seed,
        store=folder / "ex20_fits" if full and folder is not None else None, progress=full)
    start = time.perf_counter()
    diagram = phase_diagram()
    seconds = time.perf_counter() - start
    report = con.Report(
        title="The curse of width under attack, and its cure",
        checks=(*experiments.agreement_checks([row for row in rows if row.radius > 0.0], median=0.015 if full else 0.03,
                                              largest=0.05 if full else 0.1),
                *curse_checks(rows), *cure_checks(rows),
                con.evidence.judge("largest relative duality gap of a fit", seen(max(row.gap for row in rows)), "<=",
                                   1e-10)),
        tables=(experiments.feature_table(rows), best_widths(), harmful_widths(), best_ridges()),
        notes=(
            f"y = <x, beta> + {NOISE} g, x and g standard normal, |beta| = 1; {inputs} inputs, {SAMPLE_RATIO:g} times "
            f"as many samples, {DRAWS} draws, seed {seed}; shifted ReLU features with unit weights; predicting 0 has "
            f"risk {NULL}",
            "robust risk of the radius of training; of a fit: exact standard risk and gradient norm, then "
            "s^2 + 2 sqrt(2/pi) radius s m + radius^2 m^2",
            "radius 0 without ridge: the minimizer of least norm; the limit radius -> 0 is another one",
            f"diagram: {diagram.zero.size} limits in {seconds:.2f} seconds",
            "the limit at radius > 0 without ridge is the paper's theorem; the ridge and radius 0 are ours and Mei and "
            "Montanari's",
        ),
        seed=seed,
    )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows, diagram).savefig(folder / "ex20_curse_and_cure.png", dpi=160)
        (folder / "ex20_curse_and_cure.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def phase_diagram():
    """Return limits on 40 radii and 40 widths."""
    widths = SAMPLE_RATIO * np.logspace(-1.5, 2.0, 40)
    return features.sweep_asymptotics(widths, SAMPLE_RATIO, NOISE, np.linspace(0.005, 1.5, 40)[:, None])


def simulated(rows, radius, tuned=False):
    """Return the rows of one radius, without ridge or with the tuned one."""
    return [row for row in rows if row.radius == radius and (row.ridge > 0.0) == tuned]


def seen(value):
    """Return the bracket of a number that rests on draws, or on floating point without a bound of its roundings."""
    return con.evidence.Bracket(float(value), float(value), con.evidence.Evidence.SAMPLED)


def curse_checks(rows):
    """Return the checks that fits show the curse under attack and double descent without."""
    judge, plain = con.evidence.judge, [row.adversarial_risk[0] for row in simulated(rows, 0.0)]
    checks = []
    for radius in (CURED, 0.5):
        for low, high in zip(simulated(rows, radius)[2:4], simulated(rows, radius)[3:5], strict=True):
            checks.append(judge(
                f"radius {radius}: rise of the risk of fits from width {low.width_ratio:g} to {high.width_ratio:g}",
                seen(high.adversarial_risk[0] - low.adversarial_risk[0]), ">=", 0.0))
    checks += [
        judge("radius 0: largest risk of fits over the least one of narrower ones", seen(
            max(plain[3:]) / min(plain[:3])), ">=", 1.5, "the peak of double descent"),
        judge("radius 0: risk of the widest fits over the least of the narrow ones", seen(plain[-1] / min(plain[:3])),
              "<=", 0.75, "and the second descent"),
    ]
    far = features.adversarial_asymptotics(SAMPLE_RATIO * 1e6, SAMPLE_RATIO, NOISE, CURED).adversarial_risk
    return (*checks, judge(f"a million features per sample, radius {CURED}: risk less that of predicting 0",
                           seen(far - NULL), ">=", 0.0))


def cure_checks(rows):
    """Return the checks that the tuned ridge makes width harmless, in the limit and in fits."""
    judge, best = con.evidence.judge, tuned_ridges(np.logspace(-0.3, 3.7, 40))
    risks = [tuned.prediction.adversarial_risk for tuned in best]
    cured, raw = simulated(rows, CURED, tuned=True), simulated(rows, CURED)
    return (
        judge("tuned ridge: largest rise of the limit from one of 40 widths to the next",
              seen(max(b - a for a, b in zip(risks, risks[1:], strict=False))), "<=", 0.0),
        judge("tuned ridge: risk of the widest fits over the best of all without ridge",
              seen(cured[-1].adversarial_risk[0] / min(row.adversarial_risk[0] for row in raw)), "<=", 0.75),
    )


def tuned_ridges(widths):
    """Return the best ridge for each width."""
    return [features.tuned_ridge(float(width), SAMPLE_RATIO, NOISE, CURED) for width in widths]


def best_widths():
    """Return the width of least robust risk by radius: it jumps from many features to few."""
    rows = []
    for radius in (0.05, 0.1, 0.2, 0.25, 0.253, 0.254, 0.3, 0.4):
        best = features.best_width(SAMPLE_RATIO, NOISE, radius)
        rows.append((radius, best.value, best.value / SAMPLE_RATIO, best.prediction.adversarial_risk,
                     best.prediction.standard_risk))
    return con.evidence.Table("Best width without ridge, in the limit", (
        "radius", "features per input", "features per sample", "robust risk", "standard risk"), tuple(rows))


def harmful_widths():
    """Return from which width on the model is worse than predicting zero, by the system and by its expansion."""
    rows = []
    for radius in (0.02, 0.05, 0.1, 0.3):
        near = features.harmful_width(SAMPLE_RATIO, NOISE, radius)
        low, high = near / 2.0, near * 1.5
        for _ in range(80):
            middle = math.sqrt(low * high)
            harmful = features.adversarial_asymptotics(middle, SAMPLE_RATIO, NOISE, radius).adversarial_risk > NULL
            low, high = (low, middle) if harmful else (middle, high)
        rows.append((radius, high, near))
    return con.evidence.Table("Width from which on predicting 0 is better", (
        "radius", "features per input", "to second order"), tuple(rows))


def best_ridges():
    """Return the best ridge by width, and the risk with it and without."""
    widths = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)
    rows = [(width, tuned.value, tuned.value / width, tuned.prediction.adversarial_risk,
             features.adversarial_asymptotics(width, SAMPLE_RATIO, NOISE, CURED).adversarial_risk)
            for width, tuned in zip(widths, tuned_ridges(widths), strict=True)]
    kernel = features.tuned_ridge(math.inf, SAMPLE_RATIO, NOISE, CURED)
    return con.evidence.Table(f"Best ridge at radius {CURED}, in the limit", (
        "features per input", "ridge", "ridge per width", "robust risk", "without ridge"),
        (*rows, (math.inf, math.inf, kernel.value, kernel.prediction.adversarial_risk, NULL)))


def draw(rows, diagram):
    """Return the figure: the curse, the cure, and where width helps or harms."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(16, 5.4), layout="constrained", width_ratios=[1.05, 1, 1.1])
        draw_curse(rows, axes[0])
        draw_cure(rows, axes[1])
        draw_diagram(diagram, axes[2], figure)
        for panel in axes[:2]:
            panel.spines[["top", "right"]].set_visible(False)
            panel.axhline(NULL, color=BLACK, lw=1.2, ls="--", zorder=0, label="predicting 0")
            panel.axvline(1.0, color=BLACK, lw=0.9, ls=":", zorder=0)
            panel.set(xscale="log", xlabel="features per sample (log scale)", xlim=(0.03, 100.0))
        axes[0].legend(loc="upper right", fontsize=11.5)
        axes[1].legend(loc="upper left", fontsize=11.5, ncols=2, columnspacing=1.0)
    return figure


def dots(rows, axes, color, marker="o"):
    """Draw means of fits with standard errors."""
    means, errors = np.array([row.adversarial_risk for row in rows]).T
    axes.errorbar([row.width_ratio / SAMPLE_RATIO for row in rows], means, errors, fmt=marker, color=color, ms=6.5,
                  mec="white", mew=0.8, capsize=3, lw=1.4, zorder=5)


def draw_curse(rows, axes):
    """Draw robust risk against width for several radii, limits and fits."""
    shares = np.unique(np.append(np.logspace(-1.6, 2.0, 400), 1.0 + np.linspace(-0.1, 0.1, 41)))
    for radius in RADII:
        risks = features.sweep_asymptotics(SAMPLE_RATIO * shares, SAMPLE_RATIO, NOISE, radius).adversarial_risk
        axes.plot(shares, np.where(np.isfinite(risks), risks, 1e3), color=COLORS[radius], lw=2.2,
                  label="no adversary" if radius == 0.0 else f"radius {radius}")
        if radius == 0.0 or simulated(rows, radius):
            dots(simulated(rows, radius), axes, COLORS[radius])
    axes.set(ylim=(0.25, 2.4), ylabel="robust risk")
    axes.set_title("the curse: under attack, width harms", fontsize=13)


def draw_cure(rows, axes):
    """Draw robust risk against width at one radius for several ridges, limits and fits."""
    shares = np.logspace(-1.6, 2.0, 200)
    for ridge, style in ((0.0, "-"), *zip(RIDGES, (":", "-.", "--"), strict=True)):
        risks = features.sweep_asymptotics(SAMPLE_RATIO * shares, SAMPLE_RATIO, NOISE, CURED, ridge).adversarial_risk
        axes.plot(shares, risks, color=ORANGE if ridge == 0.0 else PURPLE, lw=2.2 if ridge == 0.0 else 1.6, ls=style,
                  label=f"ridge {ridge:g}" if ridge else "no ridge")
    axes.plot(shares, [tuned.prediction.adversarial_risk for tuned in tuned_ridges(SAMPLE_RATIO * shares)], color=BLUE,
              lw=2.4, label="best ridge")
    dots(simulated(rows, CURED), axes, ORANGE)
    dots(simulated(rows, CURED, tuned=True), axes, BLUE)
    kernel = features.tuned_ridge(math.inf, SAMPLE_RATIO, NOISE, CURED).prediction.adversarial_risk
    axes.axhline(kernel, color=BLUE, lw=1.2, ls=(0, (1, 1)), zorder=0)
    axes.annotate("best kernel", (0.033, kernel + 0.012), va="bottom", fontsize=11.5)
    axes.set(ylim=(0.58, 1.9), ylabel="robust risk")
    axes.set_title(f"the cure at radius {CURED}: a ridge that grows", fontsize=13)


def draw_diagram(diagram, axes, figure):
    """Draw robust risk over width and radius, where it is that of predicting 0, and the best width."""
    shares, ratios = diagram.width_ratio / SAMPLE_RATIO, diagram.adversarial_risk / diagram.null_risk
    shades = axes.pcolormesh(shares, diagram.radius, ratios, cmap="PuOr_r", vmin=0.5, vmax=1.5, shading="gouraud",
                             rasterized=True)
    figure.colorbar(shades, ax=axes, label="robust risk / risk of predicting 0", extend="both")
    axes.contour(shares, diagram.radius, np.where(diagram.zero, np.nan, ratios), levels=[1.0], colors=[BLACK],
                 linewidths=1.8)
    edge = [features.zero_radius(float(w), SAMPLE_RATIO, NOISE) for w in diagram.width_ratio[0]]
    axes.fill_between(shares[0], edge, diagram.radius.max(), facecolor="white", edgecolor="0.6", hatch="///",
                      lw=0.0)
    radii = np.linspace(0.005, 0.415, 120)  # beyond, every width is worse than none
    best = np.array([features.best_width(SAMPLE_RATIO, NOISE, float(r)).value for r in radii]) / SAMPLE_RATIO
    jump = int(np.argmin(np.diff(np.log(best))))
    for part in (slice(None, jump + 1), slice(jump + 1, None)):
        axes.plot(best[part], radii[part], color=GREEN, lw=2.4)
    axes.annotate("best width", (best[jump] * 1.12, radii[jump] - 0.04), color="#00513d", fontsize=11.5)
    axes.annotate("the fit is 0", (0.06, 1.3), fontsize=11.5,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.0})
    axes.annotate("worse than\npredicting 0", (8.0, 1.05), fontsize=11.5, ha="center", color="white")
    axes.set(xscale="log", xlabel="features per sample (log scale)", ylabel="radius of the adversary",
             xlim=(shares.min(), shares.max()), ylim=(0.005, 1.5))
    axes.set_title("where width helps", fontsize=13)


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))
