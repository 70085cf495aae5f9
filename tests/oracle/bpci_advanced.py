"""BPCI Advanced episode construction as CMS's published shadow-bundle programs do it, slowly and obviously.

It follows the methodology's sections 2 to 11 with the readings of BPCI_READINGS.md, over plain lists of dicts,
one small function a rule. It shares no code with the engine. All intervals are closed, dates are whole days,
amounts are int cents, shares are exact fractions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from oracle.bpci_anchors import inpatient_anchors, outpatient_anchors
from oracle.bpci_codes import CORONARY_INTERVENTIONS, LOWER_JOINT, REMOVED_CCN, VALVE_REPLACEMENT, References, Row
from oracle.bpci_flags import LADDER, flags_in_order, set_window
from oracle.bpci_services import is_looked_at, services_of
from oracle.bpci_stays import admission_of, discharge_of

CLAIM_PAID_SETTINGS = {"inpatient", "snf", "home_health", "hospice"}
NETTED_ADD_ONS = ("new_technology_cents", "clotting_factor_cents")
OVERLAP = "bpcia_overlap"
COVID, OTHER_CORONAVIRUS = "U071", "B9729"
EPISODE_COLUMNS = (
    "key",
    "beneficiary_id",
    "category",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_code",
    "price_code",
    "apc",
    "complexity_adjusted",
    "anchor_ccn",
    "attending_npi",
    "operating_npi",
    "anchor_start",
    "anchor_end",
    "episode_start",
    "episode_end",
    "scheduled_end",
    "post_episode_end",
    "attribution_start",
    "attribution_end",
    "length_of_stay",
    "transfers",
    "flags",
    "status",
    "reasons",
    "covid",
    "covid_ungrouped",
    "pre_cents",
    "anchor_cents",
    "post_cents",
    "post_episode_cents",
    "episode_cents",
    "episode_allowed_cents",
    "episode_standardized_cents",
)


@dataclass
class Options:
    """What a run may change."""

    period: tuple[date, date] = (date(2019, 10, 1), date(2023, 9, 30))
    basis: str = "standardized"  # standardized | allowed | paid
    switched_off: frozenset[str] = frozenset()
    pricing_year: int = 2024  # the update fiscal and calendar year


@dataclass
class Built:
    episodes: list[Row] = field(default_factory=list)
    services: list[Row] = field(default_factory=list)


def build(tables: dict[str, list[Row]], references: References | None = None, options: Options | None = None) -> Built:
    """Episodes and services of the canonical tables claims, lines, beneficiaries and coverage."""
    options = options or Options()
    given = references or {}
    references = {
        name: given.get(name, []) for name in ("ms_drgs", "fee_schedule", "opps", "apc_map", "clotting", "drg_remap")
    }
    order = order_of_claim_ids(tables["claims"])
    claims_of = group(tables["claims"], "beneficiary_id")
    lines_of = group(tables["lines"], "beneficiary_id", "claim_id")
    coverage_of = group(tables["coverage"], "beneficiary_id")
    person_of = {row["beneficiary_id"]: row for row in tables["beneficiaries"]}

    built = Built()
    for person in sorted(claims_of):
        items = payable_items(claims_of[person], lines_of, options.basis, order)
        positive = [item for item in items if item["setting"] != "inpatient" or (item["amount"] or 0) > 0]
        candidates = inpatient_anchors(positive, references, options.pricing_year)
        candidates += outpatient_anchors(items, references, options.pricing_year)
        candidates.sort(key=lambda each: (each["anchor_start"], each["anchor_setting"], each["anchor_end"]))
        for candidate in candidates:
            set_window(candidate, person_of.get(person))
            candidate["flags"] = flags_in_order(
                candidate,
                person_of.get(person),
                coverage_of.get(person, []),
                references,
                period=options.period,
                pricing_year=options.pricing_year,
            )
            candidate["reasons"] = [flag for flag in candidate["flags"] if flag not in options.switched_off]
        settle_overlaps(candidates, options.switched_off)
        for candidate in candidates:
            rows = services_of(candidate, items, references, options.pricing_year)
            add_up(candidate, rows)
            set_covid_flags(candidate, rows, items)
            built.episodes.append({name: candidate[name] for name in EPISODE_COLUMNS})
            built.services += rows
    return built


# --- the input ----------------------------------------------------------------------------------------------


def group(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)].append(row)
    return dict(groups)


def order_of_claim_ids(claims: list[Row]) -> dict[str, tuple[int, str]]:
    """Claim ids compare as numbers if every one of the input is numeric, else as text."""
    ids = {claim["claim_id"] for claim in claims}
    numeric = all(re.fullmatch(r"-?[0-9]+", claim_id) for claim_id in ids)
    return {claim_id: (int(claim_id) if numeric else 0, claim_id) for claim_id in ids}


def payable_items(
    claims: list[Row], lines_of: dict[Any, list[Row]], basis: str, order: dict[str, tuple[int, str]]
) -> list[Row]:
    """The items of one person: a claim that is paid as a whole, or each line of any other."""
    items = []
    for claim in claims:
        lines = lines_of.get((claim["beneficiary_id"], claim["claim_id"]), [])
        if claim["setting"] == "inpatient" and claim["ccn"] == REMOVED_CCN:
            continue
        if claim["setting"] in CLAIM_PAID_SETTINGS:
            items.append(item_of_claim(claim, lines, basis))
        else:
            items += [item_of_line(claim, line, basis) for line in lines]
    for item in items:
        item["order"] = order[item["id"][0]]
    return items


def item_of_claim(claim: Row, lines: list[Row], basis: str) -> Row:
    if claim["setting"] == "inpatient":
        start, end = admission_of(claim), discharge_of(claim)
    else:
        start, end = claim["from_date"], claim["thru_date"]
    amounts = {
        "cents": amounts_of_claim(claim, basis),
        "allowed": amounts_of_claim(claim, "allowed"),
        "standardized": amounts_of_claim(claim, "standardized"),
    }
    return {
        "id": (claim["claim_id"], 0),
        "claim": claim,
        "line": None,
        "lines": lines,
        "setting": claim["setting"],
        "start": start,
        "end": end,
        "length": (end - start).days + 1,
        "amount": None if claim[f"{basis}_cents"] is None else sum(amounts["cents"]),
        "amounts": amounts,
        "primary_payer": claim["primary_payer_paid_cents"] or 0,
    }


def amounts_of_claim(claim: Row, basis: str) -> tuple[int, int]:
    """The amount without outlier, and its outlier part. A missing part is nothing; without the amount there is none."""
    total = claim[f"{basis}_cents"]
    if total is None:
        return 0, 0
    if claim["setting"] != "inpatient":
        return total, 0
    if basis == "standardized":
        outlier = claim["standardized_outlier_cents"] or 0
    else:
        total -= sum(claim[add_on] or 0 for add_on in NETTED_ADD_ONS)
        outlier = claim["outlier_cents"] or 0
    return total - outlier, outlier


def item_of_line(claim: Row, line: Row, basis: str) -> Row:
    day = line["service_date"]
    if day is None and claim["setting"] != "outpatient":
        day = claim["from_date"]
    return {
        "id": (claim["claim_id"], line["line_number"]),
        "claim": claim,
        "line": line,
        "lines": [line],
        "setting": claim["setting"],
        "start": day,
        "end": day,
        "length": 1,
        "amount": line[f"{basis}_cents"],
        "amounts": {
            "cents": (line[f"{basis}_cents"] or 0, 0),
            "allowed": (line["allowed_cents"] or 0, 0),
            "standardized": (line["standardized_cents"] or 0, 0),
        },
        "primary_payer": line["primary_payer_paid_cents"] or 0,
    }


# --- 10. sums, and the COVID flags of section 9 -------------------------------------------------------------


def add_up(candidate: Row, rows: list[Row]) -> None:
    def total(column: str, *periods: str) -> int:
        return sum(row[column] for row in rows if row["period"] in periods)

    candidate["pre_cents"] = 0
    candidate["anchor_cents"] = total("cents", "anchor")
    candidate["post_cents"] = total("cents", "post")
    candidate["post_episode_cents"] = total("cents", "post_episode")
    candidate["episode_cents"] = candidate["anchor_cents"] + candidate["post_cents"]
    candidate["episode_allowed_cents"] = total("allowed_cents", "anchor", "post")
    candidate["episode_standardized_cents"] = total("standardized_cents", "anchor", "post")


def set_covid_flags(candidate: Row, rows: list[Row], items: list[Row]) -> None:
    """Information only: of claims grouped into the episode, and of those that were looked at and were not."""
    begun = candidate["anchor_start"] >= date(2020, 1, 1)
    in_episode = {
        (row["claim_id"], row["line_number"])
        for row in rows
        if row["disposition"] == "included" and row["period"] != "post_episode"
    }
    grouped = {(row["claim_id"], row["line_number"]) for row in rows if row["disposition"] == "included"}
    marked = {item["id"] for item in items if has_covid(item)}
    looked_at = {item["id"] for item in items if is_looked_at(item, candidate)}
    candidate["covid"] = begun and bool(marked & in_episode)
    candidate["covid_ungrouped"] = begun and bool(marked & looked_at - grouped)


def has_covid(item: Row) -> bool:
    if item["start"] is None:
        return False
    codes = set(item["claim"]["diagnoses"] or [])
    if item["line"] is not None and item["line"]["diagnosis"] is not None:
        codes.add(item["line"]["diagnosis"])
    latest = max(item["start"], item["end"])
    return (COVID in codes and latest >= date(2020, 4, 1)) or (
        OTHER_CORONAVIRUS in codes and latest > date(2020, 1, 27)
    )


# --- 11. overlap of episodes --------------------------------------------------------------------------------


def settle_overlaps(candidates: list[Row], switched_off: frozenset[str]) -> None:
    """One person's candidates, ordered by begin, inpatient before outpatient, end; sets the status of each."""
    previous: Row | None = None
    for current in candidates:
        current["status"] = "excluded" if current["reasons"] else "final"
        if current["reasons"]:
            continue
        if previous is None or not previous["anchor_start"] <= current["anchor_start"] <= previous["episode_end"]:
            previous = current
        elif replaces(current, previous):
            give_way(previous, switched_off)
            previous = current
        else:
            give_way(current, switched_off)


def replaces(current: Row, previous: Row) -> bool:
    both_lower_joints = current["category"].upper() == previous["category"].upper() == LOWER_JOINT
    same_type = current["anchor_setting"] == previous["anchor_setting"]
    same_begin = current["anchor_start"] == previous["anchor_start"]
    valve_after_intervention = (
        previous["category"].upper() in CORONARY_INTERVENTIONS and current["category"].upper() == VALVE_REPLACEMENT
    )
    return (both_lower_joints and (same_type or not same_begin)) or valve_after_intervention


def give_way(candidate: Row, switched_off: frozenset[str]) -> None:
    candidate["flags"] = sorted([*candidate["flags"], OVERLAP], key=LADDER.index)
    if OVERLAP not in switched_off:
        candidate["reasons"] = [OVERLAP]
        candidate["status"] = "overlapped"
