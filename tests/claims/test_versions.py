"""The shared versions step: cancellations find what they cancel, repeats go, and every row is accounted for."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import polars as pl
import pytest

from episodes.claims.report import ReadingReport
from episodes.claims.versions import (
    ADJUSTMENT,
    CANCELLATION,
    ORIGINAL,
    Resolved,
    book_netted,
    final_action,
    latest_of,
    netted_rows,
    with_their_claims,
    without_repeated_rows,
)

KIND = {"0": ORIGINAL, "1": CANCELLATION, "2": ADJUSTMENT}


def history(*entries: tuple[str, str, int, str | None], delivered: list[int] | None = None) -> pl.DataFrame:
    """Versions as (claim, adjustment type, paid, month and day)."""
    return pl.DataFrame(
        {
            "beneficiary_id": ["a"] * len(entries),
            "claim_id": [entry[0] for entry in entries],
            "kind": [KIND[entry[1]] for entry in entries],
            "paid": [entry[2] for entry in entries],
            "processed": [date.fromisoformat(f"2024-{entry[3]}") if entry[3] else None for entry in entries],
            "delivered": delivered or [0] * len(entries),
        },
        schema_overrides={"processed": pl.Date},
    )


def resolve(versions: pl.DataFrame) -> Resolved:
    return final_action(versions, related=[], equal=["paid"], delivered="delivered")


def remaining(versions: pl.DataFrame) -> list[str]:
    return resolve(versions).remaining["claim_id"].to_list()


def test_the_worked_example_of_the_packet() -> None:
    versions = history(
        ("1", "0", 200, "07-20"),
        ("2", "2", 0, "09-20"),
        ("3", "1", 200, "08-07"),
        ("4", "2", 210, "09-20"),
        ("5", "2", 0, "08-07"),
        ("6", "1", 0, "10-07"),
    )
    found = resolve(versions)
    # Claims 2 and 5 are alike; the packet says to pick one. The older is cancelled.
    assert found.remaining["claim_id"].to_list() == ["2", "4"]
    assert found.remaining["paid"].sum() == 210
    assert found.netted.select("claim_id", "reason", "against_claim_id").rows() == [
        ("1", "cancelled", "3"),
        ("3", "cancellation", "1"),
        ("5", "cancelled", "6"),
        ("6", "cancellation", "5"),
    ]


@pytest.mark.parametrize(
    ("entries", "final"),
    [
        # An original whose cancellation and replacement are processed on one day.
        ((("1", "0", 210, "07-20"), ("2", "1", 210, "08-07"), ("3", "2", 190, "08-07")), ["3"]),
        # The same, with a replacement of the same amount: other codes, say.
        ((("1", "0", 210, "07-20"), ("2", "1", 210, "08-07"), ("3", "2", 210, "08-07")), ["3"]),
        # The original was delivered before; its replacement repeats the amount.
        ((("2", "1", 420, "08-07"), ("3", "2", 420, "08-07")), ["3"]),
        # The same with dates that are not known.
        ((("2", "1", 420, None), ("3", "2", 420, None)), ["3"]),
        # A later cancellation takes the replacement too.
        ((("2", "1", 420, "08-07"), ("3", "2", 420, "08-07"), ("4", "1", 420, "09-01")), []),
        # Everything on one day: the first replacement is replaced as well.
        (
            (
                ("1", "0", 200, "08-07"),
                ("2", "1", 200, "08-07"),
                ("3", "2", 205, "08-07"),
                ("4", "1", 205, "08-07"),
                ("5", "2", 210, "08-07"),
            ),
            ["5"],
        ),
        # The same without the original, which was delivered before.
        (
            (
                ("2", "1", 200, "08-07"),
                ("3", "2", 205, "08-07"),
                ("4", "1", 205, "08-07"),
                ("5", "2", 210, "08-07"),
            ),
            ["5"],
        ),
        # An original precedes its cancellation, whatever the dates say.
        ((("1", "0", 200, "09-20"), ("2", "1", 200, "08-07")), []),
        ((("1", "0", 200, None), ("2", "1", 200, "08-07")), []),
        # A cancellation that finds nothing of its amount changes nothing.
        ((("1", "0", 200, "07-20"), ("2", "1", 180, "08-07")), ["1"]),
        ((("2", "1", 180, "08-07"),), []),
        # An adjustment after the only cancellation stays.
        ((("2", "1", 200, "08-07"), ("3", "2", 200, "09-01")), ["3"]),
        # Two originals of one day, one of them cancelled.
        ((("1", "0", 150, "07-20"), ("2", "0", 95, "07-20"), ("3", "1", 150, "08-07")), ["2"]),
        # A long chain.
        (
            (
                ("1", "0", 200, "01-01"),
                ("2", "1", 200, "02-01"),
                ("3", "2", 200, "02-01"),
                ("4", "1", 200, "03-01"),
                ("5", "2", 200, "03-01"),
            ),
            ["5"],
        ),
    ],
)
def test_final_action(entries: tuple[tuple[str, str, int, str | None], ...], final: list[str]) -> None:
    assert remaining(history(*entries)) == final
    assert remaining(history(*reversed(entries))) == final


def test_an_earlier_delivery_decides_where_days_do_not() -> None:
    entries = (("1", "1", 200, "08-07"), ("2", "2", 200, "08-07"), ("3", "1", 200, "08-07"))
    assert remaining(history(*entries, delivered=[1, 1, 2])) == []
    assert remaining(history(*entries[:2], delivered=[2, 1])) == []
    assert remaining(history(*entries[:2], delivered=[1, 2])) == ["2"]


def test_only_related_claims_of_one_person_cancel_each_other() -> None:
    versions = history(("1", "0", 200, "07-20"), ("2", "1", 200, "08-07"), ("3", "1", 200, "08-07"))
    versions = versions.with_columns(
        beneficiary_id=pl.Series(["a", "a", "b"]), provider=pl.Series(["x", "y", "x"], dtype=pl.String)
    )
    found = final_action(versions, related=["provider"], equal=["paid"])
    assert found.remaining["claim_id"].to_list() == ["1"]
    assert found.netted["reason"].unique().to_list() == ["cancellation_without_original"]
    blank = versions.with_columns(provider=pl.lit(None, pl.String))
    assert final_action(blank, related=["provider"], equal=["paid"]).remaining.is_empty()


def test_a_complete_history_sums_to_what_remains() -> None:
    """Random chains of original, cancellation, adjustment ...: debits less credits are the sum of the survivors."""
    rng = Random(20240720)
    entries: list[tuple[str, str, int, date]] = []
    expected: list[str] = []
    for chain in range(200):
        day, amount = date(2024, 1, 1) + timedelta(days=rng.randint(0, 50)), rng.choice((0, 100, 200, 300))
        entries.append((f"{chain}-0", "0", amount, day))
        for turn in range(1, rng.choice((1, 1, 2, 3, 4))):
            day += timedelta(days=rng.randint(1, 30))
            entries.append((f"{chain}-{turn}c", "1", amount, day))
            amount = rng.choice((0, 100, 200, 300))
            entries.append((f"{chain}-{turn}", "2", amount, day))
        expected.append(str(chain))
    rng.shuffle(entries)
    versions = pl.DataFrame(
        [
            {
                "beneficiary_id": f"b{int(claim.split('-')[0]) % 30}",
                "claim_id": claim,
                "kind": KIND[kind],
                "paid": paid,
                "processed": day,
            }
            for claim, kind, paid, day in entries
        ]
    )
    found = final_action(versions, related=[], equal=["paid"])
    signed = pl.when(pl.col("kind") == CANCELLATION).then(-pl.col("paid")).otherwise(pl.col("paid"))
    assert found.remaining.height == len(expected)
    assert found.remaining["paid"].sum() == versions.select(signed.sum()).item()
    assert found.remaining.height + found.netted.height == versions.height
    by_person = versions.group_by("beneficiary_id").agg(signed.sum().alias("paid"))
    left = found.remaining.group_by("beneficiary_id").agg(pl.col("paid").sum())
    assert by_person.sort("beneficiary_id").equals(left.sort("beneficiary_id"))


def test_rows_met_again_word_for_word() -> None:
    rows = pl.DataFrame(
        {
            "beneficiary_id": ["a", "a", "b"],
            "claim_id": ["1", "1", "1"],
            "value": [None, None, None],
            "delivery": ["1", "2", "2"],
        },
        schema_overrides={"value": pl.String},
    )
    found = without_repeated_rows(rows, apart_from=["delivery"])
    assert found.remaining.rows() == [("a", "1", None, "2"), ("b", "1", None, "2")]
    assert found.netted.rows() == [("a", "1", "repeated_row", "1", None)]
    assert without_repeated_rows(rows).netted.is_empty()


def test_the_last_of_a_key_counts() -> None:
    rows = pl.DataFrame(
        {"beneficiary_id": ["a"] * 4, "claim_id": ["1", "1", None, None], "turn": [2, 1, 1, 2]},
        schema_overrides={"claim_id": pl.String},
    )
    found = latest_of(rows, key=["beneficiary_id", "claim_id"], order=["turn"], reason="older")
    assert found.remaining.rows() == [("a", "1", 2), ("a", None, 1), ("a", None, 2)]
    assert found.netted.rows() == [("a", "1", "older", "1", None)]


def test_rows_go_with_their_claims() -> None:
    def claims(*ids: str) -> pl.DataFrame:
        return pl.DataFrame({"beneficiary_id": ["a"] * len(ids), "claim_id": list(ids)}, schema_overrides={})

    rows = claims("1", "2", "3", "2").with_columns(paid_cents=pl.Series([10, 20, 30, 40]))
    of_claims = claims("1", "2").with_columns(paid_cents=pl.lit(999))
    netted = netted_rows(of_claims, "cancelled", pl.lit("9"))
    found = with_their_claims(rows, remaining=claims("1"), netted=netted)
    assert found.remaining["claim_id"].to_list() == ["1", "3"]
    # Each takes its own amount with it, not that of its claim.
    assert found.netted.rows() == [("a", "2", "cancelled", "9", 20), ("a", "2", "cancelled", "9", 40)]


def test_what_was_netted_is_booked() -> None:
    report = ReadingReport(layout="test")
    claims = pl.DataFrame({"beneficiary_id": ["a", "a"], "claim_id": ["1", "2"], "paid_cents": [500, None]})
    report.table("claims").read_amounts(1000)
    book_netted(report, "claims", netted_rows(claims, "denied"))
    book_netted(report, "claims", netted_rows(claims[:1], "cancelled", pl.lit("2")))
    book_netted(report, "claims", netted_rows(claims[:0], "nothing"))
    counts = report.table("claims")
    assert (counts.rows_in, counts.netted) == (3, {"denied": 2, "cancelled": 1})
    assert counts.cents_netted == {"denied": 500, "cancelled": 500}
    counts.check("claims")
    assert report.netted["claims"].rows() == [
        ("a", "1", "denied", None, 500),
        ("a", "2", "denied", None, None),
        ("a", "1", "cancelled", "2", 500),
    ]
