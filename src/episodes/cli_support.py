"""What the commands share: options to rules, threads, progress, run folders, and words for what a machine refuses."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from episodes.errors import EpisodesError, ProgramError

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from episodes.building.built import BuiltEpisodes
    from episodes.claims import Claims
    from episodes.pricing import TargetPrices
    from episodes.programs import Program
    from episodes.reconciliation import ReconciliationResult


def what_the_machine_refused(error: OSError | MemoryError) -> str:
    """What the machine refused, with the name of the file but not its place, and what to do."""
    number = getattr(error, "errno", None)
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return "memory ran out. Free some, or use a machine with more, and give the same command again."
    if number == errno.ENOSPC:
        return "the disk is full. Free some space, or choose another place, and give the same command again."
    name = file_name_in(error)
    if isinstance(error, FileNotFoundError):
        return f"{name} is not there. Was it moved or removed, or its name mistyped?"
    if isinstance(error, PermissionError):
        return f"no permission to read or write {name}. Have it given, or choose another place."
    if isinstance(error, NotADirectoryError | FileExistsError):
        return f"{name} is a file, or lies below one, where a folder is needed. Choose another place."
    if isinstance(error, IsADirectoryError):
        return f"{name} is a folder where a file is needed. Give the file."
    return f"{os.strerror(number) if number else type(error).__name__}: {name}."


def file_name_in(error: OSError) -> str:
    """The file an error is about; engines say its place in their text only, Python as an attribute."""
    if isinstance(error.filename, str):
        return repr(Path(error.filename).name)
    named = re.search(r"[/\\]([^/\\'\"]+)(?=['\"]|$)", str(error))
    return repr(named[1]) if named else "a file"


def load_rules(
    name: str,
    year: str | None,
    baseline: bool,
    period: str | None,
    basis: str | None,
    without: list[str] | None,
    override: list[str] | None,
) -> Program:
    import episodes as ep

    changes: dict[str, Any] = {}
    for change in override or []:
        key, equals, value = change.partition("=")
        if not equals:
            raise ProgramError(f"--override wants KEY=VALUE, got {key!r} without a value.")
        changes[key] = plain_value(value)
    if basis is not None:
        changes["construction.amount_basis"] = basis
    loaded = ep.load_program(name, year, overrides=changes, without_exclusions=without or [])
    if baseline:
        if period is not None:
            raise ProgramError("--baseline sets the period itself. Give --baseline or --period, not both.")
        loaded = loaded.for_baseline()
    if period is not None:
        start, colon, end = period.partition(":")
        if not colon:
            raise ProgramError("--period is START:END, for example 2022-01-01:2024-12-31.")
        loaded = loaded.for_period(date_of(start, "--period"), date_of(end, "--period"))
    return loaded


def plain_value(text: str) -> Any:
    """A value as JSON where it is JSON (90, true, ["a"]), else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def date_of(text: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise EpisodesError(f"{option}: a date is YYYY-MM-DD.") from error


def build_with_progress(
    claims: Claims,
    program: Program,
    as_of: dt.date | None,
    quiet: bool,
    title: str,
    threads: int,
    with_tables: Iterable[str] | None = None,
    attribution_methods: Sequence[str] | None = None,
) -> BuiltEpisodes:
    import episodes as ep

    with progress_line(title, quiet) as advance:
        return ep.build_episodes(
            claims,
            program,
            as_of=as_of,
            threads=threads or cores(),
            with_tables=with_tables,
            attribution_methods=attribution_methods,
            progress=advance,
        )


def write_built(folder: Path, built: BuiltEpisodes, claims: Claims, *, overwrite: bool) -> None:
    from episodes.running.run_folder import about_built, built_tables, write_run

    tables = built_tables(built, claims.report.quarantine)
    write_run(folder, "built", tables, about_built(built), overwrite=overwrite)


def write_result(
    folder: Path, built: BuiltEpisodes, prices: TargetPrices, result: ReconciliationResult, *, overwrite: bool
) -> None:
    from episodes.running.run_folder import about_program, write_run

    price_tables, documents = price_folder(prices, "prices/")
    tables = {
        "hospitals": result.hospitals,
        "parties": result.parties,
        "episodes": result.episodes,
        "steps": result.steps,
        "categories": result.categories,
        "conveners": result.conveners,
        **price_tables,
    }
    about = {"program": about_program(built.program), "basis": built.basis, "notes": list(result.notes)}
    write_run(folder, "reconciliation", tables, about, documents=documents, overwrite=overwrite)


def about_result(result: ReconciliationResult) -> dict[str, Any]:
    return {
        "hospitals": result.hospitals.to_dicts(),
        "groups": result.parties.filter(party_kind="group").to_dicts(),
        "conveners": result.conveners.to_dicts(),
        "notes": list(result.notes),
        "switched_off": list(result.program.switched_off),
        "overrides": dict(result.program.overrides),
        "open_rules": result.open_rules,
    }


def table_of(file: Path, what: str) -> pl.DataFrame:
    """A table given as a CSV or Parquet file."""
    import polars as pl

    if file.suffix not in (".csv", ".parquet") or not file.is_file():
        raise EpisodesError(f"There is no {what} {file.name!r}. Give a .csv or .parquet file.")
    try:
        if file.suffix == ".parquet":
            return pl.read_parquet(file)
        text = dict.fromkeys(("ccn", "performance_year", "episode_id", "hcpcs"), pl.String)
        return pl.read_csv(file, schema_overrides=text, try_parse_dates=True)
    except pl.exceptions.PolarsError as error:
        raise EpisodesError(f"The {what} {file.name!r} cannot be read: {type(error).__name__}.") from None


def price_folder(prices: TargetPrices, below: str = "") -> tuple[dict[str, pl.DataFrame], dict[str, str]]:
    """Tables and description of a price folder, named for a place in a run folder; `read_target_prices` reads it."""
    from episodes.pricing.price_files import DESCRIPTION_FILE, folder_description, folder_tables

    tables = {f"{below}{name.removesuffix('.parquet')}": table for name, table in folder_tables(prices).items()}
    return tables, {f"{below}{DESCRIPTION_FILE}": folder_description(prices)}


def cores() -> int:
    return os.cpu_count() or 1


def use_threads(threads: int) -> None:
    """One thread budget for every library; takes effect because none of them is imported yet."""
    if threads < 0:
        raise EpisodesError("--threads is 0 (all cores) or a number of threads from 1 on.")
    for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, str(threads or cores()))


def console_for(as_json: bool) -> Console:
    """Wide enough for the tables whatever the window: a wrapped line can be read, a cut amount cannot."""
    from rich.console import Console

    return Console(stderr=as_json, width=max(shutil.get_terminal_size().columns, 170))


@contextmanager
def progress_line(title: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress line on the error stream; silent where that is not a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_json(document: dict[str, Any]) -> int:
    print(json.dumps(document, indent=1, default=str))
    return 0
