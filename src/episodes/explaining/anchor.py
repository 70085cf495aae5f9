"""Why this is an episode: the claim and code that set it off, what had to come with it, facility, chain, lead-in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import count_of
from episodes.explaining.findings import Finding, RuleBook
from episodes.explaining.price_code import drg_of, label_of, price_code_of
from episodes.programs import Program

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
    program = built.program
    return (
        _trigger(episode, program, rules),
        *_needed(episode, program, rules),
        *price_code_of(episode, program, rules),
        *_facility(episode, services, rules),
        *_chain(episode, services, rules),
        *_lead_in(episode, rules),
        *_parties(episode, built),
        *_marks(episode, program, rules),
        _amounts(built, rules),
    )


def _trigger(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Finding:
    setting, code, category = episode["anchor_setting"], episode["anchor_code"], episode["category"]
    name = program.rules.categories.get(category, category)
    rule, label = label_of(episode, program, rules)
    billed = f"{_KIND_OF_CODE.get(setting, 'code')} {code}" + (f" ({label})" if label else "")
    says = f"The {setting} claim {episode['anchor_claim_id']} carries {billed}, a trigger of {category} ({name})."
    if setting == "professional":
        rule = (*rule, *rules.named(f"{_ANCHORS}.professional.not_modifiers"))
    facts = {"anchor_claim_id": episode["anchor_claim_id"], "anchor_code": code, "category": category}
    return Finding("trigger", says, rule, facts=facts)


def _needed(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    """Procedures and diagnoses without which the stay would have started no episode."""
    if episode["anchor_setting"] != "inpatient":
        return
    drg = drg_of(episode, program)
    anchors = program.rules.construction.anchors
    for kind, path, listed in (
        ("procedure", f"{_ANCHORS}.needed_procedures", anchors.needed_procedures),
        ("diagnosis", f"{_ANCHORS}.needed_diagnoses", anchors.needed_diagnoses),
    ):
        for needed in listed:
            if drg in needed.drgs:
                only = f"A stay of DRG {drg} starts an episode only with a {kind} of the list {needed.table!r}"
                yield Finding(f"needed {kind}", f"{only}; the last stay has one.", rules.named(f"{path}.{needed.id}"))


def _facility(episode: Mapping[str, Any], services: pl.DataFrame, rules: RuleBook) -> Iterator[Finding]:
    """The stay or visit that a professional trigger was rendered in."""
    if episode["anchor_setting"] != "professional":
        return
    rendered_in = facility_rows(services)
    rule = rules.named(f"{_ANCHORS}.professional.facility")
    if rendered_in.is_empty():
        says = "The input shows no facility claim with what was rendered in it among the items of the episode."
        yield Finding("facility", says, rule)
        return
    first = rendered_in.row(0, named=True)
    is_stay = first["setting"] == "inpatient"
    says = (
        f"Rendered in the stay {first['claim_id']}, {episode['anchor_start']} to {episode['anchor_end']}, which is the "
        "anchor."
        if is_stay
        else f"No stay holds the day; the outpatient claim {first['claim_id']} of the day is the facility's."
    )
    yield Finding("facility", says, rule, facts={"facility_claim_id": first["claim_id"], "facility_is_stay": is_stay})


def facility_rows(services: pl.DataFrame) -> pl.DataFrame:
    """The items of the facility that a professional trigger was rendered in: a stay, or lines of a visit."""
    return services.filter((pl.col("category") == "anchor_facility") & (pl.col("setting") != "professional"))


def begins_with_stay(episode: Mapping[str, Any], services: pl.DataFrame) -> bool:
    """Whether the anchor is a hospital stay, or was rendered in one."""
    if episode["anchor_setting"] == "professional":
        return not facility_rows(services).filter(pl.col("setting") == "inpatient").is_empty()
    return bool(episode["anchor_setting"] == "inpatient")


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
    procedure_date = episode["episode_start"]
    before = (episode["anchor_start"] - procedure_date).days
    yield Finding(
        "lead-in",
        f"An outpatient trigger on {procedure_date}, {count_of(before, 'day')} before the admission, is the "
        "start of this episode and no episode of its own.",
        rules.named(f"{_ANCHORS}.lead_in_days", f"{_ANCHORS}.lead_in_same_category"),
        facts={"procedure_date": procedure_date, "days_before": before},
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


def _marks(episode: Mapping[str, Any], program: Program, rules: RuleBook) -> Iterator[Finding]:
    """Diagnoses that mark the episode, for information."""
    for mark in program.rules.construction.services.marks:
        where = {mark.id: "that counts", f"{mark.id}_ungrouped": "that its days hold and that does not count"}
        for column, which in where.items():
            if episode.get(column):
                listed = ", ".join(f"{code} from {since}" for code, since in mark.codes.items())
                says = f"A service {which} carries a diagnosis of {mark.id} ({listed}); no amount depends on it."
                yield Finding(column, says, rules.named(f"construction.services.marks.{mark.id}"))


def _amounts(built: BuiltEpisodes, rules: RuleBook) -> Finding:
    ids = ["construction.amount_basis"]
    if built.basis != "standardized":
        ids.append("construction.netted_add_ons")
    return Finding("amounts", f"Counted are {built.basis} amounts.", rules.named(*ids))
