"""Casting to the contract: what is read, what is filled, what is set aside and why."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from episodes.claims import Claims, ReadingReport, read_claims
from episodes.claims.casting import LAYOUT_REASONS, conform, trust
from episodes.claims.contract import TABLES, empty_table, metadata_of, required_columns, types_of
from episodes.claims.report import usual_cause
from episodes.errors import ContractError, LayoutError

DAY = dt.date(2026, 1, 5)


def claim_rows(rows: int = 1, **columns: Any) -> pl.DataFrame:
    """Claims that hold the contract, with columns replaced or added."""
    base: dict[str, Any] = {
        "beneficiary_id": ["person"] * rows,
        "claim_id": [str(n) for n in range(rows)],
        "setting": ["inpatient"] * rows,
        "from_date": [DAY] * rows,
        "thru_date": [DAY] * rows,
    }
    return pl.DataFrame(base | columns)


def line_rows(rows: int = 1, **columns: Any) -> pl.DataFrame:
    """Lines of the first of those claims, with columns replaced or added."""
    base: dict[str, Any] = {
        "beneficiary_id": ["person"] * rows,
        "claim_id": ["0"] * rows,
        "line_number": list(range(1, rows + 1)),
    }
    return pl.DataFrame(base | columns)


def conformed(name: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, ReadingReport]:
    report = ReadingReport(layout="frames")
    return conform(name, frame, report), report


# --- the contract -------------------------------------------------------------------------------------------


def test_every_table_is_made_empty_with_all_columns_and_types() -> None:
    for name, schema in TABLES.items():
        frame = empty_table(name)
        assert frame.is_empty()
        assert dict(frame.schema) == types_of(schema)
        assert conformed(name, frame)[0].schema == frame.schema


def test_money_is_whole_cents_and_never_a_float() -> None:
    for schema in TABLES.values():
        for column, dtype in types_of(schema).items():
            if column.endswith("_cents"):
                assert dtype == pl.Int64


def test_what_may_be_absent_is_filled_with_its_default() -> None:
    frame, report = conformed("claims", claim_rows())
    assert frame.columns == list(types_of(TABLES["claims"]))
    [row] = frame.to_dicts()
    for column in frame.columns:
        if column not in required_columns(TABLES["claims"]):
            assert row[column] == metadata_of(TABLES["claims"], column).get("default")
    assert report.table("claims").rows_out == 1


def test_a_null_amount_with_a_default_is_the_default() -> None:
    frame, _ = conformed("claims", claim_rows(outlier_cents=pl.Series([None], dtype=pl.Int64)))
    assert frame["outlier_cents"].to_list() == [0]


def test_a_missing_required_column_is_named() -> None:
    with pytest.raises(ContractError, match=r"'claims' lacks 2 required columns: setting, thru_date"):
        conformed("claims", claim_rows().drop("setting", "thru_date"))


# --- casts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("from_date", "2026-01-05", DAY),
        ("from_date", " 20260105 ", DAY),
        ("from_date", 20260105, DAY),
        ("from_date", 20260105.0, DAY),
        ("from_date", "2026-01-05 00:00:00", DAY),
        ("from_date", "2026-01-05T00:00:00", DAY),
        ("from_date", " 2026-01-05 00:00:00.000 ", DAY),
        ("from_date", dt.datetime(2026, 1, 5), DAY),  # noqa: DTZ001 - a column without a time zone
        ("admission_date", "", None),
        ("admission_date", "  ", None),
        ("claim_id", 7, "7"),
        ("claim_id", 7.0, "7"),
        ("claim_id", "  7 ", "7"),
        ("ms_drg", "", None),
        ("ms_drg", "470.0", "470"),
        ("ms_drg", 470.0, "470"),
        ("ms_drg", 470, "470"),
        ("ms_drg", "064", "064"),
        ("ccn", "360001.0", "360001.0"),
        ("setting", "snf", "snf"),
        ("paid_cents", "-100", -100),
        ("paid_cents", "100.0", 100),
        ("paid_cents", 100.0, 100),
        ("paid_cents", Decimal("100.00"), 100),
        ("paid_cents", float("nan"), None),
        ("paid_cents", "", None),
        ("low_utilization", "Y", True),
        ("low_utilization", 0, False),
        ("low_utilization", "false", False),
        ("diagnoses", "M1611|I10", ["M1611", "I10"]),
        ("diagnoses", "M1611||I10", ["M1611", None, "I10"]),
        ("diagnoses", "", None),
        ("diagnoses", ["M1611"], ["M1611"]),
        ("diagnoses", [1], ["1"]),
        ("procedure_dates", "2026-01-05||20260105", [DAY, None, DAY]),
        ("procedure_dates", ["2026-01-05", None], [DAY, None]),
        ("procedure_dates", [DAY], [DAY]),
    ],
)
def test_a_value_is_read(column: str, value: Any, expected: Any) -> None:
    frame, report = conformed("claims", claim_rows(**{column: [value]}, thru_date=[DAY]))
    assert report.quarantined_rows() == 0
    assert frame[column].to_list() == [expected]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("from_date", "05/01/2026", "from_date_not_a_date"),
        ("from_date", "26-1-5", "from_date_not_a_date"),
        ("from_date", "2026-1-5", "from_date_not_a_date"),
        ("from_date", "20260230", "from_date_not_a_date"),
        ("from_date", "202615", "from_date_not_a_date"),
        ("from_date", "2026-01-05T00:00", "from_date_not_a_date"),
        ("from_date", "2026-01-05 14:30:00", "from_date_not_a_date"),
        ("from_date", "2026-01-05T00:00:00Z", "from_date_not_a_date"),
        ("from_date", "2026-01-0500:00:00", "from_date_not_a_date"),
        ("from_date", "20260105 00:00:00", "from_date_not_a_date"),
        ("from_date", "", "from_date_missing"),
        ("claim_id", "", "claim_id_missing"),
        ("claim_id", 7.5, "claim_id_not_text"),
        ("setting", "Inpatient", "setting_not_a_known_value"),
        ("ms_drg", "OTH", "ms_drg_malformed"),
        ("ms_drg", 39, "ms_drg_malformed"),
        ("ms_drg", 39.0, "ms_drg_malformed"),
        ("ms_drg", "39", "ms_drg_malformed"),
        ("ms_drg", "39.0", "ms_drg_malformed"),
        ("ms_drg", "470.5", "ms_drg_malformed"),
        ("paid_cents", 100.5, "paid_cents_not_a_whole_number"),
        ("paid_cents", "100.5", "paid_cents_not_a_whole_number"),
        ("paid_cents", float("inf"), "paid_cents_not_a_whole_number"),
        ("paid_cents", "1,000", "paid_cents_not_a_whole_number"),
        ("paid_cents", Decimal("0.50"), "paid_cents_not_a_whole_number"),
        ("paid_cents", "99999999999999999999", "paid_cents_not_a_whole_number"),
        ("outlier_cents", "none", "outlier_cents_not_a_whole_number"),
        ("low_utilization", "maybe", "low_utilization_not_true_or_false"),
        ("procedure_dates", "2026-01-05|soon", "procedure_dates_not_a_list"),
        ("procedure_dates", ["05/01/2026"], "procedure_dates_not_a_list"),
        ("thru_date", dt.date(2026, 1, 4), "thru_before_from"),
    ],
)
def test_a_value_that_cannot_be_read_sets_its_row_aside(column: str, value: Any, reason: str) -> None:
    frame, report = conformed("claims", claim_rows(**{column: [value]}))
    assert frame.is_empty()
    assert report.table("claims").quarantined == {reason: 1}
    assert report.quarantine["claims"]["reasons"].to_list() == [[reason]]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), None),
        (float("inf"), "units_out_of_range"),
        ("two", "units_not_a_number"),
        ("2.5", None),
    ],
)
def test_units_are_any_finite_number(value: Any, reason: str | None) -> None:
    _, report = conformed("lines", line_rows(units=[value]))
    assert report.table("lines").quarantined == ({reason: 1} if reason else {})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("claim_id", ["a", "b"]),
        ("from_date", True),
        ("from_date", [DAY]),
        ("paid_cents", DAY),
        ("diagnoses", 5),
        ("procedure_dates", [True]),
        ("ms_drg", b"470"),
        ("low_utilization", {"yes": True}),
    ],
)
def test_a_column_of_an_impossible_type_is_named(column: str, value: Any) -> None:
    with pytest.raises(ContractError, match=rf"'claims' has 1 column of an impossible type: {column} is"):
        conformed("claims", claim_rows(**{column: [value]}))


def test_a_column_of_nulls_has_any_type() -> None:
    nulls = {column: [None] for column in types_of(TABLES["claims"]) if column not in claim_rows().columns}
    frame, report = conformed("claims", claim_rows(**nulls))
    assert frame.height == 1
    assert report.quarantined_rows() == 0


# --- counts and reasons -------------------------------------------------------------------------------------


def test_a_row_with_several_faults_is_counted_once_by_its_first_reason() -> None:
    _, report = conformed("claims", claim_rows(from_date=["soon"], ms_drg=["X"], paid_cents=["many"]))
    assert report.table("claims").quarantined == {"from_date_not_a_date": 1}
    assert report.quarantine["claims"]["reasons"].to_list() == [
        ["from_date_not_a_date", "paid_cents_not_a_whole_number"]
    ]


def test_exact_duplicates_are_netted_and_contradicting_ones_set_aside() -> None:
    frame, report = conformed("claims", claim_rows(5, claim_id=["1", "1", "2", "2", "3"], paid_cents=[5, 5, 5, 6, 7]))
    assert frame["claim_id"].to_list() == ["1", "3"]
    counts = report.table("claims")
    assert counts.rows_in == 5
    assert counts.netted == {"exact_duplicate": 1}
    assert counts.quarantined == {"duplicate_key": 2}


def test_a_layout_hands_over_its_own_reasons() -> None:
    own = pl.Series(LAYOUT_REASONS, [["lost"], [], None], dtype=pl.List(pl.String))
    frame, report = conformed("claims", claim_rows(3, from_date=["soon", "20260105", "20260105"]).with_columns(own))
    assert frame.height == 2
    assert report.table("claims").quarantined == {"lost": 1}
    assert report.quarantine["claims"]["reasons"].to_list() == [["lost", "from_date_not_a_date"]]
    assert report.notes == []


def test_other_columns_are_dropped_with_a_note() -> None:
    frame, report = conformed("claims", claim_rows(zeta=[1], alpha=[2]))
    assert "zeta" not in frame.columns
    assert report.notes == ["claims: 2 columns not in the contract ignored: alpha, zeta"]


def test_a_misspelt_column_is_asked_about() -> None:
    misspelt = {"drg": ["470"], "MS-DRG": ["470"], "allowed_amount": [1], "zeta": [1]}
    _, report = conformed("claims", claim_rows(**misspelt))
    [note] = report.notes
    assert note.startswith("claims: 4 columns not in the contract ignored: MS-DRG (did you mean ms_drg?), ")
    assert "allowed_amount (did you mean allowed_cents?), drg (did you mean ms_drg?), zeta" in note
    _, report = conformed("claims", claim_rows(drg=["470"], ms_drg=["470"], pricing_drg=["470"]))
    assert report.notes == ["claims: 1 column not in the contract ignored: drg"]


def test_a_misspelt_column_of_an_open_table_is_asked_about() -> None:
    hospitals = pl.DataFrame({"ccn": ["360001"], "safty_net": [True], "bundled_before": ["yes"]})
    frame, report = conformed("hospitals", hospitals)
    assert "safty_net" in frame.columns
    assert report.notes == ["hospitals: kept as 1 column of a programme's own: safty_net (did you mean safety_net?)"]


# --- the usual causes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("from_date", "05/01/2026", "dates are YYYY-MM-DD or YYYYMMDD; DD/MM/YYYY, a time of day"),
        ("ms_drg", 64, "3 digits are expected; a code that was read as a number has lost its leading zeros (001 bec"),
        ("discharge_status", 1, "2 digits are expected; .* (01 becomes 1)"),
        ("paid_cents", "123.45", "amounts are whole cents: multiply dollars by 100"),
        ("setting", "Inpatient", "known values of setting, in these letters: inpatient, snf, home_health"),
        ("provider_type", "hospital", "known values of provider_type, in these letters: acute, cah"),
        ("low_utilization", "maybe", "true or false, yes or no, 1 or 0 is expected"),
        ("procedure_dates", "soon", "a list is text with | between its elements"),
        ("claim_id", 7.5, "an id or code came as a number that is not whole"),
        ("claim_id", "", "a required value is blank"),
        ("thru_date", dt.date(2026, 1, 4), "two dates are in the wrong order"),
    ],
)
def test_a_reason_is_explained_by_its_usual_cause(column: str, value: Any, says: str) -> None:
    _, report = conformed("claims", claim_rows(**{column: [value]}))
    [reason] = report.table("claims").quarantined
    *_, note = report.all_notes()
    assert note.startswith(f"set aside as {reason}: ")
    assert re.search(says.replace("(", r"\(").replace(")", r"\)").replace("|", r"\|"), note)


def test_every_reason_of_the_contract_has_a_usual_cause() -> None:
    for name, schema in TABLES.items():
        rules = schema.__dataframely_rules__ if hasattr(schema, "__dataframely_rules__") else {}
        assert isinstance(schema.columns(), dict)
        for rule in rules:
            assert usual_cause(name, str(rule)) is not None
        for column in schema.columns():
            assert usual_cause(name, f"{column}_missing") is not None
    for reason in ("duplicate_key", "claim_quarantined", "claim_missing"):
        assert usual_cause("lines", reason) is not None
    assert usual_cause("lines", "line_number_not_a_whole_number") == "a whole number is expected, without separators"
    assert usual_cause("hospitals", "region_out_of_range") == "the number lies outside its limits"
    assert usual_cause("claims", "segments_lost") is None


def test_one_cause_is_said_once_for_all_its_reasons() -> None:
    _, report = conformed(
        "claims", claim_rows(2, from_date=["5 Jan", DAY.isoformat()], thru_date=[DAY.isoformat(), "x"])
    )
    [note] = report.all_notes()
    assert note.startswith("set aside as from_date_not_a_date, thru_date_not_a_date: dates are")
    report.notes.append(note)
    assert report.all_notes() == [note], "read back from a store, a cause is not said twice"


def test_hospitals_keep_columns_of_a_programme_beside_rows_set_aside() -> None:
    hospitals = pl.DataFrame(
        {
            "ccn": ["360001", "360001", "360002"],
            "start_date": ["2025-01-01", "2026-01-01", None],
            "region": [5, 15, 3],
            "bundled_before": ["yes", "no", "no"],
        }
    )
    frame, report = conformed("hospitals", hospitals)
    assert frame.select("ccn", "region", "bundled_before").rows() == [
        ("360001", 5, "yes"),
        ("360002", 3, "no"),
    ]
    assert report.table("hospitals").quarantined == {"region_out_of_range": 1}
    assert report.notes == []


def test_rows_keep_their_order() -> None:
    ids = ["9", "1", "5", "1", "3"]
    frame, _ = conformed("claims", claim_rows(5, claim_id=ids))
    assert frame["claim_id"].to_list() == ["9", "1", "5", "3"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "claim_id": st.sampled_from(["1", "2", "", " 2"]),
                "from_date": st.sampled_from(["20260105", "2026-01-06", "", "5 Jan"]) | st.text(max_size=10),
                "thru_date": st.sampled_from(["20260105", "2026-01-07"]),
                "ms_drg": st.sampled_from(["470", "", "OTH"]) | st.text(max_size=4),
                "paid_cents": st.integers().map(str) | st.floats().map(str) | st.text(max_size=5),
                "diagnoses": st.text(alphabet="A1|. ", max_size=8),
                "procedure_dates": st.text(alphabet="2026-01|", max_size=22),
                "keep_inner": st.sampled_from(["", "yes", "0"]) | st.text(max_size=3),
            }
        ),
        max_size=8,
    )
)
def test_whatever_stands_in_the_cells_every_row_is_accounted_for(rows: list[dict[str, str]]) -> None:
    columns = {
        column: pl.Series([row[column] for row in rows], dtype=pl.String)
        for column in (
            "claim_id",
            "from_date",
            "thru_date",
            "ms_drg",
            "paid_cents",
            "diagnoses",
            "procedure_dates",
            "keep_inner",
        )
    }
    frame, report = conformed("claims", claim_rows(len(rows), **columns))
    counts = report.table("claims")
    assert counts.rows_in == len(rows)
    assert counts.rows_out == frame.height
    assert counts.rows_in == counts.rows_out + sum(counts.netted.values()) + sum(counts.quarantined.values())
    aside = report.quarantine.get("claims")
    assert sum(counts.quarantined.values()) == (0 if aside is None else aside.height)


# --- Claims from frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [False, True])
def test_eager_and_lazy_frames_give_the_same(lazy: bool) -> None:
    frames = {"claims": claim_rows(2), "lines": line_rows(2)}
    claims = read_claims({name: frame.lazy() if lazy else frame for name, frame in frames.items()})
    assert claims.claims.collect().height == 2
    assert claims.lines.collect()["line_number"].to_list() == [1, 2]
    assert claims.report.to_dict()["tables"]["lines"] == {
        "rows_in": 2,
        "rows_out": 2,
        "netted": {},
        "quarantined": {},
    }
    assert repr(claims) == "Claims(layout='frames': claims 2, lines 2)"


def test_lines_without_their_claim_are_set_aside_by_what_became_of_it() -> None:
    claims = Claims(
        claims=claim_rows(2, claim_id=["0", "1"], ms_drg=[None, "OTH"]),
        lines=line_rows(4, claim_id=["0", "1", "1", "elsewhere"]),
    )
    counts = claims.report.table("lines")
    assert (counts.rows_in, counts.rows_out) == (4, 1)
    assert counts.quarantined == {"claim_quarantined": 2, "claim_missing": 1}
    assert claims.lines.collect().height == 1
    assert "quarantined" in repr(claims)


def test_line_paid_claims_without_lines_are_noted() -> None:
    report = Claims(claims=claim_rows(2, setting=["outpatient", "inpatient"])).report
    assert report.all_notes() == ["1 claims of settings paid by line have no lines: they carry no payable amount"]


def test_trusted_frames_are_filled_and_not_checked() -> None:
    claims = Claims(claims=claim_rows(ms_drg=["OTH"]).lazy(), validate="none")
    frame = claims.claims.collect()
    assert dict(frame.schema) == types_of(TABLES["claims"])
    assert frame["ms_drg"].to_list() == ["OTH"]
    assert frame["outlier_cents"].to_list() == [0]
    assert claims.report.validation == "none"
    with pytest.raises(ContractError, match="lacks 1 required column: setting"):
        trust("claims", claim_rows().drop("setting").lazy())


def test_names_that_are_not_known_are_answered_with_those_that_are() -> None:
    with pytest.raises(ContractError, match=r"Unknown table 'clams'. Did you mean 'claims'\?"):
        read_claims({"clams": claim_rows()})
    with pytest.raises(ContractError, match=r"table 'claims' is missing; given: lines"):
        read_claims({"lines": line_rows()})
    with pytest.raises(ContractError, match=r"Unknown validation 'half'. Known: full, none"):
        Claims(claims=claim_rows(), validate="half")  # type: ignore[arg-type]
    with pytest.raises(LayoutError, match="no file or folder 'nowhere'"):
        read_claims("nowhere")


def test_a_table_that_is_no_polars_frame_is_refused() -> None:
    with pytest.raises(ContractError, match="Table 'lines' is a list, expected a polars DataFrame"):
        Claims(claims=claim_rows(), lines=[])  # type: ignore[arg-type]
