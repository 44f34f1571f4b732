"""Every submodule can be imported under its own name, and importing the package loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import constructive

PACKAGE_ROOT = Path(constructive.__file__).parent

# Loaded only by the functions that need them: plots, the command line, property tests, estimators, kernels.
LAZY = {"matplotlib", "typer", "rich", "hypothesis", "sklearn", "numba"}


def submodules(root: Path, package: str) -> list[str]:
    """Return the dotted names of all modules under `root`, read from the file names."""
    names = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        names.append(".".join((package, *(part for part in parts if part != "__init__"))))
    return names


def import_as(name: str) -> object:
    """Return what `import a.b as m` binds to m: the attribute b of a, which a function may shadow."""
    namespace: dict[str, object] = {}
    exec(f"import {name} as m", namespace)
    return namespace["m"]


def loaded_by(statement: str) -> set[str]:
    """Return which of the lazy packages a fresh interpreter has loaded after `statement`."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return LAZY & set(json.loads(done.stdout))


def touch_every_public_name(package: ModuleType) -> None:
    """Read each public name once: a lazy facade stores what it finds, and that could shadow a submodule."""
    for name in getattr(package, "__all__", ()):
        getattr(package, name)


@pytest.mark.parametrize("name", submodules(PACKAGE_ROOT, "constructive"))
def test_no_exported_name_shadows_a_submodule(name: str) -> None:
    touch_every_public_name(constructive)
    module = import_as(name)
    assert isinstance(module, ModuleType)
    assert module.__name__ == name


def test_a_function_that_shadows_its_submodule_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "shadowing"
    package.mkdir()
    (package / "__init__.py").write_text("from shadowing.square import square\n")
    (package / "square.py").write_text("def square():\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert submodules(package, "shadowing") == ["shadowing", "shadowing.square"]
    assert not isinstance(import_as("shadowing.square"), ModuleType)


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import constructive") == set()


def test_a_heavy_import_is_noticed() -> None:
    assert loaded_by("import constructive, rich") == {"rich"}
