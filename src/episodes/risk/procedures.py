"""What was done, and why: procedure groups, and flags raised by the anchor's diagnoses, DRG and modifiers."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from episodes.programs.code_tables import load_codes
from episodes.programs.risk_rules import DiagnosisFlag, ModifierFlag, ProcedureGroups, RiskRules

SEVERAL_GROUPS = "several_procedure_groups"
"""Flag of an episode whose procedures belong to more than one group: it then has none."""

DIAGNOSES_READ = 25
"""A claim's diagnoses that the flags look at: as many as a claim can hold."""


def anchor_claims(episodes: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """The episodes with their anchor claim's `_drg`, `diagnoses` and `procedures` (null where there is no claim)."""
    anchors = claims.select(
        "beneficiary_id",
        anchor_claim_id="claim_id",
        _drg=pl.coalesce("pricing_drg", "ms_drg"),
        diagnoses=pl.col("diagnoses"),
        procedures=pl.col("procedures"),
    )
    columns = ["_row", "beneficiary_id", "category", "anchor_setting", "anchor_claim_id", "anchor_code", "anchor_start"]
    return episodes.select(columns).join(
        anchors, on=["beneficiary_id", "anchor_claim_id"], how="left", maintain_order="left"
    )


def of_the_anchor(anchors: pl.DataFrame, lines: pl.DataFrame, rules: RiskRules) -> pl.DataFrame:
    """_row, procedure_group, procedure_groups (all that hold), risk_flags: one row an episode."""
    groups = pl.concat(
        [
            pl.DataFrame(schema={"_row": pl.UInt32, "group": pl.String, "place": pl.Int32}),
            *[_groups_held(anchors, grouping) for grouping in rules.procedure_groups],
        ]
    )
    held = (
        groups.sort("_row", "place", "group")
        .group_by("_row", maintain_order=True)
        .agg(procedure_groups=pl.col("group").unique(maintain_order=True))
    )
    raised = [
        *[_diagnosis_flag(anchors, flag) for flag in rules.diagnosis_flags],
        *[_modifier_flag(anchors, lines, flag) for flag in rules.modifier_flags],
        held.filter(pl.col("procedure_groups").list.len() > 1).select("_row", flag=pl.lit(SEVERAL_GROUPS)),
    ]
    flags = pl.concat(raised).unique().sort("_row", "flag").group_by("_row", maintain_order=True).agg(risk_flags="flag")
    only = pl.col("procedure_groups").list.len() == 1
    return (
        anchors.select("_row")
        .join(held, on="_row", how="left", maintain_order="left")
        .join(flags, on="_row", how="left", maintain_order="left")
        .select(
            "_row",
            procedure_group=pl.when(only).then(pl.col("procedure_groups").list.first()),
            procedure_groups=pl.col("procedure_groups").fill_null([]),
            risk_flags=pl.col("risk_flags").fill_null([]),
        )
    )


def _of_categories(anchors: pl.DataFrame, categories: Iterable[str] | None) -> pl.DataFrame:
    return anchors if categories is None else anchors.filter(pl.col("category").is_in(list(categories)))


def _groups_held(anchors: pl.DataFrame, grouping: ProcedureGroups) -> pl.DataFrame:
    """_row, group, place: the groups whose elements are all there, or the one that holds when no other does."""
    concerned = _of_categories(anchors, grouping.categories)
    elements = load_codes(grouping.elements)
    inpatient = pl.col("anchor_setting") == "inpatient"
    done = pl.concat(
        [
            concerned.filter(inpatient)
            .select("_row", code="procedures")
            .explode("code")
            .with_columns(system=pl.lit("icd10pcs")),
            concerned.filter(~inpatient).select("_row", code="anchor_code", system=pl.lit("hcpcs")),
        ]
    ).join(elements, left_on=["system", "code"], right_on=["code_system", "code"], how="inner")
    ways = load_codes(grouping.groups).with_row_index("way")
    needed = ways.select("way", "procedure_group", "unless", element=pl.col("elements").str.split("+"))
    each = needed.explode("element")
    found = (
        done.select("_row", "element")
        .unique()
        .join(each, on="element", how="inner")
        .group_by("_row", "way", "procedure_group", "unless")
        .len()
        .join(needed.select("way", _needed=pl.col("element").list.len()), on="way", how="inner")
        .filter(pl.col("len") == pl.col("_needed"))
    )
    by_group = found.select("_row", unless="procedure_group")
    left = found.join(by_group, on=["_row", "unless"], how="anti")
    named = left.group_by("_row", "procedure_group").agg(place=pl.col("way").min().cast(pl.Int32))
    none = concerned.select("_row").join(named, on="_row", how="anti")
    return pl.concat(
        [
            named.select("_row", group="procedure_group", place="place"),
            none.select("_row", group=pl.lit(grouping.otherwise), place=pl.lit(0, dtype=pl.Int32)),
        ]
    )


def _diagnosis_flag(anchors: pl.DataFrame, flag: DiagnosisFlag) -> pl.DataFrame:
    """_row, flag: where the anchor's DRG is listed, or a diagnosis in the position that the table asks for."""
    concerned = _of_categories(anchors, flag.categories)
    rows = [concerned.filter(pl.col("_drg").is_in(list(flag.ms_drgs))).select("_row")]
    if flag.table is not None:
        listed = load_codes(flag.table)
        said = concerned.select(
            "_row",
            "_drg",
            diagnosis=pl.col("diagnoses").list.head(DIAGNOSES_READ),
            _place=pl.int_ranges(pl.col("diagnoses").list.head(DIAGNOSES_READ).list.len().fill_null(0)),
        )
        said = said.filter(pl.col("diagnosis").list.len() > 0).explode("diagnosis", "_place")
        rows.append(
            said.join(listed, on="diagnosis", how="inner")
            .filter(pl.col("ms_drg").is_null() | (pl.col("ms_drg") == pl.col("_drg")))
            .filter((pl.col("position") == "any") | (pl.col("_place") == 0))
            .select("_row")
        )
    return pl.concat(rows).unique().select("_row", flag=pl.lit(flag.id))


def _modifier_flag(anchors: pl.DataFrame, lines: pl.DataFrame, flag: ModifierFlag) -> pl.DataFrame:
    """_row, flag: outpatient anchors whose trigger line (its code, on its day) bears a modifier."""
    concerned = _of_categories(anchors, flag.categories).filter(pl.col("anchor_setting") == "outpatient")
    trigger = lines.select(
        "beneficiary_id",
        anchor_claim_id="claim_id",
        anchor_code="hcpcs",
        anchor_start="service_date",
        _modifiers="modifiers",
    )
    bears = pl.any_horizontal([pl.col("_modifiers").list.contains(modifier) for modifier in flag.modifiers])
    return (
        concerned.join(trigger, on=["beneficiary_id", "anchor_claim_id", "anchor_code", "anchor_start"], how="inner")
        .filter(bears)
        .select("_row", flag=pl.lit(flag.id))
        .unique()
    )
