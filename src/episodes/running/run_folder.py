"""The run folder: tables as Parquet and a manifest, written beside its place and renamed into it.

A run that is killed leaves no half-written folder, only a hidden partial one that the next run removes. The tables of
two runs over the same input are the same bytes; the manifest also says when and with which versions.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.claims.contract import TABLES
from episodes.errors import RunFolderError
from episodes.programs import Program, known_programs, load_program
from episodes.tables import scan_parquet, sha256_of, write_parquet

MANIFEST = "manifest.json"
_BUILT_TABLES = ("episodes", "services", "balance", "providers", "hospitals", "participants", "quality")
_FURTHER_TABLES = ("risk", "outcomes", "attribution")
"""Tables that a build may have been asked to leave out."""
_LAZY_TABLES = ("services", "outcomes", "attribution")
_PROGRAM_KEYS = ("id", "performance_year", "period", "own_period", "overrides", "switched_off", "fingerprint")
_LIBRARIES = ("episodes", "polars", "pyarrow", "duckdb", "numba", "numpy", "pydantic", "dataframely")


def write_run(
    folder: Path,
    kind: str,
    tables: Mapping[str, pl.DataFrame | pl.LazyFrame],
    about: Mapping[str, Any],
    *,
    documents: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write tables and manifest as one run folder.

    Args:
        folder: the place of the run; must not exist unless `overwrite`.
        kind: what the run is (`built`, `prices`, `reconciliation`, ...), recorded in the manifest.
        tables: name (may hold `/`) to frame.
        about: what else the manifest says; plain data.
        documents: name to text of further files.
        overwrite: replace an existing run folder.

    Raises:
        RunFolderError: the place is taken, or is not a run folder.
    """
    check_place(folder, overwrite=overwrite)
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    rows = {name: write_parquet(frame, partial / f"{name}.parquet") for name, frame in tables.items()}
    for name, text in (documents or {}).items():
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_text(text, encoding="utf-8")
    listed = {
        f"{name}.parquet": {"rows": number, "sha256": sha256_of(partial / f"{name}.parquet")}
        for name, number in rows.items()
    }
    manifest = {"kind": kind, **about, "tables": listed, "written_at": _now(), "versions": versions()}
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=1, default=str) + "\n", encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    return folder


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Fail before the work is done rather than after it.

    Raises:
        RunFolderError: the place is a file or below one, is taken, or is a folder of something else.
    """
    file = next((place for place in (folder, *folder.parents) if place.is_file()), None)
    if file is not None:
        below = "" if file == folder else f", and {_called(folder)!r} would lie below it"
        raise RunFolderError(
            f"{file.name!r} is a file{below}: a run is written into a folder of its own. Choose another place."
        )
    if not folder.exists():
        return
    if not overwrite:
        raise RunFolderError(f"The folder {_called(folder)!r} exists. Choose another place, or say --overwrite.")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not (folder / MANIFEST).is_file():
        raise RunFolderError(
            f"The folder {_called(folder)!r} is not a run folder (it has no {MANIFEST}), so it is not overwritten. "
            "Choose another place."
        )


def read_manifest(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """The manifest of a run folder; with `kind`, of a run of that kind only.

    Raises:
        RunFolderError: nothing there, not a run folder, a damaged manifest, or a run of another kind.
    """
    place = folder / MANIFEST
    if not folder.exists():
        raise RunFolderError(f"There is no run folder {_called(folder)!r} at the place given.")
    if folder.is_file():
        raise RunFolderError(f"{_called(folder)!r} is a file, not a run folder: give the folder that holds {MANIFEST}.")
    if not place.is_file():
        raise RunFolderError(f"{_called(folder)!r} is not a run folder: it has no {MANIFEST}.")
    try:
        manifest = json.loads(place.read_text(encoding="utf-8"))
    except ValueError:
        raise _damaged(folder, MANIFEST, "is not readable as JSON") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("tables"), dict) or "kind" not in manifest:
        raise _damaged(folder, MANIFEST, "does not say what the run is and which tables it has")
    if kind is not None and manifest["kind"] != kind:
        raise RunFolderError(f"{_called(folder)!r} holds a run of kind {manifest['kind']!r}, expected {kind!r}.")
    return manifest


def runs_in(folder: Path) -> list[Path]:
    """The run folders directly in a folder, by name; a demo writes three."""
    if not folder.is_dir():
        return []
    return sorted(one for one in folder.iterdir() if one.is_dir() and (one / MANIFEST).is_file())


def build_in(folder: Path, *, of_baseline: bool = False) -> Path:
    """The build run that a folder is, or the one of a performance year (of a baseline) that it holds.

    Raises:
        RunFolderError: it holds several such builds, or runs but no such build.
    """
    if (folder / MANIFEST).is_file() or not runs_in(folder):
        return folder
    builds = [(one, read_manifest(one)) for one in runs_in(folder)]
    builds = [(one, said) for one, said in builds if said["kind"] == "built"]
    found = [one for one, said in builds if said.get("program", {}).get("own_period", True) is not of_baseline]
    if len(found) == 1:
        return found[0]
    wanted = "builds of other dates than their performance year's" if of_baseline else "builds of a performance year"
    inside = ", ".join(repr(str(folder / one.name)) for one, _ in builds)
    raise RunFolderError(
        f"{_called(folder)!r} is not a run folder but holds {len(runs_in(folder))} of them, {len(found)} of which are "
        f"{wanted}. Give one: {inside or 'a folder that episodes build wrote'}."
    )


def check_tables(folder: Path, manifest: Mapping[str, Any], needed: Iterable[str] = ()) -> None:
    """Every table of the manifest is there and is the file that was written: a run is read back whole or not at all.

    Raises:
        RunFolderError: a table is missing, not listed, or has another sha256.
    """
    listed = manifest["tables"]
    for name in (f"{table}.parquet" for table in needed):
        if name not in listed:
            raise _damaged(folder, MANIFEST, f"does not list {name!r}")
    for name, said in listed.items():
        if not (folder / name).is_file():
            raise _damaged(folder, name, "is missing")
        if not isinstance(said, dict) or sha256_of(folder / name) != said.get("sha256"):
            raise _damaged(folder, name, f"is not the file that was written (its sha256 is not that of {MANIFEST})")


def _damaged(folder: Path, file: str, fault: str) -> RunFolderError:
    return RunFolderError(
        f"Run folder {_called(folder)!r}: {file!r} {fault}. "
        "Usual causes: a copy that was cut short, or files edited or exchanged by hand. Copy the folder again, or run "
        "the command that made it again."
    )


def built_tables(
    built: BuiltEpisodes, quarantine: Mapping[str, pl.DataFrame] | None = None
) -> dict[str, pl.DataFrame | pl.LazyFrame]:
    """The tables of a build run, quarantined rows included; the large ones are lazy."""
    tables: dict[str, pl.DataFrame | pl.LazyFrame] = {
        "episodes": built.episodes,
        "services": built.services,
        "balance": built.balance,
        "providers": built.providers,
        "exclusions": built.ladder(),
        "hospitals": built.hospitals,
        "participants": built.participants,
        "quality": built.quality,
    }
    further = {name: getattr(built, name) for name in _FURTHER_TABLES}
    tables |= {name: frame for name, frame in further.items() if frame is not None}
    for name in TABLES:
        if quarantine and name in quarantine:
            tables[f"quarantine/{name}"] = quarantine[name]
    return tables


def about_built(built: BuiltEpisodes) -> dict[str, Any]:
    """What the manifest says of a build: programme, basis, what was switched off, counts, balance, source."""
    program = built.program
    return {
        "program": about_program(program),
        "basis": built.basis,
        "counts": dict(built.counts),
        "balance": {"items": int(built.balance["items"].sum()), "cents": int(built.balance["cents"].sum())},
        "source": dict(built.source),
    }


def about_program(program: Program) -> dict[str, Any]:
    """What a manifest says of a programme: enough to load it again, and what a reader must know of."""
    return {
        "id": program.id,
        "performance_year": program.performance_year,
        "period": [day.isoformat() for day in program.period],
        "own_period": program.own_period,
        "switched_off": list(program.switched_off),
        "overrides": dict(program.overrides),
        "fingerprint": program.fingerprint,
        "open_rules": program.open_rules(),
    }


def read_built(
    folder: str | Path, program_file: str | Path | None = None, *, of_baseline: bool = False
) -> BuiltEpisodes:
    """A build run, read back. The programme is loaded again and must have the fingerprint of the run.

    Args:
        folder: a run folder written by `episodes build`, or a folder that holds one build of a performance year, such
            as that of `episodes demo`.
        program_file: the rules file, where the run used one of the user's own.
        of_baseline: of a folder that holds several runs, read the build of the baseline.

    Raises:
        RunFolderError: nothing there, a file that is missing, damaged or exchanged, or a run under other rules.
    """
    folder = build_in(Path(folder), of_baseline=of_baseline)
    manifest = read_manifest(folder, "built")
    check_tables(folder, manifest, _BUILT_TABLES)
    lacking = [key for key in ("program", "basis", "counts", "source") if key not in manifest]
    said = manifest.get("program")
    if lacking or not isinstance(said, dict) or not set(_PROGRAM_KEYS) <= set(said):
        raise _damaged(folder, MANIFEST, "does not say all that a build says of itself")
    if program_file is None and said["id"] not in known_programs():
        raise RunFolderError(
            f"The run {folder.name!r} was built with a rules file of the user's own ({said['id']!r}). "
            "Give the file again: --rules-file FILE, or program_file."
        )
    program = load_program(
        program_file or said["id"],
        said["performance_year"],
        period=None if said["own_period"] else said["period"],
        overrides=said["overrides"],
        without_exclusions=said["switched_off"],
    )
    if program.fingerprint != said["fingerprint"]:
        raise RunFolderError(
            f"The run {folder.name!r} was built under other rules of {said['id']!r} than those installed now. "
            "Build it again, or read it with the version named in its manifest."
        )
    made = [name for name in _FURTHER_TABLES if f"{name}.parquet" in manifest["tables"]]
    frames = {name: scan_parquet(folder / f"{name}.parquet") for name in (*_BUILT_TABLES, *made)}
    return BuiltEpisodes(
        program=program,
        basis=manifest["basis"],
        counts=manifest["counts"],
        source=manifest["source"],
        **{name: frame if name in _LAZY_TABLES else frame.collect() for name, frame in frames.items()},  # type: ignore[arg-type]
    )


def _called(folder: Path) -> str:
    """A folder's own name, also where it is given as `.`."""
    return folder.name or folder.resolve().name


def versions() -> dict[str, str]:
    """Versions of what makes the bytes."""
    found = {"python": platform.python_version(), "platform": platform.machine()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _now() -> str:
    """The time of writing; SOURCE_DATE_EPOCH pins it for reproducible folders."""
    pinned = os.environ.get("SOURCE_DATE_EPOCH")
    moment = dt.datetime.fromtimestamp(int(pinned), tz=dt.UTC) if pinned else dt.datetime.now(tz=dt.UTC)
    return moment.isoformat(timespec="seconds")
