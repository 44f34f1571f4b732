"""
Ridge and interpolation by formula
==================================

What theory says about linear regression under attack, each number beside a simulation that does not know it: exact
means over the noise, limits for large data, floors that hold for every ridge, and the trade-off between risk and
length. One command repeats all tables, and three headlines: interpolation is benign and harmful; for some truths no
ridge helps; for others one does.

``python demos/ex19_ridge_by_formula.py --full`` takes four times the draws, and about a minute.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import ridge

SEED = 0
RADIUS = 0.5
RIDGES = (0.0, 0.01, 0.1, 0.3, 1.0)
PATH = np.concatenate([[0.0], np.logspace(-4, 2, 61)])
BLUE, ORANGE, GREEN, VERMILION, PURPLE, BLACK = (con.plotting.BLUE, con.plotting.ORANGE, con.plotting.GREEN,
                                                 con.plotting.VERMILION, con.plotting.PURPLE, con.plotting.BLACK)
LIMITS = {
    "10 heads, 1990 tails of sum 20": ridge.spiked(10, 1.0, 1990, 20.0),
    "1 / (j log^1.5 j), p = 1600": ridge.logarithmic(1600),
    "equal, p = 600": ridge.isotropic(600),
    "1 / j, p = 120": ridge.power_law(120, 1.0),
}
"""Spectra for the limits, n = 200, noise 1/4."""
FLOORS = {
    "4 heads, 596 tails of sum 6": ridge.spiked(4, 1.0, 596, 6.0),
    "1 / (j log^1.5 j), p = 600": ridge.logarithmic(600, signal=None),
    "equal, p = 240": ridge.isotropic(240),
    "three scales": ridge.Spectrum([1.0, 0.1, 0.005], [4, 40, 800], [1.0, 1.0, 0.0]),
}
"""Spectra for the floors, n = 60, noise 1."""


def main(out=None, seed=SEED, full=False):
    """Simulate, compare, draw; return the report, and save it with its picture into ``out`` if given."""
    closed = [closed_form(radius, 400_000 if full else 100_000, seed) for radius in (0.05, 0.3, 1.0)]
    given = given_points(20_000 if full else 4000, seed)
    limits = limit_rows(10, seed)
    floors = floor_rows(60 if full else 30, seed)
    scaling = [benign(n, 40 if full else 6, seed) for n in (50, 100, 200, 400, 800)]
    region = region_rows(12, seed)
    families = [family(name, n, 24 if full else 6, seed) for name in "ABC" for n in (100, 400)]
    healed = [(n, ridge.heal(spread(n), n, 1.0)) for n in (100, 1000, 10_000, 100_000)]
    report = con.Report(
        title="Ridge and interpolation by formula",
        checks=(*exact_checks(closed, given, limits), *floor_checks(floors, scaling, region, families),
                *headlines(scaling, families, healed)),
        tables=(closed_table(closed), given_table(given), limit_table(limits), floor_table(floors),
                scaling_table(scaling), region_table(region), family_table(families), healing_table(healed)),
        notes=("simulated numbers with their standard error where it says so; theorem: floors and the closed form; "
               "equivalent: a limit for large n, and the tuned ridge with it",
               "risk under attack in l_2; risk and attack's risk are excesses over the noise of the labels"),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(limits, floors).savefig(folder / "ex19_ridge_by_formula.png", dpi=160)
        (folder / "ex19_ridge_by_formula.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


# -- simulations --------------------------------------------------------------------------------------------


def mean_of(values):
    """Return mean and standard error over the first axis."""
    found = np.asarray(values)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))


def closed_form(radius, draws, seed):
    """Return the risk under attack of one predictor by formula, its mean over drawn points, and the error of that."""
    rng = np.random.default_rng([seed, 23])
    spectrum = ridge.power_law(40, 1.0)
    values, truth = ridge.explicit(spectrum)
    theta = truth + 0.5 * rng.normal(size=40)
    length, risk = float(np.linalg.norm(theta)), float(values @ (theta - truth) ** 2)
    error = ridge.draw_design(spectrum, draws, rng) @ (theta - truth)
    return (radius, float(ridge.adversarial_risk(risk, length**2, radius)),
            *map(float, mean_of((np.abs(error) + radius * length) ** 2)))


def given_points(draws, seed):
    """Return for one design exact means over the noise, and means over drawn noise."""
    spectrum, rng = ridge.spiked(5, 1.0, 195, 10.0), np.random.default_rng(seed)
    values, theta = ridge.explicit(spectrum)
    X = ridge.draw_design(spectrum, 60, rng)
    penalties = (0.0, 0.01, 0.1, 1.0)
    exact = ridge.conditional_moments(X, theta, values, penalties, 0.5)
    noise = np.sqrt(0.5) * rng.normal(size=(draws, 60))
    rows = []
    for k, penalty in enumerate(penalties):
        solve = X.T @ np.linalg.inv(X @ X.T + 60 * penalty * np.eye(60))
        fits = (solve @ (X @ theta)) + noise @ solve.T
        risk, energy = (values * (fits - theta) ** 2).sum(axis=1), (fits**2).sum(axis=1)
        rows.append((penalty, exact.risk[k], mean_of(risk), exact.energy[k], mean_of(energy),
                     mean_of(np.sqrt(risk * energy)), exact.cross_bracket[0][k], exact.cross_bracket[1][k],
                     exact.cross[k]))
    return rows


def limit_rows(draws, seed):
    """Return for each spectrum and ridge the moments simulated at n = 200 and their limits."""
    rows = []
    for name, spectrum in LIMITS.items():
        rng = np.random.default_rng([seed, 33])
        values, theta = ridge.explicit(spectrum)
        found = [ridge.conditional_moments(ridge.draw_design(spectrum, 200, rng), theta, values, RIDGES, 0.25)
                 for _ in range(draws)]
        limit = ridge.deterministic_equivalent(spectrum, 200, RIDGES, 0.25)
        for k, penalty in enumerate(RIDGES):
            parts = {part: (np.mean([getattr(m, part)[k] for m in found]), getattr(limit, part)[k])
                     for part in ("bias", "variance", "signal_energy", "noise_energy")}
            attack = np.mean([m.adversarial(RADIUS)[k] for m in found]), limit.adversarial(RADIUS)[k]
            rows.append((name, penalty, ridge.effective_ridge(spectrum, 200, penalty), parts, attack))
    return rows


def floor_rows(draws, seed):
    """Return for each spectrum and ridge the moments simulated at n = 60, their floors, and bounds on the length."""
    rows = []
    for name, spectrum in FLOORS.items():
        rng = np.random.default_rng([seed, 44])
        values, theta = ridge.explicit(spectrum)
        penalties = (0.0, 0.1, 1.0)
        found = [ridge.conditional_moments(ridge.draw_design(spectrum, 60, rng), theta, values, penalties, 1.0)
                 for _ in range(draws)]
        floors = ridge.moment_floors(spectrum, 60, penalties, 1.0)
        for k, penalty in enumerate(penalties):
            parts = {part: (*mean_of([getattr(m, part)[k] for m in found]), getattr(floors, part)[k])
                     for part in ("bias", "variance", "signal_energy", "noise_energy")}
            rows.append((name, penalty, parts, ridge.expected_trace(spectrum, 60) if penalty == 0.0 else None))
    return rows


def spread(n):
    """Return five heads with the signal, and n^2 tails of sum sqrt n."""
    return ridge.spiked(5, 1.0, n * n, float(np.sqrt(n)))


def benign(n, draws, seed):
    """Return risk and length of shortest interpolators in n^2 + 5 dimensions, limits and floor."""
    rng, spectrum = np.random.default_rng([seed, 100 + n]), spread(n)
    found = [ridge.draw_spiked_design(spectrum, n, rng).moments([0.0], 1.0) for _ in range(draws)]
    limit = ridge.deterministic_equivalent(spectrum, n, [0.0], 1.0)
    risk, energy = (mean_of([getattr(m, part)[0] for m in found]) for part in ("risk", "energy"))
    noise = mean_of([m.noise_energy[0] for m in found])
    return {"n": n, "risk": risk, "energy": energy, "noise": noise, "limit": limit,
            "floor": ridge.interpolator_floor(spectrum, n, 1.0, 1.0),
            "attack": float(ridge.adversarial_risk(risk[0], energy[0], RADIUS))}


def region_rows(draws, seed):
    """Return a ridge path at n = 80 beside its floors and limits, and how many means lie in the forbidden region."""
    spectrum, rng = ridge.logarithmic(800, signal=None), np.random.default_rng([seed, 11])
    values, theta = ridge.explicit(spectrum)
    penalties = np.concatenate([[0.0], np.geomspace(1e-4, 10.0, 31)])
    found = [ridge.conditional_moments(ridge.draw_design(spectrum, 80, rng), theta, values, penalties, 0.25)
             for _ in range(draws)]
    (risk, risk_error), (energy, energy_error) = (mean_of([getattr(m, part) for m in found])
                                                  for part in ("risk", "energy"))
    region = ridge.forbidden_region(spectrum, 80, penalties, 0.25)
    return {"penalties": penalties, "risk": risk, "energy": energy,
            "inside": int(region.contains(risk + 4 * risk_error, energy + 4 * energy_error).sum()),
            "floors": ridge.moment_floors(spectrum, 80, penalties, 0.25),
            "limit": ridge.deterministic_equivalent(spectrum, 80, penalties, 0.25)}


def family(name, n, draws, seed):
    """Return a ridge path of one family of spectra with growing truths, beside the constants of its trade-off."""
    head = n ** (-0.5 * {"A": 0.0, "B": 0.5, "C": 0.75}[name])
    spectrum, rng = ridge.spiked(5, head, n * n // 4, float(np.sqrt(n)), 1.0 / head), np.random.default_rng(
        [seed, 7, n])
    found = [ridge.draw_spiked_design(spectrum, n, rng).moments(PATH, 1.0) for _ in range(draws)]
    risk, noise = (np.mean([getattr(m, part) for m in found], axis=0) for part in ("risk", "noise_energy"))
    law = ridge.spiked_trade_off(spectrum, n, 1.0)
    left = law.ridge > PATH
    return {"name": name, "n": n, "head": head, "truth": 1.0 / head, "first": risk[0],
            "energy": float(np.mean([m.energy[0] for m in found])), "least": risk.min(),
            "product": float((risk * noise)[left].min()), "right": float(risk[~left].min()), "law": law,
            "holds": bool(law.satisfied(risk, noise).all())}


# -- checks -------------------------------------------------------------------------------------------------


def sampled(value):
    """Return the bracket of a simulated number."""
    return con.Bracket(float(value), float(value), con.evidence.Evidence.SAMPLED)


def exact_checks(closed, given, limits):
    """Return whether formulas and simulations agree within the errors of the latter."""
    judge = con.evidence.judge
    gaps = [abs(formula - drawn) / error for _, formula, drawn, error in closed]
    means = [abs(exact - drawn[0]) / drawn[1] for row in given for exact, drawn in ((row[1], row[2]), (row[3], row[4]))]
    inside = sum(not low - 5 * drawn[1] <= drawn[0] <= high + 5 * drawn[1] for *_, drawn, low, high, _ in given)
    worst = max(abs(drawn / limit - 1.0) for *_, (drawn, limit) in limits)
    return (
        judge("closed form of risk under attack, off by standard errors, at most", sampled(max(gaps)), "<=", 5.0),
        judge("means over the noise given the points, the same", sampled(max(means)), "<=", 5.0),
        judge("mean products of the roots of risk and length outside their proved bounds", sampled(inside), "==", 0.0),
        judge("limits of risk under attack, n = 200, off by, most", sampled(worst), "<=", 0.03,
              "of four spectra and five ridges"),
    )


def floor_checks(floors, scaling, region, families):
    """Return whether no mean falls below its floor by more than four standard errors."""
    judge = con.evidence.judge
    below = sum(int(mean + 4 * error < floor) for _, _, parts, _ in floors for mean, error, floor in parts.values())
    below += sum(int(row["noise"][0] + 4 * row["noise"][1] < row["floor"]) for row in scaling)
    broken = sum(not each["holds"] for each in families)
    return (judge("means below their floor by four standard errors", sampled(below), "==", 0.0),
            judge("ridges in the forbidden region by four standard errors", sampled(region["inside"]), "==", 0.0),
            judge("families of spectra with a ridge that breaks the trade-off", sampled(broken), "==", 0.0))


def headlines(scaling, families, healed):
    """Return the three headlines as checks."""
    judge = con.evidence.judge
    last, hard, (n, easy) = scaling[-1], families[-1], healed[-1]
    bound = RADIUS**2 * last["floor"]
    return (
        judge(f"interpolation, n = {last['n']}: risk {last['risk'][0]:.4f}, under attack (truth {RADIUS**2})",
              sampled(last["attack"]), ">=", bound),
        judge(f"family {hard['name']}, n = {hard['n']}: least product of risk and noise length over all ridges",
              sampled(hard["product"]), ">=", hard["law"].product),
        judge(f"short truth, n = {n}: tuned ridge with risk {easy.risk:.4f}, squared length", sampled(easy.energy),
              "<=", easy.energy_ceiling),
    )


# -- tables -------------------------------------------------------------------------------------------------


def pair(found):
    """Return simulated and stated as one entry."""
    return f"{found[0]:.4g} / {found[-1]:.4g}"


def closed_table(closed):
    """Return risks under attack of one predictor."""
    return con.evidence.Table("Risk under attack, one predictor, normal points", (
        "radius", "formula", "drawn", "standard error"), tuple(closed))


def given_table(given):
    """Return means over the noise for one design."""
    lines = [(penalty, risk, *drawn, energy, *length, *cross, low, high, second)
             for penalty, risk, drawn, energy, length, cross, low, high, second in given]
    columns = ("ridge", "risk", "drawn", "error", "squared length", "drawn", "error", "product of roots, drawn",
               "error", "at least", "at most", "second order")
    return con.evidence.Table("Means over the noise, one design, n = 60, p = 200", columns, tuple(lines))


def limit_table(limits):
    """Return simulated moments over their limits."""
    lines = [(name, penalty, kappa, *(pair(part) for part in parts.values()), pair(attack))
             for name, penalty, kappa, parts, attack in limits]
    columns = ("spectrum", "ridge", "effective ridge", "bias", "variance", "signal length", "noise length",
               f"attacked, radius {RADIUS}")
    return con.evidence.Table("Simulated / limit, n = 200, noise 1/4", columns, tuple(lines))


def floor_table(floors):
    """Return simulated moments over their floors."""
    lines = [(name, penalty, *(pair(part) for part in parts.values()),
              "" if trace is None else f"{trace.lower:.4g} to {trace.upper:.4g}")
             for name, penalty, parts, trace in floors]
    columns = ("spectrum", "ridge", "bias", "variance", "signal length", "noise length", "noise length between")
    return con.evidence.Table("Simulated / floor, n = 60, noise 1", columns, tuple(lines),
                              "between: bounds for interpolators, ridge 0")


def scaling_table(scaling):
    """Return interpolators by size."""
    lines = [(row["n"], row["n"] ** 2 + 5, row["n"] ** -0.5, row["risk"][0], float(row["limit"].risk[0]),
              row["energy"][0], float(row["limit"].energy[0]), row["floor"], row["noise"][0] / row["floor"],
              row["attack"], RADIUS**2) for row in scaling]
    columns = ("n", "dimensions", "s / n", "risk", "limit", "squared length", "limit", "floor", "noise length / floor",
               "attacked", "truth attacked")
    return con.evidence.Table("Shortest interpolators, five heads and n^2 tails of sum sqrt n", columns, tuple(lines))


def region_table(region):
    """Return some ridges of the path at n = 80."""
    floors, limit = region["floors"], region["limit"]
    lines = [(region["penalties"][k], region["risk"][k], region["energy"][k], floors.risk[k], floors.energy[k],
              limit.risk[k], limit.energy[k]) for k in (0, 8, 16, 24, 31)]
    columns = ("ridge", "risk", "squared length", "risk, floor", "length, floor", "risk, limit", "length, limit")
    return con.evidence.Table("A ridge path and its floors, 1 / (j log^1.5), n = 80, p = 800", columns, tuple(lines))


def family_table(families):
    """Return the families of the trade-off."""
    lines = [(each["name"], each["n"], each["head"], each["truth"], each["first"], each["energy"], each["least"],
              each["product"], each["law"].product, each["right"], each["law"].risk) for each in families]
    columns = ("family", "n", "head", "|theta|^2", "risk, ridge 0", "squared length", "least risk", "least product",
               "at least", "least risk beyond", "at least")
    return con.evidence.Table("Risk times noise length over all ridges", columns, tuple(lines),
                              "beyond: ridges for which the theorem promises risk instead")


def healing_table(healed):
    """Return tuned ridges by size."""
    lines = [(n, found.ridge, found.risk, found.risk_ceiling, found.energy, found.energy_ceiling)
             for n, found in healed]
    return con.evidence.Table("A tuned ridge where the truth is short (limits)", (
        "n", "ridge", "risk", "at most", "squared length", "at most"), tuple(lines))


# -- figure -------------------------------------------------------------------------------------------------


def draw(limits, floors):
    """Return the figure: simulated over limit, and floor over simulated."""
    with plt.rc_context({"font.size": 12.5, "legend.frameon": False}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.2), layout="constrained")
        for name, color, marker in zip(LIMITS, (VERMILION, BLUE, GREEN, PURPLE), "osD^", strict=True):
            ratios = [drawn / limit for key, *_, (drawn, limit) in limits if key == name]
            left.plot(range(len(RIDGES)), ratios, marker + "-", color=color, ms=7, lw=1.8, label=name)
        left.axhspan(0.97, 1.03, color="0.92", lw=0)
        left.set(xlabel="ridge", ylabel="risk under attack, simulated over limit", ylim=(0.95, 1.07))
        left.set_xticks(range(len(RIDGES)), [f"{penalty:g}" for penalty in RIDGES])
        left.set_title("limits for large data, n = 200; gray: 3 %", fontsize=13)
        left.legend(loc="upper right", fontsize=11)
        for place, (part, text) in enumerate((("bias", "bias"), ("variance", "variance"),
                                              ("signal_energy", "signal length"), ("noise_energy", "noise length"))):
            for name, color, marker in zip(FLOORS, (VERMILION, BLUE, GREEN, PURPLE), "osD^", strict=True):
                found = [parts[part] for key, _, parts, _ in floors if key == name]
                right.plot(place + np.linspace(-0.15, 0.15, len(found)), [floor / mean for mean, _, floor in found],
                           marker, color=color, ms=7, label=name if place == 0 else None)
            right.annotate(text, (place, -0.1), ha="center", fontsize=12)
        right.axhline(1.0, color=BLACK, lw=1.2, ls="-.")
        right.set(ylabel="floor over simulated", xlim=(-0.5, 3.5), ylim=(-0.14, 1.5), xticks=[])
        right.set_title("floors for every ridge, n = 60: ridge 0, 0.1, 1", fontsize=13)
        right.legend(loc="upper left", fontsize=11, ncols=2)
        for panel in (left, right):
            panel.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    print(con.report.text(main("out", full="--full" in sys.argv)))
