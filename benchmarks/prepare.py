"""Makes the claims of the engine's benchmark: a folder of plain Parquet, and a store of the same claims.

    python -m benchmarks.prepare --out /big/disk --lines 10000000 --kind dense

A base population is synthesized once and repeated under new ids of people and claims, copy after copy, until there are
as many lines as asked for; each copy is a file of its own. Nothing is drawn while it is repeated, so equal arguments
give equal rows. `dense`: nearly everybody has a surgical episode. `sparse`: a population of whom 1.6 % have an anchor,
and about 210 lines a person; people with an anchor are taken out of the base until the share is right. The store is
what `episodes ingest` makes of the folder.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

import polars as pl

import episodes as ep
from episodes.errors import LayoutError
from episodes.programs.code_tables import load_codes
from episodes.tables import write_parquet

Kind = Literal["dense", "sparse"]

LINES_PER_BUCKET = 2_500_000
BASE_PEOPLE: dict[Kind, int] = {"dense": 20_000, "sparse": 16_000}
YEARS = (2022, 2026)
SEED = 5
ANCHOR_SHARE = 0.016
"""People of the sparse data with at least one anchor of the benchmark's programme, whatever becomes of it."""

PEOPLE_TABLES = ("claims", "lines", "beneficiaries", "coverage")
OTHER_TABLES = ("hospitals", "participants", "clinicians", "quality")
_PERSON, _CLAIM = r"^B([0-9]{7})$", r"^C([0-9]{7})([0-9]+)$"


@dataclass(frozen=True)
class Prepared:
    """Where the claims of one size and kind lie, and what they hold."""

    kind: Kind
    plain: str
    store: str
    lines: int
    claims: int
    people: int
    people_with_anchor: int
    plain_bytes: int
    store_bytes: int
    version: str

    @property
    def anchor_share(self) -> float:
        """People with an anchor, of all people with claims."""
        return self.people_with_anchor / self.people


def buckets_for(lines: int) -> int:
    """Buckets of about 2.5 million lines: each costs something beside its rows, and a build holds one a thread."""
    return max(1, -(-lines // LINES_PER_BUCKET))


def place_of(out: Path, kind: Kind, lines: int) -> Path:
    """The folder of one size and kind."""
    return out / f"{kind}-{lines}"


def prepared(out: Path, kind: Kind, lines: int) -> Prepared:
    """What `prepare` has made.

    Raises:
        FileNotFoundError: nothing of this size and kind lies there.
    """
    said = place_of(out, kind, lines) / "prepared.json"
    if not said.is_file():
        raise FileNotFoundError(
            f"There are no claims of {lines:,} lines, {kind}, in {str(out)!r}. "
            f"Make them: python -m benchmarks.prepare --out {out} --lines {lines} --kind {kind}"
        )
    return Prepared(**json.loads(said.read_text(encoding="utf-8")))


def prepare(out: Path, kind: Kind, lines: int, *, base_people: int | None = None) -> Prepared:
    """Make the claims, unless they are there; a store that this version does not read is made anew.

    Args:
        out: the folder for claims of all sizes and kinds; a base population is kept there too.
        kind: `dense` or `sparse`.
        lines: at least so many lines; a copy may add a person's worth more.
        base_people: how many people the base has.
    """
    place = place_of(out, kind, lines)
    if (place / "prepared.json").is_file():
        made = prepared(out, kind, lines)
        if not _is_readable(place / "store"):
            ep.ingest(place / "plain", place / "store", buckets=buckets_for(lines), overwrite=True)
            made = replace(made, store_bytes=_bytes(place / "store"), version=version("episodes"))
        return _noted(made, place)
    shutil.rmtree(place, ignore_errors=True)
    base = base_of(out, kind, base_people or BASE_PEOPLE[kind])
    counts = repeat(base, place / "plain", lines)
    ep.ingest(place / "plain", place / "store", buckets=buckets_for(lines))
    made = Prepared(
        kind=kind,
        plain=str(place / "plain"),
        store=str(place / "store"),
        **counts,
        plain_bytes=_bytes(place / "plain"),
        store_bytes=_bytes(place / "store"),
        version=version("episodes"),
    )
    return _noted(made, place)


def _is_readable(store: Path) -> bool:
    """Whether this version reads a store: its format may have changed since the store was made."""
    try:
        ep.read_claims(store)
    except LayoutError:
        return False
    return True


def _noted(made: Prepared, place: Path) -> Prepared:
    (place / "prepared.json").write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
    return made


def base_of(out: Path, kind: Kind, people: int) -> dict[str, pl.DataFrame]:
    """The base population, synthesized where it is not at hand."""
    folder = out / f"base-{kind}-{people}"
    if not (folder / "truth").is_dir():
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        ep.synthetic.write_set(folder, beneficiaries=people, years=YEARS, seed=SEED, dense=kind == "dense")
    claims = ep.read_claims(folder, validate="none")
    tables = {name: claims.table(name).collect() for name in (*PEOPLE_TABLES, *OTHER_TABLES)}
    return tables if kind == "dense" else thinned(tables)


def anchored_people(tables: dict[str, pl.DataFrame]) -> pl.Series:
    """People with a stay or a line that the benchmark's programme starts an episode with, sorted."""
    codes = load_codes("team_anchor_codes")
    stays = codes.filter(pl.col("anchor_setting") == "inpatient")["code"].unique().to_list()
    procedures = codes.filter(pl.col("anchor_setting") == "outpatient")["code"].unique().to_list()
    claims = tables["claims"].with_columns(pl.col("setting").cast(pl.String))
    of_stays = claims.filter(
        (pl.col("setting") == "inpatient") & pl.coalesce("pricing_drg", "ms_drg").is_in(stays)
    ).select("beneficiary_id")
    of_lines = (
        tables["lines"]
        .filter(pl.col("hcpcs").is_in(procedures) & pl.col("service_date").is_not_null())
        .join(claims.filter(pl.col("setting") == "outpatient"), on=["beneficiary_id", "claim_id"], how="semi")
        .select("beneficiary_id")
    )
    return pl.concat([of_stays, of_lines])["beneficiary_id"].unique().sort()


def thinned(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Without most people who have an anchor: every nth of them stays, so that they are `ANCHOR_SHARE` of all."""
    anchored = anchored_people(tables)
    people = tables["claims"]["beneficiary_id"].n_unique()
    others = people - anchored.len()
    wanted = round(others * ANCHOR_SHARE / (1 - ANCHOR_SHARE))
    if wanted > anchored.len():
        raise ValueError(f"Only {anchored.len()} of {people} people have an anchor; {wanted} are needed.")
    kept = {number * anchored.len() // wanted for number in range(wanted)}
    gone = pl.DataFrame({"beneficiary_id": [one for number, one in enumerate(anchored) if number not in kept]})
    return {
        name: frame.join(gone, on="beneficiary_id", how="anti", maintain_order="left")
        if name in PEOPLE_TABLES
        else frame
        for name, frame in tables.items()
    }


def repeat(base: dict[str, pl.DataFrame], folder: Path, lines: int) -> dict[str, int]:
    """Write copies of the base under new ids until there are so many lines; the last copy is cut between people."""
    numbers = base["claims"]["beneficiary_id"].str.extract(_PERSON, 1).cast(pl.Int64)
    if numbers.null_count() or not base["claims"]["claim_id"].str.contains(_CLAIM).all():
        raise ValueError("Ids of the base are not those of a synthetic set.")
    step = int(numbers.max()) + 1  # type: ignore[arg-type]
    by_person = (
        base["lines"]
        .group_by("beneficiary_id")
        .len()
        .sort("beneficiary_id")
        .with_columns(reached=pl.col("len").cum_sum())
    )
    of_base = base["lines"].height
    counts = dict.fromkeys(("lines", "claims", "people", "people_with_anchor"), 0)
    for copy in range(-(-lines // of_base)):
        part = {name: base[name] for name in PEOPLE_TABLES}
        wanted = lines - copy * of_base
        if wanted < of_base:
            last = by_person.filter(pl.col("reached") >= wanted)["beneficiary_id"][0]
            part = {name: frame.filter(pl.col("beneficiary_id") <= last) for name, frame in part.items()}
        counts["lines"] += part["lines"].height
        counts["claims"] += part["claims"].height
        counts["people"] += part["claims"]["beneficiary_id"].n_unique()
        counts["people_with_anchor"] += anchored_people(part).len()
        for name, frame in part.items():
            write_parquet(_numbered_from(frame, copy * step), folder / name / f"{copy:05d}.parquet")
    for name in OTHER_TABLES:
        write_parquet(base[name], folder / f"{name}.parquet")
    return counts


def _numbered_from(frame: pl.DataFrame, first: int) -> pl.DataFrame:
    """The same rows of other people: their numbers, in both kinds of ids, moved up."""
    renamed = frame.with_columns(beneficiary_id=pl.lit("B") + _moved(pl.col("beneficiary_id"), _PERSON, first))
    if "claim_id" not in frame.columns:
        return renamed
    claim = pl.col("claim_id")
    return renamed.with_columns(claim_id=pl.lit("C") + _moved(claim, _CLAIM, first) + claim.str.extract(_CLAIM, 2))


def _moved(ids: pl.Expr, pattern: str, first: int) -> pl.Expr:
    return (ids.str.extract(pattern, 1).cast(pl.Int64) + first).cast(pl.String).str.zfill(7)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prepare", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the claims of all sizes and kinds")
    parser.add_argument("--lines", type=int, default=10_000_000, help="lines to make (default 10 million)")
    parser.add_argument("--kind", choices=get_args(Kind), action="append", help="default: both")
    chosen = parser.parse_args(arguments)
    for kind in chosen.kind or get_args(Kind):
        made = prepare(chosen.out, kind, chosen.lines)
        print(
            f"{kind}: {made.lines:,} lines, {made.claims:,} claims, {made.people:,} people, "
            f"{made.anchor_share:.2%} of them with an anchor; "
            f"{made.plain_bytes / 1e9:.2f} GB of Parquet, {made.store_bytes / 1e9:.2f} GB of store"
        )


if __name__ == "__main__":
    main()
