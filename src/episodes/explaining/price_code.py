"""How the billed code led to category, price code and price cell: anchor table, DRG versions, APC, fracture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from episodes.explaining.findings import Finding, FiredRule, RuleBook
from episodes.programs import Program
from episodes.programs.code_tables import load_codes

_ANCHORS = "construction.anchors"


def price_code_of(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    """Findings on price code, price cell and APC."""
    price_code, cell = episode["price_code"], episode["price_cell"]
    how, fired = _how(episode, program, rules)
    in_cell = f", price cell {cell}" if cell != price_code else ""
    named = f"Priced as {price_code}{in_cell}: {how}." if price_code else f"It has no price code: {how}."
    yield Finding("price code", named, fired, facts={"price_code": price_code, "price_cell": cell})
    anchors = program.rules.construction.anchors
    fracture = anchors.fracture
    splits = anchors.price_cell.value == "price_code_and_fracture"
    if splits and fracture is not None and episode["anchor_code"] in fracture.codes:
        found = "is" if str(cell).endswith("/fracture") else "is not"
        says = f"The principal diagnosis of the anchor's claim {found} in the list {fracture.table!r}."
        yield Finding("fracture", says, rules.named(f"{_ANCHORS}.price_cell", f"{_ANCHORS}.fracture"))
    if episode["apc"]:
        yield _apc(episode, rules)


def _apc(episode: Mapping[str, Any], rules: RuleBook) -> Finding:
    raised = episode["complexity_adjusted"]
    adjusted = ", raised by another procedure of the claim (complexity adjustment)" if raised else ""
    says = f"APC {episode['apc']} in {episode['anchor_start'].year}, the year of the procedure{adjusted}."
    facts = {"apc": episode["apc"], "complexity_adjusted": bool(raised)}
    return Finding("APC", says, rules.named(f"{_ANCHORS}.pricing_year"), facts=facts)


def label_of(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> tuple[tuple[FiredRule, ...], str | None]:
    """The rule by which the code is a trigger, and what its table calls it."""
    own = _listed(episode, program).filter(pl.col("code") == episode["anchor_code"])
    if own.height:
        return rules.named(f"{_ANCHORS}.codes"), own["label"][0] if "label" in own.columns else None
    return _how(episode, program, rules)[1], None


def drg_of(episode: Mapping[str, Any], program: Program) -> str:
    """The DRG of an inpatient anchor that rules look at: the one billed, or the one it was re-grouped to."""
    listed = _listed(episode, program)
    if episode["anchor_code"] in listed["code"] or listed.is_empty():
        return str(episode["anchor_code"])
    return str(listed["code"][0])


def _listed(episode: Mapping[str, Any], program: Program) -> pl.DataFrame:
    """The rows of the anchor table that give the episode's category and price code."""
    table = load_codes(program.rules.construction.anchors.codes.value).filter(
        (pl.col("anchor_setting") == episode["anchor_setting"]) & (pl.col("category") == episode["category"])
    )
    if episode["anchor_setting"] == "outpatient":
        of_code = table.filter(pl.col("code") == episode["anchor_code"])
        named = pl.lit(episode["price_code"], dtype=pl.String)
        return of_code.filter(pl.col("price_code").is_null() | (pl.col("price_code") == named))
    return table.filter(pl.coalesce("price_code", "code") == episode["price_code"])


def _how(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> tuple[str, tuple[FiredRule, ...]]:
    """How the code led to the price code, and the rules by which."""
    code, price_code = episode["anchor_code"], episode["price_code"]
    by_table = rules.named(f"{_ANCHORS}.codes")
    listed = _listed(episode, program)
    own = listed.filter(pl.col("code") == code)
    if own.height and own["price_code"][0] is None and episode["anchor_setting"] != "inpatient":
        by_apc = rules.named(f"{_ANCHORS}.codes", f"{_ANCHORS}.outpatient_price_code", f"{_ANCHORS}.pricing_year")
        year = program.rules.construction.anchors.pricing_year
        of_year = f"of {year.value}" if year is not None else "of the pricing year"
        return (f"the APC {of_year} of {code}" if price_code else f"{code} has no APC {of_year} at hand"), by_apc
    if own.height:
        same = code == price_code
        return ("the code itself" if same else f"it stands for {code} in the table of anchor codes"), by_table
    return _other_year(episode, program, rules, listed)


def _other_year(
    episode: Mapping[str, Any], program: Program, rules: RuleBook, listed: pl.DataFrame
) -> tuple[str, tuple[FiredRule, ...]]:
    """Of a DRG that the anchor table does not price as billed."""
    code, anchors = episode["anchor_code"], program.rules.construction.anchors
    if anchors.drg_map is not None:
        of_price = (pl.col("category") == episode["category"]) & (pl.col("price_code") == episode["price_code"])
        dates = pl.lit(episode["anchor_end"]).is_between(
            pl.col("valid_from").str.to_date(), pl.col("valid_to").str.to_date()
        )
        mapped = load_codes(anchors.drg_map.value).filter(of_price & dates)
        by_map = rules.named(f"{_ANCHORS}.drg_map")
        if mapped.filter(pl.col("from_drg") == code).height:
            return f"the family that {code}, as billed at the time, belongs to", by_map
        if listed.is_empty():
            return f"the family of the DRG that the input re-grouped {code} to", by_map
    if anchors.pricing_year is not None and anchors.first_drg_year is not None:
        versions = (f"{_ANCHORS}.codes", f"{_ANCHORS}.pricing_year", f"{_ANCHORS}.first_drg_year")
        year = anchors.pricing_year.value
        says = f"the DRG that {code} is re-grouped to in fiscal year {year}, by input or re-map table"
        return says, rules.named(*versions)
    return f"the DRG that the input re-grouped {code} to", rules.named(f"{_ANCHORS}.codes")
