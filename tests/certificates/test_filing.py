"""Certificate files: the same bytes every time, everything comes back, nothing else is read."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from constructive.certificates import checker
from constructive.certificates.checker import check
from constructive.certificates.training import Certificate, certify
from constructive.cli import main
from constructive.network import Network
from constructive.students import memorize

SIGN = Network.build([([[1.0], [-1.0]], None), ([[1.0, -1.0]], None)])


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def saved(path: Path, y: list[float] | None = None, radius: float = 0.5) -> bytes:
    certify(SIGN, [[1.0], [-2.0]], y or [1, -1], radius=radius).save(path)
    return path.read_bytes()


def test_the_same_certificate_gives_the_same_bytes(tmp_path: Path) -> None:
    assert saved(tmp_path / "a") == saved(tmp_path / "b")


def test_the_file_ends_in_the_digest_of_all_before(tmp_path: Path) -> None:
    data = saved(tmp_path / "a")
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("labels", ["classes", "names", "values"])
def test_a_certificate_comes_back_as_it_was(tmp_path: Path, precision: str, labels: str) -> None:
    rng = np.random.default_rng(3)
    X = rng.permutation(40)[:12, None] + rng.random((12, 2)) / 8
    y = {"classes": rng.integers(0, 2, 12), "names": np.array(["a", "b", "c"])[rng.integers(0, 3, 12)],
         "values": rng.random(12)}[labels]
    found = memorize(X, y, radius=0.125, precision=precision).certify()
    found.save(tmp_path / "a", seed=3)
    again = Certificate.load(tmp_path / "a")
    again.save(tmp_path / "b", seed=3)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (again.statement, again.verdict, again.kind) == (found.statement, found.verdict, found.kind)
    assert found.subject is not None
    assert again.subject is not None
    for one, two in zip(found.subject.network.layers, again.subject.network.layers, strict=True):
        assert np.array_equal(one.weight.data, two.weight.data)
        assert np.array_equal(one.bias, two.bias)
        assert one.weight.dtype == two.weight.dtype


def test_a_refuted_certificate_keeps_its_witness(tmp_path: Path) -> None:
    found = certify(SIGN, [[1.0], [-2.0]], [1, 1], radius=0.5)
    found.save(tmp_path / "a")
    again = Certificate.load(tmp_path / "a")
    assert found.witness is not None
    assert again.witness is not None
    assert again.witness[0] == found.witness[0] == 1
    assert np.array_equal(again.witness[1], found.witness[1])
    assert np.array_equal(again.right, found.right)


def test_a_certificate_without_its_network_is_not_saved(tmp_path: Path) -> None:
    from dataclasses import replace
    found = replace(certify(SIGN, [[1.0]], [1], radius=0.5), subject=None)
    with pytest.raises(ValueError, match="does not hold its network"):
        found.save(tmp_path / "a")


def test_a_network_too_deep_for_a_file_is_not_saved(tmp_path: Path) -> None:
    certify(SIGN.deepen(256), [[1.0]], [1], radius=0.5, classes=[0, 1]).save(tmp_path / "a")
    assert check((tmp_path / "a").read_bytes()).verdict == "confirmed"
    with pytest.raises(ValueError, match="257 layers; files hold at most 256"):
        certify(SIGN.deepen(257), [[1.0]], [1], radius=0.5, classes=[0, 1]).save(tmp_path / "b")


def test_class_names_may_hold_any_characters(tmp_path: Path) -> None:
    names = ['["{' * 40, "\u00e9\0\n"]
    certify(SIGN, [[1.0], [-2.0]], np.array(names)[[0, 1]], radius=0.5, classes=names[::-1]).save(tmp_path / "a")
    assert check((tmp_path / "a").read_bytes()).verdict == "confirmed"
    assert Certificate.load(tmp_path / "a").classes == tuple(names[::-1])


def test_loading_what_is_no_certificate_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(ValueError, match=r"^Certificate.load: [^\n]*$"):
        Certificate.load(tmp_path / "a")


def test_loading_a_file_that_says_nothing_about_itself_is_refused(tmp_path: Path) -> None:
    data = saved(tmp_path / "a")
    start = len(checker.MAGIC) + 9
    length = int(data[start - 9:start])
    header = json.loads(data[start:start + length]) | {"about": {}}
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    (tmp_path / "b").write_bytes(sealed(checker.MAGIC + b"%08d\n" % len(text) + text + data[start + length:-32]))
    assert check((tmp_path / "b").read_bytes()).verdict == "confirmed"
    with pytest.raises(ValueError, match="says nothing about itself"):
        Certificate.load(tmp_path / "b")


def test_the_command_returns_a_code_for_each_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path / "right")
    saved(tmp_path / "wrong", [1, 1])
    fold = Network.build([([[1.0] * 7], None), ([[1.0]], [-3.5])])
    certify(fold, [[0.5] * 7], [1], radius=0.0).save(tmp_path / "tie")
    (tmp_path / "broken").write_bytes((tmp_path / "right").read_bytes()[:-1])
    assert main(["check", str(tmp_path / "right")]) == 0
    assert "CONFIRMED" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "wrong")]) == 1
    assert "witness" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "tie")]) == 1  # a score of 0 is wrong
    assert main(["check", str(tmp_path / "broken")]) == 3
    assert main(["check", str(tmp_path / "missing")]) == 64


def test_the_checker_runs_alone_as_a_file(tmp_path: Path) -> None:
    data = saved(tmp_path / "right")
    alone = tmp_path / "alone.py"
    alone.write_bytes(Path(checker.__file__).read_bytes())
    (tmp_path / "broken").write_bytes(data[:100] + bytes([data[100] ^ 4]) + data[101:])
    for name, code, word in (("right", 0, "CONFIRMED"), ("broken", 3, "INVALID")):
        run = subprocess.run([sys.executable, "-I", str(alone), str(tmp_path / name)], capture_output=True, text=True,
                             check=False)
        assert (run.returncode, run.stderr) == (code, "")
        assert run.stdout.startswith(word)


def test_norms_and_radius_are_kept_exactly(tmp_path: Path) -> None:
    for norm in (1.0, 2.0, math.inf):
        certify(SIGN, [[1.0], [-2.0]], [1, -1], radius=0.1, norm=norm).save(tmp_path / "a")
        again = Certificate.load(tmp_path / "a")
        assert (again.radius, again.norm) == (0.1, norm)
        assert check((tmp_path / "a").read_bytes()).verdict == "confirmed"
