"""A module imports from lower floors or its own package; entries of one floor never import each other.

An *entry* is a top-level module or subpackage of `constructive`. The table below is the architecture; the
same table with the reasons is in docs/architecture.md. Imports inside functions count: laziness changes when
a module is loaded, not what depends on what.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"_kernels", "_checks"}),
    frozenset({"evidence", "domain", "network", "labels"}),
    frozenset({"calculus", "certificates", "exact"}),
    frozenset({"blocks", "tangent", "targets"}),
    frozenset({"teachers", "ridge", "nearinit", "features"}),
    frozenset({"students", "populations"}),
    frozenset({"theorems", "interop", "training"}),
    frozenset({"verification", "risk", "experiments", "testing", "zoos", "instances"}),
    frozenset({"report", "plotting", "estimators", "tables"}),
    frozenset({"cli"}),
)
FLOOR_OF = {entry: floor for floor, entries in enumerate(FLOORS) for entry in entries}

# The facade collects names from every floor, and `python -m constructive` only opens the door to cli: both
# stand on top and nothing may import them.
TOP = len(FLOORS)
FLOOR_OF |= {"__init__": TOP, "__main__": TOP}

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = "constructive"


def imported_modules(tree: ast.AST, package: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield (line, module, names) for every import in `tree`; relative imports start from `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield node.lineno, module, tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            # importlib.import_module("...") and __import__("...") with a literal name
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            name = node.args[0].value
            if called in {"import_module", "__import__"} and isinstance(name, str):
                base = package if name.startswith(".") else ""
                yield node.lineno, base + name if base else name, ()


def imported_entries(module: str, names: tuple[str, ...], package_root: Path) -> set[str]:
    """Return the entries of the package that `from module import names` (or `import module`) reaches."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return set()
    if len(parts) > 1:
        return {parts[1]}

    def entry(name: str) -> str:
        is_module = (package_root / f"{name}.py").exists() or (package_root / name).is_dir()
        return name if is_module or name in FLOOR_OF else "__init__"  # anything else is a name of the facade

    return {entry(name) for name in names} or {"__init__"}


def floor_violations(repository: Path) -> list[str]:
    """Return one sentence for each import under `repository`/constructive that the table forbids."""
    package_root = repository / PACKAGE
    found = []
    for path in sorted(package_root.rglob("*.py")):
        relative = path.relative_to(package_root)
        entry = relative.parts[0].removesuffix(".py")
        if entry not in FLOOR_OF:
            found.append(f"{relative}: the entry {entry!r} stands on no floor; add it to FLOORS")
            continue
        package = ".".join((PACKAGE, *relative.parts[:-1]))
        for line, module, names in imported_modules(ast.parse(path.read_text(encoding="utf-8")), package):
            for other in sorted(imported_entries(module, names, package_root) - {entry}):
                if other not in FLOOR_OF:
                    found.append(f"{relative}:{line} imports {other!r}, which stands on no floor")
                elif FLOOR_OF[other] >= FLOOR_OF[entry]:
                    here, there = FLOOR_OF[entry], FLOOR_OF[other]
                    found.append(f"{relative}:{line} (floor {here}) imports {other!r} (floor {there})")
    return found


def demo_violations(repository: Path) -> list[str]:
    """Return one sentence for each import of a demo beyond facade, numpy, matplotlib, sklearn, standard library."""
    allowed = {"numpy", "matplotlib", "sklearn", *sys.stdlib_module_names}
    found = []
    for path in sorted((repository / "demos").rglob("*.py")):
        for line, module, names in imported_modules(ast.parse(path.read_text(encoding="utf-8")), "demos"):
            facade = module == PACKAGE and not any(name.startswith("_") for name in names)
            if not facade and module.split(".")[0] not in allowed:
                found.append(f"demos/{path.name}:{line} imports {module!r}; use `import constructive as con`")
    return found


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_the_package_obeys_the_floors() -> None:
    assert list((REPOSITORY / PACKAGE).rglob("*.py")), "no module was found: the test would check nothing"
    assert floor_violations(REPOSITORY) == []


def test_the_demos_use_the_facade_alone() -> None:
    assert demo_violations(REPOSITORY) == []


def test_no_entry_stands_on_two_floors() -> None:
    assert sum(len(entries) for entries in FLOORS) == len(set().union(*FLOORS))


LEGAL = {
    "constructive/__init__.py": "from constructive.network import Network\n",
    "constructive/__main__.py": "from constructive.cli import main\n",
    "constructive/_checks.py": "import math\n",
    "constructive/network.py": "import numpy as np\nfrom constructive import _checks\n",
    "constructive/blocks/__init__.py": "from .square import square\n",
    "constructive/blocks/square.py": "from ..network import Network\nfrom . import step\n",
    "constructive/blocks/step.py": "def step():\n    from constructive._kernels import chain\n",
    "constructive/cli.py": "import constructive.blocks.square as square\n",
}


def test_a_legal_tree_has_no_violation(tmp_path: Path) -> None:
    assert floor_violations(write_tree(tmp_path, LEGAL)) == []


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("network.py", "from constructive.calculus import chain\n", "imports 'calculus'"),
        ("network.py", "import constructive.blocks.square\n", "imports 'blocks'"),
        ("network.py", "from constructive import domain\n", "imports 'domain'"),
        ("network.py", "from . import domain\n", "imports 'domain'"),
        ("network.py", "from .domain import Box\n", "imports 'domain'"),
        ("network.py", "def f():\n    from constructive import risk\n", "imports 'risk'"),
        ("network.py", "import constructive\n", "imports '__init__'"),
        ("network.py", "from constructive import memorize\n", "imports '__init__'"),
        ("network.py", "from constructive import oddity\n", "imports '__init__'"),
        ("network.py", "from constructive.oddity import x\n", "imports 'oddity', which stands on no floor"),
        ("network.py", "import_module('constructive.risk')\n", "imports 'risk'"),
        ("network.py", "importlib.import_module('.risk', 'constructive')\n", "imports 'risk'"),
        ("blocks/step.py", "from ..students import memorize\n", "imports 'students'"),
        ("blocks/deep/step.py", "from ... import students\n", "imports 'students'"),
        ("certificates/enclosure.py", "from constructive import calculus\n", "imports 'calculus'"),
        ("cli.py", "from constructive import Network\n", "imports '__init__'"),
        ("oddity.py", "", "oddity.py: the entry 'oddity' stands on no floor"),
        ("odd/ity.py", "", "odd/ity.py: the entry 'odd' stands on no floor"),
    ],
)
def test_a_planted_fault_is_reported(tmp_path: Path, path: str, text: str, message: str) -> None:
    found = floor_violations(write_tree(tmp_path, LEGAL | {f"constructive/{path}": text}))
    assert len(found) == 1
    assert message in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "from constructive.network import Network\n",
        "import constructive.blocks.square\n",
        "from constructive import _kernels\n",
        "import scipy\n",
        "def main():\n    import rich\n",
    ],
)
def test_a_demo_that_looks_behind_the_facade_is_reported(tmp_path: Path, text: str) -> None:
    assert len(demo_violations(write_tree(tmp_path, {"demos/ex01_demo.py": text}))) == 1


def test_a_demo_may_use_numpy_matplotlib_and_the_standard_library(tmp_path: Path) -> None:
    text = "import numpy\nimport matplotlib.pyplot\nfrom pathlib import Path\nimport constructive as con\n"
    assert demo_violations(write_tree(tmp_path, {"demos/ex01_demo.py": text})) == []
