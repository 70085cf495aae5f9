"""The CCLF layout: files and their faults, identifiers, final action, and each rule on a tiny delivery."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from claims import cclf_files as files
from claims.cclf_files import (
    CLAIM,
    HOSPITAL,
    PERSON,
    Delivery,
    delimited,
    diagnosis,
    drug_event,
    equipment_line,
    file_name,
    header,
    line_supplement,
    person,
    physician_line,
    procedure,
    read,
    read_delivery,
    replaced_identifier,
    revenue_line,
    rows_of,
    supplement,
)
from episodes.claims import Claims, ReadingReport
from episodes.claims.layouts import canonical, cclf, cclf_records, plan, synpuf
from episodes.errors import LayoutError

Rows = list[dict[str, Any]]


def table(claims: Claims, name: str) -> Rows:
    return claims.table(name).collect().to_dicts()


def whole_delivery() -> dict[str, list[files.Row]]:
    """One row of every kind."""
    return {
        "CCLF1": [header()],
        "CCLF2": [revenue_line()],
        "CCLF3": [procedure()],
        "CCLF4": [diagnosis()],
        "CCLF5": [physician_line()],
        "CCLF6": [equipment_line()],
        "CCLF7": [drug_event()],
        "CCLF8": [person()],
        "CCLF9": [replaced_identifier("1EG4TE5MK00", PERSON)],
        "CCLFA": [supplement(CLM_MDCR_IP_BENE_DDCTBL_AMT="32.00")],
        "CCLFB": [line_supplement()],
    }


def same(first: Claims, second: Claims) -> bool:
    return all(
        first.table(name).collect().equals(second.table(name).collect())
        for name in ("claims", "lines", "beneficiaries", "coverage")
    )


def counts_hold(claims: Claims, delivery: Delivery) -> bool:
    """Every raw row, and every row made, is in one place; and each netted version says against what."""
    made = {"claims": ("CCLF1", "CCLF3", "CCLF4", "CCLFA"), "beneficiaries": ("CCLF8", "CCLF9")}
    made["lines"] = ("CCLF2", "CCLF5", "CCLF6", "CCLF7", "CCLFB")
    raw = {name: sum(len(delivery.get(kind, [])) for kind in kinds) for name, kinds in made.items()}
    by_line = pl.col("setting").cast(pl.String).is_in(["professional", "dme", "drug"])
    frames = [claims.table("claims").collect(), claims.report.quarantine.get("claims", pl.DataFrame())]
    made_claims = sum(frame.filter(by_line).height for frame in frames if "setting" in frame.columns)
    made_lines = claims.report.tallies.get("outpatient claims without lines: one was made for the payment", 0)
    added = {"claims": made_claims, "lines": made_lines, "beneficiaries": 0}
    for name, number in raw.items():
        counts = claims.report.table(name)
        counts.check(name)
        if counts.rows_in != number + added[name]:
            return False
    return True


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "P.A1234.ACO.CCLF1.D240115.T0100000",
        "P.A1234.ACO.ZC1Y24.D240115.T0100000",
        "P.A1234.ACO.ZC1R23.D240115.T0100000t",
        "T.BCD.A0001.ZC1Y18.D181120.T1000000",
        "cclf1.txt",
        "CCLF1_2024.dat",
        "ACO-cclf1",
    ],
)
def test_files_are_known_by_a_word_of_their_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(files.records("CCLF1", [header()]), encoding="ascii")
    assert cclf.recognises(tmp_path)
    assert [file.kind for file in cclf.source_files(tmp_path, ReadingReport(layout="cclf"))] == ["CCLF1"]


@pytest.mark.parametrize("name", ["cclf_layout_v38.csv", "CCLF10.txt", "notes on CCLF.md", "CCLF1.pdf", "zc18.txt"])
def test_other_names_are_not(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("file,field\nCCLF1,CLM_PMT_AMT\n", encoding="ascii")
    assert not cclf.recognises(tmp_path)
    with pytest.raises(LayoutError, match="no CCLF file found"):
        cclf.source_files(tmp_path, ReadingReport(layout="cclf"))


@pytest.mark.parametrize("packing", ["plain", "gz", "zip"])
def test_a_whole_delivery_in_any_packing(packing: str, tmp_path: Path) -> None:
    delivery = whole_delivery()
    files.write(tmp_path / "plain", delivery)
    files.write(tmp_path / "packed", delivery, packing=packing)
    claims = read(tmp_path / "packed")
    assert same(claims, read(tmp_path / "plain"))
    assert [claim["setting"] for claim in table(claims, "claims")] == ["inpatient", "professional", "dme", "drug"]
    assert len(table(claims, "lines")) == 4
    assert counts_hold(claims, delivery)
    found = cclf.source_files(tmp_path / "packed", ReadingReport(layout="cclf"))
    assert all((file.member is not None) == (packing == "zip") for file in found)
    assert len(found) == 11


@pytest.mark.parametrize("delimiter", ["|", ",", "\t", ";"])
@pytest.mark.parametrize("named", [True, False])
def test_delimited_twins_with_field_names_as_header(delimiter: str, named: bool, tmp_path: Path) -> None:
    delivery = whole_delivery()
    files.write(tmp_path / "fixed", delivery)
    twins = tmp_path / "twins"
    twins.mkdir()
    for number, (kind, rows) in enumerate(delivery.items()):
        text = delimited(kind, rows, delimiter)
        first, _, rest = text.partition("\n")
        name = f"{kind}.D240815.csv" if named else f"part {number}.D240815.csv"
        (twins / name).write_text(first.lower() + "\n\n" + rest, encoding="utf-8")
    assert cclf.recognises(twins)
    assert same(read(twins), read(tmp_path / "fixed"))


def test_a_file_or_a_zip_can_be_read_by_itself(tmp_path: Path) -> None:
    files.write(tmp_path / "plain", {"CCLF1": [header()]})
    claims = read(tmp_path / "plain" / file_name("CCLF1"))
    assert claims.claims.collect().height == 1
    assert "no CCLF8: birth and death dates and coverage are not known for anyone" in claims.report.notes
    files.write(tmp_path / "zip", whole_delivery(), packing="zip")
    [packed] = (tmp_path / "zip").iterdir()
    assert read(packed).claims.collect().height == 4


def test_the_only_file_of_a_zip_may_have_the_name_of_the_zip(tmp_path: Path) -> None:
    for kind, rows in (("CCLF1", [header()]), ("CCLF8", [person(BENE_DUAL_STUS_CD="02")])):
        with zipfile.ZipFile(tmp_path / f"{file_name(kind)}.zip", "w") as archive:
            archive.writestr("data.txt", files.records(kind, rows))
    with zipfile.ZipFile(tmp_path / f"{file_name('CCLF0')}.zip", "w") as archive:
        archive.writestr("data.txt", files.summary({"CCLF1": 1, "CCLF8": 1}))
    claims = read(tmp_path)
    assert claims.claims.collect().height == 1
    assert "full_dual" in claims.coverage.collect()["kind"].cast(pl.String).to_list()
    assert not any(note.startswith("numbers of records not checked") for note in claims.report.notes)


def test_line_ends_and_marks_of_other_systems_do_not_matter(tmp_path: Path) -> None:
    text = files.records("CCLF1", [header(), header(CUR_CLM_UNIQ_ID="2")], end="\r\n").removesuffix("\r\n")
    (tmp_path / "CCLF1.txt").write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\n\n\x1a")
    (tmp_path / "CCLF8.csv").write_bytes(
        b"\xef\xbb\xbf" + delimited("CCLF8", [person()]).replace("\n", "\r\n").encode()
    )
    claims = read(tmp_path)
    assert claims.claims.collect()["claim_id"].to_list() == [CLAIM, "2"]
    assert claims.beneficiaries.collect()["sex"].to_list() == ["2"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_names_with_accents_do_not_move_the_fields_after_them(encoding: str, tmp_path: Path) -> None:
    text = files.records("CCLF8", [person(BENE_LAST_NAME="PEÑA NÚÑEZ"), person(BENE_MBI_ID="2EG4TE5MK73")])
    (tmp_path / "CCLF8.txt").write_bytes(text.encode(encoding))
    claims = read(tmp_path)
    starts = claims.coverage.filter(pl.col("kind") == "part_b").collect()["start_date"].to_list()
    assert starts == [dt.date(2013, 1, 1)] * 2


def test_large_files_are_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [header(CUR_CLM_UNIQ_ID=str(number)) for number in range(50)]
    (tmp_path / "CCLF1.txt").write_text(files.records("CCLF1", rows), encoding="ascii")
    (tmp_path / "CCLF2.csv").write_text(
        delimited("CCLF2", [revenue_line(CUR_CLM_UNIQ_ID=str(number)) for number in range(50)]), encoding="ascii"
    )
    monkeypatch.setattr(cclf_records, "BATCH_BYTES", 1000)
    for file in cclf.source_files(tmp_path, ReadingReport(layout="cclf")):
        batches = list(cclf.read_rows(file))
        assert len(batches) > 3
        assert pl.concat(batches)["CUR_CLM_UNIQ_ID"].to_list() == [str(number) for number in range(50)]


def test_blanks_and_placeholders_are_null(tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header(BENE_PTNT_STUS_CD="~", CLM_ATNDG_PRVDR_NPI_NUM="~", DGNS_DRG_CD="")]})
    [rows] = rows_of(tmp_path, ReadingReport(layout="cclf")).values()
    assert rows.row(0, named=True)["BENE_PTNT_STUS_CD"] is None
    [claim] = table(read(tmp_path), "claims")
    assert (claim["discharge_status"], claim["attending_npi"], claim["ms_drg"]) == (None, None, None)


def test_what_is_passed_over_is_said(tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header()], "CCLF6": []})
    (tmp_path / "README.md").write_text("about CCLF1", encoding="utf-8")
    (tmp_path / "other.zip").write_bytes(b"no zip")
    claims = read(tmp_path)
    assert "2 files not CCLF, ignored: README.md, other.zip" in claims.report.notes
    assert f"1 file without records: {file_name('CCLF6')}" in claims.report.notes
    assert any(note.startswith("no CCLF9: identifiers that were replaced") for note in claims.report.notes)
    assert "claims about substance use are delivered only for people who agreed to it" in claims.report.notes


def test_other_layouts_and_this_one_leave_each_other_alone(tmp_path: Path) -> None:
    files.write(tmp_path / "cclf", whole_delivery())
    assert not canonical.recognises(tmp_path / "cclf")
    assert not synpuf.recognises(tmp_path / "cclf")
    assert not cclf.recognises(ep.synthetic.bundled_folder())
    (tmp_path / "rif").mkdir()
    (tmp_path / "rif" / "carrier.csv").write_text("BENE_ID|CLM_ID|NCH_CLM_TYPE_CD\n-1|-2|71\n", encoding="ascii")
    assert not cclf.recognises(tmp_path / "rif")


def test_public_sample(shared_folder: Path, tmp_path: Path) -> None:
    """The only public delivery names files in its summary that it does not hold: it is refused, its parts are read."""
    folder = shared_folder / "claims" / "cclf_layout"
    assert cclf.recognises(folder)
    with pytest.raises(LayoutError) as caught:
        cclf.source_files(folder, ReadingReport(layout="cclf"))
    message = str(caught.value)
    assert "9 files of the summary not there: CCLF1 (6 records), CCLF2 (6 records)" in message
    assert "another record length: CCLF9 (summary 54, version 38 55)" in message
    with zipfile.ZipFile(next(folder.glob("*.zip"))) as archive:
        for name in archive.namelist():
            if ".ZC0" not in name:
                archive.extract(name, tmp_path)
    claims = read(tmp_path)
    people = claims.beneficiaries.collect().sort("beneficiary_id")
    # Seven rows are three people: one of them had five identifiers in a row.
    assert people["beneficiary_id"].str.slice(-2).to_list() == ["30", "31", "35"]
    assert people["state"].to_list() == ["MD", "MD", "TX"]
    counts = claims.report.table("beneficiaries")
    assert (counts.rows_in, counts.rows_out, counts.netted["identifier_crosswalk"]) == (13, 3, 6)


# --- faults of files ----------------------------------------------------------------------------------------


def test_a_number_of_records_that_the_summary_does_not_state(tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header()]})
    (tmp_path / file_name("CCLF0")).write_text(files.summary({"CCLF1": 1234}), encoding="ascii")
    with pytest.raises(LayoutError, match=r"CCLF1\.D240815.*1 record read.*\(CCLF0\) of the delivery states 1,234"):
        read(tmp_path)


def test_files_of_the_summary_that_are_not_there(tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header()]})
    (tmp_path / file_name("CCLF0")).write_text(
        files.summary({"CCLF1": 1, "CCLF2": 7, "CCLF6": 0}, {"CCLF1": 292}), encoding="ascii"
    )
    with pytest.raises(LayoutError) as caught:
        read(tmp_path)
    assert "1 file of the summary not there: CCLF2 (7 records)" in str(caught.value)
    assert "another record length: CCLF1 (summary 292, version 38 437)" in str(caught.value)


def test_a_file_that_is_there_twice_under_one_summary(tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header()]})
    files.write(tmp_path, {"CCLF1": [header()]}, packing="gz")
    (tmp_path / (file_name("CCLF0") + ".gz")).unlink()
    with pytest.raises(LayoutError, match="there more than once: CCLF1"):
        read(tmp_path)


def test_a_summary_without_rows(tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header()]})
    (tmp_path / file_name("CCLF0")).write_text("nothing\n", encoding="ascii")
    with pytest.raises(LayoutError, match="no row reads 'CCLF1"):
        read(tmp_path)


def test_records_of_another_length(tmp_path: Path) -> None:
    good = files.records("CCLF1", [header()])
    short = good.rstrip() + "\n"
    older = good[:292] + "\n"
    (tmp_path / "CCLF1.txt").write_text(good + short * 2 + older, encoding="ascii")
    with pytest.raises(LayoutError) as caught:
        read(tmp_path)
    message = str(caught.value)
    assert message.startswith("CCLF1.txt: taken for CCLF1 of CCLF version 38, whose records have 437 characters")
    assert f"3 of 4 lines have another length: {len(short) - 1} (2 lines), 292 (1 line)" in message
    assert PERSON not in message


@pytest.mark.parametrize("name", ["CCLF1.csv.gz", "CCLF1.gz"])
def test_a_packed_file_that_was_cut_short(name: str, tmp_path: Path) -> None:
    files.write(tmp_path, {"CCLF1": [header(CUR_CLM_UNIQ_ID=str(number)) for number in range(500)]}, packing="gz")
    packed = (tmp_path / (file_name("CCLF1") + ".gz")).read_bytes()
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / name).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(LayoutError, match="cannot be read to its end"):
        read(folder)


def test_a_zip_of_a_delivery_that_was_cut_short(tmp_path: Path) -> None:
    files.write(tmp_path, whole_delivery(), packing="zip")
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:2000])
    path.rename(tmp_path / "P.A1234.ACO.CCLF1.D240815.T0100000.zip")
    with pytest.raises(LayoutError, match="cannot be read to its end"):
        cclf.source_files(tmp_path, ReadingReport(layout="cclf"))
    assert not cclf.recognises(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: text.replace("CLM_PMT_AMT", "PAID").replace("CLM_THRU_DT", "THRU"),
            "lacks 2 columns: CLM_THRU_DT",
        ),
        (lambda text: text.replace("BENE_HIC_NUM", "CLM_PMT_AMT"), "named more than once: CLM_PMT_AMT"),
    ],
)
def test_a_delimited_file_without_its_columns(change: Any, said: str, tmp_path: Path) -> None:
    (tmp_path / "CCLF1.csv").write_text(change(delimited("CCLF1", [header()])), encoding="ascii")
    with pytest.raises(LayoutError, match=said):
        read(tmp_path)


@pytest.mark.parametrize("last", ["1|2|3\n", "|" * 60 + "\n"])
def test_a_delimited_file_with_uneven_rows(last: str, tmp_path: Path) -> None:
    (tmp_path / "CCLF1.csv").write_text(delimited("CCLF1", [header()]) + last, encoding="ascii")
    with pytest.raises(LayoutError, match=r"CCLF1\.csv: not readable as delimited text with 45 columns"):
        read(tmp_path)


# --- identifiers --------------------------------------------------------------------------------------------


def test_old_identifiers_become_the_current_one_before_anything_else(tmp_path: Path) -> None:
    delivery = {
        "CCLF1": [
            header(CUR_CLM_UNIQ_ID="1", BENE_MBI_ID="OLD1"),
            header(CUR_CLM_UNIQ_ID="2", BENE_MBI_ID="OLD2", CLM_ADJSMT_TYPE_CD="1", CLM_EFCTV_DT="2024-08-07"),
            header(CUR_CLM_UNIQ_ID="3", CLM_ADJSMT_TYPE_CD="2", CLM_PMT_AMT="210.00", CLM_EFCTV_DT="2024-08-07"),
        ],
        "CCLF8": [person(BENE_MBI_ID="OLD1"), person()],
        "CCLF9": [replaced_identifier("OLD1", "OLD2"), replaced_identifier("OLD2", PERSON)],
    }
    claims = read_delivery(tmp_path, delivery)
    assert [(row["beneficiary_id"], row["claim_id"]) for row in table(claims, "claims")] == [(PERSON, "3")]
    assert [row["beneficiary_id"] for row in table(claims, "beneficiaries")] == [PERSON]
    assert claims.report.table("beneficiaries").netted == {"identifier_crosswalk": 2, "repeated_row": 1}
    assert counts_hold(claims, delivery)


def test_the_later_crosswalk_counts_and_an_earlier_one_still_holds(tmp_path: Path) -> None:
    claims = [header(CUR_CLM_UNIQ_ID=str(n), BENE_MBI_ID=mbi) for n, mbi in enumerate(("A", "B", "C", "D", "H", "S"))]
    files.write(
        tmp_path,
        {
            "CCLF1": claims,
            "CCLF9": [
                replaced_identifier("A", "WRONG"),
                replaced_identifier("B", "RIGHT"),
                replaced_identifier("C", "D"),
                replaced_identifier("D", "C"),
                replaced_identifier("H", "HICN", HICN_MBI_XREF_IND="H"),
                replaced_identifier("S", "S", PRVS_ID_OBSLT_DT="9999-12-31"),
            ],
        },
        day="240115",
    )
    files.write(tmp_path, {"CCLF9": [replaced_identifier("A", "RIGHT")]}, day="240215")
    found = read(tmp_path).claims.collect().sort("claim_id")
    # C and D replace each other: both stay as they are.
    assert found["beneficiary_id"].to_list() == ["RIGHT", "RIGHT", "C", "D", "H", "S"]


def test_rows_divided_among_people_give_the_same_tables(tmp_path: Path) -> None:
    delivery = messy_delivery()
    files.write(tmp_path, delivery)
    rows = rows_of(tmp_path, ReadingReport(layout="cclf"))
    whole = read(tmp_path)
    rows = {kind: frame.with_columns(pl.col("PERSON").fill_null("")) for kind, frame in rows.items()}
    people = sorted({one for frame in rows.values() for one in frame["PERSON"]})
    assert len(people) > 3
    parts = []
    for one in people:
        own = {kind: frame.filter(pl.col(cclf.PERSON_COLUMNS[kind] or "") == one) for kind, frame in rows.items()}
        report = ReadingReport(layout="cclf")
        parts.append(Claims(**cclf.reshape(own, report), report=report))
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        together = pl.concat([part.table(name).collect() for part in parts])
        order = [column for column in together.columns if not isinstance(together.schema[column], pl.List)]
        assert together.sort(order).equals(whole.table(name).collect().sort(order))
    for name in ("claims", "lines", "beneficiaries"):
        for what in ("netted", "quarantined"):
            summed: dict[str, int] = {}
            for part in parts:
                for reason, number in getattr(part.report.table(name), what).items():
                    summed[reason] = summed.get(reason, 0) + number
            assert summed == getattr(whole.report.table(name), what)


def test_a_store_is_the_same_as_reading_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "LAYOUTS", tuple(dict.fromkeys([*plan.LAYOUTS, "cclf"])))
    files.write(tmp_path / "delivery", messy_delivery(), packing="zip")
    read_at_once = ep.read_claims(tmp_path / "delivery")
    assert read_at_once.report.layout == "cclf"
    report = ep.ingest(tmp_path / "delivery", tmp_path / "store", buckets=3)
    store = ep.read_claims(tmp_path / "store")
    for name in ("claims", "lines", "beneficiaries", "coverage"):
        order = ["beneficiary_id", *(["claim_id"] if name in ("claims", "lines") else [])]
        order += ["line_number"] if name == "lines" else ["kind", "start_date"] if name == "coverage" else []
        assert store.table(name).collect().sort(order).equals(read_at_once.table(name).collect().sort(order))
    for name in ("claims", "lines", "beneficiaries"):
        assert report.table(name).netted == read_at_once.report.table(name).netted


# --- final action -------------------------------------------------------------------------------------------


def test_the_worked_example_of_the_packet_to_the_cent(tmp_path: Path) -> None:
    """Part A nets to 260, Part B to 707: 967 dollars."""

    def facility(number: int, paid: str, kind: str, processed: str, **changes: str) -> files.Row:
        return header(
            CUR_CLM_UNIQ_ID=f"101{number}",
            CLM_PMT_AMT=paid,
            CLM_ADJSMT_TYPE_CD=kind,
            CLM_EFCTV_DT=f"2024-{processed}",
            **changes,
        )

    def physician(claim: str, kind: str, *paid: str) -> list[files.Row]:
        return [
            physician_line(
                CUR_CLM_UNIQ_ID=claim,
                CLM_LINE_NUM=str(number),
                CLM_ADJSMT_TYPE_CD=kind,
                CLM_LINE_CVRD_PD_AMT=amount,
                CLM_LINE_ALOWD_CHRG_AMT=amount,
            )
            for number, amount in enumerate(paid, 1)
        ]

    delivery = {
        "CCLF1": [
            facility(4, "200.00", "0", "07-20"),
            facility(5, "0.00", "2", "09-20"),
            facility(6, "200.00", "1", "08-07"),
            facility(7, "210.00", "2", "09-20"),
            facility(8, "0.00", "2", "08-07"),
            facility(9, "0.00", "1", "10-07"),
            facility(10, "50.00", "0", "09-20", CLM_FROM_DT="2024-08-20", CLM_THRU_DT="2024-08-29"),
        ],
        "CCLF5": [
            *physician("201", "1", "0.00", "380.00", "227.00"),
            *physician("202", "0", "380.00", "227.00", "100.00"),
            *physician("203", "0", "0.00", "380.00", "227.00"),
        ],
    }
    claims = read_delivery(tmp_path, delivery)
    whole = claims.claims.filter(pl.col("setting") == "inpatient").collect()
    assert whole["claim_id"].to_list() == ["1017", "10110"]
    assert whole["paid_cents"].sum() == 260_00
    lines = claims.lines.collect()
    assert lines["claim_id"].unique().to_list() == ["202"]
    assert lines["paid_cents"].to_list() == [380_00, 227_00, 100_00]
    assert whole["paid_cents"].sum() + lines["paid_cents"].sum() == 967_00
    assert claims.report.table("claims").netted == {"cancelled": 2, "cancellation": 2, "unpaid_version": 1}
    assert claims.report.table("lines").netted == {"cancelled": 3, "cancellation": 3}
    netted = claims.report.netted["claims"].sort("claim_id").rows()
    assert netted == [
        (PERSON, "1014", "cancelled", "1016", 200_00),
        (PERSON, "1015", "unpaid_version", "1017", 0),
        (PERSON, "1016", "cancellation", "1014", 200_00),
        (PERSON, "1018", "cancelled", "1019", 0),
        (PERSON, "1019", "cancellation", "1018", 0),
    ]
    counts = claims.report.table("lines")
    # Each side goes with the amount it states; what is left is what came in, less both.
    assert counts.cents_netted == {"cancelled": 607_00, "cancellation": 607_00}
    assert (counts.cents_in, counts.cents_out) == (2 * 607_00 + 707_00, 707_00)
    assert set(claims.report.netted["lines"].drop("paid_cents").rows()) == {
        (PERSON, "201", "cancellation", "203"),
        (PERSON, "203", "cancelled", "201"),
    }
    assert counts_hold(claims, delivery)


def test_rows_of_a_cancelled_claim_go_with_it(tmp_path: Path) -> None:
    other = {"CUR_CLM_UNIQ_ID": "2"}
    delivery = {
        "CCLF1": [header(), header(**other, CLM_ADJSMT_TYPE_CD="1", CLM_EFCTV_DT="2024-08-01")],
        "CCLF2": [revenue_line(), revenue_line(**other)],
        "CCLF3": [procedure(), procedure(**other)],
        "CCLF4": [diagnosis(), diagnosis(**other)],
        "CCLFA": [supplement(), supplement(**other)],
    }
    claims = read_delivery(tmp_path, delivery)
    assert claims.claims.collect().is_empty()
    assert claims.lines.collect().is_empty()
    assert claims.report.table("claims").netted == {"cancelled": 4, "cancellation": 4}
    assert claims.report.table("lines").netted == {"cancelled": 1, "cancellation": 1}
    assert counts_hold(claims, delivery)


def test_a_cancellation_with_a_signed_amount(tmp_path: Path) -> None:
    other = {"CUR_CLM_UNIQ_ID": "2", "CLM_ADJSMT_TYPE_CD": "1", "CLM_EFCTV_DT": "2024-08-01"}
    delivery = {
        "CCLF1": [header(), header(**other, CLM_PMT_AMT="-200.00")],
        "CCLF5": [
            physician_line(),
            physician_line(**other, CLM_LINE_CVRD_PD_AMT="-80.00", CLM_LINE_ALOWD_CHRG_AMT="-100.00"),
        ],
    }
    assert read_delivery(tmp_path, delivery).claims.collect().is_empty()


def test_a_corrected_thru_date_leaves_the_adjustment(tmp_path: Path) -> None:
    rows = [
        header(CUR_CLM_UNIQ_ID="1"),
        header(CUR_CLM_UNIQ_ID="2", CLM_ADJSMT_TYPE_CD="1", CLM_EFCTV_DT="2024-08-07"),
        header(CUR_CLM_UNIQ_ID="3", CLM_ADJSMT_TYPE_CD="2", CLM_EFCTV_DT="2024-08-07", CLM_THRU_DT="2024-07-09"),
    ]
    [claim] = table(read_delivery(tmp_path, {"CCLF1": rows}), "claims")
    assert (claim["claim_id"], claim["thru_date"]) == ("3", dt.date(2024, 7, 9))


def test_a_cancellation_of_a_claim_from_before_changes_nothing(tmp_path: Path) -> None:
    rows = [
        header(CUR_CLM_UNIQ_ID="2", CLM_ADJSMT_TYPE_CD="1", CLM_EFCTV_DT="2024-08-07"),
        header(CUR_CLM_UNIQ_ID="3", CLM_ADJSMT_TYPE_CD="2", CLM_EFCTV_DT="2024-08-07", CLM_PMT_AMT="200.00"),
    ]
    claims = read_delivery(tmp_path, {"CCLF1": rows})
    assert [claim["claim_id"] for claim in table(claims, "claims")] == ["3"]
    assert claims.report.table("claims").netted == {"cancellation_without_original": 1}


def test_two_paid_claims_of_one_stay_stay_two(tmp_path: Path) -> None:
    rows = [
        header(CUR_CLM_UNIQ_ID="1"),
        header(CUR_CLM_UNIQ_ID="2", CLM_PMT_AMT="95.00", CLM_ADJSMT_TYPE_CD="2"),
        header(CUR_CLM_UNIQ_ID="3", CLM_TYPE_CD="40", CLM_PMT_AMT="0.00", CLM_ADJSMT_TYPE_CD="2"),
        header(CUR_CLM_UNIQ_ID="4", CLM_TYPE_CD="40"),
    ]
    claims = read_delivery(tmp_path, {"CCLF1": rows})
    assert [claim["claim_id"] for claim in table(claims, "claims")] == ["1", "2", "3", "4"]


def test_one_claim_number_as_original_and_adjustment_is_one_claim(tmp_path: Path) -> None:
    later = {"CLM_ADJSMT_TYPE_CD": "2", "CLM_EFCTV_DT": "2024-08-07"}
    delivery = {
        "CCLF1": [header(), header(**later, CLM_PMT_AMT="210.00")],
        "CCLF5": [physician_line(), physician_line(**later, CLM_LINE_CVRD_PD_AMT="70.00")],
    }
    claims = read_delivery(tmp_path, delivery)
    assert [claim["paid_cents"] for claim in table(claims, "claims")] == [210_00, 70_00]
    assert [line["paid_cents"] for line in table(claims, "lines")] == [70_00]
    for name in ("claims", "lines"):
        assert claims.report.table(name).netted == {"replaced_by_adjustment": 1}


def test_monthly_deliveries_repeat_rows_and_the_later_counts(tmp_path: Path) -> None:
    january, february = whole_delivery(), whole_delivery()
    del february["CCLF9"]
    february["CCLF1"] = [header(BENE_PTNT_STUS_CD="03")]
    february["CCLF4"] = [diagnosis(CLM_DGNS_CD="I10")]
    february["CCLF5"] = [physician_line(CLM_POS_CD="22"), physician_line(CLM_LINE_NUM="2")]
    february["CCLF8"] = [person(BENE_DEATH_DT="2024-09-01")]
    files.write(tmp_path, january, day="240815")
    files.write(tmp_path, february, day="240915")
    claims = read(tmp_path)
    found = table(claims, "claims")
    assert [claim["setting"] for claim in found] == ["inpatient", "professional", "dme", "drug"]
    assert found[0]["discharge_status"] == "03"
    assert found[0]["diagnoses"] == ["M1711", "I10"]
    surgeon = [line for line in table(claims, "lines") if line["claim_id"] == "2000000000001"]
    assert [(line["line_number"], line["place_of_service"]) for line in surgeon] == [(1, "22"), (2, "21")]
    assert table(claims, "beneficiaries")[0]["death_date"] == dt.date(2024, 9, 1)
    counts = claims.report.table("claims").netted
    assert (counts["repeated_row"], counts["superseded_by_later_delivery"]) == (2, 2)
    counts = claims.report.table("lines").netted
    assert (counts["repeated_row"], counts["superseded_by_later_delivery"]) == (4, 1)
    assert claims.report.table("beneficiaries").netted["earlier_delivery_of_same_person"] == 1
    both = {kind: [*january[kind], *february.get(kind, [])] for kind in january}
    assert counts_hold(claims, both)


def test_denied_claims_and_lines_go_unless_money_was_paid(tmp_path: Path) -> None:
    unpaid = {"CLM_LINE_CVRD_PD_AMT": "0.00"}
    delivery = {
        "CCLF1": [
            header(CUR_CLM_UNIQ_ID="1", CLM_MDCR_NPMT_RSN_CD="N", CLM_PMT_AMT="0.00"),
            header(CUR_CLM_UNIQ_ID="2", CLM_MDCR_NPMT_RSN_CD="N", CLM_FROM_DT="2024-07-02"),
            header(CUR_CLM_UNIQ_ID="3", CLM_MDCR_NPMT_RSN_CD="P", CLM_PMT_AMT="0.00", CLM_FROM_DT="2024-07-03"),
            header(CUR_CLM_UNIQ_ID="4", CLM_MDCR_NPMT_RSN_CD="~", CLM_PMT_AMT="0.00", CLM_FROM_DT="2024-07-04"),
        ],
        "CCLF2": [revenue_line(CUR_CLM_UNIQ_ID="1")],
        "CCLF5": [
            physician_line(CUR_CLM_UNIQ_ID="5", CLM_CARR_PMT_DNL_CD="0", CLM_PRCSG_IND_CD="C", **unpaid),
            physician_line(CUR_CLM_UNIQ_ID="6", CLM_LINE_NUM="1", CLM_PRCSG_IND_CD="N", **unpaid),
            physician_line(CUR_CLM_UNIQ_ID="6", CLM_LINE_NUM="2", CLM_PRCSG_IND_CD="S", **unpaid),
            physician_line(CUR_CLM_UNIQ_ID="6", CLM_LINE_NUM="3", CLM_PRCSG_IND_CD="N"),
            physician_line(
                CUR_CLM_UNIQ_ID="6", CLM_LINE_NUM="4", CLM_PRCSG_IND_CD="", CLM_CARR_PMT_DNL_CD="", **unpaid
            ),
            physician_line(CUR_CLM_UNIQ_ID="7", CLM_CARR_PMT_DNL_CD="12", **unpaid),
        ],
        "CCLF6": [equipment_line(CLM_PRCSG_IND_CD="N", CLM_CARR_PMT_DNL_CD="0", **unpaid)],
        "CCLFB": [line_supplement(CUR_CLM_UNIQ_ID="5"), line_supplement(CUR_CLM_UNIQ_ID="6")],
    }
    claims = read_delivery(tmp_path, delivery)
    assert [claim["claim_id"] for claim in table(claims, "claims")] == ["2", "3", "4", "6"]
    assert [line["line_number"] for line in table(claims, "lines")] == [2, 3, 4]
    assert claims.report.table("claims").netted == {"denied": 1}
    assert claims.report.table("lines").netted == {"denied": 6, "supplement_of_claim": 1}
    assert claims.report.tallies["denied claims that carry a payment, kept"] == 1
    assert claims.report.tallies["denied lines that carry a payment, kept"] == 1
    assert counts_hold(claims, delivery)


# --- facility claims ----------------------------------------------------------------------------------------


def test_an_inpatient_claim(tmp_path: Path) -> None:
    stay = header(
        CLM_BLG_PRVDR_OSCAR_NUM="",
        PRVDR_OSCAR_NUM="360035",
        CLM_OPRTG_PRVDR_NPI_NUM="1000000012",
        ATNDG_PRVDR_NPI_NUM="1000000020",
        CLM_PMT_AMT="12000.50",
        CLM_OPRTNL_IME_AMT="100.00",
        CLM_MDCR_IP_PPS_CPTL_IME_AMT="10.00",
        CLM_OPRTNL_DSPRPRTNT_AMT="20.00",
        CLM_MDCR_IP_PPS_DSPRPRTNT_AMT="2.00",
        CLM_HIPPS_UNCOMPD_CARE_AMT="300.00",
    )
    shares = supplement(
        CLM_ACTV_CARE_FROM_DT="2024-06-30",
        CLM_MDCR_IP_BENE_DDCTBL_AMT="1632.00",
        CLM_MDCR_DDCTBL_AMT="1632.00",
        CLM_MDCR_COINSRNC_AMT="408.00",
        CLM_BLOOD_LBLTY_AMT="30.00",
        CLM_OPRTNL_OUTLR_AMT="500.00",
        CLM_MDCR_NEW_TECH_AMT="250.00",
        CLM_DEMO_1ST_NUM="A1",
        CLM_DEMO_3RD_NUM="B2",
    )
    delivery = {"CCLF1": [stay], "CCLFA": [shares], "CCLF2": [revenue_line(CLM_LINE_CVRD_PD_AMT="99.00")]}
    claims = read_delivery(tmp_path, delivery)
    [claim] = table(claims, "claims")
    assert (claim["beneficiary_id"], claim["claim_id"], claim["setting"]) == (PERSON, CLAIM, "inpatient")
    assert (claim["from_date"], claim["thru_date"]) == (dt.date(2024, 7, 1), dt.date(2024, 7, 8))
    assert (claim["admission_date"], claim["discharge_date"]) == (dt.date(2024, 6, 30), dt.date(2024, 7, 8))
    assert (claim["discharge_status"], claim["ms_drg"], claim["bill_type"]) == ("01", "470", "111")
    assert (claim["ccn"], claim["facility_npi"]) == (HOSPITAL, "1000000004")
    assert (claim["operating_npi"], claim["attending_npi"]) == ("1000000012", "1000000020")
    assert claim["paid_cents"] == 12_000_50
    # 12,000.50 + 1,632 deductible (stated twice) + 408 coinsurance + 30 blood
    assert claim["allowed_cents"] == 14_070_50
    assert (claim["ime_cents"], claim["dsh_cents"], claim["uncompensated_care_cents"]) == (110_00, 22_00, 300_00)
    assert (claim["outlier_cents"], claim["new_technology_cents"]) == (500_00, 250_00)
    assert claim["demonstration_codes"] == ["A1", "B2"]
    assert claim["process_date"] == dt.date(2024, 7, 20)
    assert claim["standardized_cents"] is None
    [line] = table(claims, "lines")
    assert (line["revenue_center"], line["units"], line["service_date"]) == ("0360", 1.0, dt.date(2024, 7, 1))
    assert (line["paid_cents"], line["allowed_cents"]) == (None, None)


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("10", "home_health"),
        ("20", "snf"),
        ("30", "snf"),
        ("40", "outpatient"),
        ("50", "hospice"),
        ("60", "inpatient"),
        ("61", "inpatient"),
    ],
)
def test_settings_by_claim_type(code: str, setting: str, tmp_path: Path) -> None:
    stay = setting in ("snf", "inpatient")
    [claim] = table(read_delivery(tmp_path, {"CCLF1": [header(CLM_TYPE_CD=code)]}), "claims")
    assert claim["setting"] == setting
    assert claim["admission_date"] is None
    assert claim["discharge_date"] == (dt.date(2024, 7, 8) if stay else None)


def test_someone_still_a_patient_is_not_discharged(tmp_path: Path) -> None:
    rows = [header(BENE_PTNT_STUS_CD="30"), header(CUR_CLM_UNIQ_ID="2", BENE_PTNT_STUS_CD="")]
    assert [claim["discharge_date"] for claim in table(read_delivery(tmp_path, {"CCLF1": rows}), "claims")] == [
        None
    ] * 2


@pytest.mark.parametrize(
    ("written", "drg"), [("470", "470"), ("0470", "470"), ("64", "064"), ("0064", "064"), ("000", None), ("~", None)]
)
def test_a_drg_of_three_or_four_characters(written: str, drg: str | None, tmp_path: Path) -> None:
    [claim] = table(read_delivery(tmp_path, {"CCLF1": [header(DGNS_DRG_CD=written)]}), "claims")
    assert claim["ms_drg"] == drg


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("200.00", 200_00),
        ("-200.00", -200_00),
        ("           200.07", 200_07),
        ("+0000000200.07", 200_07),
        ("2000{", 200_00),
        ("0000001234E", 123_45),
        ("1234N", -123_45),
        ("5}", -50),
        ("90071992547409.93", 9_007_199_254_740_993),
    ],
)
def test_amounts_are_exact_cents_in_any_notation(written: str, cents: int, tmp_path: Path) -> None:
    [claim] = table(read_delivery(tmp_path, {"CCLF1": [header(CLM_PMT_AMT=written)]}), "claims")
    assert claim["paid_cents"] == cents


@pytest.mark.parametrize("unknown", ["1000-01-01", "9999-12-31", "0001-01-01", ""])
def test_dates_that_are_not_known_are_null(unknown: str, tmp_path: Path) -> None:
    delivery = {
        "CCLF1": [header(CLM_EFCTV_DT=unknown)],
        "CCLF2": [revenue_line(CLM_LINE_FROM_DT=unknown, CLM_LINE_THRU_DT=unknown, CLM_LINE_INSTNL_REV_CTR_DT=unknown)],
        "CCLF3": [procedure(CLM_PRCDR_PRFRM_DT=unknown)],
        "CCLF8": [person(BENE_DEATH_DT=unknown, BENE_PART_B_ENRLMT_BGN_DT=unknown)],
        "CCLFA": [supplement(CLM_ACTV_CARE_FROM_DT=unknown)],
    }
    claims = read_delivery(tmp_path, delivery)
    [claim] = table(claims, "claims")
    # Not processed, as far as is known: the day of loading stands for it.
    assert (claim["process_date"], claim["admission_date"]) == (dt.date(2024, 7, 22), None)
    assert claim["procedure_dates"] == [None]
    assert table(claims, "lines")[0]["service_date"] is None
    assert table(claims, "beneficiaries")[0]["death_date"] is None
    assert [interval["kind"] for interval in table(claims, "coverage")] == ["part_a"]


def test_diagnoses_with_the_principal_first(tmp_path: Path) -> None:
    def row(kind: str, number: int, code: str, present: str = "") -> files.Row:
        return diagnosis(CLM_PROD_TYPE_CD=kind, CLM_VAL_SQNC_NUM=str(number), CLM_DGNS_CD=code, CLM_POA_IND=present)

    rows = [
        row("E", 1, "W010XXA", "E"),
        row("D", 10, "Z96651"),
        row("D", 2, "E11.9", "N"),
        row("D", 1, "M1711", "Y"),
        row("A", 1, "M25561"),
    ]
    [claim] = table(read_delivery(tmp_path, {"CCLF1": [header()], "CCLF4": rows}), "claims")
    assert claim["diagnoses"] == ["M1711", "E119", "Z96651", "W010XXA"]
    assert claim["present_on_admission"] == ["Y", "N", None, "E"]


def test_a_principal_diagnosis_comes_from_a_row_of_its_type_or_stays_blank(tmp_path: Path) -> None:
    rows = [
        diagnosis(CLM_PROD_TYPE_CD="P", CLM_VAL_SQNC_NUM="1", CLM_DGNS_CD="S72001A"),
        diagnosis(),
        diagnosis(CUR_CLM_UNIQ_ID="2"),
    ]
    stays = [
        header(PRNCPL_DGNS_CD=""),
        header(CUR_CLM_UNIQ_ID="2", PRNCPL_DGNS_CD="~"),
        header(CUR_CLM_UNIQ_ID="3", PRNCPL_DGNS_CD=""),
    ]
    claims = table(read_delivery(tmp_path, {"CCLF1": stays, "CCLF4": rows}), "claims")
    assert [claim["diagnoses"] for claim in claims] == [["S72001A", "E119"], [None, "E119"], None]


def test_procedures_in_their_sequence(tmp_path: Path) -> None:
    rows = [
        procedure(CLM_VAL_SQNC_NUM="10", CLM_PRCDR_CD="8E0W0CZ", CLM_PRCDR_PRFRM_DT="2024-07-02"),
        procedure(CLM_VAL_SQNC_NUM="02", CLM_PRCDR_CD="0SPD0JZ", CLM_PRCDR_PRFRM_DT="1000-01-01"),
        procedure(),
    ]
    [claim] = table(read_delivery(tmp_path, {"CCLF1": [header()], "CCLF3": rows}), "claims")
    assert claim["procedures"] == ["0SRD0J9", "0SPD0JZ", "8E0W0CZ"]
    assert claim["procedure_dates"] == [dt.date(2024, 7, 1), None, dt.date(2024, 7, 2)]


def test_a_claim_without_shares_is_allowed_what_was_paid(tmp_path: Path) -> None:
    claims = read_delivery(tmp_path, {"CCLF1": [header(CLM_NCH_PRMRY_PYR_CD="A")]})
    [claim] = table(claims, "claims")
    assert (claim["paid_cents"], claim["allowed_cents"], claim["primary_payer_paid_cents"]) == (200_00, 200_00, 0)
    tallies = claims.report.tallies
    assert tallies["facility claims without a row in CCLFA: the payment stands for the allowed amount"] == 1
    assert tallies["facility claims with another primary payer, whose payment is not delivered"] == 1


def outpatient(*paid: str, claim_paid: str = "300.00", share: str = "90.00") -> dict[str, list[files.Row]]:
    lines = [
        revenue_line(
            CLM_LINE_NUM=str(number + 1),
            CLM_LINE_CVRD_PD_AMT=amount,
            CLM_LINE_HCPCS_CD="99284",
            CLM_REV_APC_HIPPS_CD="05024",
            HCPCS_1_MDFR_CD="25",
            HCPCS_3_MDFR_CD="LT",
        )
        for number, amount in enumerate(paid)
    ]
    return {
        "CCLF1": [header(CLM_TYPE_CD="40", CLM_PMT_AMT=claim_paid)],
        "CCLF2": lines,
        "CCLFA": [supplement(CLM_MDCR_COINSRNC_AMT=share)],
    }


def test_outpatient_payments_of_lines_hold_where_they_add_up(tmp_path: Path) -> None:
    claims = read_delivery(tmp_path, outpatient("100.00", "200.00"))
    lines = table(claims, "lines")
    assert [line["paid_cents"] for line in lines] == [100_00, 200_00]
    assert [line["allowed_cents"] for line in lines] == [190_00, 200_00]
    assert (lines[0]["apc"], lines[0]["modifiers"], lines[0]["hcpcs"]) == ("5024", ["25", "LT"], "99284")
    assert table(claims, "claims")[0]["allowed_cents"] == 390_00
    assert not any("first line" in what for what in claims.report.tallies)


@pytest.mark.parametrize(
    ("paid", "what"),
    [
        (("0.00", "0.00"), "outpatient claims without payments on their lines, booked on their first line"),
        (("", ""), "outpatient claims without payments on their lines, booked on their first line"),
        (
            ("100.00", "150.00"),
            "outpatient claims whose lines do not add up to their payment: booked on the first line",
        ),
    ],
)
def test_else_the_claim_is_paid_on_its_first_line(paid: tuple[str, ...], what: str, tmp_path: Path) -> None:
    claims = read_delivery(tmp_path, outpatient(*paid))
    lines = table(claims, "lines")
    assert [line["paid_cents"] for line in lines] == [300_00, 0]
    assert [line["allowed_cents"] for line in lines] == [390_00, 0]
    assert claims.report.tallies[what] == 1


def test_a_total_line_is_no_line(tmp_path: Path) -> None:
    delivery = outpatient("300.00", "0.00")
    delivery["CCLF2"] += [
        revenue_line(CLM_LINE_NUM="3", CLM_LINE_PROD_REV_CTR_CD="1", CLM_LINE_CVRD_PD_AMT="300.00"),
    ]
    claims = read_delivery(tmp_path, delivery)
    assert [line["paid_cents"] for line in table(claims, "lines")] == [300_00, 0]
    assert claims.report.table("lines").netted == {"total_line": 1}
    assert counts_hold(claims, delivery)


def test_an_outpatient_claim_without_lines_keeps_its_dollars(tmp_path: Path) -> None:
    delivery = outpatient()
    delivery["CCLF1"] += [header(CUR_CLM_UNIQ_ID="2", CLM_TYPE_CD="40", CLM_PMT_AMT="0.00")]
    claims = read_delivery(tmp_path, delivery)
    [line] = table(claims, "lines")
    assert (line["claim_id"], line["line_number"], line["service_date"]) == (CLAIM, 1, None)
    assert (line["paid_cents"], line["allowed_cents"]) == (300_00, 390_00)
    assert counts_hold(claims, delivery)


def test_an_unreadable_line_of_an_outpatient_claim_takes_no_dollar_with_it(tmp_path: Path) -> None:
    delivery = outpatient("three", "0.00")
    claims = read_delivery(tmp_path, delivery)
    assert [(line["line_number"], line["paid_cents"]) for line in table(claims, "lines")] == [(2, 300_00)]
    assert claims.report.table("lines").quarantined == {"paid_amount_not_an_amount": 1}
    assert counts_hold(claims, delivery)


# --- other claims -------------------------------------------------------------------------------------------


def test_a_professional_claim(tmp_path: Path) -> None:
    rows = [
        physician_line(CLM_LINE_NUM="2", CLM_LINE_CVRD_PD_AMT="8.00", CLM_LINE_ALOWD_CHRG_AMT="10.00"),
        physician_line(HCPCS_2_MDFR_CD="RT", CLM_RNDRG_PRVDR_NPI_NUM="", RNDRG_PRVDR_NPI_NUM="1000000020"),
        physician_line(CUR_CLM_UNIQ_ID="9", CLM_DGNS_1_CD="", CLM_LINE_PRMRY_PYR_CD="A", CLM_CNTL_NUM="C9"),
    ]
    demonstration = line_supplement(CLM_DEMO_1ST_NUM="B1", CLM_DEMO_2ND_NUM="A1")
    claims = read_delivery(tmp_path, {"CCLF5": rows, "CCLFB": [demonstration, line_supplement(CLM_LINE_NUM="2")]})
    first, second = table(claims, "claims")
    assert (first["setting"], first["claim_id"]) == ("professional", "2000000000001")
    assert (first["from_date"], first["process_date"]) == (dt.date(2024, 7, 1), dt.date(2024, 7, 20))
    assert (first["paid_cents"], first["allowed_cents"]) == (88_00, 110_00)
    assert (first["diagnoses"], first["demonstration_codes"]) == (["M1711", "E119"], ["A1", "B1"])
    assert second["diagnoses"] == [None, "E119"]
    line = claims.lines.filter(pl.col("line_number") == 1).collect().row(0, named=True)
    assert (line["hcpcs"], line["modifiers"], line["diagnosis"]) == ("27447", ["RT"], "M1711")
    assert (line["place_of_service"], line["specialty"], line["tin"]) == ("21", "20", "123456789")
    assert (line["rendering_npi"], line["units"]) == ("1000000020", 1.0)
    assert (line["paid_cents"], line["allowed_cents"]) == (80_00, 100_00)
    assert claims.report.tallies == {"lines with another primary payer, whose payment is not delivered": 1}


def test_lines_may_be_dated_outside_their_claim(tmp_path: Path) -> None:
    delivery = {
        "CCLF1": [header()],
        "CCLF2": [revenue_line(CLM_LINE_FROM_DT="2024-06-28", CLM_LINE_THRU_DT="2024-06-28")],
        "CCLF5": [physician_line(CLM_LINE_FROM_DT="2024-07-20", CLM_LINE_THRU_DT="2024-07-20")],
    }
    claims = read_delivery(tmp_path, delivery)
    assert claims.lines.collect()["service_date"].to_list() == [dt.date(2024, 6, 28), dt.date(2024, 7, 20)]
    assert claims.report.quarantined_rows() == 0


def test_versions_of_professional_claims_are_told_by_control_number(tmp_path: Path) -> None:
    def version(claim: str, kind: str, **changes: str) -> files.Row:
        return physician_line(CUR_CLM_UNIQ_ID=claim, CLM_ADJSMT_TYPE_CD=kind, **changes)

    rows = [
        version("1", "0"),
        version("2", "1", CLM_FROM_DT="2024-07-02", CLM_EFCTV_DT="2024-08-07"),
        version("3", "0", CLM_CNTL_NUM="OTHER"),
        version("4", "0", CLM_CNTL_NUM=""),
        version("5", "", CLM_CNTL_NUM="", CLM_DISP_CD="03", CLM_EFCTV_DT="2024-08-07"),
    ]
    claims = read_delivery(tmp_path, {"CCLF5": rows})
    assert [claim["claim_id"] for claim in table(claims, "claims")] == ["3"]
    assert claims.report.table("lines").netted == {"cancelled": 2, "cancellation": 2}


def test_equipment(tmp_path: Path) -> None:
    claims = read_delivery(tmp_path, {"CCLF6": [equipment_line()]})
    [claim], [line] = table(claims, "claims"), table(claims, "lines")
    assert (claim["setting"], claim["allowed_cents"]) == ("dme", 50_00)
    assert (line["hcpcs"], line["rendering_npi"], line["paid_cents"]) == ("E0143", "1000000020", 40_00)


def test_drug_events_have_no_amounts(tmp_path: Path) -> None:
    claims = read_delivery(tmp_path, {"CCLF7": [drug_event()]})
    [claim], [line] = table(claims, "claims"), table(claims, "lines")
    assert (claim["setting"], claim["facility_npi"]) == ("drug", "1234567893")
    assert (claim["from_date"], claim["thru_date"]) == (dt.date(2024, 7, 10), dt.date(2024, 7, 10))
    assert (line["units"], line["paid_cents"], line["allowed_cents"]) == (30.0, None, None)
    assert any(note.startswith("CCLF7: states what the beneficiary paid") for note in claims.report.notes)


def test_versions_of_drug_events(tmp_path: Path) -> None:
    def event(claim: str, kind: str, number: str, **changes: str) -> files.Row:
        return drug_event(CUR_CLM_UNIQ_ID=claim, CLM_ADJSMT_TYPE_CD=kind, CLM_LINE_RX_SRVC_RFRNC_NUM=number, **changes)

    january = [event("1", "0", "100"), event("2", "0", "200"), event("3", "1", "200"), event("6", "0", "")]
    february = [event("1", "0", "100"), event("4", "2", "100"), event("5", "2", "300"), event("7", "0", "")]
    files.write(tmp_path, {"CCLF7": january}, day="240115")
    files.write(tmp_path, {"CCLF7": february}, day="240215")
    claims = read(tmp_path)
    assert [claim["claim_id"] for claim in table(claims, "claims")] == ["4", "5", "6", "7"]
    assert claims.report.table("lines").netted == {"repeated_row": 1, "earlier_version": 2, "cancellation": 1}
    assert counts_hold(claims, {"CCLF7": [*january, *february]})


# --- people -------------------------------------------------------------------------------------------------


def intervals(claims: Claims) -> list[tuple[str, dt.date, dt.date | None]]:
    found = claims.coverage.sort("kind", "start_date").collect()
    return [(str(kind), start, end) for kind, start, end in found.select("kind", "start_date", "end_date").iter_rows()]


def test_a_person(tmp_path: Path) -> None:
    claims = read_delivery(tmp_path, {"CCLF8": [person()]})
    [found] = table(claims, "beneficiaries")
    assert found == {
        "beneficiary_id": PERSON,
        "birth_date": dt.date(1947, 3, 1),
        "death_date": None,
        "sex": "2",
        "state": "OH",
        "county": "035",
        "original_entitlement_reason": "0",
        "deprivation_percentile": None,
    }
    assert sorted(intervals(claims)) == [
        ("part_a", dt.date(2012, 3, 1), None),
        ("part_b", dt.date(2013, 1, 1), None),
    ]
    assert any(note.startswith("CCLF8: states when Part A and Part B began") for note in claims.report.notes)


def test_statuses_hold_in_the_month_of_their_delivery(tmp_path: Path) -> None:
    plain = {"BENE_PART_A_ENRLMT_BGN_DT": "", "BENE_PART_B_ENRLMT_BGN_DT": ""}
    for day, dual, status in (("240115", "02", "11"), ("240212", "04", "21"), ("240312", "03", "10")):
        row = person(BENE_DUAL_STUS_CD=dual, BENE_MDCR_STUS_CD=status, **plain)
        files.write(tmp_path, {"CCLF8": [row]}, day=day)
    assert intervals(read(tmp_path)) == [
        ("esrd", dt.date(2024, 1, 1), dt.date(2024, 1, 31)),
        ("esrd", dt.date(2024, 2, 1), dt.date(2024, 2, 29)),
        ("full_dual", dt.date(2024, 1, 1), dt.date(2024, 1, 31)),
        ("full_dual", dt.date(2024, 2, 1), dt.date(2024, 2, 29)),
        ("partial_dual", dt.date(2024, 3, 1), dt.date(2024, 3, 31)),
    ]


def test_entitlement_by_renal_disease_begins_with_coverage(tmp_path: Path) -> None:
    dates = {"BENE_PART_A_ENRLMT_BGN_DT": "2020-05-01", "BENE_PART_B_ENRLMT_BGN_DT": "2020-06-01"}
    files.write(tmp_path, {"CCLF8": [person(BENE_MDCR_STUS_CD="31", **dates)]}, day="240115")
    found = [interval for interval in intervals(read(tmp_path)) if interval[0] == "esrd_entitlement"]
    assert found == [("esrd_entitlement", dt.date(2020, 5, 1), None)]
    files.write(tmp_path, {"CCLF8": [person(BENE_MDCR_STUS_CD="11", **dates)]}, day="240212")
    found = [interval for interval in intervals(read(tmp_path)) if interval[0] == "esrd_entitlement"]
    assert found == [("esrd_entitlement", dt.date(2020, 5, 1), dt.date(2024, 1, 31))]


def test_a_status_in_a_file_without_a_day_has_no_month(tmp_path: Path) -> None:
    (tmp_path / "CCLF8.txt").write_text(
        files.records("CCLF8", [person(BENE_DUAL_STUS_CD="02", BENE_RNG_BGN_DT="2024-01-01")]), encoding="ascii"
    )
    claims = read(tmp_path)
    assert {kind for kind, _, _ in intervals(claims)} == {"part_a", "part_b"}
    assert claims.report.tallies == {
        "statuses of people (dual, renal disease) in files whose names have no day, not used": 1
    }


# --- every row ends somewhere -------------------------------------------------------------------------------


def messy_delivery() -> dict[str, list[files.Row]]:
    """Several people with rows that break each rule, beside rows that do not."""
    delivery: dict[str, list[files.Row]] = {kind: [] for kind in whole_delivery()}
    for one in ("A", "B", "C", "D"):
        for kind, rows in whole_delivery().items():
            if kind != "CCLF9":
                delivery[kind] += [row | {"BENE_MBI_ID": one} for row in rows]
    delivery["CCLF9"] = [replaced_identifier("OLD", "A"), replaced_identifier("OLDER", "OLD")]
    delivery["CCLF8"] += [person(BENE_MBI_ID="OLDER"), person(BENE_MBI_ID="E", BENE_DOB="1947-13-01")]
    b = {"BENE_MBI_ID": "B"}
    delivery["CCLF1"] += [
        header(**b, CUR_CLM_UNIQ_ID="10", CLM_TYPE_CD="62"),
        header(**b, CUR_CLM_UNIQ_ID="11", CLM_ADJSMT_TYPE_CD="9"),
        header(**b, CUR_CLM_UNIQ_ID="12", CLM_PMT_AMT="two"),
        header(**b, CUR_CLM_UNIQ_ID="13", CLM_OPRTNL_IME_AMT="x"),
        header(**b, CUR_CLM_UNIQ_ID="14", CLM_THRU_DT="2024-06-01"),
        header(**b, CUR_CLM_UNIQ_ID="15", CLM_FROM_DT="July"),
        header(**b, CUR_CLM_UNIQ_ID="16"),
        header(**b, CUR_CLM_UNIQ_ID=""),
        header(**b, CUR_CLM_UNIQ_ID="17", CLM_TYPE_CD="40", CLM_PMT_AMT="12.00"),
        header(BENE_MBI_ID="OLDER", CUR_CLM_UNIQ_ID="18", CLM_PMT_AMT="0.00", CLM_ADJSMT_TYPE_CD="2"),
        header(BENE_MBI_ID="OLD", CUR_CLM_UNIQ_ID="19", CLM_ADJSMT_TYPE_CD="1", CLM_PMT_AMT="77.00"),
        header(BENE_MBI_ID="", CUR_CLM_UNIQ_ID="20"),
    ]
    delivery["CCLF2"] += [
        revenue_line(**b, CUR_CLM_UNIQ_ID="12"),
        revenue_line(**b, CUR_CLM_UNIQ_ID="99"),
        revenue_line(**b, CUR_CLM_UNIQ_ID=""),
        revenue_line(**b, CLM_LINE_NUM="x"),
        revenue_line(**b, CLM_LINE_NUM="3", CLM_LINE_SRVC_UNIT_QTY="many"),
        revenue_line(**b, CLM_LINE_NUM="4", CLM_LINE_PROD_REV_CTR_CD="0001"),
        revenue_line(**b),
    ]
    delivery["CCLF3"] += [procedure(**b, CUR_CLM_UNIQ_ID="99"), procedure(**b, CUR_CLM_UNIQ_ID="12")]
    delivery["CCLF4"] += [diagnosis(**b, CUR_CLM_UNIQ_ID=""), diagnosis(**b, CUR_CLM_UNIQ_ID="16")]
    delivery["CCLF5"] += [
        physician_line(**b, CUR_CLM_UNIQ_ID="30", CLM_LINE_CVRD_PD_AMT="x"),
        physician_line(**b, CUR_CLM_UNIQ_ID="30", CLM_LINE_NUM="2"),
        physician_line(**b, CUR_CLM_UNIQ_ID="31", CLM_TYPE_CD="60"),
        physician_line(**b, CUR_CLM_UNIQ_ID="32", CLM_ADJSMT_TYPE_CD="7"),
        physician_line(BENE_MBI_ID="D", CUR_CLM_UNIQ_ID="", CLM_CNTL_NUM="X"),
        physician_line(**b, CUR_CLM_UNIQ_ID="33", CLM_ADJSMT_TYPE_CD="1", CLM_EFCTV_DT="2024-09-01"),
        physician_line(BENE_MBI_ID="C", CUR_CLM_UNIQ_ID="34", CLM_LINE_CVRD_PD_AMT="0.00", CLM_PRCSG_IND_CD="D"),
    ]
    delivery["CCLF6"] += [equipment_line(**b, CUR_CLM_UNIQ_ID="41", CLM_LINE_ALOWD_CHRG_AMT="x", CLM_CNTL_NUM="Y")]
    delivery["CCLF7"] += [
        drug_event(**b, CUR_CLM_UNIQ_ID="51", CLM_ADJSMT_TYPE_CD="5"),
        drug_event(**b, CUR_CLM_UNIQ_ID="52", CLM_ADJSMT_TYPE_CD="2"),
    ]
    delivery["CCLFA"] += [supplement(**b, CUR_CLM_UNIQ_ID="16", CLM_BLOOD_LBLTY_AMT="x")]
    delivery["CCLFB"] += [line_supplement(**b, CUR_CLM_UNIQ_ID="99"), line_supplement(**b, CUR_CLM_UNIQ_ID="30")]
    return delivery


def test_every_row_ends_in_one_place(tmp_path: Path) -> None:
    delivery = messy_delivery()
    claims = read_delivery(tmp_path, delivery)
    assert counts_hold(claims, delivery)
    report = claims.report
    assert report.table("claims").quarantined == {
        "adjustment_type_unknown": 1,
        "beneficiary_id_missing": 1,
        "claim_id_missing": 2,
        "claim_type_unknown": 1,
        "diagnosis_without_claim": 1,
        "from_date_not_a_date": 1,
        "ime_amount_not_an_amount": 1,
        "paid_amount_not_an_amount": 1,
        "procedure_without_claim": 1,
        "share_or_add_on_not_an_amount": 1,
        "thru_before_from": 1,
    }
    assert report.table("lines").quarantined == {
        "adjustment_type_unknown": 2,
        "allowed_amount_not_an_amount": 1,
        "claim_id_missing": 2,
        "claim_missing": 1,
        "claim_quarantined": 1,
        "claim_type_unknown": 1,
        "line_number_not_a_number": 1,
        "paid_amount_not_an_amount": 1,
        "supplement_without_claim": 1,
        "units_not_a_number": 1,
    }
    assert report.table("beneficiaries").quarantined == {"birth_date_not_a_date": 1}
    for name in ("claims", "lines"):
        counts = report.table(name).netted
        merged = {reason: number for reason, number in counts.items() if not reason.endswith("_of_claim")}
        assert report.netted[name].height == sum(merged.values())
    assert PERSON not in str(report.to_dict())
