"""Complications after elective hip and knee replacement (measure 1550): eight kinds, each within days of the admission.

In the index stay a complication is a secondary diagnosis that was not present on admission; in a readmission it is the
principal diagnosis (heart attack, pneumonia) or any. Bleeding and infection need a procedure of their list besides.
"""

from __future__ import annotations

import polars as pl

from episodes.outcomes.code_families import FAMILY_COLUMNS, coded, in_families
from episodes.outcomes.planned import ICD_9, PlannedLists, planned_stays
from episodes.outcomes.rules import OutcomeRules
from episodes.outcomes.tables import code_table

KEYS = ["beneficiary_id", "claim_id"]
EVENT_COLUMNS = ("index_id", "kind", "event_date", "event_claim_id", "days", "found_in")
_DEATH = "death"


def complication_cohort(
    index: pl.DataFrame, stays: pl.DataFrame, rules: OutcomeRules, lists: PlannedLists
) -> pl.DataFrame:
    """Which joint replacement episodes the measure is asked of, and why not of the others.

    Args:
        index: index_id, beneficiary_id, chain (null: no acute stay), anchor_setting, birth_date, last_status.
        stays: acute stays in chains.
        rules, lists: of the measures, and of the planned readmission algorithm (which know ICD-9 codes).

    Returns:
        The index with reason (null: in the cohort) and the index stay: claim_id, admission, index_end, and whether it
        says what was present on admission (poa_known).
    """
    first = (
        stays.filter(pl.col("leg") == 0)
        .join(index.select("chain").unique(), on="chain", how="semi")
        .with_columns(
            poa_known=pl.col("present_on_admission").list.drop_nulls().list.len().fill_null(0) > 0,
        )
    )
    families = code_table(rules.complications.codes.value, FAMILY_COLUMNS)
    diagnoses, procedures = coded(first, "diagnoses"), coded(first, "procedures")
    principal = diagnoses.filter(pl.col("position") == 1)
    anywhere = stays.join(index.select("chain").unique(), on="chain", how="semi")
    operated = in_families(coded(anywhere, "procedures"), families, "index_procedure").select(KEYS).unique()
    operated_chains = anywhere.join(operated, on=KEYS, how="semi").select("chain", operated_in_chain=True).unique()
    facts = (
        first.select(*KEYS, "chain", "poa_known", admission="stay_start", index_end="stay_end")
        .join(_codes_counted(procedures, families), on=KEYS, how="left")
        .join(_reason(in_families(procedures, families, "excluding_procedure"), "_procedure"), on=KEYS, how="left")
        .join(_reason(in_families(diagnoses, families, "excluding_any_diagnosis"), "_diagnosis"), on=KEYS, how="left")
        .join(
            _reason(in_families(principal, families, "excluding_principal_diagnosis"), "_principal"),
            on=KEYS,
            how="left",
        )
        .join(planned_stays(first, lists).select(*KEYS, "planned_reason"), on=KEYS, how="left")
        .join(operated_chains, on="chain", how="left")
        .drop("beneficiary_id")
    )
    joined = index.join(facts, on="chain", how="left", nulls_equal=False, maintain_order="left")
    return joined.with_columns(reason=_why_not(rules)).drop(
        "index_procedures", "_procedure", "_diagnosis", "_principal", "planned_reason", "operated_in_chain"
    )


def _codes_counted(procedures: pl.DataFrame, families: pl.DataFrame) -> pl.DataFrame:
    return in_families(procedures, families, "index_procedure").group_by(KEYS).agg(index_procedures=pl.len())


def _reason(found: pl.DataFrame, name: str) -> pl.DataFrame:
    """The first excluding kind of each stay."""
    return found.sort(*KEYS, "position").group_by(KEYS, maintain_order=True).agg(pl.col("kind").first().alias(name))


def _why_not(rules: OutcomeRules) -> pl.Expr:
    """The first reason that holds, in this order."""
    measure = rules.complications
    number = pl.col("index_procedures").fill_null(0)
    age = _age("birth_date", "admission")
    ladder = [
        (pl.col("anchor_setting") == "outpatient", pl.lit("outpatient_operation")),
        (pl.col("admission").is_null(), pl.lit("not_an_acute_stay")),
        (pl.col("planned_reason") == ICD_9, pl.lit(ICD_9)),
        (
            pl.lit(measure.exclude_transferred_in.value) & (number == 0) & pl.col("operated_in_chain").fill_null(False),
            pl.lit("transferred_in"),
        ),
        (pl.col("_procedure").is_not_null(), pl.col("_procedure")),
        (pl.col("_diagnosis").is_not_null(), pl.col("_diagnosis")),
        (pl.col("_principal").is_not_null(), pl.col("_principal")),
        (number == 0, pl.lit("no_hip_or_knee_replacement")),
        (number > measure.maximum_procedures.value, pl.lit("too_many_replacements")),
        (pl.col("last_status").is_in(list(rules.stays.left_against_advice.value)), pl.lit("left_against_advice")),
        ((age < measure.minimum_age.value).fill_null(False), pl.lit("under_age")),
    ]
    return pl.coalesce([pl.when(holds).then(reason) for holds, reason in ladder])


def _age(birth: str, on: str) -> pl.Expr:
    """Age in completed years."""
    had_birthday = pl.col(on).dt.strftime("%m%d") >= pl.col(birth).dt.strftime("%m%d")
    return pl.col(on).dt.year() - pl.col(birth).dt.year() - pl.when(had_birthday).then(0).otherwise(1)


def complication_events(
    cohort: pl.DataFrame, stays: pl.DataFrame, rules: OutcomeRules, lists: PlannedLists
) -> pl.DataFrame:
    """The first complication of each kind, of the index admissions in the cohort.

    Returns:
        `EVENT_COLUMNS`, one row an index and kind: event_date (first day of the stay that shows it, or of death), days
        from the admission, found_in (index_stay, readmission, death).
    """
    measure = rules.complications
    asked = cohort.filter(pl.col("reason").is_null())
    families = code_table(measure.codes.value, FAMILY_COLUMNS)
    found = pl.concat(
        [
            _in_index_stays(asked, stays, families, rules),
            _in_readmissions(asked, stays, families, rules, lists),
            _deaths(asked),
        ]
    ).with_columns(_window=pl.col("kind").replace_strict(measure.days.value, return_dtype=pl.Int32, default=-1))
    last = pl.col("_window") if measure.last_day_counts.value else pl.col("_window") - 1
    return (
        found.filter(pl.col("days").is_between(0, last))
        .sort("index_id", "kind", "event_date", "found_in", "event_claim_id")
        .unique(["index_id", "kind"], keep="first", maintain_order=True)
        .select(EVENT_COLUMNS)
    )


def _in_index_stays(
    asked: pl.DataFrame, stays: pl.DataFrame, families: pl.DataFrame, rules: OutcomeRules
) -> pl.DataFrame:
    """Secondary diagnoses of index stays that were not present on admission; bleeding, infection: and a procedure."""
    measure = rules.complications
    index_stays = stays.join(asked.filter("poa_known").select(KEYS), on=KEYS, how="semi")
    present = coded(index_stays, "present_on_admission").rename({"code": "present"})
    diagnoses = coded(index_stays, "diagnoses").filter(pl.col("position") > 1)
    arisen = diagnoses.join(present, on=[*KEYS, "position"], how="inner").filter(
        pl.col("present").is_in(list(measure.not_present_on_admission.value))
    )
    procedures = coded(index_stays, "procedures").filter(pl.col("position") > 1)
    kinds = _with_procedures(in_families(arisen, families, "diagnosis"), procedures, families, rules)
    return asked.join(kinds, on=KEYS, how="inner").select(
        "index_id",
        "kind",
        event_date="admission",
        event_claim_id="claim_id",
        days=pl.lit(0, dtype=pl.Int32),
        found_in=pl.lit("index_stay"),
    )


def _in_readmissions(
    asked: pl.DataFrame, stays: pl.DataFrame, families: pl.DataFrame, rules: OutcomeRules, lists: PlannedLists
) -> pl.DataFrame:
    """Diagnoses of later acute stays, in the position that the kind asks for."""
    measure = rules.complications
    later = (
        asked.select("index_id", "beneficiary_id", "admission", "index_end", "last_status", index_claim="claim_id")
        .join(
            stays.select(*KEYS, "stay_start", "diagnoses", "procedures"),
            on="beneficiary_id",
            how="inner",
        )
        .filter((pl.col("claim_id") != pl.col("index_claim")) & (pl.col("stay_start") >= pl.col("admission")))
        .with_columns(days=(pl.col("stay_start") - pl.col("admission")).dt.total_days().cast(pl.Int32))
        .filter(pl.col("days") <= max(measure.days.value.values()))
        .filter(~_ignored(rules, lists))
    )
    distinct = later.unique(KEYS, maintain_order=True)
    diagnoses = in_families(coded(distinct, "diagnoses"), families, "diagnosis").filter(
        (pl.col("position") == 1) | ~pl.col("kind").is_in(list(measure.principal_only.value))
    )
    kinds = _with_procedures(diagnoses, coded(distinct, "procedures"), families, rules)
    return later.join(kinds, on=KEYS, how="inner").select(
        "index_id",
        "kind",
        event_date="stay_start",
        event_claim_id="claim_id",
        days="days",
        found_in=pl.lit("readmission"),
    )


def _ignored(rules: OutcomeRules, lists: PlannedLists) -> pl.Expr:
    """Readmissions for rehabilitation, and psychiatric ones right after discharge to psychiatry."""
    measure = rules.complications
    excluded = code_table(rules.index.exclusions.value, ["category", "exclusion"])
    psychiatric = excluded.filter(pl.col("exclusion") == "psychiatric")["category"].cast(pl.Int64)
    category = (
        pl.col("diagnoses").list.first().replace_strict(lists.diagnosis_categories, default=None, return_dtype=pl.Int64)
    )
    at_once = (pl.col("stay_start") - pl.col("index_end")).dt.total_days().is_between(0, measure.psychiatric_days.value)
    to_psychiatry = pl.col("last_status").is_in(list(measure.psychiatric_statuses.value))
    rehabilitation = category.is_in(list(measure.rehabilitation_categories.value))
    return (rehabilitation | (category.is_in(psychiatric.to_list()) & at_once & to_psychiatry)).fill_null(False)


def _with_procedures(
    diagnoses: pl.DataFrame, procedures: pl.DataFrame, families: pl.DataFrame, rules: OutcomeRules
) -> pl.DataFrame:
    """Claim keys and kinds; kinds that need a procedure only where the same stay has one of its list."""
    needs = pl.col("kind").is_in(list(rules.complications.with_procedure.value))
    matching = in_families(procedures, families, "matching_procedure").select(*KEYS, "kind").unique()
    kinds = diagnoses.select(*KEYS, "kind").unique()
    with_one = kinds.filter(needs).join(matching, on=[*KEYS, "kind"], how="semi")
    return pl.concat([kinds.filter(~needs), with_one])


def _deaths(asked: pl.DataFrame) -> pl.DataFrame:
    return asked.filter(pl.col("death_date").is_not_null()).select(
        "index_id",
        kind=pl.lit(_DEATH),
        event_date="death_date",
        event_claim_id=pl.lit(None, dtype=pl.String),
        days=(pl.col("death_date") - pl.col("admission")).dt.total_days().cast(pl.Int32),
        found_in=pl.lit("death"),
    )
