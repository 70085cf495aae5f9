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
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.claims.contract import TABLES
from episodes.errors import RunFolderError
from episodes.programs import Program, load_program
from episodes.tables import scan_parquet, sha256_of, write_parquet

MANIFEST = "manifest.json"
_BUILT_TABLES = ("episodes", "services", "balance", "hospitals", "participants", "quality")
_LIBRARIES = ("episodes", "polars", "pyarrow", "duckdb", "numba", "numpy", "pydantic", "dataframely")


def write_run(
    folder: Path,
    kind: str,
    tables: Mapping[str, pl.DataFrame],
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
    for name, frame in tables.items():
        write_parquet(frame, partial / f"{name}.parquet")
    for name, text in (documents or {}).items():
        (partial / name).write_text(text, encoding="utf-8")
    listed = {
        f"{name}.parquet": {"rows": frame.height, "sha256": sha256_of(partial / f"{name}.parquet")}
        for name, frame in tables.items()
    }
    manifest = {"kind": kind, **about, "tables": listed, "written_at": _now(), "versions": versions()}
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=1, default=str) + "\n", encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)
    return folder


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Fail before the work is done rather than after it."""
    if not folder.exists():
        return
    if not overwrite:
        raise RunFolderError(f"The folder {folder.name!r} exists. Choose another place, or say --overwrite.")
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not (folder / MANIFEST).is_file():
        raise RunFolderError(
            f"The folder {folder.name!r} is not a run folder (it has no {MANIFEST}), so it is not overwritten. "
            "Choose another place."
        )


def read_manifest(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """The manifest of a run folder; with `kind`, of a run of that kind only."""
    place = folder / MANIFEST
    if not place.is_file():
        raise RunFolderError(f"{folder.name!r} is not a run folder: it has no {MANIFEST}.")
    manifest: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    if kind is not None and manifest["kind"] != kind:
        raise RunFolderError(f"{folder.name!r} holds a run of kind {manifest['kind']!r}, expected {kind!r}.")
    return manifest


def built_tables(built: BuiltEpisodes, quarantine: Mapping[str, pl.DataFrame] | None = None) -> dict[str, pl.DataFrame]:
    """The tables of a build run, quarantined rows included."""
    tables = {
        "episodes": built.episodes,
        "services": built.services.collect(),
        "balance": built.balance,
        "exclusions": built.ladder(),
        "hospitals": built.hospitals,
        "participants": built.participants,
        "quality": built.quality,
    }
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


def read_built(folder: Path, program_file: str | Path | None = None) -> BuiltEpisodes:
    """A build run, read back. The programme is loaded again and must have the fingerprint of the run.

    Args:
        folder: a run folder written by `episodes build`.
        program_file: the rules file, where the run used one of the user's own.
    """
    manifest = read_manifest(folder, "built")
    said = manifest["program"]
    start, end = (dt.date.fromisoformat(day) for day in said["period"])
    program = load_program(
        program_file or said["id"],
        said["performance_year"],
        period=None if said["own_period"] else (start, end),
        overrides=said["overrides"],
        without_exclusions=said["switched_off"],
    )
    if program.fingerprint != said["fingerprint"]:
        raise RunFolderError(
            f"The run {folder.name!r} was built under other rules of {said['id']!r} than those installed now. "
            "Build it again, or read it with the version named in its manifest."
        )
    frames = {name: scan_parquet(folder / f"{name}.parquet") for name in _BUILT_TABLES}
    collected = {name: frame.collect() for name, frame in frames.items() if name != "services"}
    return BuiltEpisodes(
        program=program,
        basis=manifest["basis"],
        services=frames["services"],
        counts=manifest["counts"],
        source=manifest["source"],
        **collected,
    )


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
