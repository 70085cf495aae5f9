"""Bad input, one test a fault: a readable error or a counted quarantine, never a person's data in a message."""

from __future__ import annotations

import gzip
import json
import traceback
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims.synpuf_files import as_text, beneficiary, carrier, inpatient, outpatient, write
from episodes.claims import Claims, ingest, read_claims
from episodes.errors import ContractError, EpisodesError, LayoutError, QuarantineError

PERSON = "PLANTEDPERSON001"
CLAIM = "700000000000017"
CELL = "plantedcell"
PLANTED = (PERSON, CLAIM, CELL, "05/01/2026", "19370301", "123.456")
"""Identifiers and cell values of these tests: none of them may appear in a message or a report."""


def canonical_claim(**changes: str) -> dict[str, str]:
    row = {
        "beneficiary_id": PERSON,
        "claim_id": CLAIM,
        "setting": "inpatient",
        "from_date": "2026-01-05",
        "thru_date": "2026-01-08",
        "admission_date": "2026-01-05",
        "discharge_date": "2026-01-08",
        "ms_drg": "470",
        "paid_cents": "1200000",
    }
    return row | changes


def canonical_line(**changes: str) -> dict[str, str]:
    return {"beneficiary_id": PERSON, "claim_id": CLAIM, "line_number": "1", "paid_cents": "0"} | changes


def stay(**changes: str) -> dict[str, str]:
    return inpatient(DESYNPUF_ID=PERSON, CLM_ID=CLAIM) | changes


def no_planted_value(said: str) -> None:
    for value in PLANTED:
        assert value not in said


@contextmanager
def refused(error: type[EpisodesError], *said: str) -> Iterator[None]:
    """A readable error of our own with these words in it, and nothing planted anywhere in its traceback."""
    with pytest.raises(EpisodesError) as caught:
        yield
    assert type(caught.value) is error
    message = str(caught.value)
    for words in said:
        assert words in message
    no_planted_value(message)
    shown = traceback.format_exception_only(caught.value)
    chained = caught.value.__cause__ or (None if caught.value.__suppress_context__ else caught.value.__context__)
    assert chained is None, "the original error is shown with the message and may quote the data"
    no_planted_value("".join(shown))


def accounted_for(claims: Claims) -> None:
    """Rows in = rows out + netted + quarantined, and the report tells of no one."""
    for name, report in claims.report.tables.items():
        booked = sum(report.netted.values()) + sum(report.quarantined.values())
        assert report.rows_in == report.rows_out + booked
        assert report.rows_out == claims.table(name).collect().height
        aside = claims.report.quarantine.get(name)
        assert sum(report.quarantined.values()) == (0 if aside is None else aside.height)
    no_planted_value(str(claims.report))
    no_planted_value(repr(claims))
    no_planted_value(json.dumps(claims.report.to_dict()))


def read_canonical(folder: Path, claims: list[dict[str, str]], lines: list[dict[str, str]] | None = None) -> Claims:
    write(folder, "claims.csv", claims)
    if lines:
        write(folder, "lines.csv", lines)
    return read_claims(folder)


def read_synpuf(folder: Path, rows: list[dict[str, str]], name: str = "file.csv") -> Claims:
    write(folder, name, rows)
    return read_claims(folder)


# --- the file as a whole ------------------------------------------------------------------------------------


def without(row: dict[str, str], *columns: str) -> dict[str, str]:
    return {column: value for column, value in row.items() if column not in columns}


def test_missing_column_canonical(tmp_path: Path) -> None:
    with refused(ContractError, "'claims' lacks 1 required column: thru_date", "Rename the columns"):
        read_canonical(tmp_path, [without(canonical_claim(), "thru_date")])


@pytest.mark.parametrize(
    ("row", "kind", "columns"),
    [
        (stay(), "inpatient", ["CLM_PMT_AMT", "CLM_ADMSN_DT"]),
        (stay(), "inpatient", ["DESYNPUF_ID"]),
        (stay(), "inpatient", ["ICD9_DGNS_CD_1"]),
        (outpatient(DESYNPUF_ID=PERSON), "outpatient", ["SEGMENT"]),
        (carrier(DESYNPUF_ID=PERSON), "carrier", ["LINE_ALOWD_CHRG_AMT_2", "TAX_NUM_1"]),
        (beneficiary(DESYNPUF_ID=PERSON), "beneficiary summary", ["BENE_HMO_CVRAGE_TOT_MONS"]),
    ],
)
def test_missing_column_synpuf(tmp_path: Path, row: dict[str, str], kind: str, columns: list[str]) -> None:
    write(tmp_path, "file.csv", [without(row, *columns)])
    counted = f"lacks {len(columns)} column"
    with refused(LayoutError, "file.csv", f"taken for SynPUF {kind}", counted, *columns, "column names of the CMS"):
        read_claims(tmp_path, layout="synpuf")


def test_missing_marking_column_synpuf(tmp_path: Path) -> None:
    with refused(LayoutError, "file.csv: a SynPUF file of no known kind", "inpatient: CLM_DRG_CD"):
        read_synpuf(tmp_path, [without(stay(), "CLM_DRG_CD")])


def test_a_column_named_twice(tmp_path: Path) -> None:
    content = as_text([stay()]).replace(b'"CLM_THRU_DT"', b'"CLM_FROM_DT"')
    (tmp_path / "file.csv").write_bytes(content)
    with refused(LayoutError, "file.csv: 1 column named more than once in the header: CLM_FROM_DT"):
        read_claims(tmp_path)


def test_wrong_layout_named(tmp_path: Path) -> None:
    write(tmp_path, "file.csv", [stay()])
    with refused(LayoutError, "no table 'claims'", "file.csv", "Name the layout"):
        read_claims(tmp_path, layout="canonical")
    (tmp_path / "file.csv").unlink()
    write(tmp_path, "claims.csv", [canonical_claim()])
    with refused(LayoutError, "no SynPUF beneficiary or claims file among 1 data file (claims.csv)", "DESYNPUF_ID"):
        read_claims(tmp_path, layout="synpuf")


def test_unknown_layout(tmp_path: Path) -> None:
    with refused(LayoutError, "Unknown layout 'synpuff'. Did you mean 'synpuf'?", "Known: auto, canonical, "):
        read_claims(tmp_path, layout="synpuff")


def test_layout_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(f"member,amount\n{PERSON},1\n")
    with refused(LayoutError, "is not recognised (1 data file: export.csv)", "canonical, synpuf"):
        read_claims(tmp_path)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"Claims.csv": [canonical_claim()]},
            "Claims.csv would be a table of the canonical layout if it were named in sm",
        ),
        (
            {"lines.csv": [canonical_line()]},
            "lines.csv would be of the canonical layout, but claims.parquet or claims.csv",
        ),
        (
            {"claims.csv": [{"member": PERSON, "amount": "1"}]},
            "claims.csv is named as the canonical layout's table, but",
        ),
    ],
)
def test_what_is_nearly_the_canonical_layout_is_said_to_be(
    tmp_path: Path, files: dict[str, list[dict[str, str]]], said: str
) -> None:
    for name, rows in files.items():
        write(tmp_path, name, rows)
    with refused(LayoutError, "is not recognised", said):
        read_claims(tmp_path)


def test_a_table_named_in_other_letters(tmp_path: Path) -> None:
    write(tmp_path, "Lines.csv", [canonical_line()])
    said = "1 table named in other letters than the contract's: Lines.csv. Rename to lines.csv"
    for reading in (read_claims, lambda folder: ingest(folder, folder.parent / f"{folder.name}_store")):
        with refused(LayoutError, said):
            write(tmp_path, "claims.csv", [canonical_claim()])
            reading(tmp_path)


def test_a_table_in_two_forms(tmp_path: Path) -> None:
    write(tmp_path, "claims.csv", [canonical_claim()])
    pl.DataFrame([canonical_claim()]).write_parquet(tmp_path / "claims.parquet")
    with refused(LayoutError, "'claims' is there 2 times: claims.parquet, claims.csv. Which one is meant?"):
        read_claims(tmp_path)
    (tmp_path / "claims.csv").unlink()
    (tmp_path / "lines").mkdir()
    pl.DataFrame([canonical_line()]).write_parquet(tmp_path / "lines" / "0.parquet")
    write(tmp_path, "lines.csv", [canonical_line()])
    with refused(LayoutError, "'lines' is there 2 times: lines.csv, lines."):
        read_claims(tmp_path)


def test_data_files_of_no_table_are_named(tmp_path: Path) -> None:
    write(tmp_path, "line.csv", [canonical_line()])
    (tmp_path / "README.md").write_text("hello")
    claims = read_canonical(tmp_path, [canonical_claim()])
    assert claims.report.notes == ["1 file of no table, ignored: line.csv"]


@pytest.mark.parametrize("content", [b"", b"\r\n", b"  \n"])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "claims.csv").write_bytes(content)
    with refused(LayoutError, "claims.csv: the file is empty", "header row"):
        read_claims(tmp_path, layout="canonical")
    write(tmp_path, "stays.csv", [stay()])
    with refused(LayoutError, "claims.csv: the file is empty", "header row"):
        read_claims(tmp_path, layout="synpuf")


def test_empty_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "claims.parquet").write_bytes(b"")
    with refused(LayoutError, "claims.parquet: the file is empty"):
        read_claims(tmp_path)


def test_header_without_rows(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_bytes(as_text([stay()]).split(b"\n")[0] + b"\n")
    claims = read_claims(tmp_path)
    assert claims.claims.collect().is_empty()
    accounted_for(claims)


def test_header_without_rows_canonical(tmp_path: Path) -> None:
    write(tmp_path, "claims.csv", [canonical_claim()])
    (tmp_path / "lines.csv").write_bytes(as_text([canonical_line()]).split(b"\n")[0])
    note = "lines.csv has a header and no rows"
    assert read_claims(tmp_path).report.notes == [note]
    assert note in ingest(tmp_path, tmp_path.parent / f"{tmp_path.name}_store").notes


@pytest.mark.parametrize("keep", [0.4, 0.9, 0.999])
def test_truncated_gz(tmp_path: Path, keep: float) -> None:
    rows = [stay(CLM_ID=str(n * 7_919)) for n in range(2_000)]
    whole = gzip.compress(as_text(rows), mtime=0)
    (tmp_path / "stays.csv.gz").write_bytes(whole[: int(len(whole) * keep)])
    with refused(LayoutError, "stays.csv.gz: the file cannot be read to its end (EOFError)", "Copy it again"):
        read_claims(tmp_path)


def test_truncated_text(tmp_path: Path) -> None:
    whole = as_text([stay(), stay(CLM_ID="2")])
    (tmp_path / "stays.csv").write_bytes(whole[:-40])
    with refused(LayoutError, "stays.csv: not readable as comma-delimited text", "cut short"):
        read_claims(tmp_path)


def test_damaged_zip(tmp_path: Path) -> None:
    path = write(tmp_path, "stays.csv.zip", [stay()])
    whole = path.read_bytes()
    for damaged in (whole[:-30], whole[:60] + bytes([whole[60] ^ 255]) + whole[61:], b"PK" + bytes(50)):
        path.write_bytes(damaged)
        with refused(LayoutError, "stays.csv.zip: the file cannot be read to its end (BadZipFile)"):
            read_claims(tmp_path, layout="synpuf")


def test_zip_of_several_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.csv", as_text([stay()]))
        archive.writestr("b.csv", as_text([stay()]))
    with refused(LayoutError, "all.zip: the zip holds 2 files, expected one data file", "Unpack it"):
        read_claims(tmp_path, layout="synpuf")


def test_damaged_parquet(tmp_path: Path) -> None:
    path = tmp_path / "claims.parquet"
    pl.DataFrame([canonical_claim(claim_id=str(n)) for n in range(3_000)]).write_parquet(path)
    whole = path.read_bytes()
    zeroed = whole[:100] + bytes(len(whole) - 2_000) + whole[len(whole) - 1_900 :]
    for damaged in (whole[: len(whole) // 2], b"not parquet at all", zeroed):
        path.write_bytes(damaged)
        with refused(LayoutError, "claims.parquet: not readable as Parquet", "Write or copy it again"):
            read_claims(tmp_path)


@pytest.mark.parametrize(("delimiter", "word"), [("|", "pipe"), ("\t", "tab"), (";", "semicolon")])
def test_wrong_delimiter(tmp_path: Path, delimiter: str, word: str) -> None:
    said = f"the header is delimited by {word}, expected comma"
    (tmp_path / "claims.csv").write_bytes(as_text([canonical_claim()], delimiter))
    with refused(LayoutError, "claims.csv", said):
        read_claims(tmp_path)
    (tmp_path / "claims.csv").write_bytes(as_text([stay()], delimiter))
    with refused(LayoutError, "claims.csv", said):
        read_claims(tmp_path)


def test_unclosed_quotation_mark(tmp_path: Path) -> None:
    (tmp_path / "stays.csv").write_bytes(as_text([stay(PRVDR_NUM=f'"{CELL}'), stay(CLM_ID="2")]))
    with refused(LayoutError, "stays.csv: not readable", "unclosed quotation mark"):
        read_claims(tmp_path)


def test_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "stays.csv").write_bytes(as_text([stay(PRVDR_NUM="36Ä0")]).decode().encode("latin-1"))
    with refused(LayoutError, "stays.csv: not readable", "UTF-8"):
        read_claims(tmp_path)


def test_row_with_too_many_cells(tmp_path: Path) -> None:
    (tmp_path / "stays.csv").write_bytes(as_text([stay(PRVDR_NUM="36,00")]))
    with refused(LayoutError, "stays.csv: not readable", "in every row"):
        read_claims(tmp_path)


# --- single rows --------------------------------------------------------------------------------------------

Read = Callable[[Path, list[dict[str, str]]], Claims]


def both(canonical: dict[str, Any], synpuf: dict[str, Any]) -> pytest.MarkDecorator:
    """The same fault in both layouts: the reader, a good row, and the changes that break it."""
    return pytest.mark.parametrize(
        ("read", "row", "changes"),
        [
            pytest.param(read_canonical, canonical_claim(), canonical, id="canonical"),
            pytest.param(read_synpuf, stay(), synpuf, id="synpuf"),
        ],
    )


def quarantined(claims: Claims, table: str = "claims") -> dict[str, int]:
    accounted_for(claims)
    return claims.report.table(table).quarantined


@both({}, {})
def test_exact_duplicate(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    claims = read(tmp_path, [row, row | changes])
    assert claims.report.table("claims").netted == {"exact_duplicate": 1}
    assert claims.report.table("claims").rows_out == 1
    assert quarantined(claims) == {}


@both({"paid_cents": "5"}, {"CLM_PMT_AMT": "5.00"})
def test_contradicting_duplicates(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    claims = read(tmp_path, [row, row | changes])
    assert claims.report.table("claims").rows_out == 0
    assert quarantined(claims) == {"duplicate_key": 2}


def test_contradicting_duplicates_of_other_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        "doctors.csv",
        [carrier(DESYNPUF_ID=PERSON), carrier(DESYNPUF_ID=PERSON, HCPCS_CD_2="99213")],
    )
    write(
        tmp_path,
        "visits.csv",
        [outpatient(DESYNPUF_ID=PERSON), outpatient(DESYNPUF_ID=PERSON, CLM_PMT_AMT="1")],
    )
    claims = read_claims(tmp_path)
    assert claims.report.table("claims").rows_out == 0
    assert quarantined(claims) == {"duplicate_key": 4}
    assert claims.lines.collect().is_empty()


def test_one_claim_number_in_two_settings(tmp_path: Path) -> None:
    write(tmp_path, "stays.csv", [stay()])
    write(tmp_path, "doctors.csv", [carrier(DESYNPUF_ID=PERSON, CLM_ID=CLAIM)])
    claims = read_claims(tmp_path)
    assert quarantined(claims) == {"duplicate_key": 2}
    assert quarantined(claims, "lines") == {"claim_quarantined": 1}


@both({"discharge_date": "2026-01-04"}, {"NCH_BENE_DSCHRG_DT": "20090306"})
def test_discharge_before_admission(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    assert quarantined(read(tmp_path, [row | changes])) == {"discharge_before_admission": 1}


@both({"ms_drg": CELL}, {"CLM_DRG_CD": CELL})
def test_drg_text(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    assert quarantined(read(tmp_path, [row | changes])) == {"ms_drg_malformed": 1}


@both({"from_date": "05/01/2026"}, {"CLM_FROM_DT": "05/01/2026"})
def test_date_in_the_wrong_form(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    assert quarantined(read(tmp_path, [row | changes])) == {"from_date_not_a_date": 1}


@both({"claim_id": ""}, {"CLM_ID": ""})
def test_blank_claim_id(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    assert quarantined(read(tmp_path, [row | changes])) == {"claim_id_missing": 1}


@both({"paid_cents": CELL}, {"CLM_PMT_AMT": CELL})
def test_amount_that_is_none(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    [(reason, rows)] = quarantined(read(tmp_path, [row | changes])).items()
    assert reason in ("paid_cents_not_a_whole_number", "paid_amount_not_an_amount")
    assert rows == 1


@both({"paid_cents": "123.456"}, {"CLM_PMT_AMT": "123.456"})
def test_fraction_of_a_cent(tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]) -> None:
    [(reason, rows)] = quarantined(read(tmp_path, [row | changes])).items()
    assert reason in ("paid_cents_not_a_whole_number", "paid_amount_not_an_amount")
    assert rows == 1


def test_cents_as_a_float_that_is_not_whole() -> None:
    frame = pl.DataFrame([canonical_claim(), canonical_claim(claim_id="2")]).with_columns(
        paid_cents=pl.Series([100.0, 123.456])
    )
    claims = Claims(claims=frame)
    assert quarantined(claims) == {"paid_cents_not_a_whole_number": 1}
    assert claims.claims.collect()["paid_cents"].to_list() == [100]


@pytest.mark.parametrize(
    ("read", "row", "column", "amounts"),
    [
        pytest.param(read_canonical, canonical_claim(), "paid_cents", ["-1000", "0"], id="canonical"),
        pytest.param(read_synpuf, stay(), "CLM_PMT_AMT", ["-10.00", "0.00"], id="synpuf"),
    ],
)
def test_negative_and_zero_amounts_are_legal_and_kept(
    tmp_path: Path, read: Read, row: dict[str, str], column: str, amounts: list[str]
) -> None:
    rows = [
        row | {column: amount, "claim_id" if "claim_id" in row else "CLM_ID": str(n)}
        for n, amount in enumerate(amounts)
    ]
    claims = read(tmp_path, rows)
    assert quarantined(claims) == {}
    assert claims.claims.collect()["paid_cents"].to_list() == [-1_000, 0]


def test_orphan_lines(tmp_path: Path) -> None:
    claims = read_canonical(
        tmp_path,
        [canonical_claim(), canonical_claim(claim_id="2", ms_drg="X")],
        [
            canonical_line(),
            canonical_line(claim_id="2"),
            canonical_line(claim_id="3"),
            canonical_line(claim_id="3", line_number="2"),
        ],
    )
    assert quarantined(claims, "lines") == {"claim_quarantined": 1, "claim_missing": 2}
    assert claims.lines.collect().height == 1


@both({"ms_drg": CELL}, {"CLM_DRG_CD": CELL})
def test_too_many_bad_rows_stop_the_run(
    tmp_path: Path, read: Read, row: dict[str, str], changes: dict[str, str]
) -> None:
    key = "claim_id" if "claim_id" in row else "CLM_ID"
    good = [row | {key: f"1{n:04}"} for n in range(900)]
    bad = [row | changes | {key: f"2{n:04}"} for n in range(100)]
    with refused(
        QuarantineError,
        "claims: 100 of 1,000 rows (ms_drg_malformed: 100)",
        "Tolerated is 1%",
        "Usual causes",
        "mend the rows",
    ):
        read(tmp_path, good + bad)
    # One row fewer is tolerated, counted and set aside.
    claims = read(tmp_path, good + bad[1:])
    assert quarantined(claims) == {"ms_drg_malformed": 99}


def test_the_stop_says_what_usually_lies_behind_each_reason(tmp_path: Path) -> None:
    faults = ({"from_date": "05/01/2026"}, {"ms_drg": "64"}, {"paid_cents": "123.456"}, {"setting": "Inpatient"})
    rows = [canonical_claim(claim_id=str(n)) | faults[n % 4] for n in range(200)]
    with refused(
        QuarantineError,
        "from_date_not_a_date: dates are YYYY-MM-DD or YYYYMMDD",
        "ms_drg_malformed: 3 digits are expected; a code that was read as a number has lost its leading zeros",
        "paid_cents_not_a_whole_number: amounts are whole cents: multiply dollars by 100",
        "setting_not_a_known_value: known values of setting, in these letters: inpatient, snf",
    ):
        read_canonical(tmp_path, rows)


def test_the_stop_says_that_lines_fell_with_their_claims(tmp_path: Path) -> None:
    claims = [canonical_claim(claim_id=str(n), ms_drg="64") for n in range(99)]
    lines = [canonical_line(claim_id=str(n), line_number=str(line)) for n in range(99) for line in (1, 2)]
    with refused(QuarantineError, "claim_quarantined: lines that are set aside because their claim is"):
        read_canonical(tmp_path, claims, lines)


def test_bad_people_leave_their_claims(tmp_path: Path) -> None:
    write(tmp_path, "people.csv", [beneficiary(DESYNPUF_ID=PERSON, BENE_YEAR="2009", BENE_BIRTH_DT=CELL)])
    write(tmp_path, "stays.csv", [stay()])
    claims = read_claims(tmp_path)
    assert quarantined(claims, "beneficiaries") == {"birth_date_not_a_date": 1}
    assert quarantined(claims) == {}
    assert claims.coverage.collect().is_empty()
