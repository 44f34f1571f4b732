"""What is written is true: public names are documented, examples in docstrings and in the README run."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE_ROOT = REPOSITORY / "constructive"
QUICKSTART_LINES = 18

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Yield (qualified name, node) of the public functions, classes and methods of a module."""
    for node in body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node.body, f"{prefix}{node.name}.")


def undocumented(source: str) -> list[str]:
    """Return the public names of a module's source that have no docstring."""
    definitions = public_definitions(ast.parse(source).body)
    return [name for name, node in definitions if not (ast.get_docstring(node) or "").strip()]


def python_blocks(markdown: str) -> list[str]:
    """Return the fenced python blocks of a Markdown text, in order."""
    return re.findall(r"^```python\n(.*?)^```", markdown, flags=re.MULTILINE | re.DOTALL)


def public_modules() -> list[Path]:
    """Return the modules without a leading underscore anywhere in their path; packages are included."""
    found = []
    for path in sorted(PACKAGE_ROOT.rglob("*.py")):
        parts = path.relative_to(PACKAGE_ROOT).with_suffix("").parts
        if not any(part.startswith("_") and part != "__init__" for part in parts):
            found.append(path)
    return found


def dotted_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("path", public_modules(), ids=dotted_name)
def test_every_public_name_has_a_docstring(path: Path) -> None:
    assert undocumented(path.read_text(encoding="utf-8")) == []


def test_a_missing_docstring_is_noticed() -> None:
    source = (
        'class C:\n    "ok"\n    def g(self): ...\n    def _h(self): ...\ndef f():\n    "ok"\ndef k(): ...\n'
    )
    assert undocumented(source) == ["C.g", "k"]


@pytest.mark.parametrize("path", sorted(PACKAGE_ROOT.rglob("*.py")), ids=dotted_name)
def test_the_examples_in_docstrings_run(path: Path) -> None:
    result = doctest.testmod(importlib.import_module(dotted_name(path)), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def run_blocks(path: Path) -> dict[str, object]:
    """Run the python blocks of a page one after the other, as a reader would; return what they define."""
    blocks = python_blocks(path.read_text(encoding="utf-8"))
    assert blocks, f"{path.name} has no python block"
    namespace: dict[str, object] = {"__name__": path.stem}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{path.name}, python block {number}", "exec"), namespace)
    return namespace


def test_the_examples_in_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace = run_blocks(REPOSITORY / "README.md")
    # A reader hands these to pytest; defining them would check nothing.
    tests = [value for name, value in namespace.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        assert callable(test)
        test()


@pytest.mark.parametrize("page", ["index.md", "tour.md", "recipes.md", "targets.md", "populations.md", "robustness.md",
                                  "training.md", "exchange.md", "certificates.md", "zoo.md", "nearinit.md",
                                  "features.md", "tangent.md", "ridge.md"])
def test_the_examples_in_the_documentation_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_blocks(REPOSITORY / "docs" / page)


def test_the_quickstart_is_short() -> None:
    first = python_blocks((REPOSITORY / "README.md").read_text(encoding="utf-8"))[0]
    assert len(first.splitlines()) <= QUICKSTART_LINES


def test_fenced_blocks_of_other_languages_are_left_alone() -> None:
    text = "```python\na = 1\n```\n\n```bash\nmake\n```\n\n```python\nb = 2\n```\n"
    assert python_blocks(text) == ["a = 1\n", "b = 2\n"]
