"""The measures find what was planted in the bundled set; every difference has a reason that is written down here.

What the truth calls a readmission, a death or an emergency return is what its scenario wrote, without the conventions
of the measures. Where the two differ, the measures follow their text; docs/outcomes.md lists the same reasons.
"""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

import episodes as ep
from episodes.outcomes import is_planned, outcomes_of

KEYS = ["beneficiary_id", "anchor_claim_id"]
WHOLE_TIME = (dt.date(2021, 1, 1), dt.date(2028, 12, 31))
COMPLICATIONS = ("ami", "pneumonia", "sepsis", "bleeding", "pulmonary_embolism", "mechanical", "infection")


@pytest.fixture(scope="module")
def claims() -> ep.Claims:
    return ep.read_claims(ep.synthetic.bundled_folder())


@pytest.fixture(scope="module")
def truth() -> dict[str, pl.DataFrame]:
    folder = ep.synthetic.bundled_folder() / "truth"
    return {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("episodes", "outcomes")}


@pytest.fixture(scope="module")
def outcomes(claims: ep.Claims, truth: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Outcomes of every candidate episode, with the keys and the planted event of the truth."""
    built = ep.build_episodes(claims, ep.load_program("team", performance_year=1, period=WHOLE_TIME))
    tables = (claims.table(name).collect() for name in ("claims", "lines", "beneficiaries"))
    found = outcomes_of(built.episodes, *tables)
    planted = truth["episodes"].select(*KEYS, planted="event")
    named = built.episodes.select("episode_id", *KEYS, "anchor_setting", "status", "anchor_start", "anchor_end")
    return found.join(named, on="episode_id").join(planted, on=KEYS, how="left", validate="m:1")


def differing(outcomes: pl.DataFrame, truth: dict[str, pl.DataFrame], measure: str, declared: pl.Expr) -> pl.DataFrame:
    """Episodes of which measure and truth say different things; what the truth says stands in declared_*."""
    told = (
        truth["outcomes"]
        .filter(declared)
        .sort("event_date")
        .unique(KEYS, keep="first", maintain_order=True)
        .select(*KEYS, declared_date="event_date", declared_claim="event_claim_id")
    )
    both = outcomes.filter(pl.col("measure") == measure).join(told, on=KEYS, how="left")
    assert both.filter(pl.col("declared_date").is_not_null()).height == told.height
    said = pl.col("event").fill_null(False)
    same = (said == pl.col("declared_date").is_not_null()) & (~said | (pl.col("event_date") == pl.col("declared_date")))
    return both.filter(~same)


def is_another_anchor(column: str) -> pl.Expr:
    return pl.col(column).is_in(pl.col("anchor_claims"))


def with_anchors_of_person(rows: pl.DataFrame, truth: dict[str, pl.DataFrame]) -> pl.DataFrame:
    anchors = truth["episodes"].group_by("beneficiary_id").agg(anchor_claims=pl.col("anchor_claim_id"))
    return rows.join(anchors, on="beneficiary_id", how="left")


def happened(what: str) -> pl.Expr:
    return pl.col("outcome") == what


UNPLANNED = happened("readmission") & ~pl.col("planned")


@pytest.mark.parametrize(("measure", "days"), [("readmission_30", 30), ("readmission_90", 90)])
def test_readmissions_within_days(outcomes, truth, measure: str, days: int) -> None:
    declared = UNPLANNED & pl.col("days_from_discharge").is_between(1, days)
    rows = with_anchors_of_person(differing(outcomes, truth, measure, declared), truth)
    # The next day at another hospital is a transfer to the measure: the chain ends later, and nothing follows.
    transferred = (pl.col("planted") == "next_day_admission_elsewhere").fill_null(False) & ~pl.col("event")
    # The truth declares nothing of an admission that is another anchor of the person.
    other_anchor = is_another_anchor("event_claim_id").fill_null(False)
    # A fault of the truth: gall bladder stones (K8020) are listed as acute, so that their operation is unplanned.
    gall_bladder = (pl.col("planted") == "planned_readmission").fill_null(False) & pl.col("event")
    assert rows.filter(~(transferred | other_anchor | gall_bladder)).is_empty()
    assert rows.filter(transferred).height > 0
    assert rows.filter(other_anchor).height > 0
    assert is_planned("K8020", ["0FT44ZZ"]).reason == "acute_diagnosis"


def test_readmissions_in_the_programmes_window(outcomes, truth) -> None:
    declared = UNPLANNED & pl.col("days_from_discharge").is_between(0, 29)
    rows = with_anchors_of_person(differing(outcomes, truth, "readmission_window", declared), truth)
    other_anchor = is_another_anchor("event_claim_id").fill_null(False)
    gall_bladder = (pl.col("planted") == "planned_readmission").fill_null(False) & pl.col("event")
    assert rows.filter(~(other_anchor | gall_bladder)).is_empty()


def test_planned_second_anchors_are_readmissions_that_do_not_count(outcomes) -> None:
    staged = outcomes.filter(
        (pl.col("measure") == "readmission_30")
        & (pl.col("planted") == "staged_within_window")
        & (pl.col("status") == "overlapped")
    )
    assert staged.height > 0
    assert staged["planned"].all()
    assert not staged["event"].any()


@pytest.mark.parametrize(("measure", "days"), [("mortality_30", 30), ("mortality_90", 90)])
def test_deaths(outcomes, truth, measure: str, days: int) -> None:
    declared = happened("death") & pl.col("days_from_admission").is_between(0, days)
    assert differing(outcomes, truth, measure, declared).is_empty()


def test_emergency_returns(outcomes, truth, claims: ep.Claims) -> None:
    declared = happened("emergency_return") & pl.col("days_from_discharge").is_between(1, 30)
    rows = differing(outcomes, truth, "emergency_return_30", declared)
    stays = claims.table("claims").filter(setting="inpatient").collect()

    def stays_over(person: str, day: dt.date) -> list[tuple[dt.date, dt.date]]:
        own = stays.filter(pl.col("beneficiary_id") == person, pl.col("from_date") <= day, pl.col("thru_date") >= day)
        return own.select("from_date", "thru_date").rows()

    for row in rows.iter_rows(named=True):
        day = row["event_date"] or row["declared_date"]
        around = stays_over(row["beneficiary_id"], day)
        if not row["event"]:  # the truth declares a visit within the stay of the person's next anchor
            assert any(start < day < end for start, end in around)
        elif around:  # the truth leaves out a visit on the day that a stay ends
            assert all(end == day for _, end in around)
        else:  # a visit after a second anchor is declared of the first only
            assert row["status"] == "overlapped"


@pytest.mark.parametrize("kind", COMPLICATIONS)
def test_complications(outcomes, truth, kind: str) -> None:
    rows = differing(outcomes, truth, f"complication_{kind}", happened(f"complication_{kind}"))
    # A fault of the truth: an embolism that came by chance as a readmission is not declared a complication.
    declared_readmissions = truth["outcomes"].filter(happened("readmission"))["event_claim_id"]
    assert rows["event_claim_id"].is_in(declared_readmissions.to_list()).all()
    assert rows["event"].all()


def test_planted_near_misses_are_no_complications(outcomes) -> None:
    near = outcomes.filter(
        pl.col("planted").is_in(["pneumonia_too_late", "embolism_too_late", "bleeding_without_procedure"])
        & (pl.col("measure") == "complication_any")
    )
    assert near.height > 0
    assert not near["event"].any()


def test_every_measure_is_asked_of_every_episode_or_of_joints(outcomes) -> None:
    number = outcomes["episode_id"].n_unique()
    of_joints = pl.col("measure").str.starts_with("complication_")
    assert set(outcomes.filter(~of_joints).group_by("measure").len()["len"]) == {number}
    assert outcomes.filter(of_joints).group_by("measure").len()["len"].n_unique() == 1
    undecided = outcomes.filter(
        pl.col("event").is_null() & ~pl.col("measure").is_in(["length_of_stay", "days_at_home"])
    )
    assert undecided["reason"].null_count() == 0
