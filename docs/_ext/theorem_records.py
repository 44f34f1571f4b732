"""Write docs/_generated/theorem_records.md from the records of the package, before Sphinx reads any page.

The page says what the code says: name, statement, hypotheses, source and how much of it was read all come
from `constructive.theorems.ALL`, so the two cannot drift apart.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ORIGIN = {
    "paper": "as in the paper",
    "sharper": "a sharper form of a statement in the paper",
    "ours": "our own statement",
}
READ = {
    "full": "the full text was read",
    "abstract": "the abstract was read",
    "secondary": "known through other texts that describe it",
}


def plain(text: str) -> str:
    """Return `text` with every character escaped that Markdown would take for markup, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>#|$~])", r"\\\1", " ".join(text.split()))


def source_line(source: Any) -> str:
    """Return one sentence: which paper, whose statement, how much was read, and further references."""
    link = f"[arXiv:{source.arxiv}](https://arxiv.org/abs/{source.arxiv})"
    also = f" See also {plain('; '.join(source.also))}." if source.also else ""
    return f"{link}, {plain(source.statement)}: {ORIGIN[source.origin]}; {READ[source.read]}.{also}"


def section(record: Any) -> str:
    """Return the section of one theorem record."""
    title = plain(record.name.replace("-", " "))
    return "\n".join([
        f"## {title[:1].upper()}{title[1:]}",
        "",
        plain(record.statement),
        "",
        "Hypotheses:",
        "",
        *(f"- {plain(hypothesis)}" for hypothesis in record.hypotheses),
        "",
        "| claim | limit | checked on |",
        "|---|---|---|",
        *(f"| {plain(c.name)} | {plain(c.relation)} {plain(c.formula)} | {c.scope} |" for c in record.claims),
        "",
        *proof_table(record.proof),
        f"Source: {source_line(record.source)}",
        "",
        f"Verify: `python -m constructive verify {record.name}`",
        "",
    ])


def proof_table(steps: Any) -> list[str]:
    """Return the lines of the table from proof steps to code; none if the record has no steps."""
    if not steps:
        return []
    rows = [f"| {plain(step)} | {plain(code)} |" for step, code in steps]
    return ["| step of the proof | code |", "|---|---|", *rows, ""]


def page(records: Any) -> str:
    """Return the Markdown of all records, in the order of the package."""
    found = list(records)
    if not found:
        raise ValueError("theorem_records: constructive.theorems.ALL is empty; there is nothing to document")
    return "\n".join(section(record) for record in found)


def write_page(app: Any) -> None:
    """Write the page; an unchanged one is left alone, so that Sphinx need not read it again."""
    from constructive import theorems

    path = Path(app.srcdir) / "_generated" / "theorem_records.md"
    path.parent.mkdir(exist_ok=True)
    text = page(theorems.ALL)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the hook with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
