"""Let docstrings write absolute values as |x|: Sphinx would take the bars for a substitution."""

from __future__ import annotations

from typing import Any


def escape_bars(lines: list[str]) -> list[str]:
    """Return the lines with bars escaped, except in ``literals`` and in examples (from >>> to a blank line)."""
    out, example = [], False
    for line in lines:
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        parts = line.split("``")
        if not example:
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        out.append("``".join(parts))
    return out


def process(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place, as autodoc asks."""
    lines[:] = escape_bars(lines)


def setup(app: Any) -> dict[str, bool]:
    """Register the hook with Sphinx."""
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
