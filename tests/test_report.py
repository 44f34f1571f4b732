"""Renderers: every number of a report appears in every format, and JSON follows the contract."""

import json
import math

import pytest

from constructive import report as rendering
from constructive.evidence import Bracket, Evidence, Report, Source, Table, Verdict, judge

SAMPLE = Report(
    "A title",
    (judge("claim_1", Bracket(0.0, 0.25), "<=", 0.5, "half"), judge("claim & 2", Bracket(1.0, 1.0), "==", 2.0)),
    tables=(Table("Sizes", ("name", "count", "value"), (("a|b", 1234567, 0.5), ("c", None, math.inf)), "a note"),),
    notes=("said before",), source=Source("2401.13624", "here", "ours", "abstract"), seed=3, planted=2, caught=1)


def test_the_worst_check_is_the_verdict():
    assert SAMPLE.verdict is Verdict.REFUTED


@pytest.mark.parametrize("render", [rendering.text, rendering.markdown, rendering.latex])
def test_every_claim_and_entry_is_printed(render):
    written = render(SAMPLE)
    for word in ("0.25", "REFUTED", "CONFIRMED", "1,234,567", "seed 3"):
        assert word in written


def test_markdown_escapes_pipes_and_latex_its_special_characters():
    assert "a\\|b" in rendering.markdown(SAMPLE)
    assert r"claim\_1" in rendering.latex(SAMPLE)
    assert r"claim \& 2" in rendering.latex(SAMPLE)


def test_json_follows_the_contract_and_has_no_bare_infinities():
    data = json.loads(rendering.to_json([SAMPLE], seed=3))
    assert set(data) == {"versions", "seed", "reports", "faults"}
    assert data["faults"] == {"planted": 2, "caught": 1}
    (report,) = data["reports"]
    assert report["theorem"] == "A title"
    assert report["verdict"] == "refuted"
    assert report["source"]["arxiv"] == "2401.13624"
    assert set(report["checks"][0]) == {"claim", "stated", "observed", "verdict", "tightness", "instances"}
    assert report["checks"][0]["observed"] == {"lower": 0.0, "upper": 0.25, "evidence": "enclosed", "confidence": None}
    assert report["checks"][0]["tightness"] == 0.5
    assert report["tables"][0]["rows"][1][2] == "inf"


def test_sampled_evidence_refutes_but_never_confirms():
    seen = Bracket(0.3, math.inf, Evidence.SAMPLED)
    assert judge("c", seen, "<=", 0.5).verdict is Verdict.CONSISTENT
    assert judge("c", seen, "<=", 0.2).verdict is Verdict.REFUTED
