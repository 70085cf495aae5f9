"""`ingest`: a delivery of any size and layout into a store, in bounded memory, resumable, whole or not at all.

Raw rows are spread over buckets of people (`spreading`); each bucket is then reshaped, brought to the contract, its
interim bills joined into stays, sorted and written on its own. Everything happens beside the store's place; what is
done is marked, so that the same command goes on where an interrupted one stopped, and the folder is renamed into place
at the end. The same delivery gives the same bytes, interrupted or not.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.claims import Claims
from episodes.claims.codes_sidecar import write_codes
from episodes.claims.interim_bills import with_stays
from episodes.claims.layouts.plan import Delivery, delivery_of, file_entry
from episodes.claims.report import ReadingReport
from episodes.claims.spreading import clear, rows_of_bucket, spread
from episodes.claims.sql_views import write_views
from episodes.claims.store import (
    FORMAT,
    MANIFEST,
    OTHER_TABLES,
    PEOPLE_TABLES,
    TOTALS,
    in_store_order,
    is_store,
    totals_of,
    versions,
)
from episodes.errors import ArgumentError, LayoutError, QuarantineError
from episodes.tables import write_parquet

BYTES_PER_BUCKET = 96 * 1024 * 1024
"""Text of a delivery that one bucket should hold; what is compressed counts eightfold."""

Progress = Callable[[str, int, int], None]


def ingest(
    source: str | Path,
    out: str | Path,
    *,
    layout: str = "auto",
    buckets: int | None = None,
    overwrite: bool = False,
    complete_through: dt.date | None = None,
    progress: Progress | None = None,
) -> ReadingReport:
    """Read a delivery of claims into a store.

    Args:
        source: a folder or file in any supported layout.
        out: the folder of the store; must not exist unless `overwrite`.
        layout: the layout's name; `auto` recognises it.
        buckets: into how many files a table is divided; default: by the size of the delivery. Never changes the
            order of rows over all buckets.
        overwrite: replace an existing store.
        complete_through: the date up to which the delivery has every claim that was processed; `build_episodes` over
            the store takes it for `as_of`. Default: the latest date on which a claim of the delivery was processed.
            Where no claim has such a date it is not known (days of service tell nothing of what is still to come), a
            note says so, and the claims are taken as complete.
        progress: called with (what is being done, how much is done, how much there is).

    Returns:
        The report: rows in and out, netted and quarantined by reason. The same stands in the store's manifest.

    Raises:
        LayoutError: a file that cannot be read, or a place that is taken.
        ArgumentError: `complete_through` is not a date.
        QuarantineError: too many rows break the contract; no store is made.

    Example:
        >>> import tempfile, episodes as ep
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = ep.ingest(ep.synthetic.bundled_folder(), Path(folder) / "store")
        ...     ep.read_claims(Path(folder) / "store").report.layout
        'canonical'
    """
    source, out = Path(source), Path(out)
    _check_place(out, overwrite=overwrite)
    _check_date(complete_through)
    delivery = delivery_of(source, layout)
    number = buckets or _buckets_for(delivery)
    work = out.parent / f".{out.name}.ingest"
    _begin(work, _fingerprint(delivery, number))
    tell = progress or (lambda _what, _done, _total: None)

    rows = spread(delivery, work / "rows", number, partial(tell, "reading files"))
    for bucket in range(number):
        if not _mark(work, bucket).is_file():
            _make_bucket(delivery, work, bucket)
        tell("making buckets", bucket + 1, number)
    report = _whole_report(delivery, work, rows, number)
    try:
        report.stop_when_too_many()
    except QuarantineError:
        shutil.rmtree(work)
        raise
    _write_manifest(work / "store", report, delivery, number, complete_through)
    write_views(work / "store", (*PEOPLE_TABLES, TOTALS))
    clear(work / "rows")
    if out.exists():
        shutil.rmtree(out)
    (work / "store").rename(out)
    shutil.rmtree(work)
    return report


def _check_place(out: Path, *, overwrite: bool) -> None:
    if out.exists() and not overwrite:
        raise LayoutError(f"The folder {out.name!r} exists. Choose another place, or say --overwrite.")
    if out.exists() and not is_store(out) and any(out.iterdir()):
        raise LayoutError(f"The folder {out.name!r} is not a store, so it is not overwritten. Choose another place.")


def _check_date(complete_through: object) -> None:
    if not isinstance(complete_through, dt.date | None) or isinstance(complete_through, dt.datetime):
        raise ArgumentError(f"complete_through is a {type(complete_through).__name__}; give a datetime.date(...).")


def _buckets_for(delivery: Delivery) -> int:
    packed = sum(
        path.stat().st_size * (8 if path.name.lower().endswith((".gz", ".zip", ".parquet")) else 1)
        for path in {file.path for file in delivery.files}
    )
    return max(1, -(-packed // BYTES_PER_BUCKET))


def _fingerprint(delivery: Delivery, buckets: int) -> str:
    """What an interrupted ingest must share with the one that goes on; versions, because they make the bytes."""
    return hashlib.sha256(f"{delivery.fingerprint} {buckets} {FORMAT} {versions()}".encode()).hexdigest()


def _begin(work: Path, fingerprint: str) -> None:
    """Go on with what an equal ingest left behind, or start anew."""
    said = work / "fingerprint"
    if said.is_file() and said.read_text(encoding="utf-8") == fingerprint:
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    said.write_text(fingerprint, encoding="utf-8")


def _mark(work: Path, bucket: int) -> Path:
    return work / "made" / f"{bucket:05d}.json"


def _make_bucket(delivery: Delivery, work: Path, bucket: int) -> None:
    """Reshape, validate, join interim bills into stays, sort and write one bucket; its mark comes last."""
    report = ReadingReport(layout=delivery.layout)
    tables: dict[str, Any] = delivery.module.reshape(rows_of_bucket(delivery, work / "rows", bucket), report)
    if bucket > 0:  # tables that are everybody's are made once
        tables = {name: frame for name, frame in tables.items() if name in PEOPLE_TABLES}
    claims = with_stays(Claims(**tables, report=report, tolerate=True))
    store, name = work / "store", f"{bucket:05d}.parquet"
    made = {table: in_store_order(table, claims.table(table).collect()) for table in PEOPLE_TABLES}
    for table, frame in made.items():
        write_parquet(frame, store / table / name)
    write_parquet(totals_of(made["claims"], made["lines"]), store / TOTALS / name)
    for table, frame in report.quarantine.items():
        write_parquet(_plain(frame), store / "quarantine" / table / name)
    for table, frame in report.netted.items():
        write_parquet(_plain(frame), store / "netted" / table / name)
    write_codes(made["claims"], made["lines"], store / "codes" / f"{bucket:05d}")
    if bucket == 0:
        for table in OTHER_TABLES:
            write_parquet(claims.table(table).collect(), store / f"{table}.parquet")
    mark = _mark(work, bucket)
    mark.parent.mkdir(parents=True, exist_ok=True)
    partial_mark = mark.with_suffix(".partial")
    partial_mark.write_text(json.dumps(_counts(report)), encoding="utf-8")
    partial_mark.rename(mark)


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns without any value have no type that Parquet keeps."""
    return frame.with_columns(pl.col(pl.Null).cast(pl.String))


def _counts(report: ReadingReport) -> dict[str, Any]:
    said = report.to_dict()
    return {"tables": said["tables"], "tallies": report.tallies, "notes": report.notes}


def _whole_report(delivery: Delivery, work: Path, rows: list[int], buckets: int) -> ReadingReport:
    """The counts of all buckets together with the files of the delivery."""
    report = ReadingReport(layout=delivery.layout, notes=list(delivery.report.notes))
    for file, digest, number in zip(delivery.files, delivery.sha256, rows, strict=True):
        report.files.append(file_entry(file, digest, number))
    for bucket in range(buckets):
        said = json.loads(_mark(work, bucket).read_text(encoding="utf-8"))
        for name, counts in said["tables"].items():
            report.table(name).add(**counts)
        for what, number in said["tallies"].items():
            report.tally(what, number)
        report.notes.extend(note for note in said["notes"] if note not in report.notes)
    return report


def _write_manifest(
    store: Path, report: ReadingReport, delivery: Delivery, buckets: int, complete_through: dt.date | None
) -> None:
    """What the store says of itself; no times and no places, so that equal deliveries give equal bytes."""
    found = pl.scan_parquet(store / "claims" / "*.parquet").select(
        first_day=pl.col("from_date").min(), last_day=pl.col("thru_date").max(), processed=pl.col("process_date").max()
    )
    claims, people = _counted(store)
    first_day, last_day, processed = found.collect().row(0)
    known = complete_through or processed
    if known is None:
        report.notes.append(
            "no claim has a date on which it was processed, so the date the claims are complete through is not known "
            "and they are taken as complete: say it at ingest (--complete-through), or give as_of to a build"
        )
    manifest = {
        "format": FORMAT,
        "versions": versions(),
        "buckets": buckets,
        "delivery": delivery.fingerprint,
        "reading": report.to_dict(),
        "contents": {
            "claims": claims,
            "people": people,
            "first_day": first_day,
            "last_day": last_day,
            "complete_through": known,
            "complete_through_is": None if known is None else "told" if complete_through else "latest processing date",
        },
    }
    (store / MANIFEST).write_text(json.dumps(manifest, indent=1, default=str) + "\n", encoding="utf-8")


def _counted(store: Path) -> tuple[int, int]:
    """Claims and people, bucket by bucket: a person lies in one bucket, so counts of buckets add up."""
    claims = people = 0
    for file in sorted((store / TOTALS).glob("*.parquet")):
        of_bucket = pl.scan_parquet(file).select(pl.col("claims").sum(), pl.col("beneficiary_id").n_unique()).collect()
        claims, people = claims + int(of_bucket["claims"].item()), people + int(of_bucket["beneficiary_id"].item())
    return claims, people
