"""Writes synthetic sets of any size: block after block, in any layout that has a writer, with the truth beside it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from string import Template
from typing import Literal, get_args

import polars as pl

from episodes.claims.contract import empty_table
from episodes.errors import ArgumentError, LayoutError, unknown_name
from episodes.synthetic.configuration import load_configuration
from episodes.synthetic.generate import PEOPLE_TABLES, Recipe, make_block, provider_tables
from episodes.synthetic.truth import true_effects
from episodes.synthetic.versions import delivery_of
from episodes.tables import write_parquet

WrittenLayout = Literal["canonical", "rif", "cclf", "tuva", "fhir-eob"]
Progress = Callable[[int, int], None]
_APPENDED = (".ndjson",)
"""Endings of files without a header, of which parts can be put end to end."""
_CCLF_TIME = ".T"
"""How the time of a CCLF delivery begins at the end of its files' names: each block is a delivery of its own."""


@dataclass
class Written:
    """What was written: rows by table, how many episodes are declared, and what history stands beside final claims."""

    rows: dict[str, int]
    """Rows of the canonical tables, however a layout divides them."""
    declared_episodes: int
    history: dict[str, int] = field(default_factory=dict)
    """Claims by kind of history, and bills of a first part of a stay (docs/layouts.md); none in layouts of final
    claims."""


def write_set(
    out: str | Path,
    *,
    beneficiaries: int = 1500,
    years: tuple[int, int] = (2022, 2026),
    seed: int = 1,
    dense: bool = True,
    layout: WrittenLayout = "canonical",
    processes: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Written:
    """Write a synthetic set to a folder, in bounded memory whatever its size.

    Args:
        out: the folder; beside the claims it gets `truth/` (what was planted: docs/synthetic.md).
        beneficiaries, years, seed, dense: as for `synthesize`.
        layout: the layout of the claims; tables that a layout does not have are left out (docs/layouts.md). Those of
            raw claims hold history, which a reader nets: cancelled, earlier and denied versions, repeated rows, and
            stays billed in parts.
        processes: how many blocks are made at a time, each in a process of its own. Never changes a byte.
        overwrite: replace a set that is there.
        progress: called with (blocks done, blocks in all).

    Returns:
        Rows written by table, and the history beside them.

    Raises:
        LayoutError: an unknown layout, or a place that is taken.
        EpisodesError: no people, years out of order or out of range, or a negative seed.

    Example:
        >>> import tempfile, episodes as ep
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = ep.synthetic.write_set(Path(folder) / "claims", beneficiaries=20, layout="rif")
        ...     ep.read_claims(Path(folder) / "claims").report.layout
        'rif'
    """
    out = Path(out)
    if layout not in get_args(WrittenLayout):
        raise LayoutError(unknown_name("layout to write", layout, get_args(WrittenLayout)))
    if processes < 1:
        raise ArgumentError("processes must be 1 or more.")
    recipe = Recipe(beneficiaries, years, seed, dense)
    _check_place(out, overwrite=overwrite)
    work = out.parent / f".{out.name}.making"
    shutil.rmtree(work, ignore_errors=True)
    (work / "parts").mkdir(parents=True)
    made = work / "made"
    written = Written({}, 0)
    for block, counted in enumerate(_blocks(recipe, layout, work / "parts", processes)):
        _join(work / "parts" / f"{block:05d}", made, block if recipe.blocks > 1 else None)
        for name, rows in counted.rows.items():
            written.rows[name] = written.rows.get(name, 0) + rows
        for kind, claims in counted.history.items():
            written.history[kind] = written.history.get(kind, 0) + claims
        written.declared_episodes += counted.declared_episodes
        if progress is not None:
            progress(block + 1, recipe.blocks)
    if layout == "canonical":
        for name, frame in provider_tables(recipe).items():
            write_parquet(frame, made / f"{name}.parquet")
            written.rows[name] = frame.height
    write_parquet(true_effects(recipe.world), made / "truth" / "effects.parquet")
    (made / "README.md").write_text(_about(recipe, layout), encoding="utf-8")
    if out.exists():
        shutil.rmtree(out)
    made.rename(out)
    shutil.rmtree(work)
    return written


def _about(recipe: Recipe, layout: WrittenLayout) -> str:
    """What a reader of the folder should know."""
    first, last = recipe.years
    command = f"episodes synth --beneficiaries {recipe.beneficiaries} --years {first}-{last} --seed {recipe.seed}"
    command += f"{' --dense' if recipe.dense else ''} --layout {layout} --out FOLDER"
    planted = load_configuration().planted
    text = (files("episodes.synthetic") / "about_set.md").read_text(encoding="utf-8")
    return Template(text).substitute(
        people=f"{recipe.beneficiaries:,}",
        years=f"{first} to {last}",
        command=command,
        version=version("episodes"),
        density="Nearly everybody has a surgical episode, and little other care."
        if recipe.dense
        else "It is a population: 1 to 2 % of the people a year have a surgical episode.",
        rare=f": the first {len(planted.events)} of every {planted.cycle if recipe.dense else planted.sparse_cycle:,} "
        "people carry one each",
    )


def _check_place(out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise LayoutError(f"{out.name!r} is a file where a folder is needed. Choose another place.")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise LayoutError(f"The folder {out.name!r} exists. Choose another place, or say --overwrite.")
    if not (out / "truth").is_dir():
        raise LayoutError(f"The folder {out.name!r} is no synthetic set, so it is not overwritten. Choose another.")


def _blocks(recipe: Recipe, layout: WrittenLayout, parts: Path, processes: int) -> Iterator[Written]:
    """Make every block in a folder of its own, in order."""
    make = partial(_write_block, recipe, layout, parts)
    if processes == 1 or recipe.blocks == 1:
        yield from map(make, range(recipe.blocks))
        return
    # A fresh interpreter for each worker: threads of the parent do not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(make, range(recipe.blocks))


def _write_block(recipe: Recipe, layout: WrittenLayout, parts: Path, block: int) -> Written:
    made = make_block(recipe, block)
    folder = parts / f"{block:05d}"
    history: dict[str, int] = {}
    if layout == "canonical":
        for name in PEOPLE_TABLES:
            write_parquet(made[name], folder / f"{name}.parquet")
    else:
        writer = import_module(f"episodes.claims.layouts.{_WRITERS[layout]}")
        if layout in _WITH_HISTORY:
            delivery = delivery_of(dict(made), recipe.seed, load_configuration().versions)
            history = delivery.counts()
            writer.write(_all_tables(delivery.tables), folder, delivery.history)
        else:
            writer.write(_all_tables(dict(made)), folder)
    for name, frame in made.truth.items():
        write_parquet(frame, folder / "truth" / f"{name}.parquet")
    return Written({name: made[name].height for name in PEOPLE_TABLES}, made.truth["episodes"].height, history)


_WRITERS = {"rif": "rif_writer", "cclf": "cclf_writer", "tuva": "tuva_writer", "fhir-eob": "fhir_writer"}
_WITH_HISTORY = ("rif", "cclf", "fhir-eob")
"""Layouts of claims as they are processed; the others hold final claims."""


def _all_tables(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """With the tables that are not of people, empty: no layout of claims holds them."""
    return {**tables, **{name: empty_table(name) for name in ("hospitals", "participants", "clinicians", "quality")}}


def _join(part: Path, made: Path, block: int | None) -> None:
    """Move the files of a block to their place: numbered, or put end to end; as they are where there is one block."""
    for file in sorted(path for path in part.rglob("*") if path.is_file()):
        place = made / file.relative_to(part)
        if block is not None and file.suffix == ".parquet":
            place = place.with_suffix("") / f"{block:05d}.parquet"
        elif block is not None and file.suffix.startswith(_CCLF_TIME):
            place = place.with_suffix(f"{_CCLF_TIME}{block:07d}")
        elif block is not None and file.suffix not in _APPENDED:
            place = place.with_name(f"{file.stem}_{block:05d}{file.suffix}")
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in _APPENDED and place.exists():
            with place.open("ab") as stream, file.open("rb") as source:
                shutil.copyfileobj(source, stream)
        else:
            file.rename(place)
    shutil.rmtree(part)
