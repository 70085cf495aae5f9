"""Reading a programme: rules file to typed model, for one performance year, with overrides.

>>> import episodes as ep
>>> program = ep.load_program("team", performance_year=1)
>>> program.rules.construction.window.post_days.value
30
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from episodes.errors import ProgramError, unknown_name
from episodes.programs.code_tables import is_own_file
from episodes.programs.program import Program, known_programs, resolved
from episodes.programs.resolving import year_named
from episodes.programs.rule import Basis


def load_program(
    name: str | Path,
    performance_year: str | int | None = None,
    *,
    period: tuple[dt.date | str, dt.date | str] | None = None,
    amount_basis: Basis | None = None,
    without_exclusions: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Program:
    """Load a programme by name, or from a rules file of your own.

    Args:
        name: a packaged programme (`known_programs()`), or a path to a `.toml` rules file.
        performance_year: name of the year as the programme writes it; integers are accepted. Default: the one that
            the programme's file names, else its first.
        period: inclusive dates (or YYYY-MM-DD text) that replace those of the performance year.
        amount_basis: `standardized`, `allowed` or `paid` in place of the programme's own.
        without_exclusions: reason code, or reason codes, of exclusions to switch off, for exploration.
        overrides: rule ids with new values, see `Program.override`.

    Returns:
        A `Program`.

    Raises:
        ProgramError: an unknown name, year, rule or value; the message says what is known or allowed.

    Example:
        >>> import episodes as ep
        >>> ep.load_program("team", performance_year=1).price.discounts.value["CABG"]
        Decimal('0.015')
    """
    source = _read(name)
    default = source.get("default_performance_year") or next(iter(source["performance_years"]))
    program = resolved(source, str(default) if performance_year is None else year_named(source, performance_year))
    if period is not None:
        if not isinstance(period, tuple | list) or len(period) != 2:
            raise ProgramError(f"The period is two dates, (start, end); given: a {type(period).__name__}.")
        program = program.for_period(*period)
    if overrides:
        program = program.override(overrides)
    if amount_basis is not None:
        program = program.override({"construction.amount_basis": amount_basis})
    return program.without(without_exclusions)


def _read(name: str | Path) -> dict[str, Any]:
    path = Path(name)
    if isinstance(name, Path) or path.suffix == ".toml":
        if not path.is_file():
            raise ProgramError(f"There is no programme file {str(name)!r}.")
        content = path.read_bytes()
    elif name in known_programs():
        content = (files("episodes.programs") / "rules" / f"{name}.toml").read_bytes()
    else:
        hint = " A rules file of your own is given by its path, which ends in .toml."
        raise ProgramError(unknown_name("programme", str(name), known_programs()) + hint)
    try:
        source = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = error if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8 text"
        raise ProgramError(f"The programme file {path.name!r} is not valid TOML: {said}.") from None
    _need_head(source, path.name)
    beside = path.resolve().parent
    tree: dict[str, Any] = _with_paths(source, beside)
    return tree


def _with_paths(node: Any, folder: Path) -> Any:
    """A copy of the tree in which every table of the user's own, named by its file, has its whole path."""
    if isinstance(node, dict):
        return {key: _with_paths(value, folder) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_paths(value, folder) for value in node]
    return str(folder / node) if isinstance(node, str) and is_own_file(node) else node


def _need_head(source: Mapping[str, Any], file: str) -> None:
    """What is read before the rules themselves: whose they are, and for which years."""
    lacking = []
    if not isinstance(source.get("id"), str) or not source["id"]:
        lacking.append('a name, such as  id = "mine"')
    years = source.get("performance_years")
    if not isinstance(years, Mapping) or not years:
        lacking.append(
            "a table [performance_years] with a line a year, such as  1 = { start = 2026-01-01, end = 2026-12-31 }"
        )
    if lacking:
        raise ProgramError(
            f"The programme file {file!r} lacks {' and '.join(lacking)}. "
            "Is it a rules file? The easiest start for one is a copy of a packaged programme's file."
        )
