"""The command line: demo, memorize, zoo, verify, theorems, check, instances.

Exit codes: 0 done (or confirmed), 1 refuted, 2 undecided, 3 no certificate (check), 64 wrong usage or bad input.
Results go to stdout, progress and messages to stderr.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable

from constructive import report as rendering
from constructive.evidence import Report, Verdict, versions, worst

EXIT = {Verdict.CONFIRMED: 0, Verdict.CONSISTENT: 0, Verdict.REFUTED: 1, Verdict.UNDECIDED: 2}
USAGE = 64

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None,
                  help="Demo, memorize, verify: explicit ReLU networks and what is proved about them.")
_errors = Console(stderr=True)
# The base of all usage errors, wherever this version of typer keeps it.
_USAGE_ERROR: Any = typer.BadParameter.__mro__[2]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code. Wrong usage and bad input end in one line and code 64."""
    try:
        result = app(args=arguments, standalone_mode=False)
        return int(result) if isinstance(result, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except _USAGE_ERROR as problem:
        print(problem.format_message(), file=sys.stderr)
        return USAGE
    except (ValueError, TypeError, OSError) as problem:
        print(f"constructive: {problem}", file=sys.stderr)
        return USAGE


def _version(shown: bool) -> None:
    if shown:
        print(f"constructive {versions()['constructive']}")
        raise typer.Exit


@app.callback()
def _options(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True,
                                                   help="Print the version.")] = False) -> None:
    pass


# -- demo ---------------------------------------------------------------------------------------------------


def demo_files() -> dict[str, Path]:
    """Return the demos by name, from inside an installed package or beside a checkout."""
    home = Path(__file__).parent
    for folder in (home / "demos", home.parent / "demos"):
        found = sorted(folder.glob("ex[0-9]*_*.py"))
        if found:
            return {path.stem: path for path in found}
    return {}


@app.command()
def demo(name: Annotated[str | None, typer.Argument(help="Which demo; the first one if left out.")] = None,
         listed: Annotated[bool, typer.Option("--list", help="List the demos.")] = False,
         out: Annotated[Path | None, typer.Option(help="Folder for the picture and the report.")] = None) -> int:
    """Build, prove and draw an example."""
    demos = demo_files()
    if listed:
        for stem, path in demos.items():
            print(f"{stem}  {_title(path)}")
        return 0
    if not demos:
        raise ValueError("demo: no demos found beside the package")
    chosen = next(iter(demos)) if name is None else name
    if chosen not in demos:
        raise ValueError(f"demo: no demo {chosen!r}; choose from {', '.join(demos)}")
    print(f"{chosen}: building and proving; the first run compiles, once", file=sys.stderr)
    try:
        module = _load(demos[chosen])
    except ModuleNotFoundError as missing:
        print(f"{chosen} needs {missing.name}, which is not installed; see the extras in README")
        return 0
    result = module.main(out)
    print(rendering.text(result))
    if out is not None:
        for path in sorted(out.glob(f"{chosen}*")):
            print(f"wrote {path}", file=sys.stderr)
    return EXIT[result.verdict]


def _title(path: Path) -> str:
    words = path.read_text(encoding="utf-8").split('"""')[1].strip().splitlines()
    return words[0] if words else ""


def _load(path: Path) -> Any:
    import matplotlib
    matplotlib.use("Agg")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"demo: cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- memorize -----------------------------------------------------------------------------------------------


@app.command()
def memorize(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header row.")],
    label: Annotated[str, typer.Option(help="Name of the label column.")],
    radius: Annotated[str, typer.Option(help="Radius in scaled units, or 'auto': 95 % of the largest.")] = "auto",
    test_fraction: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of rows held out.")] = 0.25,
    teacher: Annotated[str, typer.Option(help="'affine' (least squares) or 'none'.")] = "affine",
    recipe: Annotated[str, typer.Option(help="'clip', 'additive', 'argmax', 'lean', 'one-sided' or 'paper'.")] = "clip",
    precision: Annotated[str, typer.Option(help="'float64' or 'float32'.")] = "float64",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the split, and of the order of merging.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the network and the report.")] = None,
) -> int:
    """Memorize a table robustly: build, count, certify, and measure on held-out rows."""
    from constructive.tables import memorize_table, read_table
    table = read_table(file, label)
    size: float | None = None
    if radius != "auto":
        try:
            size = float(radius)
        except ValueError as problem:
            raise ValueError(f"memorize: radius={radius!r} must be a number or 'auto'") from problem
    print("memorize: building and certifying; the first run compiles, once", file=sys.stderr)
    student, result = memorize_table(table, radius=size, test_fraction=test_fraction, teacher=teacher,
                                     recipe=recipe, precision=precision, seed=seed)
    print(rendering.text(result))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        student.to_network().save(out / f"{file.stem}.npz")
        (out / f"{file.stem}.txt").write_text(rendering.text(result) + "\n", encoding="utf-8")
        (out / f"{file.stem}.json").write_text(rendering.to_json([result], seed) + "\n", encoding="utf-8")
        print(f"wrote {file.stem}.npz, .txt and .json into {out}", file=sys.stderr)
    return EXIT[result.verdict]


# -- zoo ----------------------------------------------------------------------------------------------------


@app.command()
def zoo(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header row.")],
    label: Annotated[str | None, typer.Option(help="Name of the label column; the last one if left out.")] = None,
    radius: Annotated[float | None, typer.Option(min=0.0, help="Radius in l_inf; by default a share of the "
                                                               "largest.")] = None,
    share: Annotated[float, typer.Option(help="Share of the largest radius, between 0 and 1.")] = 0.5,
    scale: Annotated[bool, typer.Option(help="Scale the features to [0, 1].")] = True,
    draws: Annotated[int, typer.Option(min=1, help="Directions drawn.")] = 1000,
    budget: Annotated[int | None, typer.Option(min=1, help="Nonzeros times data up to which a network is written "
                                                           "out.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of directions and corners.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> int:
    """Memorize a table in every known way: sizes, radius, Lipschitz constant, and what nobody can beat."""
    from constructive.tables import read_table, zoo_table
    table = read_table(file, label, who="zoo")
    with Progress(console=_errors, transient=True, disable=not _errors.is_terminal) as progress:
        task = progress.add_task("building", total=None)
        result = zoo_table(table, radius=radius, share=share, draws=draws, budget=budget, seed=seed, scaled=scale,
                           progress=lambda name: progress.update(task, description=name))
    if as_json:
        print(rendering.to_json([result], seed))
    elif Console().is_terminal:
        _in_color(result)
    else:
        print(rendering.text(result))
    return EXIT[result.verdict]


def _in_color(report: Report) -> None:
    """Print the report's checks as text and its tables with lines, numbers to the right."""
    console = Console()
    print(rendering.text(Report(report.title, report.checks, (), report.notes, report.source, report.seed)))
    for part in report.tables:
        table = RichTable(title=part.title, caption=part.note)
        for k, column in enumerate(part.columns):
            table.add_column(column, justify="left" if k == 0 else "right", overflow="fold")
        for row in rendering.cells(part):
            table.add_row(*row)
        console.print(table)


# -- verify and theorems ------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def verify(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name of a record; see 'theorems'.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Verify every record.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Changes every instance.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
    thorough: Annotated[bool, typer.Option(help="Ten times as many instances.")] = False,
    instances: Annotated[int | None, typer.Option(min=1, help="Number of instances.")] = None,
) -> int:
    """Check theorems on fresh instances, each with a planted error. Further options, as --d 2, fix what they name."""
    from constructive import theorems
    from constructive.verification import verify as verified
    if everything == (name is not None):
        raise ValueError("verify: pass the name of one record, or --all")
    arguments: dict[str, Any] = dict(_arguments(context.args))
    records = theorems.ALL if everything else (theorems.find(str(name)),)
    reports: list[Report] = []
    with Progress(console=_errors, transient=True, disable=not _errors.is_terminal) as progress:
        task = progress.add_task("verifying", total=len(records))
        for record in records:
            progress.update(task, description=record.name)
            try:
                reports.append(verified(record, seed=seed, instances=instances, thorough=thorough, **arguments))
            except TypeError as problem:
                if not arguments:
                    raise
                raise ValueError(f"verify: {record.name} does not take {', '.join(arguments)}: {problem}") from problem
            progress.advance(task)
    if as_json:
        print(rendering.to_json(reports, seed))
    elif everything:
        _summary(reports, seed)
    else:
        print(rendering.text(reports[0]))
    return EXIT[worst([r.verdict for r in reports])]


def _arguments(words: list[str]) -> dict[str, int | float]:
    """Return ``--n 100000 --tolerance=0.1`` as names and numbers; UsageError for anything else."""
    found: dict[str, int | float] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"verify: unexpected argument {word!r}")
        key, _, value = word[2:].partition("=")
        if not value:
            if not rest:
                raise ValueError(f"verify: option --{key} needs a number")
            value = rest.pop(0)
        try:
            found[key.replace("-", "_")] = float(value) if any(c in value for c in ".einf") else int(value)
        except ValueError as problem:
            raise ValueError(f"verify: option --{key}={value!r} must be a number") from problem
    return found


def _summary(reports: list[Report], seed: int) -> None:
    table = RichTable(title=f"{len(reports)} records, seed {seed}")
    for column in ("record", "verdict", "claims", "instances", "errors caught"):
        table.add_column(column, justify="left" if column in ("record", "verdict") else "right")
    for report in reports:
        table.add_row(report.title, report.verdict.value.upper(), str(len(report.checks) - 1), str(report.planted),
                      f"{report.caught} of {report.planted}")
    Console().print(table)
    for report in reports:
        if report.verdict in (Verdict.REFUTED, Verdict.UNDECIDED):
            print(rendering.text(report))


@app.command()
def theorems() -> int:
    """List what is claimed, under which hypotheses, and where it comes from."""
    from constructive import theorems as records
    for record in records.ALL:
        print(f"{record.name}\n  {record.statement}")
        print(f"  needs: {'; '.join(record.hypotheses)}")
        print(f"  {record.cite()}\n")
    return 0


# -- check --------------------------------------------------------------------------------------------------


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A certificate file, as Certificate.save writes it.")]) -> int:
    """Check a certificate in exact arithmetic, from weights and data alone; exit code 3 if the file is none."""
    from constructive.certificates.checker import main as checked
    return checked([str(file)])


# -- instances ----------------------------------------------------------------------------------------------


@app.command()
def instances(
    folder: Annotated[Path, typer.Argument(help="Folder for networks, properties and the truth; made if missing.")],
    seed: Annotated[int, typer.Option(min=0, help="Changes every network.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Most dense weights of a network.")] = 1_000_000,
    largest: Annotated[int, typer.Option(min=2, help="Most inputs of a network.")] = 16,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that instances.csv grants each instance.")] = 60,
) -> int:
    """Write verification instances whose answers are known by theorem: ONNX, VNN-LIB, instances.csv, truth.csv."""
    from constructive.instances import write_instances
    try:
        written = write_instances(folder, seed=seed, limit=limit, largest=largest, timeout=timeout)
    except ModuleNotFoundError as missing:
        print(f"instances needs {missing.name}, which is not installed; see the extras in README")
        return 0
    print(written)
    return 0
