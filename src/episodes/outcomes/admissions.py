"""Index admissions of the hospital-wide readmission measure: cohorts, and why a stay is no index admission."""

from __future__ import annotations

import datetime as dt

import polars as pl

from episodes.outcomes.planned import ICD_9, PlannedLists, planned_lists, planned_stays
from episodes.outcomes.readmissions import first_readmissions
from episodes.outcomes.rules import OutcomeRules, outcome_rules
from episodes.outcomes.stays import acute_stays, inpatient_stays
from episodes.outcomes.tables import code_table

KEYS = ["beneficiary_id", "claim_id"]
INDEX_COLUMNS = (
    "beneficiary_id",
    "claim_id",
    "first_claim_id",
    "ccn",
    "attending_npi",
    "operating_npi",
    "admission",
    "discharge",
    "legs",
    "cohort",
    "is_index",
    "reasons",
)
"""Columns of index admissions: one row a stay that transfers joined, by its last leg."""


def index_admissions(
    claims: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    coverage: pl.DataFrame | None = None,
    *,
    complete_through: dt.date | None = None,
    rules: OutcomeRules | None = None,
) -> pl.DataFrame:
    """Acute stays as index admissions of the hospital-wide readmission measure, those that are none too.

    Args:
        claims, beneficiaries: canonical tables.
        coverage: intervals of part_a and medicare_advantage; None: enrolment is not tested.
        complete_through: the last day that the claims are known of; None: complete.
        rules: default: `outcome_rules()`.

    Returns:
        `INDEX_COLUMNS`, one row a stay: claim, hospital and physicians of the last leg, first_claim_id, admission of
        the first leg, discharge of the last; cohort (surgery_gynecology, cardiorespiratory, cardiovascular, neurology,
        medicine; null: none); is_index, and reasons why not, all that hold: `died_in_stay`, `left_against_advice`,
        `medical_treatment_of_cancer`, `rehabilitation`, `psychiatric`, `no_cohort`, `not_at_acute_hospital`,
        `under_age`, `age_unknown`, `not_enrolled`, `follow_up_incomplete`, `icd_9_codes`.

    Source: CMS hospital-wide readmission measure, 2021 (docs/outcomes.md).

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> tables = [claims.table(name).collect() for name in ("claims", "beneficiaries")]
        >>> sorted(ep.outcomes.index_admissions(*tables)["cohort"].drop_nulls().unique())[:2]
        ['cardiorespiratory', 'cardiovascular']
    """
    rules = rules or outcome_rules()
    lists = planned_lists(rules.planned)
    stays = acute_stays(inpatient_stays(claims), rules)
    chains = stays.filter(pl.col("leg") == 0).select("chain", admission="stay_start", first_claim_id="claim_id")
    legs = stays.group_by("chain").agg(legs=pl.len().cast(pl.Int32))
    last = (
        stays.filter("last_leg")
        .join(chains, on="chain", how="left", maintain_order="left")
        .join(legs, on="chain", how="left", maintain_order="left")
        .join(beneficiaries.select("beneficiary_id", "birth_date", "death_date"), on="beneficiary_id", how="left")
        .with_columns(discharge="chain_end")
    )
    judged = _in_cohorts(planned_stays(last, lists), rules, lists).with_columns(
        not_enrolled=_not_enrolled(last, coverage, rules)
    )
    why = [pl.when(holds).then(pl.lit(name)) for name, holds in _reasons(rules, complete_through)]
    exclusion = pl.when(pl.col("exclusion").is_not_null()).then("exclusion")
    return (
        judged.with_columns(reasons=pl.concat_list([*why[:2], exclusion, *why[2:]]).list.drop_nulls())
        .with_columns(is_index=pl.col("reasons").list.len() == 0)
        .sort("beneficiary_id", "admission", "claim_id")
        .select(INDEX_COLUMNS)
    )


def readmissions_of(
    index: pl.DataFrame,
    claims: pl.DataFrame,
    *,
    days: int = 30,
    rules: OutcomeRules | None = None,
) -> pl.DataFrame:
    """The first readmission within some days of each index admission.

    Args:
        index: stays as `index_admissions` gives them; those with is_index false are left out.
        claims: canonical claims of the same people.
        days: last day from the discharge, included.
        rules: default: `outcome_rules()`.

    Returns:
        The index with event (an unplanned readmission; null: not decided) and, of the first readmission if there is
        one: readmission_claim_id, readmission_ccn, readmission_date, days, planned, planned_reason, same_hospital,
        source (the setting left within a day before it).

    Source: CMS hospital-wide readmission measure, 2021 (docs/outcomes.md).

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> tables = {name: claims.table(name).collect() for name in ("claims", "beneficiaries")}
        >>> index = ep.outcomes.index_admissions(**tables)
        >>> ep.outcomes.readmissions_of(index, tables["claims"])["event"].null_count()
        0
    """
    rules = rules or outcome_rules()
    stays = acute_stays(inpatient_stays(claims), rules)
    asked = (
        index.filter("is_index")
        .with_row_index("index_id")
        .join(stays.select(*KEYS, "chain"), on=KEYS, how="left", maintain_order="left")
    )
    found = first_readmissions(
        asked,
        stays,
        claims,
        first_day=rules.readmissions.first_day.value,
        last_day=days,
        lists=planned_lists(rules.planned),
    ).rename({"claim_id": "readmission_claim_id", "ccn": "readmission_ccn", "admission": "readmission_date"})
    none = pl.col("readmission_claim_id").is_null()
    return (
        asked.join(found, on="index_id", how="left", maintain_order="left")
        .with_columns(event=pl.when(none).then(pl.lit(False)).otherwise(~pl.col("planned")))
        .drop("index_id", "chain")
    )


def _in_cohorts(stays: pl.DataFrame, rules: OutcomeRules, lists: PlannedLists) -> pl.DataFrame:
    """Add `cohort` and `exclusion`: surgery by any procedure, else by the category of the principal diagnosis."""
    cohorts = code_table(rules.index.cohorts.value, ["kind", "category", "cohort"]).cast({"category": pl.Int64})
    surgical_categories = cohorts.filter(pl.col("kind") == "procedure")["category"].to_list()
    surgical_codes = {code for code, category in lists.procedure_categories.items() if category in surgical_categories}
    surgical_codes |= set(code_table(rules.index.surgery_codes.value, ["code"])["code"].to_list())
    surgery = cohorts.filter(pl.col("kind") == "procedure")["cohort"].first()
    exclusions = code_table(rules.index.exclusions.value, ["category", "exclusion"]).select(
        pl.col("category").cast(pl.Int64), "exclusion"
    )
    distinct = stays.select(_diagnosis=pl.col("diagnoses").list.first()).unique().drop_nulls()
    by_diagnosis = (
        distinct.with_columns(
            category=pl.Series(
                [lists.diagnosis_categories.get(code) for code in distinct["_diagnosis"]], dtype=pl.Int64
            )
        )
        .join(
            cohorts.filter(pl.col("kind") == "diagnosis").select("category", _cohort="cohort"),
            on="category",
            how="left",
        )
        .join(exclusions, on="category", how="left")
    )
    operated = pl.col("procedures").list.eval(pl.element().is_in(list(surgical_codes))).list.any().fill_null(False)
    spared = operated & pl.col("exclusion").is_in(list(rules.index.excluded_unless_surgery.value))
    return (
        stays.with_columns(_diagnosis=pl.col("diagnoses").list.first())
        .join(by_diagnosis, on="_diagnosis", how="left", maintain_order="left")
        .with_columns(
            cohort=pl.when(operated).then(pl.lit(surgery)).otherwise("_cohort"),
            exclusion=pl.when(~spared.fill_null(False)).then("exclusion"),
        )
    )


def _reasons(rules: OutcomeRules, complete_through: dt.date | None) -> list[tuple[str, pl.Expr]]:
    """Why a stay is no index admission, besides the excluded categories (which come third)."""
    rule, status = rules.index, pl.col("discharge_status")
    birthday = pl.col("birth_date").dt.offset_by(f"{rule.minimum_age.value}y")
    follow_up = pl.col("discharge").dt.offset_by(f"{rule.enrolled_days_after.value}d")
    known = pl.lit(complete_through, dtype=pl.Date)
    dead = (pl.col("death_date") <= known).fill_null(False)
    icd_9 = (pl.col("planned_reason") == ICD_9).fill_null(False)
    excluded = pl.col("exclusion").is_not_null()
    died = status.is_in(list(rules.stays.died.value)).fill_null(False)
    return [
        ("died_in_stay", died | (status.is_null() & (pl.col("death_date") <= pl.col("discharge"))).fill_null(False)),
        ("left_against_advice", status.is_in(list(rules.stays.left_against_advice.value)).fill_null(False)),
        ("no_cohort", pl.col("cohort").is_null() & ~excluded & ~icd_9),
        ("not_at_acute_hospital", ~pl.col("kind_of_provider").is_in(list(rule.provider_types.value))),
        ("under_age", (pl.col("admission") < birthday).fill_null(False)),
        ("age_unknown", pl.col("birth_date").is_null() & pl.lit(rule.minimum_age.value > 0)),
        ("not_enrolled", pl.col("not_enrolled")),
        ("follow_up_incomplete", (follow_up > known).fill_null(False) & ~dead),
        (ICD_9, icd_9),
    ]


def _not_enrolled(stays: pl.DataFrame, coverage: pl.DataFrame | None, rules: OutcomeRules) -> pl.Series:
    """Whether Part A does not cover the months before and the days after a stay, or Medicare Advantage touches them."""
    if coverage is None:
        return pl.repeat(False, stays.height, eager=True)
    asked = stays.select(
        "beneficiary_id",
        "death_date",
        row=pl.int_range(pl.len()),
        start=pl.col("admission").dt.offset_by(f"-{rules.index.enrolled_months_before.value}mo"),
        end=pl.col("discharge").dt.offset_by(f"{rules.index.enrolled_days_after.value}d"),
    ).with_columns(end=pl.min_horizontal("end", "death_date"))
    kind = pl.col("kind").cast(pl.String)
    spans = coverage.with_columns(end_date=pl.col("end_date").fill_null(dt.date.max), kind=kind)
    reached = pl.col("end_date").cum_max().over("beneficiary_id").shift(1)
    new = (
        (pl.col("beneficiary_id") != pl.col("beneficiary_id").shift(1))
        | ((pl.col("start_date") - reached).dt.total_days() > 1)
    ).fill_null(True)
    joined = (
        spans.filter(kind == "part_a")
        .sort("beneficiary_id", "start_date", "end_date")
        .with_columns(span=new.cum_sum())
        .group_by("beneficiary_id", "span")
        .agg(pl.col("start_date").min(), pl.col("end_date").max())
    )
    overlaps = (pl.col("start_date") <= pl.col("end")) & (pl.col("end_date") >= pl.col("start"))
    covered = asked.join(joined, on="beneficiary_id").filter(
        (pl.col("start_date") <= pl.col("start")) & (pl.col("end_date") >= pl.col("end"))
    )
    advantage = asked.join(spans.filter(kind == "medicare_advantage"), on="beneficiary_id").filter(overlaps)
    rows = asked["row"]
    return ~rows.is_in(covered["row"].to_list()) | rows.is_in(advantage["row"].to_list())
