"""Audit of the payer's file: planted differences are found, named right, and none is invented."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import episodes as ep
from episodes.errors import EpisodesError
from episodes.programs.code_tables import load_codes
from episodes.reconciliation import ReconciliationResult, audit, read_payer_episodes, reconcile
from episodes.reconciliation.auditing.findings import KINDS
from episodes.reconciliation.auditing.matching import our_episodes
from episodes.reconciliation.auditing.payer_file import PAYER_SCHEMA

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def result() -> ReconciliationResult:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    team = ep.load_program("team", performance_year=1)
    prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
    return reconcile(ep.build_episodes(claims, team), prices, track=3)


@pytest.fixture(scope="module")
def rows(result: ReconciliationResult) -> Rows:
    """Our own settled episodes as the payer would write them down."""
    assert result.built is not None
    ours = our_episodes(result, result.built).filter(pl.col("party_id").is_not_null())
    named = ours.rename({"price_cents": "target_cents"}).with_columns(
        payer_episode_id=pl.concat_str(pl.lit("P"), pl.int_range(pl.len()).cast(pl.String)),
    )
    return named.select(name for name in PAYER_SCHEMA if name in named.columns).to_dicts()


def written(rows: Rows, folder: Path) -> Path:
    file = folder / "payer.csv"
    pl.DataFrame(rows, infer_schema_length=None).write_csv(file)
    return file


def test_our_own_file_has_no_findings(result: ReconciliationResult, rows: Rows, tmp_path: Path) -> None:
    found = audit(result, read_payer_episodes(written(rows, tmp_path)))
    assert found.findings.height == 0
    assert found.matched["matched_by"].unique().to_list() == ["claim"]
    assert found.counts == {
        "episodes_of_ours": len(rows),
        "episodes_of_the_payer": len(rows),
        "matched": len(rows),
        "findings": 0,
    }
    assert found.parties["effect_cents"].to_list() == [0] * found.parties.height
    assert found.parties["our_amount_cents"].sum() == result.parties["amount_cents"].sum()


def more_snf(row: dict[str, Any]) -> None:
    for column in ("episode_cents", "capped_cents", "snf_cents"):
        row[column] += 123_456


def other_dates(row: dict[str, Any]) -> None:
    row["episode_end"] += dt.timedelta(days=3)


def other_cap(row: dict[str, Any]) -> None:
    row["capped_cents"] -= 10_000


def other_price(row: dict[str, Any]) -> None:
    row["target_cents"] -= 5_000


def other_code(row: dict[str, Any]) -> None:
    row["price_code"] = "999"


def other_category(row: dict[str, Any]) -> None:
    row["category"] = "CABG" if row["category"] != "CABG" else "LEJR"


def other_hospital(row: dict[str, Any]) -> None:
    row["anchor_ccn"] = row["party_id"] = "360802" if row["anchor_ccn"] != "360802" else "360801"


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "spending": more_snf,
    "dates": other_dates,
    "cap": other_cap,
    "target_price": other_price,
    "price_code": other_code,
    "category": other_category,
    "hospital": other_hospital,
}


def planted(result: ReconciliationResult, rows: Rows) -> tuple[Rows, set[tuple[str, str]]]:
    """The rows with three differences of each of ten kinds, and (kind, claim of the anchor) of each."""
    assert result.built is not None
    changed = [dict(row) for row in rows]
    wanted: set[tuple[str, str]] = set()
    place = 0
    for kind, change in CHANGES.items():
        for row in changed[place : place + 6 : 2]:
            change(row)
            wanted.add((kind, row["anchor_claim_id"]))
        place += 6
    for row in changed[place : place + 3]:
        wanted.add(("only_ours", row["anchor_claim_id"]))
    left = changed[:place] + changed[place + 3 :]
    for row in left[place + 3 : place + 6]:
        left.append(dict(row))
        wanted.add(("counted_twice", row["anchor_claim_id"]))
    excluded = result.built.episodes.filter(pl.col("status") == "excluded").sort("episode_id").head(3)
    for row in excluded.iter_rows(named=True):
        kept = {name: row.get(name) for name in PAYER_SCHEMA if name in rows[0]}
        left.append(kept | {"target_cents": 2_000_000, "capped_cents": row["episode_cents"]})
        wanted.add(("excluded_by_us", row["anchor_claim_id"]))
    return left, wanted


def test_thirty_planted_differences_of_ten_kinds(result: ReconciliationResult, rows: Rows, tmp_path: Path) -> None:
    theirs, wanted = planted(result, rows)
    assert len(wanted) == 30
    found = audit(result, read_payer_episodes(written(theirs, tmp_path)))
    assert set(found.findings.select("kind", "anchor_claim_id").iter_rows()) == wanted
    assert found.findings.height == 30
    assert found.by_kind()["findings"].to_list() == [3] * 10
    spending = found.findings.filter(kind="spending")
    assert spending["difference_cents"].to_list() == [123_456] * 3
    assert spending["reason"].to_list() == ["snf +$1,234.56"] * 3
    assert all(
        reason.startswith("we exclude it: ") for reason in found.findings.filter(kind="excluded_by_us")["reason"]
    )
    matched = found.matched.filter(pl.col("findings") > 0)
    assert matched.height == 27  # all but the three that only we have


def test_effects_are_what_the_settlement_would_be(result: ReconciliationResult, rows: Rows) -> None:
    """One difference at a time, measured by reconciling otherwise, gives the effect that the finding states."""
    row = rows[0]
    party = result.parties.filter(party_id=row["party_id"]).row(0, named=True)
    theirs = [dict(one) for one in rows]
    theirs[0]["target_cents"] -= 5_000
    found = audit(result, pl.DataFrame(theirs, infer_schema_length=None))
    [finding] = found.findings.to_dicts()
    key = ("hospital", row["party_id"], None)
    given = result.inputs[key]
    categories = pl.DataFrame(
        [
            {
                "category": item.category,
                "target_cents": item.target_cents - (5_000 if item.category == row["category"] else 0),
                "actual_cents": item.actual_cents,
                "baseline_episodes": item.baseline_episodes,
            }
            for item in given.categories or ()
        ]
    )
    settled = ep.reconciliation.settle(
        result.program,
        track=3,
        target_cents=given.target_cents - 5_000,
        actual_cents=given.actual_cents,
        quality_score=given.quality_score,
        post_episode_excess_cents=given.post_episode_excess_cents,
        categories=categories,
    )
    assert finding["effect_cents"] == settled.amount_cents - party["amount_cents"]
    assert finding["difference_cents"] == -5_000
    assert finding["dispute"] == (finding["effect_cents"] < 0)
    whole = found.parties.filter(party_id=row["party_id"])
    assert whole["their_amount_cents"].to_list() == [settled.amount_cents]


def test_tolerance_is_a_setting(result: ReconciliationResult, rows: Rows) -> None:
    theirs = [dict(row) for row in rows]
    theirs[0]["target_cents"] += 50
    theirs[1]["target_cents"] += 51
    frame = pl.DataFrame(theirs, infer_schema_length=None)
    assert audit(result, frame).findings.height == 1
    assert audit(result, frame, tolerance_cents=0).findings.height == 2
    assert audit(result, frame, tolerance_cents=51).findings.height == 0
    with pytest.raises(EpisodesError, match="tolerance_cents must be 0 or more"):
        audit(result, frame, tolerance_cents=-1)


def test_ways_to_match(result: ReconciliationResult, rows: Rows) -> None:
    theirs = [dict(row) for row in rows]
    theirs[0]["anchor_claim_id"] = None
    theirs[1] |= {"anchor_claim_id": "other", "anchor_ccn": None, "party_id": None}
    theirs[2]["beneficiary_id"] = "someone"
    theirs.append({"beneficiary_id": "nobody", "anchor_claim_id": "none", "episode_cents": 5, "target_cents": 7})
    found = audit(result, pl.DataFrame(theirs, infer_schema_length=None))
    ways = dict(found.matched.select("payer_row", "matched_by").iter_rows())
    assert (ways[1], ways[2], ways[3]) == ("person_and_day", "person_and_dates", "claim_of_other_person")
    assert found.findings["kind"].to_list() == ["only_theirs", "person"]
    assert found.findings["effect_cents"].to_list() == [None, 0]


def test_other_ids_of_all_people(result: ReconciliationResult, rows: Rows) -> None:
    theirs = pl.DataFrame(
        [row | {"beneficiary_id": f"X{row['beneficiary_id']}"} for row in rows], infer_schema_length=None
    )
    found = audit(result, theirs)
    assert found.findings.height == 0
    assert any("by other ids" in note for note in found.notes)


def test_the_dispute_file(result: ReconciliationResult, rows: Rows, tmp_path: Path) -> None:
    theirs, _ = planted(result, rows)
    found = audit(result, pl.DataFrame(theirs, infer_schema_length=None))
    number = found.write_dispute(tmp_path / "dispute.csv")
    dispute = pl.read_csv(tmp_path / "dispute.csv", infer_schema=False)
    assert number == dispute.height == found.findings["dispute"].sum() > 0
    assert set(dispute["kind"]) <= set(KINDS)
    assert "effect_dollars" in dispute.columns
    assert found.write_dispute(tmp_path / "all.csv", everything=True) == 30
    said = pl.read_csv(tmp_path / "all.csv", infer_schema=False).filter(kind="spending")["difference_dollars"]
    assert said.to_list() == ["1234.56"] * 3


def test_the_layout_of_bpci_advanced(result: ReconciliationResult, rows: Rows, tmp_path: Path) -> None:
    fields = load_codes("bpci_reconciliation_episode_fields")
    assert fields.height == 168
    read_as = {name: field for field, name in fields.drop_nulls("read_as").select("field", "read_as").iter_rows()}
    titles = result.program.rules.categories

    def cell(name: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, dt.date):
            return value.strftime("%d%b%Y").upper()
        if name.endswith("_cents"):
            return f"{value / 100:.2f}"
        return titles[value] if name == "category" else str(value)

    plain = [{read_as[name]: cell(name, value) for name, value in row.items() if name in read_as} for row in rows]
    plain[0]["TOT_STD_ALLOWED"] = "9.99"
    pl.DataFrame(plain).write_csv(tmp_path / "epi_1.csv")
    payer = read_payer_episodes(tmp_path / "epi_1.csv")
    assert (payer.layout, payer.rows_in, dict(payer.unread)) == ("bpci-advanced", len(rows), {})
    found = audit(result, payer)
    assert set(found.findings["kind"]) == {"spending", "cap"}
    assert found.findings["payer_row"].unique().to_list() == [1]


def test_what_cannot_be_read_is_said(result: ReconciliationResult, tmp_path: Path) -> None:
    file = tmp_path / "payer.csv"
    file.write_text("beneficiary_id,anchor_start,episode_cents\nA,2026-13-01,5\n,2026-01-01,5\nB,2026-01-01,x\n")
    payer = read_payer_episodes(file)
    assert dict(payer.set_aside) == {"no_person_and_no_claim": 1, "no_amount": 1}
    assert dict(payer.unread) == {"anchor_start": 1, "episode_cents": 1}
    found = audit(result, payer)
    assert "1 row of the payer's file not compared: no_amount." in found.notes
    assert "1 cell of the payer's column anchor_start not readable: not compared." in found.notes
    assert "Audit: " in repr(found)
    assert found.to_dict()["counts"]["episodes_of_the_payer"] == 1
    for text, message in (
        ("a,b\n1,2\n", "lacks episode_cents, beneficiary_id or anchor_claim_id"),
        ("", "cannot be read"),
    ):
        file.write_text(text)
        with pytest.raises(EpisodesError, match=message):
            read_payer_episodes(file)
    with pytest.raises(EpisodesError, match="There is no payer's file 'none.csv'"):
        read_payer_episodes(tmp_path / "none.csv")
