"""
Check it yourself: certificates for strangers, questions with known answers
===========================================================================

A claim should not rest on trusting the program that makes it. A student's certificate is written to a file, and a
checker of one module, which knows nothing of this library and needs only numpy, derives the claim again in exact
integers. Flip one bit, and the file is invalid; change a weight and seal the file again, and the mathematics refuses
it unless the claim is still true. The same students make questions for other people's verifiers whose answers are known
by theorem: most true ones are beyond interval and backward linear bounds.
"""

import hashlib
import runpy
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import constructive as con
from constructive import certificates, instances

SEED = 12
FLIPS, CHANGES = 300, 300
CHECKER = Path(con.__file__).parent / "certificates" / "checker.py"
VERDICTS = ("invalid", "refuted", "undecided", "confirmed")
COLORS = dict(zip(VERDICTS, ("0.75", con.plotting.VERMILION, con.plotting.ORANGE, con.plotting.BLUE), strict=True))


def main(out=None, seed=SEED):
    """Certify, save, check, damage and ask; return the report, and save it with its picture into ``out`` if given."""
    rng = np.random.default_rng(seed)
    X = con.populations.jittered_lattice(6, 2, 0.5, rng)
    y = rng.choice([-1, 1], 36)
    student = con.memorize(X, y, radius=0.25 * con.separation(X).distance)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "student.certificate"
        student.certify().save(path)
        data = path.read_bytes()
        shown = subprocess.run([sys.executable, "-I", str(CHECKER), str(path)], capture_output=True, text=True)
        check = runpy.run_path(str(CHECKER))["check"]
        flipped = Counter(check(flip(data, rng)).verdict for _ in range(FLIPS))
        changed = [(again, check(again).verdict) for again in (reseal(data, rng) for _ in range(CHANGES))]
        fooled = sum(verdict == "confirmed" and broken(again, folder, rng) for again, verdict in changed)
    resealed = Counter(verdict for _, verdict in changed)
    asked = list(instances.suite(np.random.default_rng(seed), largest=8))
    true = [each for each in asked if each.answer == "unsat"]
    hard = sum(each.interval <= 0 and each.backward <= 0 for each in true)
    unsound = sum(each.answer == "sat" and max(each.interval, each.backward) > 0 for each in asked)

    judge, exactly = con.evidence.judge, con.evidence.exactly
    report = con.Report(
        title="Check it yourself",
        checks=(
            judge("exit code of the checker, run alone", exactly(shown.returncode), "==", 0.0, "confirmed"),
            judge(f"of {FLIPS} files with one bit flipped, not found invalid", exactly(FLIPS - flipped["invalid"]),
                  "==", 0.0),
            judge("changed files confirmed though an answer in a ball is seen to be wrong", exactly(fooled), "==", 0.0),
            judge("questions with a counterexample for which a bound says there is none", exactly(unsound), "==", 0.0),
            judge("share of true questions beyond interval and backward bounds", exactly(hard / len(true)), ">=", 0.5),
        ),
        tables=(outcomes(flipped, resealed), questions(asked)),
        notes=(f"{len(X)} data, {len(data):,} bytes, {len(data) / len(X):.0f} for each datum; the checker's own words: "
               + shown.stdout.strip().splitlines()[0],
               "a file sealed again is invalid where its form broke (a column out of order, a number not finite); "
               "one that is confirmed is no error: most changes of a weight leave the claim true"),
        seed=seed,
    )
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        draw(flipped, resealed, asked).savefig(folder / "ex12_check_it_yourself.png", dpi=160)
        (folder / "ex12_check_it_yourself.txt").write_text(con.report.text(report) + "\n", encoding="utf-8")
    return report


def flip(data, rng):
    """Return the bytes with one bit flipped."""
    changed = bytearray(data)
    changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def reseal(data, rng):
    """Return the bytes with one bit of the arrays flipped, and the digest at the end made to fit again."""
    changed, first_line = bytearray(data[:-32]), data.index(b"\n") + 1
    arrays = first_line + 9 + int(data[first_line:first_line + 8])
    changed[rng.integers(arrays, len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed) + hashlib.sha256(bytes(changed)).digest()


def broken(data, folder, rng, tries=300):
    """Return whether a network that was changed is seen to answer wrongly at one of the points tried in its balls."""
    path = Path(folder) / "changed"
    path.write_bytes(data)
    certificate = certificates.training.Certificate.load(path)
    X, radius = certificate.subject.X, certificate.radius * (1 - 2.0**-30)
    points = X[:, None, :] + radius * rng.uniform(-1, 1, (len(X), tries, X.shape[1]))
    return bool((certificate.subject.network(points)[..., 0] * certificate.subject.goal.value[:, None] <= 0).any())


def outcomes(flipped, resealed):
    """Return what the checker said of damaged files."""
    rows = [(name, *(counts[verdict] for verdict in VERDICTS)) for name, counts in
            (("one bit flipped", flipped), ("one bit of the arrays flipped, sealed again", resealed))]
    return con.evidence.Table("Damaged files", ("file", *VERDICTS), tuple(rows))


def questions(asked):
    """Return the questions by family: answers, and how many of the true ones a bound proves."""
    rows = []
    for family in dict.fromkeys(each.family for each in asked):
        mine = [each for each in asked if each.family == family]
        true = [each for each in mine if each.answer == "unsat"]
        rows.append((family, len(mine) - len(true), len(true), sum(each.interval > 0 for each in true),
                     sum(each.backward > 0 for each in true)))
    columns = ("family", "counterexample exists", "none exists", "proved by intervals", "by backward bounds")
    return con.evidence.Table("Questions with known answers", columns, tuple(rows))


def draw(flipped, resealed, asked):
    """Return the figure: what became of damaged files, and what two bounds say about the questions."""
    with plt.rc_context({"font.size": 12, "legend.frameon": False}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(13.5, 5.4), layout="constrained", width_ratios=[1, 1.25])
        names = ["one bit flipped", "one bit of the\narrays flipped,\nsealed again"]
        for place, counts in enumerate((flipped, resealed)):
            bottom = 0
            for verdict in VERDICTS:
                left.bar(2 * place, counts[verdict], 0.9, bottom=bottom, color=COLORS[verdict])
                if counts[verdict]:
                    left.annotate(f"{verdict}: {counts[verdict]}", (2 * place + 0.5, bottom + counts[verdict] / 2),
                                  va="bottom" if verdict == "undecided" else "center")
                bottom += counts[verdict]
        left.set_xticks((0, 2), names)
        left.set(xlim=(-0.6, 3.9), ylabel="files")
        left.set_title("what the checker says of damaged files", fontsize=13)
        families = list(dict.fromkeys(each.family for each in asked))[::-1]
        parts = {
            "none exists: proved by intervals": (con.plotting.BLUE, lambda e: e.answer == "unsat" and e.interval > 0),
            "none exists: by backward bounds": (con.plotting.SKY, lambda e: e.answer == "unsat" and e.interval <= 0
                                                < e.backward),
            "none exists: beyond both": (con.plotting.GREEN, lambda e: e.answer == "unsat" and e.interval <= 0
                                         and e.backward <= 0),
            "a counterexample exists": (con.plotting.VERMILION, lambda e: e.answer == "sat"),
        }
        start = np.zeros(len(families))
        for label, (color, member) in parts.items():
            counts = np.array([sum(member(each) for each in asked if each.family == family) for family in families])
            right.barh(families, counts, 0.72, left=start, color=color, label=label)
            start += counts
        right.set(xlabel="questions")
        right.set_title("questions to verifiers, answers known by theorem", fontsize=13)
        right.legend(loc="upper right")
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    print(con.report.text(main("out")))
