"""The contract's own layout: Parquet and CSV folders read back as what was written."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from pathlib import Path

import polars as pl
import pytest

from episodes.claims import read_claims
from episodes.claims.layouts import canonical
from episodes.errors import LayoutError

DAY = dt.date(2026, 1, 5)


@pytest.fixture
def tables() -> dict[str, pl.DataFrame]:
    claims = pl.DataFrame(
        {
            "beneficiary_id": ["p1", "p1", "p2"],
            "claim_id": ["1", "2", "3"],
            "setting": ["inpatient", "outpatient", "snf"],
            "from_date": [DAY, DAY, DAY],
            "thru_date": [DAY, DAY, dt.date(2026, 1, 25)],
            "ms_drg": ["470", None, None],
            "diagnoses": [["M1611", "I10"], ["M1611"], None],
            "procedure_dates": [[DAY, None], None, None],
            "paid_cents": [1_200_000, None, -5],
            "low_utilization": [None, None, False],
        }
    )
    lines = pl.DataFrame(
        {
            "beneficiary_id": ["p1", "p1"],
            "claim_id": ["2", "2"],
            "line_number": [1, 2],
            "hcpcs": ["27447", "G0471"],
            "modifiers": [["RT", "59"], None],
            "units": [1.0, 2.5],
            "paid_cents": [900_000, 0],
        }
    )
    hospitals = pl.DataFrame({"ccn": ["360001"], "beds": [250], "bundled_before": ["yes"]})
    with_types = read_claims({"claims": claims, "lines": lines, "hospitals": hospitals})
    return {name: with_types.table(name).collect() for name in ("claims", "lines", "hospitals")}


def as_csv(frame: pl.DataFrame) -> bytes:
    """A canonical table as text: a list has bars between its elements."""
    lists = [column for column, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    texts = [
        pl.col(column).cast(pl.List(pl.String)).list.eval(pl.element().fill_null("")).list.join("|") for column in lists
    ]
    return frame.with_columns(texts).write_csv().encode()


def same(folder: Path, tables: dict[str, pl.DataFrame]) -> bool:
    claims = read_claims(folder)
    assert claims.report.layout == "canonical"
    assert claims.report.quarantined_rows() == 0
    assert claims.report.notes == []
    return all(claims.table(name).collect().equals(frame) for name, frame in tables.items())


def test_parquet_reads_back_as_written(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    canonical.write(tables, tmp_path)
    assert same(tmp_path, tables)


def test_csv_reads_back_as_written(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        (tmp_path / f"{name}.csv").write_bytes(as_csv(frame))
    assert same(tmp_path, tables)


def test_gzipped_csv_beside_parquet(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    canonical.write(tables, tmp_path)
    (tmp_path / "lines.parquet").unlink()
    (tmp_path / "lines.csv.gz").write_bytes(gzip.compress(as_csv(tables["lines"])))
    assert same(tmp_path, tables)


def test_blank_lines_are_no_rows(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        text = as_csv(frame).replace(b"\n", b"\r\n\r\n")
        (tmp_path / f"{name}.csv").write_bytes(b"\xef\xbb\xbf" + text + b"\r\n" if name == "claims" else b"\n" + text)
    assert same(tmp_path, tables)


def test_a_table_may_be_a_folder_of_parquet_files(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    canonical.write(tables, tmp_path)
    (tmp_path / "claims.parquet").unlink()
    halves = tmp_path / "claims"
    halves.mkdir()
    tables["claims"][:1].with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(halves / "0.parquet")
    tables["claims"][1:].with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(halves / "1.parquet")
    assert same(tmp_path, tables)
    files = read_claims(tmp_path).report.files
    assert [(file["name"], file["rows"], file["taken_for"]) for file in files] == [
        ("claims/0.parquet", 1, "claims"),
        ("claims/1.parquet", 2, "claims"),
        ("lines.parquet", 2, "lines"),
        ("hospitals.parquet", 1, "hospitals"),
    ]
    assert files[0]["sha256"] == hashlib.sha256((halves / "0.parquet").read_bytes()).hexdigest()


def test_the_same_tables_give_the_same_bytes(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    canonical.write(tables, tmp_path / "once")
    canonical.write(tables, tmp_path / "again")
    for name in tables:
        once, again = (tmp_path / folder / f"{name}.parquet" for folder in ("once", "again"))
        assert once.read_bytes() == again.read_bytes()


def test_trusted_parquet_is_read_lazily_with_the_same_columns(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    canonical.write(
        {"claims": tables["claims"].select("beneficiary_id", "claim_id", "setting", "from_date", "thru_date")},
        tmp_path,
    )
    claims = read_claims(tmp_path, validate="none")
    assert claims.claims.collect().schema == tables["claims"].schema
    assert claims.lines.collect().schema == tables["lines"].schema
    assert claims.report.files[0]["rows"] == 3


def test_a_folder_named_claims_without_tables_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "README.md").write_text("nothing here")
    assert not canonical.recognises(tmp_path)
    with pytest.raises(LayoutError, match="is not recognised"):
        read_claims(tmp_path)
    with pytest.raises(LayoutError, match=r"no table 'claims' .* the folder holds: claims"):
        read_claims(tmp_path, layout="canonical")


def test_a_text_file_claims_is_taken_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "claims.csv").write_text("policy,amount\n1,2\n")
    assert not canonical.recognises(tmp_path)


def test_the_layout_is_a_folder(tmp_path: Path, tables: dict[str, pl.DataFrame]) -> None:
    canonical.write(tables, tmp_path)
    with pytest.raises(LayoutError, match=r"claims\.parquet: the canonical layout is a folder"):
        read_claims(tmp_path / "claims.parquet", layout="canonical")


def test_files_of_one_table_with_different_columns_are_an_error(
    tmp_path: Path, tables: dict[str, pl.DataFrame]
) -> None:
    folder = tmp_path / "claims"
    folder.mkdir()
    text = tables["claims"].with_columns(pl.col(pl.Enum).cast(pl.String))
    text.write_parquet(folder / "0.parquet")
    text.drop("ms_drg").write_parquet(folder / "1.parquet")
    with pytest.raises(LayoutError, match="files of one table with different columns"):
        read_claims(tmp_path)
