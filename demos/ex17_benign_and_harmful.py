"""
Benign overfitting that harms
=============================

Interpolate noisy labels by the shortest linear predictor, in ever more dimensions: its risk tends to zero, as if
nothing had been overfitted, while its risk under attack grows without bound, and no interpolator does better. A ridge
repairs both if the truth stays short; where the truth grows as the tail thins, no ridge does, and the region that all
of them avoid is computed. Without noise nothing is harmed.

``python demos/ex17_benign_and_harmful.py --full`` takes 40 designs for each size instead of 8.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import ridge

SEED, DRAWS, MANY = 0, 8, 40
RADIUS, NOISE, HEADS = 0.5, 1.0, 5
SIZES = (50, 100, 200, 400, 800)
LARGE = (100, 1000, 10_000, 100_000)
RIDGES = np.concatenate([[0.0], np.logspace(-4, 2, 61)])
FAMILIES = {"A": 0.0, "B": 0.5, "C": 0.75}
"""Heads have variance n^(-1/2) to this power; the signal's variance is 1, so that the truth grows for B and C."""
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                                 con.plotting.VERMILION, con.plotting.PURPLE, con.plotting.BLACK)


def main(out=None, seed=SEED, full=False):
    """Draw designs, measure, compare with bounds, draw; return the report, and save it into ``out`` if given."""
    draws = MANY if full else DRAWS
    rows = [interpolated(n, draws, seed) for n in SIZES]
    healed = [(n, ridge.heal(benign(n), n, NOISE)) for n in LARGE]
    paths = {(name, n): path(name, n, draws, seed) for name in FAMILIES for n in (100, 400)}
    report = con.Report(
        title="Benign overfitting that harms",
        checks=(*checks(rows, healed), *path_checks(paths)),
        tables=(growth(rows), healing(healed), frontiers(paths)),
        notes=(
            f"five directions of variance 1 hold the signal, |theta| = 1; n^2 further ones share the variance sqrt n; "
            f"noise variance {NOISE}, l_2 radius {RADIUS}; {draws} designs for each size, exact in law however many "
            "dimensions, exact means over the noise",
            "risk under attack: of the mean risk and the mean squared length; the truth's is radius^2 |theta|^2",
            "floors are proved for expectations over designs and noise; 'equivalent' and the tuned ridge are "
            "asymptotic, their ceilings hold for equivalents",
            "families: variance sqrt n shared by n^2 / 4 directions, signal variance 1, heads of variance 1 (A), "
            "n^(-1/4) (B) or n^(-3/8) (C)",
        ),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(rows, paths).savefig(folder / "ex17_benign_and_harmful.png", dpi=160)
        (folder / "ex17_benign_and_harmful.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def benign(n):
    """Return five directions with all the signal, and n^2 others whose variances add up to sqrt n."""
    return ridge.spiked(HEADS, 1.0, n * n, float(np.sqrt(n)))


def family(name, n):
    """Return the spectrum of a family: thin tail, signal variance 1, heads that may fall with n."""
    head = n ** (-0.5 * FAMILIES[name])
    return ridge.spiked(HEADS, head, n * n // 4, float(np.sqrt(n)), signal=1.0 / head)


def interpolated(n, draws, seed):
    """Return moments of shortest interpolators over drawn designs, their equivalents and floors, and those of a tuned
    ridge."""
    spectrum, rng = benign(n), np.random.default_rng([seed, n])
    designs = [ridge.draw_spiked_design(spectrum, n, rng) for _ in range(draws)]
    noisy = [design.moments([0.0], NOISE) for design in designs]
    silent = [design.moments([0.0], 0.0) for design in designs]
    tuned = ridge.heal(spectrum, n, NOISE)
    return {
        "n": n, "p": int(spectrum.dimension), "risk": np.array([m.risk[0] for m in noisy]),
        "energy": np.array([m.energy[0] for m in noisy]),
        "silent": max(float(m.energy[0]) for m in silent),
        "equivalent": ridge.deterministic_equivalent(spectrum, n, [0.0], NOISE),
        "floor": ridge.interpolator_floor(spectrum, n, NOISE, RADIUS),
        "tuned": float(ridge.adversarial_risk(tuned.risk, tuned.energy, RADIUS)), "healing": tuned,
    }


def attacked(row):
    """Return the risk under attack of the mean risk and the mean squared length."""
    return float(ridge.adversarial_risk(row["risk"].mean(), row["energy"].mean(), RADIUS))


def path(name, n, draws, seed):
    """Return mean risk and lengths along the ridge path of a family, their errors, equivalents and bounds."""
    spectrum, rng = family(name, n), np.random.default_rng([seed, n, ord(name)])
    found = [ridge.draw_spiked_design(spectrum, n, rng).moments(RIDGES, NOISE) for _ in range(draws)]
    means = {part: np.mean([getattr(m, part) for m in found], axis=0) for part in ("risk", "energy", "noise_energy")}
    errors = {part: np.std([getattr(m, part) for m in found], axis=0, ddof=1) / np.sqrt(draws) for part in means}
    return {"spectrum": spectrum, "n": n, **means, "errors": errors,
            "equivalent": ridge.deterministic_equivalent(spectrum, n, RIDGES, NOISE),
            "region": ridge.forbidden_region(spectrum, n, np.concatenate([[0.0], np.logspace(-6, 3, 1201)]), NOISE),
            "law": ridge.spiked_trade_off(spectrum, n, NOISE)}


def sampled(value, error=0.0):
    """Return the bracket of a mean over draws: four standard errors to both sides."""
    return con.Bracket(float(value - 4 * error), float(value + 4 * error), con.evidence.Evidence.SAMPLED)


def checks(rows, healed):
    """Return whether risk falls while risk under attack grows, above its floor, and whether a ridge heals."""
    judge, last = con.evidence.judge, rows[-1]
    ratios = [(row["risk"] + RADIUS**2 * row["energy"]).mean() / row["floor"] for row in rows]
    grown = attacked(last) / attacked(rows[0])
    return (
        judge(f"risk at n = {last['n']} over risk at n = {SIZES[0]}", sampled(last["risk"].mean()
                                                                             / rows[0]["risk"].mean()), "<=", 0.1),
        judge("risk under attack, the same ratio", sampled(grown), ">=", 2.5),
        judge("risk under attack over the floor of all interpolators, least", sampled(min(ratios)), ">=", 1.0,
              "proved for expectations"),
        judge("squared length of interpolators of labels without noise, largest",
              sampled(max(row["silent"] for row in rows)), "<=", 1.0, "|theta|^2: a projection"),
        *(judge(f"tuned ridge, n = {n}: {what}", sampled(value), "<=", ceiling, "its ceiling")
          for n, found in healed[-1:] for what, value, ceiling in (
              ("risk", found.risk, found.risk_ceiling), ("squared length", found.energy, found.energy_ceiling))),
    )


def path_checks(paths):
    """Return whether every ridge obeys the trade-off for spiked spectra, and none enters the forbidden region."""
    judge = con.evidence.judge
    found = []
    for (name, n), each in paths.items():
        law, left = each["law"], each["law"].ridge > RIDGES
        product = float((each["risk"] * each["noise_energy"])[left].min())
        found.append(judge(f"family {name}, n = {n}: least product of risk and noise length, smaller ridges",
                           sampled(product), ">=", law.product))
        found.append(judge(f"family {name}, n = {n}: least risk, larger ridges", sampled(each["risk"][~left].min()),
                           ">=", law.risk))
    inside = sum(int(each["region"].contains(each["risk"] + 4 * each["errors"]["risk"],
                                             each["energy"] + 4 * each["errors"]["energy"]).sum())
                 for each in paths.values())
    return (*found, judge("ridges whose mean risk and length lie in the region that none reaches", sampled(inside),
                          "==", 0.0, "by four standard errors"))


def growth(rows):
    """Return the table of interpolators by size."""
    lines = []
    for row in rows:
        found = row["equivalent"]
        lines.append((row["n"], row["p"], row["risk"].mean(), float(found.risk[0]), row["energy"].mean(),
                      float(found.energy[0]), attacked(row), row["floor"], RADIUS**2,
                      ridge.robust_optimum(benign(row["n"]), RADIUS).adversarial, row["tuned"]))
    columns = ("n", "dimensions", "risk", "equivalent", "squared length", "equivalent", "risk under attack",
               "floor of all interpolators", "truth", "any linear predictor, at least", "tuned ridge under attack")
    return con.evidence.Table("Shortest interpolators", columns, tuple(lines))


def healing(healed):
    """Return the table of tuned ridges by size."""
    lines = [(n, found.ridge, found.risk, found.risk_ceiling, found.energy, found.energy_ceiling,
              float(ridge.deterministic_equivalent(benign(n), n, [0.0], NOISE).noise_energy[0])) for n, found in healed]
    columns = ("n", "ridge", "risk", "at most", "squared length", "at most", "noise length without ridge")
    return con.evidence.Table("The same data with a tuned ridge (equivalents)", columns, tuple(lines))


def frontiers(paths):
    """Return the table of families."""
    lines = []
    for (name, n), each in paths.items():
        law, left = each["law"], each["law"].ridge > RIDGES
        product = each["risk"] * each["noise_energy"]
        lines.append((name, n, float(each["spectrum"].eigenvalues[0]), float(each["spectrum"].signal_norm),
                      each["risk"][0], each["energy"][0], each["risk"].min(), product[left].min(), law.product,
                      each["risk"][~left].min(), law.risk))
    columns = ("family", "n", "head", "|theta|^2", "risk, ridge 0", "squared length", "least risk", "least product",
               "at least", "least risk beyond", "at least")
    return con.evidence.Table("Ridge paths: no ridge makes both small, unless the floor itself falls", columns,
                              tuple(lines), "beyond: larger ridges, to which the theorem promises risk instead")


def draw(rows, paths):
    """Return the figure: interpolators by size, and two ridge paths beside what no ridge reaches."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, axes = plt.subplots(1, 3, figsize=(16, 5.4), layout="constrained", width_ratios=[1.1, 1, 1])
        draw_growth(rows, axes[0])
        for panel, name in zip(axes[1:], "AC", strict=True):
            draw_path(name, paths[name, 400], panel)
        for panel in axes:
            panel.spines[["top", "right"]].set_visible(False)
    return figure


def draw_growth(rows, axes):
    """Draw risk and risk under attack of interpolators, floor, truth and tuned ridge against n."""
    n = np.array([row["n"] for row in rows])
    axes.plot(n, [attacked(row) for row in rows], "o-", color=VERMILION, lw=2.4, ms=6, label="interpolator, attacked")
    axes.plot(n, [row["floor"] for row in rows], color=BLACK, lw=1.8, ls="--", label="floor of every interpolator")
    axes.plot(n, [row["tuned"] for row in rows], "^-", color=GREEN, lw=2.0, ms=6, label="tuned ridge, attacked")
    axes.axhline(RADIUS**2, color=BLACK, lw=1.2, ls="-.")
    axes.annotate("truth, attacked", (n[0], RADIUS**2 * 0.93), va="top", fontsize=11.5)
    axes.plot(n, [row["risk"].mean() for row in rows], "s-", color=BLUE, lw=2.4, ms=6, label="interpolator, clean")
    axes.plot(n, 7.0 / n, color=BLUE, lw=1.2, ls=":", label="7 / n")
    axes.set(xscale="log", yscale="log", xlabel="n, data (log scale)", ylabel="excess risk (log scale)",
             ylim=(0.004, 40))
    axes.set_xticks(n, [str(each) for each in n])
    axes.minorticks_off()
    axes.set_title(rf"benign and harmful: $\ell_2$ radius {RADIUS}", fontsize=13)
    axes.legend(loc="upper left", fontsize=10.5, ncols=2, bbox_to_anchor=(0.0, 1.0), columnspacing=1.0)


def draw_path(name, each, axes):
    """Draw one ridge path with its equivalent, what no ridge reaches, and the best ridges."""
    region, law = each["region"], each["law"]
    axes.plot(each["risk"], each["energy"], color=BLUE, lw=3.2, label="ridges, measured")
    axes.plot(each["equivalent"].risk, each["equivalent"].energy, color=ORANGE, lw=1.6, ls="--", label="equivalent")
    edge = np.concatenate([[1e-3], region.risk]), np.concatenate([region.energy[:1], region.energy])
    # from one level to the next the floor is that of the latter: a staircase, and nothing beyond it is claimed
    axes.fill_between(*edge, 1e-9, step="pre", color="0.86", lw=0, label="no ridge, in expectation")
    risk = np.array([1e-3, law.risk])
    axes.plot(risk, law.product / risk, color=BLACK, lw=1.2, ls=":", label="product at its floor")
    places = [(0, "o", BLACK, "ridge 0")]
    for radius, marker, color in ((0.0, "s", GREEN), (0.1, "D", PURPLE), (0.2, "^", VERMILION)):
        best = int(np.argmin(ridge.adversarial_risk(each["risk"], each["energy"], radius)))
        places.append((best, marker, color, f"best for radius {radius:g}"))
    for size, (k, marker, color, text) in zip((13, 9, 8, 8), places, strict=True):
        axes.plot(each["risk"][k], each["energy"][k], marker, color=color, ms=size, ls="none", label=text, mec="white")
    axes.axhline(each["spectrum"].signal_norm, color=BLACK, lw=1.2, ls="-.")
    axes.annotate("truth", (0.99, each["spectrum"].signal_norm), xycoords=("axes fraction", "data"),
                  ha="right", va="bottom", fontsize=11.5)
    axes.set(xscale="log", yscale="log", xlim=(0.01, 1.2), ylim=(0.02, 60), xlabel="excess risk (log scale)",
             ylabel="squared length (log scale)")
    axes.set_title({"A": "short truth: a ridge has both", "C": "long truth: none has"}[name] + f" (n = {each['n']})",
                   fontsize=13)
    if name == "A":
        axes.legend(loc="upper right", fontsize=10.5, bbox_to_anchor=(1.03, 1.01))


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))
