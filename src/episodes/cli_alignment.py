"""`episodes share`: from a reconciliation to ledgers, checks and statements of an arrangement."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from episodes.cli_support import console_for, print_json, table_of
from episodes.errors import ArgumentError, RunFolderError, count_of
from episodes.money import dollars

if TYPE_CHECKING:
    import polars as pl

    from episodes.alignment.facts import SharingFacts
    from episodes.alignment.settling import SettledArrangement
    from episodes.building import BuiltEpisodes
    from episodes.claims import Claims


def share(
    run: Annotated[Path, Parameter(help="Run folder of a reconciliation, or a folder with it and its build in it.")],
    *,
    arrangement: Annotated[str, Parameter(help="Arrangement file (.toml), or the name of a packaged example.")],
    out: Annotated[Path, Parameter(help="Run folder to write: ledgers, entries, checks, a statement a party.")],
    hospital: Annotated[str | None, Parameter(help="CCN to settle it for, in place of the file's.")] = None,
    build: Annotated[
        Path | None, Parameter(help="Run folder of the reconciled year's build. Default: beside it.")
    ] = None,
    claims: Annotated[
        Path | None,
        Parameter(help="The claims of the build, for caps by fee-schedule amount. The bundled ones are found."),
    ] = None,
    layout: Annotated[str, Parameter(help="Layout of the claims.")] = "auto",
    rules_file: Annotated[Path | None, Parameter(help="The rules file, where the build used one of your own.")] = None,
    attribution_method: Annotated[
        str | None,
        Parameter(help="Method of the build's attribution that says whose an episode is. Default: operator."),
    ] = None,
    fee_schedule: Annotated[
        Path | None,
        Parameter(
            help="CSV or Parquet with the HCPCS that the fee schedule pays (hcpcs; optionally start_date, end_date). "
            "Default: all but those of patterns."
        ),
    ] = None,
    earlier: Annotated[
        Path | None, Parameter(help="Run folder of an earlier sharing of the year: what is to be recouped from whom.")
    ] = None,
    compare: Annotated[
        bool, Parameter(help="Also compare models: table, paragraph, and picture (extra viz).", negative="")
    ] = False,
    overwrite: Annotated[bool, Parameter(help="Replace the run folder if it exists.", negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", help="Print one JSON document.", negative="")] = False,
) -> int:
    """Share a hospital's reconciliation under an arrangement: ledgers to the cent, checks, a statement a physician.

    The checks flag what the law may forbid; they are no legal advice.
    """
    import episodes as ep
    from episodes.running.run_folder import check_place, write_run

    check_place(out, overwrite=overwrite)
    agreed = ep.alignment.load_arrangement(arrangement)
    ccn = hospital or agreed.hospital
    payable = None if fee_schedule is None else _payable_codes(fee_schedule)
    read = None if ccn is None else _read(ccn, run, build, claims, layout, rules_file, attribution_method, payable)
    settled = ep.alignment.settle_arrangement(agreed, None if read is None else read.facts)
    checks = ep.alignment.check_compliance(agreed, settled)
    people = ep.alignment.participants(settled)
    statements = {
        f"statements/{_file_name(party)}.md": ep.alignment.statement(settled, party, checks) for party in people
    }
    tables = {"ledger": settled.ledger, "entries": settled.entries, "scores": settled.scores, "checks": checks}
    documents = {**statements, "arrangement.json": json.dumps(agreed.model_dump(mode="json", by_alias=True), indent=1)}
    if compare:
        tables["comparison"], pages = _comparison(read)
        documents |= pages
    optional = {"guards": settled.facts.guards, "fee_schedule_amounts": settled.facts.fee_schedule}
    tables |= {name: frame for name, frame in optional.items() if frame is not None}
    if earlier is not None:
        tables["recoupment"] = _recoupment(earlier, settled)
    about = {
        "arrangement": {
            "id": agreed.id,
            "kind": agreed.kind,
            "program": agreed.program,
            "hospital": ccn,
        },
        "sources": {} if read is None else read.sources,
        "notes": list(settled.notes),
        "disclaimer": ep.alignment.DISCLAIMER,
    }
    write_run(out, "sharing", tables, about, documents=documents, overwrite=overwrite)
    if as_json:
        ledgers = {name: ledger.to_dicts() for name, ledger in settled.ledgers.items()}
        return print_json({**about, "ledgers": ledgers, "checks": checks.to_dicts(), "run_folder": str(out)})
    _show(settled, checks, people)
    if earlier is not None:
        print(f"To be recouped: {dollars(int(tables['recoupment']['recouped_cents'].sum()))} (recoupment.parquet)")
    if compare:
        print(documents["comparison.md"])
    print(f"{count_of(len(statements), 'statement')} in {(out / 'statements').resolve()}")
    return 0


@dataclass(frozen=True)
class _Read:
    """What was read of the hospital's year: its facts, and what they come from."""

    facts: SharingFacts
    built: BuiltEpisodes
    claims: Claims | None
    fee_schedule: pl.DataFrame | None
    settled_as: dict[str, Any]
    volumes: dict[str, int] | None
    sources: dict[str, str]


def _read(
    ccn: str,
    run: Path,
    build: Path | None,
    claims: Path | None,
    layout: str,
    rules_file: Path | None,
    attribution_method: str | None,
    fee_schedule: pl.DataFrame | None,
) -> _Read:
    import polars as pl

    import episodes as ep
    from episodes.running.run_folder import check_tables, read_built, read_manifest

    folder = reconciliation_folder(run)
    manifest = read_manifest(folder, "reconciliation")
    check_tables(folder, manifest, ("hospitals", "episodes"))
    built_folder = build or _one_build(folder, manifest)
    built = read_built(built_folder, rules_file)
    before_it = _builds_beside(folder, manifest, same_year=False)
    earlier = before_it[0] if len(before_it) == 1 else None
    guards = None
    if earlier is not None:
        before, after = (
            frame.filter(pl.col("anchor_ccn") == ccn)
            for frame in (read_built(earlier, rules_file).final(), built.final())
        )
        outcomes = [_table_of(folder_of, "outcomes") for folder_of in (earlier, built_folder)]
        guards = ep.alignment.stinting_guards(before, after, outcomes_before=outcomes[0], outcomes_after=outcomes[1])
    given = _claims_of(built, claims, layout)
    hospitals = pl.read_parquet(folder / "hospitals.parquet")
    facts = ep.alignment.facts_of(
        ccn,
        hospitals,
        built.episodes,
        pl.read_parquet(folder / "episodes.parquet"),
        program=built.program.id,
        claims=None if given is None else given.claims,
        lines=None if given is None else given.lines,
        fee_schedule=fee_schedule,
        attribution=_table_of(built_folder, "attribution") if attribution_method else None,
        attribution_method=attribution_method,
        outcomes=_table_of(built_folder, "outcomes"),
        quality=built.quality,
        guards=guards,
    )
    volumes = _table_of(folder, "prices/baseline_volumes")
    return _Read(
        facts=facts,
        built=built,
        claims=given,
        fee_schedule=fee_schedule,
        settled_as=hospitals.filter(pl.col("ccn") == ccn).row(0, named=True),
        volumes=None if volumes is None else _volumes_of(volumes, ccn),
        sources={"reconciliation": manifest["program"]["fingerprint"], "build": built.program.fingerprint},
    )


def _payable_codes(file: Path) -> pl.DataFrame:
    """The fee schedule as the reference tables have it."""
    import episodes as ep

    return ep.References(fee_schedule=table_of(file, "fee schedule")).table("fee_schedule")


def _volumes_of(volumes: pl.DataFrame, ccn: str) -> dict[str, int]:
    own = volumes.filter(volumes["ccn"] == ccn)
    return dict(own.select("category", "baseline_episodes").iter_rows())


def _comparison(read: _Read | None) -> tuple[pl.DataFrame, dict[str, str]]:
    """Models compared on the hospital's year: the table, and documents with the paragraph and the picture."""
    import episodes as ep

    if read is None or read.claims is None or read.facts.episodes is None:
        raise ArgumentError("--compare needs a hospital's reconciliation and the claims of its build: say --claims.")
    own = read.facts.episodes
    fees = ep.alignment.surgeon_fees(own, read.claims.claims, read.claims.lines, read.fee_schedule)
    compared = ep.alignment.compare_models(
        own.join(fees, on="episode_id"),
        read.built.program,
        track=read.settled_as["track"],
        quality_score=read.settled_as["quality_score"],
        baseline_episodes=read.volumes,
    )
    notes = "".join(f"- {note}\n" for note in compared.notes)
    documents = {"comparison.md": f"{ep.alignment.comparison_paragraph(compared)}\n\n{notes}"}
    if find_spec("altair") is not None:
        from episodes.reports.sharing_charts import model_comparison

        documents["comparison.html"] = model_comparison(compared).to_html(inline=find_spec("vl_convert") is not None)
    return compared.table, documents


def reconciliation_folder(run: Path) -> Path:
    """The reconciliation's folder: the one given, or the one of that kind in it or beside it.

    Raises:
        RunFolderError: there is none.
    """
    from episodes.running.run_folder import MANIFEST, read_manifest, runs_in

    if (run / MANIFEST).is_file():
        if read_manifest(run)["kind"] == "reconciliation":
            return run
        run = run.parent
    found = [folder for folder in runs_in(run) if read_manifest(folder)["kind"] == "reconciliation"]
    if len(found) != 1:
        raise RunFolderError(
            f"{run.name or run.resolve().name!r} is no run of kind 'reconciliation', and holds {len(found)} of them. "
            "Give the run folder that episodes reconcile (or demo) wrote."
        )
    return found[0]


def _builds_beside(folder: Path, manifest: dict[str, Any], *, same_year: bool) -> list[Path]:
    """The builds beside a reconciliation: under its own rules and period, or of an earlier period of the programme."""
    from episodes.running.run_folder import read_manifest, runs_in

    wanted = manifest["program"]
    found = []
    for one in runs_in(folder.resolve().parent):
        said = read_manifest(one)
        program = said.get("program", {})
        if said["kind"] != "built" or program.get("id") != wanted["id"]:
            continue
        same = program["fingerprint"] == wanted["fingerprint"]
        before = program["period"][1] < wanted["period"][0]
        if same if same_year else before:
            found.append(one)
    return found


def _one_build(folder: Path, manifest: dict[str, Any]) -> Path:
    found = _builds_beside(folder, manifest, same_year=True)
    if len(found) != 1:
        raise RunFolderError(
            f"Beside the reconciliation {folder.name!r} lie {len(found)} builds of its year and rules, and one is "
            "needed. Say --build FOLDER."
        )
    return found[0]


def _table_of(folder: Path, name: str) -> pl.DataFrame | None:
    """A table of a run folder, where the run has it."""
    import polars as pl

    from episodes.running.run_folder import read_manifest

    listed = f"{name}.parquet" in read_manifest(folder)["tables"]
    return pl.read_parquet(folder / f"{name}.parquet") if listed else None


def _claims_of(built: BuiltEpisodes, claims: Path | None, layout: str) -> Claims | None:
    """The claims that were given; else the bundled ones, where the build read exactly those files."""
    import episodes as ep
    from episodes.tables import sha256_of

    if claims is not None:
        return ep.read_claims(claims, layout=layout)
    read = {one.get("name"): one.get("sha256") for one in built.source.get("files", []) if isinstance(one, dict)}
    bundled = ep.synthetic.bundled_folder()
    wanted = ("claims.parquet", "lines.parquet")
    if all((bundled / name).is_file() and read.get(name) == sha256_of(bundled / name) for name in wanted):
        return ep.read_claims(bundled)
    return None


def _recoupment(earlier: Path, settled: SettledArrangement) -> pl.DataFrame:
    """What each party returns of an earlier distribution of the same pool, ledger by ledger."""
    import polars as pl

    import episodes as ep
    from episodes.running.run_folder import check_tables, read_manifest

    check_tables(earlier, read_manifest(earlier, "sharing"), ("ledger",))
    paid = pl.read_parquet(earlier / "ledger.parquet")
    found = [
        ep.alignment.recoup(paid.filter(pl.col("ledger") == name), ledger).select(
            pl.lit(name).alias("ledger"), pl.all()
        )
        for name, ledger in settled.ledgers.items()
        if name == "gainsharing" or name.startswith("members of ")
    ]
    if not found:
        raise RunFolderError("--earlier recoups gainsharing, and the arrangement has none. Leave it out.")
    return pl.concat(found)


def _file_name(party: str) -> str:
    return re.sub(r"[^\w.-]", "_", party)


def _show(settled: SettledArrangement, checks: pl.DataFrame, people: dict[str, str]) -> None:
    from rich.table import Table

    from episodes.alignment import DISCLAIMER

    console = console_for(False)
    table = Table(title=settled.arrangement.name, title_justify="left")
    for column in ("ledger", "party", "offered", "cap", "paid", "reason"):
        table.add_column(column, justify="right" if column in ("offered", "cap", "paid") else "left")
    for name, party, offered, cap, paid, reason in settled.ledger.iter_rows():
        table.add_row(name, people.get(party, party), dollars(offered), dollars(cap), dollars(paid), reason or "")
    console.print(table)
    shown = Table(title="Checks", title_justify="left")
    for column in ("check", "result", "finding", "citation"):
        shown.add_column(column, overflow="fold")
    for row in checks.iter_rows(named=True):
        shown.add_row(row["check"], row["result"], row["finding"], row["citation"])
    console.print(shown)
    console.print(DISCLAIMER)
    for note in settled.notes:
        console.print(f"note: {note}", highlight=False)
