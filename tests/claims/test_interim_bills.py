"""Interim bills of one admission become one stay; nothing else does, and no cent, code or line is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import episodes as ep
from claims.rif_files import counts_hold, netted
from episodes.claims.contract import TABLES
from episodes.claims.interim_bills import Stays, stays_of
from episodes.claims.layouts import canonical, cclf, fhir_eob, rif, tuva
from episodes.claims.store import in_store_order

START = dt.date(2026, 1, 5)
AMOUNTS = [name for name in TABLES["claims"].columns() if name.endswith("_cents")]
LINE_AMOUNTS = [name for name in TABLES["lines"].columns() if name.endswith("_cents")]
STANDARDIZED = ["standardized_cents", "standardized_outlier_cents"]


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def bill(claim_id: str, first: int, last: int, **changes: Any) -> dict[str, Any]:
    """An inpatient bill of a patient who was admitted on day 0 and is still there."""
    return {
        "beneficiary_id": "person",
        "claim_id": claim_id,
        "setting": "inpatient",
        "from_date": day(first),
        "thru_date": day(last),
        "admission_date": day(0),
        "discharge_date": None,
        "discharge_status": "30",
        "ccn": "360001",
        "bill_type": None,
        "paid_cents": 1_000,
    } | changes


FIRST = bill("b1", 0, 30, bill_type="112")
MIDDLE = bill("b2", 31, 60, bill_type="113")
LAST = bill("b3", 61, 70, bill_type="114", discharge_status="01", discharge_date=day(70))


def joined(*bills: dict[str, Any], lines: list[dict[str, Any]] | None = None) -> Stays:
    tables = {"claims": pl.DataFrame(list(bills), infer_schema_length=None)}
    if lines:
        tables["lines"] = pl.DataFrame(lines, infer_schema_length=None)
    claims = ep.Claims(**tables)
    assert claims.report.quarantined_rows() == 0
    return stays_of(claims.claims.collect(), claims.lines.collect())


def ids(stays: Stays) -> list[str]:
    return stays.claims["claim_id"].to_list()


# --- what is joined -----------------------------------------------------------------------------------------


def test_first_continuing_and_last_bill_are_one_stay() -> None:
    stays = joined(FIRST, MIDDLE, LAST)
    [stay] = stays.claims.to_dicts()
    assert stay["claim_id"] == "b3"
    assert (stay["from_date"], stay["thru_date"]) == (day(0), day(70))
    assert (stay["admission_date"], stay["discharge_date"], stay["discharge_status"]) == (day(0), day(70), "01")
    assert stay["bill_type"] == "114"
    assert stay["paid_cents"] == 3_000
    assert stays.netted.rows() == [
        ("person", "b1", "interim_bill", "b3", 1_000),
        ("person", "b2", "interim_bill", "b3", 1_000),
    ]


@pytest.mark.parametrize(
    "bills",
    [
        pytest.param([FIRST | {"discharge_status": None}, LAST | {"from_date": day(31)}], id="frequency alone"),
        pytest.param(
            [FIRST | {"bill_type": None}, LAST | {"from_date": day(31), "bill_type": None}], id="status alone"
        ),
        pytest.param([FIRST, LAST | {"from_date": day(30)}], id="the next begins on the last day"),
        pytest.param([FIRST | {"bill_type": "0112"}, LAST | {"from_date": day(31), "bill_type": "0114"}], id="0112"),
        pytest.param(
            [FIRST | {"admission_date": None}, LAST | {"from_date": day(31), "admission_date": None}],
            id="no admission date",
        ),
        pytest.param(
            [FIRST | {"bill_type": "111"}, LAST | {"from_date": day(31), "bill_type": "111"}],
            id="a split bill of one admission",
        ),
        pytest.param([FIRST, LAST | {"from_date": day(30), "thru_date": day(30)}], id="the day of discharge alone"),
        pytest.param(
            [
                FIRST | {"ccn": None, "facility_npi": "1234567893"},
                LAST | {"from_date": day(31), "ccn": None, "facility_npi": "1234567893"},
            ],
            id="a layout without CCN",
        ),
    ],
)
def test_bills_that_continue_each_other_are_joined(bills: list[dict[str, Any]]) -> None:
    assert ids(joined(*bills)) == ["b3"]


NEXT = LAST | {"from_date": day(31)}


@pytest.mark.parametrize(
    "bills",
    [
        pytest.param([FIRST, NEXT | {"admission_date": day(31)}], id="another admission date"),
        pytest.param([FIRST, NEXT | {"admission_date": None}], id="an admission date on one alone"),
        pytest.param([FIRST, NEXT | {"ccn": "360002"}], id="another hospital"),
        pytest.param([FIRST | {"ccn": None}, NEXT | {"ccn": None}], id="no hospital"),
        pytest.param([FIRST, NEXT | {"beneficiary_id": "other"}], id="another person"),
        pytest.param([FIRST, NEXT | {"from_date": day(32)}], id="a gap"),
        pytest.param([FIRST, NEXT | {"from_date": day(29)}], id="an overlap"),
        pytest.param([FIRST | {"bill_type": "117"}, NEXT], id="a replacement"),
        pytest.param([FIRST, NEXT | {"bill_type": "118"}], id="a void"),
        pytest.param([FIRST | {"bill_type": "111", "discharge_status": "01"}, NEXT], id="discharged"),
        pytest.param([FIRST | {"bill_type": "111", "discharge_status": None}, NEXT], id="nothing says still a patient"),
        pytest.param([FIRST | {"setting": "snf"}, NEXT | {"setting": "snf"}], id="monthly bills of a SNF"),
        pytest.param([FIRST | {"setting": "snf"}, NEXT], id="SNF before hospital"),
        pytest.param(
            [FIRST | {"thru_date": day(0)}, FIRST | {"thru_date": day(0), "claim_id": "b3"}], id="one day twice"
        ),
        pytest.param(
            [FIRST | {"admission_date": None}, NEXT | {"admission_date": None, "bill_type": "111"}],
            id="a whole stay begins, admission dates unknown",
        ),
        pytest.param(
            [
                FIRST | {"bill_type": "111", "discharge_status": "01", "discharge_date": day(30)},
                NEXT | {"bill_type": "111", "admission_date": day(30), "from_date": day(30)},
            ],
            id="discharged and readmitted the same day",
        ),
    ],
)
def test_claims_that_merely_touch_stay_two(bills: list[dict[str, Any]]) -> None:
    assert ids(joined(*bills)) == [one["claim_id"] for one in bills]


def test_two_series_at_one_hospital_are_two_stays() -> None:
    second = [
        one
        | {
            "claim_id": f"second {one['claim_id']}",
            "admission_date": day(70),
            "from_date": one["from_date"] + dt.timedelta(days=70),
            "thru_date": one["thru_date"] + dt.timedelta(days=70),
            "discharge_date": None,
        }
        for one in (FIRST, MIDDLE, LAST)
    ]
    assert ids(joined(FIRST, *second, MIDDLE, LAST)) == ["second b3", "b3"]


# --- what a stay takes from which bill ----------------------------------------------------------------------


def test_a_stay_takes_what_the_last_bill_says_and_else_an_earlier_one() -> None:
    [stay] = joined(
        FIRST | {"ms_drg": "003", "pricing_drg": "004", "mdc": "05", "attending_npi": "A", "operating_npi": "S"},
        MIDDLE | {"ms_drg": "207", "attending_npi": "B", "keep_inner": False, "process_date": day(99)},
        LAST | {"mdc": "04", "bill_type": None, "keep_inner_outer": True, "process_date": day(90)},
    ).claims.to_dicts()
    assert (stay["ms_drg"], stay["pricing_drg"], stay["mdc"]) == ("207", "004", "04")
    assert (stay["attending_npi"], stay["operating_npi"]) == ("B", "S")
    assert stay["bill_type"] == "113"
    assert (stay["keep_inner"], stay["keep_inner_outer"]) == (None, True)
    assert stay["process_date"] == day(99)


def test_a_discharge_before_the_last_bill_is_none() -> None:
    [stay] = joined(FIRST | {"discharge_date": day(30)}, NEXT | {"discharge_date": None}).claims.to_dicts()
    assert stay["discharge_date"] is None


def test_diagnoses_lead_with_those_of_the_last_bill() -> None:
    [stay] = joined(
        FIRST | {"diagnoses": ["J9601", "I10", "E119"], "present_on_admission": ["Y", "Y", "N"]},
        MIDDLE | {"diagnoses": ["J9601", "N179"], "present_on_admission": None},
        LAST | {"diagnoses": [None, "A419", "I10"], "present_on_admission": [None, "N", "Y"]},
    ).claims.to_dicts()
    assert stay["diagnoses"] == [None, "A419", "I10", "J9601", "E119", "N179"]
    assert stay["present_on_admission"] == [None, "N", "Y", "Y", "N", None]


def test_procedures_come_in_order_of_bills_each_once_a_date() -> None:
    [stay] = joined(
        FIRST | {"procedures": ["0SR9019", "5A1955Z"], "procedure_dates": [day(1), day(2)]},
        MIDDLE | {"procedures": ["5A1955Z", "5A1955Z"], "procedure_dates": [day(2), day(40)]},
        LAST | {"procedures": ["0BH17EZ"], "procedure_dates": None},
    ).claims.to_dicts()
    assert stay["procedures"] == ["0SR9019", "5A1955Z", "5A1955Z", "0BH17EZ"]
    assert stay["procedure_dates"] == [day(1), day(2), day(40), None]


def test_lists_that_no_bill_has_stay_null() -> None:
    [stay] = joined(FIRST | {"diagnoses": ["I10"]}, NEXT | {"demonstration_codes": ["31"]}).claims.to_dicts()
    assert stay["diagnoses"] == ["I10"]
    assert stay["demonstration_codes"] == ["31"]
    assert stay["present_on_admission"] is None
    assert stay["procedures"] is None


def test_a_standardized_amount_that_one_bill_lacks_is_not_known_of_the_stay() -> None:
    stays = joined(
        FIRST | {"standardized_cents": 700, "allowed_cents": 800, "outlier_cents": 5}, NEXT | {"outlier_cents": 6}
    )
    [stay] = stays.claims.to_dicts()
    assert (stay["standardized_cents"], stay["allowed_cents"], stay["outlier_cents"]) == (None, 800, 11)
    assert {what: number for what, number in stays.tallies.items() if number} == {
        "stays of interim bills without a standardized amount, which one of their bills lacks": 1,
        "stays of interim bills with an allowed amount that one of their bills lacks": 1,
    }


def test_lines_move_to_the_stay_in_order_of_time() -> None:
    lines = [
        {"beneficiary_id": "person", "claim_id": claim, "line_number": number, "revenue_center": center}
        for claim, number, center in [("b3", 1, "0300"), ("b1", 7, "0120"), ("b1", 1, "0110"), ("b2", 1, "0250")]
    ]
    stays = joined(LAST, FIRST, MIDDLE, lines=lines)
    assert stays.lines.sort("line_number").select("claim_id", "line_number", "revenue_center").rows() == [
        ("b3", 1, "0110"),
        ("b3", 2, "0120"),
        ("b3", 3, "0250"),
        ("b3", 4, "0300"),
    ]


def test_a_bill_after_one_that_says_nothing_joins_the_stay_before_it() -> None:
    """The middle bill is blank; the first says still a patient, and so does the stay of both."""
    stays = joined(FIRST, MIDDLE | {"bill_type": None, "discharge_status": None}, LAST | {"bill_type": None})
    assert ids(stays) == ["b3"]
    assert stays.netted["against_claim_id"].to_list() == ["b3", "b3"]


# --- nothing is lost ----------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Claims of two people at two hospitals, mostly one after the other, and their lines."""
    claims, lines = [], []
    amount = st.one_of(st.none(), st.integers(-10_000, 10_000))
    for number in range(draw(st.integers(1, 12))):
        first = draw(st.integers(0, 6))
        last = first + draw(st.integers(0, 3))
        admission = draw(st.sampled_from([None, day(0), day(0), day(2)]))
        claim = {
            "beneficiary_id": draw(st.sampled_from(["p", "p", "q"])),
            "claim_id": str(number),
            "setting": draw(st.sampled_from(["inpatient", "inpatient", "inpatient", "snf"])),
            "from_date": day(first),
            "thru_date": day(last),
            "admission_date": admission,
            "discharge_date": draw(st.sampled_from([None, day(last)])) if last >= 2 else None,
            "discharge_status": draw(st.sampled_from([None, "30", "30", "01"])),
            "ccn": draw(st.sampled_from([None, "360001", "360001", "360002"])),
            "bill_type": draw(st.sampled_from([None, "111", "112", "113", "114", "117"])),
            "process_date": draw(st.sampled_from([None, day(50), day(51)])),
            "diagnoses": draw(st.sampled_from([None, [], ["I10"], ["I10", "E119"], [None, "N179"]])),
            "present_on_admission": draw(st.sampled_from([None, ["Y"], ["N", "Y"]])),
            "procedures": draw(st.sampled_from([None, [], ["X"], ["X", "Y"]])),
            "procedure_dates": draw(st.sampled_from([None, [day(1)], [day(1), day(2)]])),
            **{name: draw(amount) for name in AMOUNTS},
        }
        claims.append(claim)
        for line in range(draw(st.integers(0, 2))):
            lines.append(
                {
                    "beneficiary_id": claim["beneficiary_id"],
                    "claim_id": claim["claim_id"],
                    "line_number": line * 3 + 1,
                    "revenue_center": f"{len(lines):04d}",
                    **{name: draw(amount) for name in LINE_AMOUNTS},
                }
            )
    read = ep.Claims(
        claims=pl.DataFrame(claims, infer_schema_length=None),
        lines=pl.DataFrame(lines, infer_schema_length=None) if lines else None,
    )
    assert read.report.quarantined_rows() == 0
    return read.claims.collect(), read.lines.collect()


def in_order(stays: Stays) -> tuple[list[Any], list[Any], list[Any]]:
    return (
        stays.claims.sort("beneficiary_id", "claim_id").rows(),
        stays.lines.sort("beneficiary_id", "claim_id", "line_number").rows(),
        stays.netted.sort("beneficiary_id", "claim_id").rows(),
    )


def sums(frame: pl.DataFrame, columns: list[str]) -> list[Any]:
    return frame.group_by("beneficiary_id").agg(pl.col(columns).sum()).sort("beneficiary_id").rows()


@settings(max_examples=50, deadline=None)
@given(tables=histories())
def test_every_cent_and_line_is_kept(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    claims, lines = tables
    stays = stays_of(claims, lines)
    assert claims.height == stays.claims.height + stays.netted.height
    of_others = [name for name in AMOUNTS if name not in STANDARDIZED]
    assert sums(claims, of_others) == sums(stays.claims, of_others)
    assert sums(lines, LINE_AMOUNTS) == sums(stays.lines, LINE_AMOUNTS)
    assert sorted(lines["revenue_center"]) == sorted(stays.lines["revenue_center"])
    assert not stays.lines.select("beneficiary_id", "claim_id", "line_number").is_duplicated().any()
    assert stays.lines.join(stays.claims, on=["beneficiary_id", "claim_id"], how="anti").is_empty()
    # Every bill is netted once, against a claim that is there.
    gone = stays.netted.select("beneficiary_id", "claim_id")
    assert gone.join(stays.claims, on=["beneficiary_id", "claim_id"], how="semi").is_empty()
    against = stays.netted.select("beneficiary_id", claim_id="against_claim_id")
    assert against.join(stays.claims, on=["beneficiary_id", "claim_id"], how="anti").is_empty()
    # What the contract asks of claims holds of stays.
    assert ep.Claims(claims=stays.claims, lines=stays.lines).report.quarantined_rows() == 0


@settings(max_examples=30, deadline=None)
@given(tables=histories())
def test_standardized_amounts_are_kept_or_not_known(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    claims, lines = tables
    claims = claims.with_columns(pl.col("standardized_cents").fill_null(7))
    stays = stays_of(claims, lines)
    assert sums(claims, STANDARDIZED) == sums(stays.claims, STANDARDIZED)
    assert not any(stays.tallies.get(what) for what in stays.tallies if "standardized" in what)


@settings(max_examples=30, deadline=None)
@given(tables=histories())
def test_once_is_enough(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    stays = stays_of(*tables)
    again = stays_of(stays.claims, stays.lines)
    assert again.netted.is_empty()
    assert again.claims.equals(stays.claims)
    assert again.lines.equals(stays.lines)


@settings(max_examples=30, deadline=None)
@given(tables=histories(), seed=st.integers(0, 1_000))
def test_the_order_of_rows_does_not_matter(tables: tuple[pl.DataFrame, pl.DataFrame], seed: int) -> None:
    claims, lines = tables
    shuffled = stays_of(
        claims.sample(fraction=1, shuffle=True, seed=seed), lines.sample(fraction=1, shuffle=True, seed=seed)
    )
    assert in_order(shuffled) == in_order(stays_of(claims, lines))


@settings(max_examples=25, deadline=None)
@given(tables=histories())
def test_people_do_not_touch_each_other(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    claims, lines = tables
    alone = [
        stays_of(claims.filter(pl.col("beneficiary_id") == one), lines.filter(pl.col("beneficiary_id") == one))
        for one in ("p", "q")
    ]
    together = Stays(
        *(pl.concat([getattr(part, name) for part in alone]) for name in ("claims", "lines", "netted")), {}
    )
    assert in_order(together) == in_order(stays_of(claims, lines))


# --- deliveries ---------------------------------------------------------------------------------------------


def delivery() -> dict[str, pl.DataFrame]:
    """The bundled people, one of whose hospital stays was billed in three parts, another's SNF stay in two."""
    read = ep.read_claims(ep.synthetic.bundled_folder())
    tables = {name: read.table(name).collect() for name in TABLES}
    claims = tables["claims"]
    people = claims.filter(pl.col("setting") == "inpatient")["beneficiary_id"].unique().sort().head(20).to_list()
    tables = {
        name: frame.filter(pl.col("beneficiary_id").is_in(people)) if "beneficiary_id" in frame.columns else frame
        for name, frame in tables.items()
    }
    claims = tables["claims"]
    model = claims.filter(pl.col("setting") == "inpatient").head(1)
    parts = [
        model.with_columns(
            claim_id=pl.lit(f"C99999999{turn}"),
            from_date=pl.lit(one["from_date"]),
            thru_date=pl.lit(one["thru_date"]),
            admission_date=pl.lit(one["admission_date"]),
            discharge_date=pl.lit(one["discharge_date"], dtype=pl.Date),
            discharge_status=pl.lit(one["discharge_status"]),
            bill_type=pl.lit(one["bill_type"]),
        )
        for turn, one in enumerate((FIRST, MIDDLE, LAST))
    ]
    lines = pl.DataFrame(
        [
            {
                "beneficiary_id": model["beneficiary_id"][0],
                "claim_id": f"C99999999{turn}",
                "line_number": place,
                "revenue_center": f"0{turn + 1}{place}0",
                "charge_cents": 100 + turn,
            }
            for turn in range(3)
            for place in (1, 2)
        ]
    ).cast({"line_number": pl.Int32})
    return tables | {
        "claims": pl.concat([claims, *parts]),
        "lines": pl.concat([tables["lines"], lines], how="diagonal"),
    }


LAYOUTS = {"rif": rif, "cclf": cclf, "fhir-eob": fhir_eob, "tuva": tuva}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_delivery_with_interim_bills_becomes_the_same_stays_read_or_ingested(name: str, tmp_path: Path) -> None:
    tables = delivery()
    LAYOUTS[name].write(tables, tmp_path / "delivery")  # type: ignore[attr-defined]
    read = ep.read_claims(tmp_path / "delivery", layout=name)
    assert counts_hold(read)
    assert netted(read, "claims")["interim_bill"] == 2
    # Their amounts are in that of the stay, so none is netted.
    assert "interim_bill" not in read.report.table("claims").cents_netted
    bills = tables["claims"].tail(3)
    stay = read.claims.filter(pl.col("claim_id") == bills["claim_id"][2]).collect()
    assert stay.height == 1
    assert stay["paid_cents"].item() == bills["paid_cents"].sum()
    assert stay["from_date"].item() == day(0)
    assert stay["discharge_status"].item() == "01"
    of_stay = read.lines.filter(pl.col("claim_id") == bills["claim_id"][2]).collect().sort("line_number")
    assert of_stay["revenue_center"].to_list() == ["0110", "0120", "0210", "0220", "0310", "0320"]
    assert (
        read.report.netted["claims"].filter(pl.col("reason") == "interim_bill")["against_claim_id"].to_list()
        == [bills["claim_id"][2]] * 2
    )

    report = ep.ingest(tmp_path / "delivery", tmp_path / "store", layout=name, buckets=3)
    assert report.table("claims").netted["interim_bill"] == 2
    store = ep.read_claims(tmp_path / "store")
    for table in ("claims", "lines", "beneficiaries", "coverage"):
        assert store.table(table).collect().equals(in_store_order(table, read.table(table).collect())), table
    kept = pl.read_parquet(tmp_path / "store" / "netted" / "claims" / "*.parquet")
    assert kept.filter(pl.col("reason") == "interim_bill").height == 2


def test_canonical_rows_are_stays_already(tmp_path: Path) -> None:
    tables = delivery()
    canonical.write(tables, tmp_path / "delivery")
    read = ep.read_claims(tmp_path / "delivery")
    assert read.claims.collect().height == tables["claims"].height
    ep.ingest(tmp_path / "delivery", tmp_path / "store")
    assert ep.read_claims(tmp_path / "store").claims.collect().height == tables["claims"].height
    assert ep.read_claims({"claims": tables["claims"]}).claims.collect().height == tables["claims"].height
