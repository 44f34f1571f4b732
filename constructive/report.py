"""Reports as text, Markdown, JSON and LaTeX: renderers only, nothing is computed here."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from constructive.evidence import Bracket, Check, Report, Table, versions

_CHECK_COLUMNS = ("claim", "stated", "observed", "verdict", "tightness", "instances")


def text(report: Report) -> str:
    """Return the report as plain text, columns aligned."""
    parts = [report.title, "=" * len(report.title)]
    parts += list(report.notes)
    if report.checks:
        parts += ["", _aligned(_CHECK_COLUMNS, [_check_row(check) for check in report.checks])]
        parts += [f"  {check.claim}: {check.note}" for check in report.checks if check.note]
    for table in report.tables:
        parts += ["", table.title, _aligned(table.columns, cells(table))]
        if table.note:
            parts.append(f"  {table.note}")
    parts += ["", _footer(report)]
    return "\n".join(parts)


def markdown(report: Report) -> str:
    """Return the report as Markdown with pipe tables."""
    parts = [f"## {report.title}", "", *[f"{note}\n" for note in report.notes]]
    if report.checks:
        parts += [_pipes(_CHECK_COLUMNS, [_check_row(check) for check in report.checks]), ""]
    for table in report.tables:
        parts += [f"### {table.title}", "", _pipes(table.columns, cells(table)), ""]
        if table.note:
            parts += [table.note, ""]
    return "\n".join([*parts, f"*{_footer(report)}*", ""])


def latex(report: Report) -> str:
    """Return the report as LaTeX ``tabular`` environments, one for the checks and one for each table."""
    blocks = []
    if report.checks:
        blocks.append(_tabular(report.title, _CHECK_COLUMNS, [_check_row(check) for check in report.checks]))
    blocks += [_tabular(table.title, table.columns, cells(table)) for table in report.tables]
    return "\n\n".join([*blocks, f"% {_footer(report)}"]) + "\n"


def as_data(report: Report) -> dict[str, Any]:
    """Return one report as plain data for JSON; infinities become the words "inf" and "-inf"."""
    source = report.source
    return {
        "theorem": report.title,
        "source": None if source is None else {
            "arxiv": source.arxiv, "statement": source.statement, "origin": source.origin, "read": source.read,
            "also": list(source.also)},
        "verdict": report.verdict.value,
        "checks": [{"claim": c.claim, "stated": c.stated, "observed": _bracket_data(c.observed),
                    "verdict": c.verdict.value, "tightness": _number(c.tightness), "instances": c.instances}
                   for c in report.checks],
        "tables": [{"title": t.title, "columns": list(t.columns), "rows": [[_plain(v) for v in row] for row in t.rows]}
                   for t in report.tables],
    }


def to_json(reports: Sequence[Report], seed: int | None = None) -> str:
    """Return reports as one JSON document: versions, seed, reports, planted faults and those caught."""
    document = {
        "versions": versions(),
        "seed": seed,
        "reports": [as_data(report) for report in reports],
        "faults": {"planted": sum(r.planted for r in reports), "caught": sum(r.caught for r in reports)},
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _footer(report: Report) -> str:
    seed = "" if report.seed is None else f"seed {report.seed}, "
    return seed + ", ".join(f"{name} {value}" for name, value in versions().items())


def _check_row(check: Check) -> tuple[str, ...]:
    tight = "" if check.tightness is None else f"{check.tightness:.4g}"
    return (check.claim, check.stated, str(check.observed), check.verdict.value.upper(), tight,
            str(check.instances))


def cells(table: Table) -> list[tuple[str, ...]]:
    """Return the rows as text: whole numbers with separators, others with four digits, nothing for None."""
    return [tuple(_cell(value) for value in row) for row in table.rows]


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[k]) for row in [columns, *rows]) for k in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in [columns, ["-" * width for width in widths], *rows]]
    return "\n".join(lines)


def _pipes(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
          "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
          "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}


def _tabular(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join("".join(_LATEX.get(ch, ch) for ch in cell) for cell in cells) + r" \\"
    body = "\n".join(line(row) for row in rows)
    return (f"% {title}\n\\begin{{tabular}}{{{'l' * len(columns)}}}\n\\hline\n{line(columns)}\n\\hline\n"
            f"{body}\n\\hline\n\\end{{tabular}}")


def _bracket_data(bracket: Bracket) -> dict[str, Any]:
    return {"lower": _number(bracket.lower), "upper": _number(bracket.upper), "evidence": bracket.evidence.value,
            "confidence": bracket.confidence}


def _number(value: float | None) -> float | str | None:
    if value is None or math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _plain(value: object) -> object:
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    return _number(value) if isinstance(value, float) else str(value)
