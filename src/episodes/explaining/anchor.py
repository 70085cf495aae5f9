"""Why this is an episode: the claim and code that set it off, its price code, hospital, physicians, chain, lead-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import count_of
from episodes.explaining.findings import Finding, FiredRule, RuleBook
from episodes.programs import Program
from episodes.programs.code_tables import load_codes

_ANCHORS = "construction.anchors"
_KIND_OF_CODE = {"inpatient": "MS-DRG", "outpatient": "HCPCS", "professional": "HCPCS"}


def why_it_is_one(
    episode: Mapping[str, Any], services: pl.DataFrame, built: BuiltEpisodes, rules: RuleBook
) -> tuple[Finding, ...]:
    """Findings on the anchor of an episode, the trigger first.

    Args:
        episode: its row of `built.episodes`.
        services: its rows of `built.services`.
        built: what was built.
        rules: of its programme.
    """
    found = [*_trigger(episode, built.program, rules), *_chain(episode, services, rules), *_lead_in(episode, rules)]
    return (*found, *_parties(episode, built), _amounts(built, rules))


def _trigger(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    setting, code, category = episode["anchor_setting"], episode["anchor_code"], episode["category"]
    name = program.rules.categories.get(category, category)
    how, rule, label = _lookup(episode, program, rules)
    billed = f"{_KIND_OF_CODE.get(setting, 'code')} {code}" + (f" ({label})" if label else "")
    yield Finding(
        "trigger",
        f"The {setting} claim {episode['anchor_claim_id']} carries {billed}, a trigger of {category} ({name}).",
        rule,
        facts={"anchor_claim_id": episode["anchor_claim_id"], "anchor_code": code, "category": category},
    )
    cell = f", price cell {episode['price_cell']}" if episode["price_cell"] != episode["price_code"] else ""
    apc = f" APC of the trigger line: {episode['apc']}." if episode["apc"] else ""
    facts = {"price_code": episode["price_code"], "price_cell": episode["price_cell"]}
    yield Finding("price code", f"Priced as {episode['price_code']}{cell}: {how}.{apc}", rule, facts=facts)


def _lookup(
    episode: Mapping[str, Any], program: Program, rules: RuleBook
) -> tuple[str, tuple[FiredRule, ...], str | None]:
    """How the code led to category and price code, by which rule, and what the code is called."""
    anchors = program.rules.construction.anchors
    table = load_codes(anchors.codes.value)
    setting, code, price_code = episode["anchor_setting"], episode["anchor_code"], episode["price_code"]
    of_price = (pl.col("category") == episode["category"]) & (pl.col("price_code") == price_code)
    listed = table.filter((pl.col("anchor_setting") == setting) & of_price)
    own = listed.filter(pl.col("code") == code)
    if own.height:
        how = "the code itself" if code == price_code else f"it stands for {code} in the table of anchor codes"
        label = own["label"][0] if "label" in own.columns else None
        return how, rules.named(f"{_ANCHORS}.codes"), label
    if anchors.drg_map is not None:
        dates = pl.lit(episode["anchor_end"]).is_between(
            pl.col("valid_from").str.to_date(), pl.col("valid_to").str.to_date()
        )
        mapped = load_codes(anchors.drg_map.value).filter(of_price & dates)
        if mapped.filter(pl.col("from_drg") == code).height:
            how = f"the family that {code}, as billed at the time, belongs to"
            return how, rules.named(f"{_ANCHORS}.drg_map"), None
        if not listed.height:
            how = f"the family of the DRG that the input re-grouped {code} to"
            return how, rules.named(f"{_ANCHORS}.drg_map"), None
    return f"the DRG that the input re-grouped {code} to", rules.named(f"{_ANCHORS}.codes"), None


def _chain(episode: Mapping[str, Any], services: pl.DataFrame, rules: RuleBook) -> Iterator[Finding]:
    if not episode["transfers"]:
        return
    legs = (
        services.filter((pl.col("category") == "anchor_facility") & (pl.col("setting") == "inpatient"))
        .sort("service_start", "service_end", pl.col("claim_id") == episode["anchor_claim_id"])
        .select("claim_id", "ccn", "service_start", "service_end")
        .to_dicts()
    )
    named = "; ".join(
        f"claim {leg['claim_id']} at {leg['ccn'] or 'a hospital without CCN'}, "
        f"{leg['service_start']} to {leg['service_end']}"
        for leg in legs
    )
    yield Finding(
        "chain of stays",
        f"{count_of(episode['transfers'], 'transfer')} within the anchor. Legs: {named}. The first leg gives hospital, "
        "physicians and admission, the last gives discharge and code; all of them count.",
        rules.named(f"{_ANCHORS}.transfer_policy", f"{_ANCHORS}.transfer_provider_types"),
        facts={"legs": legs},
    )


def _lead_in(episode: Mapping[str, Any], rules: RuleBook) -> Iterator[Finding]:
    if "outpatient_lead_in" not in episode["flags"]:
        return
    before = (episode["anchor_start"] - episode["episode_start"]).days
    yield Finding(
        "lead-in",
        f"An outpatient trigger on {episode['episode_start']}, {count_of(before, 'day')} before the admission, is the "
        "start of this episode and no episode of its own.",
        rules.named(f"{_ANCHORS}.lead_in_days", f"{_ANCHORS}.lead_in_same_category"),
        facts={"procedure_date": episode["episode_start"], "days_before": before},
    )


def _parties(episode: Mapping[str, Any], built: BuiltEpisodes) -> Iterator[Finding]:
    ccn = episode["anchor_ccn"]
    names = built.hospitals.filter(pl.col("ccn") == ccn)["name"].drop_nulls() if ccn else pl.Series()
    named = f"{ccn} ({names[0]})" if len(names) else f"{ccn}" if ccn else "not given"
    part = "takes part" if episode["participating"] else "does not take part"
    why = "" if episode["participating"] else " (settlement reads this; it excludes nobody)"
    yield Finding(
        "hospital",
        f"{named}; {part} with {episode['category']} on {episode['anchor_end']}{why}.",
        facts={"anchor_ccn": ccn, "participating": episode["participating"]},
    )
    attending, operating = episode["attending_npi"], episode["operating_npi"]
    yield Finding(
        "physicians",
        f"Attending {attending or 'not given'}, operating {operating or 'not given'}.",
        facts={"attending_npi": attending, "operating_npi": operating},
    )
    if episode["first_discharge_to"]:
        destination = episode["first_discharge_to"]
        yield Finding("discharged to", f"{destination}.", facts={"first_discharge_to": destination})


def _amounts(built: BuiltEpisodes, rules: RuleBook) -> Finding:
    ids = ["construction.amount_basis"]
    if built.basis != "standardized":
        ids.append("construction.netted_add_ons")
    return Finding("amounts", f"Counted are {built.basis} amounts.", rules.named(*ids))
