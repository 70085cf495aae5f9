"""Writing the Tuva input layer: what is written reads back as what it was, and looks like a delivery."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import episodes as ep
from episodes.claims.contract import TABLES as CANONICAL
from episodes.claims.contract import types_of
from episodes.claims.layouts import tuva
from episodes.claims.layouts.tuva_settings import BILL_OF_SETTING
from episodes.claims.layouts.tuva_written_people import KINDS
from episodes.claims.report import ReadingReport

Tables = dict[str, pl.DataFrame]
NAMES = ("claims", "lines", "beneficiaries", "coverage")
KEYS = {
    "claims": ["beneficiary_id", "claim_id"],
    "lines": ["beneficiary_id", "claim_id", "line_number"],
    "beneficiaries": ["beneficiary_id"],
    "coverage": ["beneficiary_id", "kind", "start_date"],
}
DAY = dt.date(2024, 3, 7)


def read(folder: Path) -> ep.Claims:
    report = ReadingReport(layout="tuva")
    rows: dict[str, list[pl.DataFrame]] = {}
    for file in tuva.source_files(folder, report):
        rows.setdefault(file.kind, []).extend(tuva.read_rows(file))
    together = {kind: pl.concat(batches, how="diagonal") for kind, batches in rows.items() if batches}
    tables: dict[str, Any] = tuva.reshape(together, report)
    return ep.Claims(**tables, report=report)


def held(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """What of a table the layout holds, in one order; of coverage more than `LACKS` promises."""
    if name == "coverage":
        return frame.drop("detail").filter(pl.col("kind").cast(pl.String).is_in(KINDS)).sort(KEYS[name])
    return frame.select(column for column in frame.columns if column not in tuva.LACKS[name]).sort(KEYS[name])


def survives(tables: Tables, folder: Path, form: Literal["parquet", "csv"]) -> None:
    tuva.write(tables, folder, form=form)
    claims = read(folder)
    assert claims.report.quarantined_rows() == 0
    for name in NAMES:
        assert_frame_equal(held(name, claims.table(name).collect()), held(name, tables[name]))


@pytest.fixture(scope="module")
def bundled() -> Tables:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    return {name: claims.table(name).collect() for name in NAMES}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_bundled_set_reads_back_as_written(
    tmp_path: Path, bundled: Tables, form: Literal["parquet", "csv"]
) -> None:
    survives(bundled, tmp_path, form)


def some_tables(seed: int) -> Tables:
    """Random canonical tables within what the layout can say."""
    draw = random.Random(seed)

    def maybe(value: Any) -> Any:
        return value if draw.random() < 0.7 else None

    def days(first: dt.date, most: int) -> dt.date:
        return first + dt.timedelta(draw.randrange(most + 1))

    def amount() -> int:
        return draw.choice((0, 1, -1, 99, -12_345, 10**13 + 1, draw.randrange(-(10**6), 10**7)))

    claims, lines, people, coverage = [], [], [], []
    for number in range(draw.randrange(1, 12)):
        setting = draw.choice((*BILL_OF_SETTING, "professional", "dme", "drug"))
        institutional, drug = setting in BILL_OF_SETTING, setting == "drug"
        whole = setting in ("inpatient", "snf", "home_health", "hospice")
        start = days(DAY, 300)
        end = start if drug else days(start, 9)
        key = {"beneficiary_id": f"P{draw.randrange(4)}", "claim_id": f"C{number}"}
        made = []
        fewest = 1 if setting == "dme" else 0  # equipment is known by its lines
        for line in sorted(draw.sample(range(1, 30), draw.randrange(fewest, 4))):
            paid = None if whole else amount()
            service = start if drug else maybe(days(start, 9))
            made.append(
                {
                    **key,
                    "line_number": line,
                    "service_date": service,
                    "service_thru": service,
                    "hcpcs": {"dme": "E0143", "drug": None}.get(setting, draw.choice(("99232", "27447"))),
                    "modifiers": None if drug else maybe(["RT", "59", "XS", "25", "LT"][: draw.randrange(1, 6)]),
                    "revenue_center": "0360" if institutional else None,
                    "place_of_service": None if institutional or drug else "12",
                    "rendering_npi": None if drug else maybe("1437702123"),
                    "tin": None if drug else maybe("012834729"),
                    "units": maybe(draw.choice((1.0, 2.5, -3.0))),
                    "paid_cents": paid,
                    "allowed_cents": None if paid is None else amount(),
                    "charge_cents": maybe(amount()),
                }
            )
        lines += made
        sums = {
            column: amount() if whole else (sum(line[column] for line in made) if made else None)
            for column in ("paid_cents", "allowed_cents")
        }
        diagnoses = None if drug else [maybe("M1611"), *(f"I{n:03d}" for n in range(draw.randrange(25)))]
        diagnoses = None if diagnoses == [None] else diagnoses
        claims.append(
            {
                **key,
                "setting": setting,
                "from_date": start,
                "thru_date": end,
                "admission_date": start if setting in ("inpatient", "snf") else None,
                "discharge_date": maybe(end) if setting in ("inpatient", "snf") else None,
                "discharge_status": maybe("03") if institutional else None,
                "ms_drg": draw.choice(("008", "470")) if setting == "inpatient" else None,
                "facility_npi": maybe("0104867175") if institutional else None,
                "diagnoses": diagnoses,
                "present_on_admission": maybe(["Y", None, "N"]) if institutional and diagnoses else None,
                "procedures": ["0SR9019", "30233N1"] if setting == "inpatient" else None,
                "procedure_dates": [None, start] if setting == "inpatient" else None,
                "bill_type": BILL_OF_SETTING.get(setting),
                "process_date": maybe(days(end, 60)),
                **sums,
            }
        )
    for number in range(5):
        key = {"beneficiary_id": f"P{number}"}
        people.append(
            {
                **key,
                "birth_date": maybe(dt.date(1940, 5, 1)),
                "death_date": maybe(dt.date(2025, 5, 1)),
                "sex": maybe("2"),
                "state": maybe("OH"),
                "original_entitlement_reason": maybe(draw.choice("0123")),
            }
        )
        kinds = draw.sample(["part_a", "part_b", "medical", "esrd", "long_term_institution"], draw.randrange(6))
        kinds += draw.choice(([], ["full_dual"], ["partial_dual"]))
        for kind in kinds:
            first = days(DAY, 700)
            for _ in range(draw.randrange(1, 4)):
                last = maybe(days(first, 400))
                coverage.append({**key, "kind": kind, "start_date": first, "end_date": last})
                if last is None:
                    break
                first = last + dt.timedelta(draw.randrange(2, 40))
    frames: dict[str, Any] = {
        "claims": claims,
        "lines": lines,
        "beneficiaries": people,
        "coverage": coverage,
    }
    typed = ep.Claims(
        **{
            name: pl.DataFrame(rows, schema_overrides=_kept(name, rows), infer_schema_length=None)
            for name, rows in frames.items()
            if rows
        }
    )
    return {name: typed.table(name).collect() for name in NAMES}


def _kept(name: str, rows: list[dict[str, Any]]) -> dict[str, pl.DataType]:
    return {column: dtype for column, dtype in types_of(CANONICAL[name]).items() if column in rows[0]}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), form=st.sampled_from(["parquet", "csv"]))
def test_random_tables_read_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, seed: int, form: Literal["parquet", "csv"]
) -> None:
    survives(some_tables(seed), tmp_path_factory.mktemp("tuva"), form)


def test_the_same_tables_give_the_same_bytes(tmp_path: Path) -> None:
    tables = some_tables(7)
    for form in ("parquet", "csv"):
        tuva.write(tables, tmp_path / "once", form=form)
        shuffled = {name: frame.sample(fraction=1.0, shuffle=True, seed=1) for name, frame in tables.items()}
        tuva.write(shuffled, tmp_path / "again", form=form)
    names = sorted(file.name for file in (tmp_path / "once").iterdir())
    assert "medical_claim.parquet" in names
    for name in names:
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def claim(**changes: Any) -> pl.DataFrame:
    row = {
        "beneficiary_id": "P1",
        "claim_id": "C1",
        "setting": "inpatient",
        "from_date": DAY,
        "thru_date": DAY,
        "paid_cents": 1_200_000,
        "allowed_cents": 1_363_205,
    }
    return pl.DataFrame([row | changes])


def test_claims_paid_as_a_whole_state_their_amounts_once(tmp_path: Path) -> None:
    lines = pl.DataFrame(
        {"beneficiary_id": "P1", "claim_id": "C1", "line_number": [2, 1], "revenue_center": ["0250", "0120"]}
    )
    tuva.write({"claims": claim(), "lines": lines}, tmp_path)
    written = pl.read_parquet(tmp_path / "medical_claim.parquet")
    assert written.schema["paid_amount"] == pl.Decimal(18, 2)
    assert written.select("claim_line_number", "bill_type_code", "paid_amount", "allowed_amount").rows() == [
        (1, "111", Decimal("12000.00"), Decimal("13632.05")),
        (2, "111", Decimal("0.00"), Decimal("0.00")),
    ]


def test_text_has_amounts_of_two_decimals_and_plain_dates(tmp_path: Path) -> None:
    tuva.write({"claims": claim(paid_cents=-5, allowed_cents=0)}, tmp_path, form="csv")
    header, row = (tmp_path / "medical_claim.csv").read_text().splitlines()
    said = dict(zip(header.split(","), row.split(","), strict=True))
    assert (said["paid_amount"], said["allowed_amount"], said["claim_start_date"]) == ("-0.05", "0.00", "2024-03-07")
    assert said["claim_line_number"] == ""


def test_a_person_without_coverage_has_a_row(tmp_path: Path) -> None:
    person = pl.DataFrame({"beneficiary_id": ["P1"], "sex": ["2"], "birth_date": [DAY]})
    tuva.write({"claims": claim(), "beneficiaries": person}, tmp_path)
    [row] = pl.read_parquet(tmp_path / "eligibility.parquet").to_dicts()
    assert (row["person_id"], row["gender"], row["enrollment_start_date"]) == ("P1", "female", None)


def test_coverage_is_cut_where_anything_changes(tmp_path: Path) -> None:
    coverage = pl.DataFrame(
        {
            "beneficiary_id": ["P1"] * 4,
            "kind": ["part_a", "part_b", "full_dual", "medical"],
            "start_date": [dt.date(2024, 1, 1), dt.date(2024, 1, 1), dt.date(2024, 6, 1), dt.date(2024, 1, 1)],
            "end_date": [None, None, dt.date(2024, 6, 30), dt.date(2024, 3, 31)],
        }
    )
    tuva.write({"claims": claim(), "coverage": coverage}, tmp_path, form="csv")
    spans = pl.read_csv(tmp_path / "eligibility.csv", infer_schema=False).select(
        "enrollment_start_date", "enrollment_end_date", "payer_type", "plan", "dual_status_code"
    )
    assert spans.rows() == [
        ("2024-01-01", "2024-03-31", "commercial", "commercial", None),
        ("2024-01-01", "2024-03-31", "medicare", "medicare", "00"),
        ("2024-04-01", "2024-05-31", "medicare", "medicare", "00"),
        ("2024-06-01", "2024-06-30", "medicare", "medicare", "02"),
        ("2024-07-01", "9999-12-31", "medicare", "medicare", "00"),
    ]


def test_what_is_said_to_be_lacking_are_columns_of_the_contract() -> None:
    assert set(tuva.LACKS) <= set(CANONICAL)
    for name, columns in tuva.LACKS.items():
        assert set(columns) <= set(types_of(CANONICAL[name]))
