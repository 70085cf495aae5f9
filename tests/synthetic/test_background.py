"""Ordinary people and background care: in contract, plausible, and nowhere that they may not be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from episodes.building.provider_types import provider_type_of
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS, SETTINGS, TABLES
from episodes.programs.code_tables import load_codes
from episodes.synthetic.background import background_care
from episodes.synthetic.background_assumptions import load_background
from episodes.synthetic.care_people import CarePeople, Intervals, join_intervals, join_people, no_intervals
from episodes.synthetic.configuration import load_configuration
from episodes.synthetic.hospitals import World, make_world
from episodes.synthetic.population import People, block_of, numbers_of, ordinary_people

YEARS = (2022, 2026)
SEED = 3
DAYS_A_YEAR = 365.25
SCREENED_DAYS = 150

# BPCI Advanced episode groups of which every anchor is a TEAM anchor too, or was one before its DRGs changed.
GROUPS_OF_TEAM = {"P0007", "P0011", "P0017", "P0019", "P0020"}


@dataclass(frozen=True)
class Block:
    """One block of people with their care."""

    world: World
    people: People
    screened: Intervals
    claims: pl.DataFrame
    lines: pl.DataFrame

    @property
    def exposure(self) -> float:
        """Years in which people can have claims."""
        days = (self.people.care.last_day - self.people.care.first_day).astype(np.int64) + 1
        return float(np.clip(days, 0, None).sum() / DAYS_A_YEAR)


def made(world: World, block: int, numbers: np.ndarray, screened: Intervals | None = None, seed: int = SEED) -> Block:
    people = ordinary_people(world, numbers, YEARS, seed, block)
    days_off = join_intervals([people.gaps, screened or no_intervals()])
    care = background_care(world, people.care, days_off, YEARS, seed, block)
    return Block(world, people, days_off, care["claims"], care["lines"])


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(load_configuration(), SEED)


@pytest.fixture(scope="module")
def block(world: World) -> Block:
    """A block in which every fourth person has screened days."""
    numbers = numbers_of(0)
    who = np.arange(0, len(numbers), 4)
    first = np.datetime64("2022-06-01") + (who * 7) % 1200
    return made(world, 0, numbers, Intervals(who, first, first + SCREENED_DAYS))


def days_of(block: Block) -> pl.DataFrame:
    """First and last day of what every claim says, its lines included, with the person's position."""
    positions = pl.DataFrame(
        {
            "beneficiary_id": block.people.care.beneficiary_id,
            "person": np.arange(len(block.people.care)),
            "first_day": block.people.care.first_day,
            "last_day": block.people.care.last_day,
        }
    )
    lines = block.lines.group_by("claim_id").agg(
        first_line=pl.col("service_date").min(), last_line=pl.col("service_thru").max()
    )
    joined = block.claims.join(lines, on="claim_id").join(positions, on="beneficiary_id")
    assert joined.height == block.claims.height
    return joined.with_columns(
        start=pl.min_horizontal("from_date", "first_line"), end=pl.max_horizontal("thru_date", "last_line")
    )


# --- contract -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["claims", "lines", "beneficiaries", "coverage"])
def test_every_table_is_in_contract(block: Block, name: str) -> None:
    frame = getattr(block.people if name in ("beneficiaries", "coverage") else block, name)
    _, failures = TABLES[name].filter(frame, cast=False)
    assert failures.counts() == {}
    assert frame.columns == TABLES[name].column_names()


def test_keys_are_unique_sorted_and_of_their_form(block: Block) -> None:
    claims, lines = block.claims, block.lines
    assert claims["claim_id"].is_unique().all()
    assert claims["claim_id"].str.contains(r"^C[0-9]{10}$").all()
    assert claims.equals(claims.sort("beneficiary_id", "claim_id"))
    assert lines.equals(lines.sort("beneficiary_id", "claim_id", "line_number"))
    assert lines.join(claims, on=["beneficiary_id", "claim_id"], how="anti").is_empty()
    assert claims.join(lines, on="claim_id", how="anti").is_empty()
    number = claims["claim_id"].str.slice(1).cast(pl.Int64)
    assert (number // 2000 == claims["beneficiary_id"].str.slice(1).cast(pl.Int64)).all()
    assert (number % 2000).min() == 500
    order = claims.select("beneficiary_id", "from_date")
    assert order.equals(order.sort("beneficiary_id", "from_date", maintain_order=True))
    numbered = lines.group_by("claim_id").agg(pl.col("line_number").max() == pl.len())
    assert numbered["line_number"].all()


def test_providers_are_of_the_world(block: Block) -> None:
    clinicians = [
        clinician
        for hospital in block.world.hospitals
        for people in hospital.clinicians.values()
        for clinician in people
    ]
    npis = {clinician.npi for clinician in clinicians}
    tins = {tin for clinician in clinicians for tin in (clinician.tin, clinician.later_tin)}
    for series in (block.lines["rendering_npi"], block.claims["attending_npi"], block.claims["operating_npi"]):
        assert set(series.drop_nulls().unique()) <= npis
    assert set(block.lines["tin"].drop_nulls().unique()) <= tins
    types = {provider_type_of(ccn) for ccn in block.claims["ccn"].drop_nulls().unique()}
    assert {"acute", "irf", "ltch", "snf", "home_health"} <= types
    assert set(block.claims["provider_type"].cast(pl.String).drop_nulls().unique()) == {
        "snf",
        "home_health",
        "hospice",
    }


def test_diagnoses_name_the_principal_first_and_none_twice(block: Block) -> None:
    diagnosed = block.claims.filter(pl.col("setting") != "drug")
    assert diagnosed["diagnoses"].null_count() == 0
    assert block.claims.filter(pl.col("setting") == "drug")["diagnoses"].null_count() > 0
    assert diagnosed.select((pl.col("diagnoses").list.n_unique() == pl.col("diagnoses").list.len()).all()).item()
    professional = diagnosed.filter(pl.col("setting") == "professional")
    principal = block.lines.join(professional.select("claim_id", "diagnoses"), on="claim_id")
    assert principal.select((pl.col("diagnoses").list.first() == pl.col("diagnosis")).all()).item()
    stays = diagnosed.filter(pl.col("setting") == "inpatient")
    lengths = pl.col("present_on_admission").list.len() == pl.col("diagnoses").list.len()
    assert stays.select(lengths.all()).item()
    operated = stays.drop_nulls("procedures")
    assert operated.select((pl.col("procedure_dates").list.len() == pl.col("procedures").list.len()).all()).item()
    assert operated["operating_npi"].null_count() == 0


# --- never where it may not be ------------------------------------------------------------------------------


def test_no_team_anchor_is_among_them(block: Block) -> None:
    anchors = load_codes("team_anchor_codes")
    drgs = {*anchors.filter(anchor_setting="inpatient")["code"], *load_codes("team_drg_map")["from_drg"]}
    hcpcs = set(anchors.filter(anchor_setting="outpatient")["code"])
    assumptions = load_background()
    listed = {drg for kind in assumptions.stays.drgs for drg in (kind.drg, kind.earlier)}
    named = {code for kind in assumptions.visits.kinds for code in (*kind.first, *kind.others)}
    named |= {code for kind in assumptions.stays.drgs for code in (kind.surgery, kind.anesthesia)}
    assert not listed & drgs
    assert not named & hcpcs
    assert not set(block.claims["ms_drg"].drop_nulls().unique()) & drgs
    assert not set(block.lines["hcpcs"].drop_nulls().unique()) & hcpcs


def test_screened_days_are_free(block: Block) -> None:
    spans = pl.DataFrame({"person": block.screened.person, "first": block.screened.first, "last": block.screened.last})
    touching = days_of(block).join(spans, on="person").filter(pl.col("start") <= pl.col("last"))
    assert touching.filter(pl.col("end") >= pl.col("first")).is_empty()
    assert touching.height > 1000


def test_nothing_is_before_the_first_or_after_the_last_day(block: Block) -> None:
    days = days_of(block)
    assert days.select((pl.col("start") >= pl.col("first_day")).all()).item()
    assert days.select((pl.col("end") <= pl.col("last_day")).all()).item()


def test_nothing_is_after_death_outside_part_b_or_in_medicare_advantage(block: Block) -> None:
    days = days_of(block)
    deaths = block.people.beneficiaries.select("beneficiary_id", "death_date").drop_nulls()
    dead = days.join(deaths, on="beneficiary_id")
    assert dead.height > 1000
    assert dead.select((pl.col("end") <= pl.col("death_date")).all()).item()
    coverage = block.people.coverage.with_columns(kind=pl.col("kind").cast(pl.String))
    advantage = coverage.filter(pl.col("kind") == "medicare_advantage").select("beneficiary_id", "start_date")
    joined = days.join(advantage, on="beneficiary_id")
    assert joined.height > 1000
    assert joined.select((pl.col("end") < pl.col("start_date")).all()).item()
    for kind in ("part_a", "part_b"):
        intervals = coverage.filter(pl.col("kind") == kind).select("beneficiary_id", "start_date", "end_date")
        inside = days.join(intervals, on="beneficiary_id").filter(
            pl.col("start") >= pl.col("start_date"), pl.col("end") <= pl.col("end_date").fill_null(pl.col("end"))
        )
        assert inside["claim_id"].n_unique() == days.height


def test_stays_do_not_overlap(block: Block) -> None:
    stays = block.claims.filter(pl.col("setting").cast(pl.String).is_in(["inpatient", "snf"]))
    stays = stays.sort("beneficiary_id", "from_date", "thru_date")
    before = stays.with_columns(until=pl.col("thru_date").shift(1).over("beneficiary_id"))
    assert before.filter(pl.col("from_date") < pl.col("until")).is_empty()
    # Only a transfer begins on the day on which the stay before it ends.
    same_day = before.with_columns(sent=pl.col("discharge_status").shift(1).over("beneficiary_id"))
    same_day = same_day.filter(pl.col("from_date") == pl.col("until"))
    assert set(same_day["sent"]) == {"03", "62", "63"}
    for setting in ("home_health", "hospice"):
        periods = block.claims.filter(pl.col("setting") == setting).sort("beneficiary_id", "from_date")
        before = periods.with_columns(until=pl.col("thru_date").shift(1).over("beneficiary_id"))
        assert before.filter(pl.col("from_date") <= pl.col("until")).is_empty()


@pytest.mark.parametrize(
    ("status", "settings", "within"),
    [("03", ["snf"], 0), ("62", ["inpatient"], 0), ("63", ["inpatient"], 0), ("06", ["home_health"], 3)],
)
def test_discharge_status_agrees_with_the_next_setting(
    block: Block, status: str, settings: list[str], within: int
) -> None:
    claims = block.claims.with_columns(setting=pl.col("setting").cast(pl.String))
    sent = claims.filter(pl.col("setting").is_in(["inpatient", "snf"]), pl.col("discharge_status") == status)
    arrivals = claims.filter(pl.col("setting").is_in(settings)).select("beneficiary_id", arrival="from_date")
    wait = (pl.col("arrival") - pl.col("thru_date")).dt.total_days()
    arrived = sent.join(arrivals, on="beneficiary_id").filter(wait.is_between(0, within))
    assert sent.height > 10
    assert arrived["claim_id"].n_unique() == sent.height


def test_people_who_die_in_a_stay_are_dead(block: Block) -> None:
    died = block.claims.filter(pl.col("discharge_status") == "20")
    deaths = block.people.beneficiaries.select("beneficiary_id", thru_date="death_date").drop_nulls()
    assert died.height > 20
    assert died.join(deaths, on=["beneficiary_id", "thru_date"], how="anti").is_empty()


# --- the same again -----------------------------------------------------------------------------------------


def test_same_seed_same_rows_and_another_seed_differs(world: World, block: Block) -> None:
    numbers = numbers_of(1)[:150]
    first, again, other = (made(world, 1, numbers, seed=seed) for seed in (SEED, SEED, SEED + 1))
    assert first.claims.equals(again.claims)
    assert first.lines.equals(again.lines)
    assert not first.claims.equals(other.claims)
    assert block.claims.height != first.claims.height


def test_a_person_is_the_same_however_many_follow(world: World) -> None:
    numbers = numbers_of(2)
    all_of_them, some = made(world, 2, numbers[:300]), made(world, 2, numbers[:120])
    last = some.people.care.beneficiary_id[-1]
    for name in ("claims", "lines"):
        assert getattr(some, name).equals(getattr(all_of_them, name).filter(pl.col("beneficiary_id") <= last)), name
    for name in ("beneficiaries", "coverage"):
        whole = getattr(all_of_them.people, name)
        assert getattr(some.people, name).equals(whole.filter(pl.col("beneficiary_id") <= last)), name


def test_people_of_two_parts_are_joined_in_order(world: World) -> None:
    numbers = numbers_of(0)[:60]
    odd, even = (ordinary_people(world, numbers[start::2], YEARS, SEED, 0) for start in (0, 1))
    everybody = ordinary_people(world, numbers, YEARS, SEED, 0)
    together, places = join_people([even.care, odd.care])
    assert together.number.tolist() == numbers.tolist()
    assert together.conditions.equals(everybody.care.conditions)
    gaps = join_intervals([even.gaps.moved(places[0]), odd.gaps.moved(places[1])])
    one, other = (
        background_care(world, people, days, YEARS, SEED, 0)
        for people, days in ((together, gaps), (everybody.care, everybody.gaps))
    )
    assert one["lines"].equals(other["lines"])


def test_people_of_another_block_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match="make block 0"):
        ordinary_people(world, numbers_of(1)[:3], YEARS, SEED, 0)
    assert {block_of(int(number)) for number in numbers_of(4)} == {4}


def test_more_claims_than_numbers_are_refused(world: World, block: Block) -> None:
    care = block.people.care.take(np.arange(5))
    with pytest.raises(ValueError, match="lower the rates"):
        background_care(world, care, no_intervals(), YEARS, SEED, 0, share=50)


def test_nobody_has_no_claims(world: World, block: Block) -> None:
    nobody: CarePeople = block.people.care.take(np.zeros(0, dtype=np.int64))
    care = background_care(world, nobody, no_intervals(), YEARS, SEED, 0)
    assert {name: frame.height for name, frame in care.items()} == {"claims": 0, "lines": 0}
    assert care["claims"].schema == block.claims.schema
    assert care["lines"].schema == block.lines.schema


def test_a_share_of_the_care(world: World, block: Block) -> None:
    people = block.people.care.take(np.arange(300))
    whole, tenth = (
        background_care(world, people, no_intervals(), YEARS, SEED, 0, share=share)["lines"].height
        for share in (1.0, 0.1)
    )
    assert tenth / whole == pytest.approx(0.1, rel=0.15)


# --- plausible ----------------------------------------------------------------------------------------------


def test_about_fifty_lines_a_person_year(block: Block) -> None:
    free = made(block.world, 0, numbers_of(0))
    assert 45 <= free.lines.height / free.exposure <= 55


def test_shares_of_the_settings(block: Block) -> None:
    settings = block.claims.select("claim_id", setting=pl.col("setting").cast(pl.String))
    lines = block.lines.join(settings, on="claim_id")["setting"].value_counts(normalize=True)
    share = dict(lines.iter_rows())
    assert set(share) == set(SETTINGS)
    assert 0.4 < share["professional"] < 0.6
    assert 0.15 < share["outpatient"] < 0.3
    assert 0.15 < share["drug"] < 0.3
    assert 0.01 < share["inpatient"] < 0.05
    assert 0.01 < share["home_health"] < 0.06
    stays = block.claims.filter(pl.col("setting") == "inpatient", pl.col("ccn").str.slice(2, 1) == "0")
    assert 0.12 < stays.height / block.exposure < 0.28


def test_every_bpci_advanced_group_outside_team_has_stays(block: Block) -> None:
    kinds = load_background().stays.drgs
    groups = {kind.group for kind in kinds if kind.group is not None}
    assert len(groups) == 26
    assert not groups & GROUPS_OF_TEAM
    drgs = {drg for kind in kinds for drg in (kind.drg, kind.earlier) if drg is not None}
    found = set(block.claims["ms_drg"].drop_nulls())
    assert len(drgs & found) > 0.75 * len(drgs)
    assert {"33249", "63030", "92928"} <= set(block.lines["hcpcs"].drop_nulls())


def test_drgs_follow_the_fiscal_year(block: Block) -> None:
    changed = load_background().stays.fiscal_year_drgs_from
    earlier = block.claims.filter(pl.col("ms_drg").is_in(["222", "227", "246", "247"]))
    later = block.claims.filter(pl.col("ms_drg").is_in(["275", "277", "321", "322"]))
    assert earlier.height > 5
    assert later.height > 5
    assert earlier.select((pl.col("thru_date") < changed).all()).item()
    assert later.select((pl.col("thru_date") >= changed).all()).item()


def test_seasons(block: Block) -> None:
    lines = block.lines.with_columns(month=pl.col("service_date").dt.month())
    vaccines = lines.filter(pl.col("hcpcs") == "90662")
    assert vaccines["month"].is_between(9, 11).mean() > 0.75  # type: ignore[operator]
    emergency = lines.filter(pl.col("hcpcs").is_in(["99283", "99284"]), pl.col("revenue_center") == "0450")
    winter, summer = (emergency["month"].is_in(months).sum() for months in ([12, 1, 2], [6, 7, 8]))
    assert winter > 1.25 * summer
    visits = lines.filter(pl.col("hcpcs") == "99214", pl.col("place_of_service") == "11")
    assert visits["service_date"].dt.weekday().is_between(1, 5).mean() > 0.95  # type: ignore[operator]


def test_people_are_plausible(block: Block) -> None:
    people = block.people
    age = (np.datetime64("2022-01-01") - people.care.born).astype(np.int64) / DAYS_A_YEAR
    enrolled = people.care.first_day == np.datetime64("2022-01-01")
    assert 0.11 < (age[enrolled] < 65).mean() < 0.19
    assert 0.5 < (people.beneficiaries["sex"] == "2").mean() < 0.58  # type: ignore[operator]
    deaths = people.beneficiaries["death_date"].drop_nulls().len() / (5 * len(age))
    assert 0.02 < deaths < 0.05
    assert float(people.care.illness.mean()) == pytest.approx(1.0, abs=0.1)
    with_diabetes = people.care.conditions.list.eval(pl.element().str.starts_with("E11")).list.any().mean()
    assert 0.2 < with_diabetes < 0.4  # type: ignore[operator]
    kinds = set(people.coverage["kind"].cast(pl.String))
    assert {"part_a", "part_b", "medicare_advantage", "esrd", "esrd_entitlement", "full_dual", "partial_dual"} <= kinds
    assert {"low_income_subsidy", "aco"} <= kinds


def test_care_follows_illness(block: Block) -> None:
    people = pl.DataFrame({"beneficiary_id": block.people.care.beneficiary_id, "illness": block.people.care.illness})
    stays = block.claims.filter(pl.col("setting") == "inpatient").join(people, on="beneficiary_id")
    assert stays["illness"].mean() > 1.2  # type: ignore[operator]
    dialysis = block.lines.filter(pl.col("hcpcs") == "90999")["beneficiary_id"].unique()
    with_esrd = block.people.coverage.filter(pl.col("kind") == "esrd")["beneficiary_id"]
    assert len(dialysis) > 5
    assert dialysis.is_in(with_esrd.to_list()).all()


# --- money --------------------------------------------------------------------------------------------------


def test_amounts_hang_together(block: Block) -> None:
    setting = pl.col("setting").cast(pl.String)
    claim_paid = block.claims.filter(setting.is_in(CLAIM_PAID_SETTINGS))
    line_paid = block.claims.filter(setting.is_in(LINE_PAID_SETTINGS))
    amounts = ["allowed_cents", "paid_cents", "standardized_cents"]
    inside = block.lines.join(claim_paid.select("claim_id"), on="claim_id")
    assert inside.select(pl.col(amounts).is_null().all()).row(0) == (True, True, True)
    outside = block.lines.join(line_paid.select("claim_id"), on="claim_id")
    sums = outside.group_by("claim_id").agg(pl.col(*amounts, "primary_payer_paid_cents").sum())
    headers = line_paid.select("claim_id", *amounts, "primary_payer_paid_cents")
    assert headers.sort("claim_id").equals(sums.sort("claim_id"))
    add_ons = pl.sum_horizontal("outlier_cents", "ime_cents", "dsh_cents", "uncompensated_care_cents")
    assert claim_paid.select((pl.col("allowed_cents") > add_ons).all()).item()
    for frame in (claim_paid, outside):
        share = pl.col("allowed_cents") - pl.col("paid_cents") - pl.col("primary_payer_paid_cents")
        assert frame.select((share >= 0).all()).item()
        assert frame.select((pl.col("paid_cents") >= 0).all()).item()
        assert frame.select((pl.col("allowed_cents") >= 0).all()).item()
        assert 0 < (frame["primary_payer_paid_cents"] > 0).mean() < 0.02  # type: ignore[operator]
    drugs = block.lines.join(line_paid.filter(setting == "drug").select("claim_id"), on="claim_id")
    assert drugs["standardized_cents"].is_null().all()
    assert outside.filter(pl.col("standardized_cents").is_null()).height == drugs.height


def test_add_ons_follow_the_hospital(block: Block) -> None:
    traits = pl.DataFrame(
        [
            {"ccn": one.ccn, "teaching": one.traits.teaching, "cah": one.entry.kind == "cah", "state": one.entry.state}
            for one in block.world.hospitals
        ]
    )
    stays = block.claims.filter(pl.col("setting") == "inpatient").join(traits, on="ccn")
    by_drg = stays.filter(~pl.col("cah"), pl.col("state") != "MD")
    assert by_drg.select(((pl.col("ime_cents") > 0) == pl.col("teaching")).all()).item()
    assert by_drg.select((pl.col("dsh_cents") > 0).all()).item()
    by_cost = stays.filter(pl.col("cah") | (pl.col("state") == "MD"))
    assert by_cost.height > 0
    assert by_cost.select((pl.col("ime_cents") + pl.col("dsh_cents") == 0).all()).item()
    assert block.claims["outlier_cents"].max() > 0  # type: ignore[operator]


def test_a_line_costs_what_the_payment_rules_say(block: Block) -> None:
    """One fee without spread (a hospital visit, G0463) worked by hand."""
    configuration = load_configuration()
    hospital = next(one for one in block.world.hospitals if one.entry.kind == "acute")
    fee = configuration.outpatient.services["G0463"][3]
    rates = configuration.payments
    claims = block.claims.filter(pl.col("ccn") == hospital.ccn, pl.col("primary_payer_paid_cents") == 0)
    lines = block.lines.filter(pl.col("hcpcs") == "G0463").join(claims.select("claim_id"), on="claim_id")
    lines = lines.filter(pl.col("service_date").dt.year() == 2024)
    standardized = round(100 * fee * (1 + rates.annual_growth) ** (2024 - rates.base_year))
    allowed = round(100 * fee * (1 + rates.annual_growth) ** (2024 - rates.base_year) * hospital.traits.wage_factor)
    assert set(lines["standardized_cents"]) == {standardized}
    assert set(lines["allowed_cents"]) == {allowed}
    assert set(lines["paid_cents"]) == {allowed - int(allowed * configuration.cost_sharing.part_b_share + 0.5)}


# --- assumptions --------------------------------------------------------------------------------------------


def test_assumptions_agree_with_each_other() -> None:
    assumptions, configuration = load_background(), load_configuration()
    kinds = {kind.name: kind for kind in assumptions.visits.kinds}
    assert len(kinds) == len(assumptions.visits.kinds)
    for kind in kinds.values():
        assert not kind.more or kind.others, kind.name
        for companion in kind.companions:
            assert not companion.same_service or list(kinds[companion.kind].first) == list(kind.first), kind.name
            assert not kinds[companion.kind].companions
    for table in assumptions.seasons.months.values():
        assert len(table) == 12
    for table in assumptions.seasons.weekdays.values():
        assert len(table) == 7
    # Fees that the configuration has are taken from there.
    assert not set(assumptions.visits.fees) & (set(configuration.professional.fees) | set(configuration.equipment.fees))
    assert not set(assumptions.visits.outpatient) & set(configuration.outpatient.services)
