"""TEAM episode construction, slowly and obviously: the oracle that the engine is held against.

It follows READINGS.md section by section, over plain lists of dicts, one small function a sentence of that
page. It shares no code with the engine; only the packaged code tables are common ground. All intervals are
closed, dates are whole days, amounts are int cents, shares are exact fractions.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

from episodes.programs.code_tables import load_codes

Row = dict[str, Any]
ClaimOrder = Callable[[str], tuple[int, str]]

# --- constants of the page ----------------------------------------------------------------------------------

CLAIM_PAID_SETTINGS = {"inpatient", "snf", "home_health", "hospice"}
ADD_ONS = (
    "new_technology_cents",
    "clotting_factor_cents",
    "ime_cents",
    "dsh_cents",
    "uncompensated_care_cents",
)
VISIT_CENTERS = ("042", "043", "044", "055", "056", "057")
NOT_A_VISIT = {"Q5001", "Q5002", "Q5009", "G0320", "G0321", "G0322"}
PROVIDER_TYPE_PRECEDENCE = (
    ("cancer", {"cancer_hosp"}),
    ("emergency", {"emerg_hosp"}),
    ("veteran", {"veteran_hosp"}),
    ("acute", {"ipps"}),
    ("cah", {"cah"}),
    ("ltch", {"ltch"}),
    ("irf", {"irf", "sirf"}),
    ("childrens", {"child_hosp"}),
    ("ipf", {"ipf", "ipu"}),
    ("swing_bed", {"ssnf"}),
    ("home_health", {"home_health"}),
    ("snf", {"snf"}),
)
TRANSFER_PROVIDER_TYPES = {"acute", "cah", "cancer", "emergency", "veteran"}
LEAD_IN_DAYS = 3
DAYS_TO_SCHEDULED_END = 29  # the last day of the anchor is day 1 of 30
POST_EPISODE_DAYS = 30
RUN_OUT_DAYS = 60
MODEL_START, MODEL_END = date(2026, 1, 1), date(2030, 12, 31)
DIED = "20"
ANCHOR_PLACES_ON_LAST_DAY = {"21", "23"}
EXCLUDED_MDCS = {"02", "14", "15", "25"}
DRUG_EXCLUSION_SETTINGS = {"outpatient", "professional", "dme"}
EXCLUDED_STAY_REASONS = {"excluded_readmission_drg", "excluded_readmission_mdc"}

EPISODE_COLUMNS = (
    "key",
    "beneficiary_id",
    "category",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_code",
    "price_code",
    "anchor_ccn",
    "attending_npi",
    "operating_npi",
    "anchor_start",
    "anchor_end",
    "episode_start",
    "episode_end",
    "scheduled_end",
    "post_episode_end",
    "length_of_stay",
    "transfers",
    "flags",
    "status",
    "reasons",
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

    basis: str = "standardized"  # standardized | allowed | paid
    period: tuple[date, date] = (date(2026, 1, 1), date(2026, 12, 31))
    own_period: bool = True
    switched_off: frozenset[str] = frozenset()
    as_of: date | None = None
    gmlos: dict[tuple[int, str], Decimal] | None = None  # by (fiscal_year, drg); None = the packaged ms_drgs


@dataclass
class Built:
    """Episodes, their services, and the balance of the input."""

    episodes: list[Row] = field(default_factory=list)
    services: list[Row] = field(default_factory=list)
    balance: list[Row] = field(default_factory=list)

    def total(self) -> int:
        """Cents booked, all destinations together."""
        return sum(booking["cents"] for booking in self.balance)


def build(tables: dict[str, list[Row]], options: Options | None = None) -> Built:
    """Episodes, services and balance of the tables claims, lines, beneficiaries and coverage."""
    options = options or Options()
    claim_order = order_of_claim_ids(tables["claims"])
    claims_of = group(claims_known(tables["claims"], options.as_of), "beneficiary_id")
    lines_of = group(tables["lines"], "beneficiary_id", "claim_id")
    coverage_of = group(tables["coverage"], "beneficiary_id")
    record_of = {row["beneficiary_id"]: row for row in tables["beneficiaries"]}

    built = Built()
    booked: Counter[tuple[str, str | None, str | None]] = Counter()
    counted: Counter[tuple[str, str | None, str | None]] = Counter()
    for person in sorted(claims_of):
        items = payable_items(claims_of[person], lines_of, options.basis)
        candidates = anchors_of(items, claim_order)
        for candidate in candidates:
            set_window(candidate, record_of.get(person))
            candidate["reasons"] = reasons_of(candidate, record_of.get(person), coverage_of.get(person, []), options)
        settle_overlaps(candidates)
        rows = []
        for candidate in candidates:
            set_status(candidate, options.as_of)
            rows_of_candidate = services_of(candidate, items, options)
            add_up(candidate, rows_of_candidate)
            rows += rows_of_candidate
        built.episodes += [{name: candidate[name] for name in EPISODE_COLUMNS} for candidate in candidates]
        built.services += rows
        for item in items:
            for destination, period, reason, cents in bookings_of(item, rows, candidates):
                booked[destination, period, reason] += cents
                counted[destination, period, reason] += 1
    built.balance = [
        {
            "destination": destination,
            "period": period,
            "reason": reason,
            "items": counted[destination, period, reason],
            "cents": booked[destination, period, reason],
        }
        for destination, period, reason in sorted(counted, key=lambda cell: [part or "" for part in cell])
    ]
    return built


# --- small tools --------------------------------------------------------------------------------------------


def group(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    """Rows by the value of one column, or by the tuple of several."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[names[0]] if len(names) == 1 else tuple(row[name] for name in names)].append(row)
    return dict(groups)


def null_lowest(value: Any) -> tuple[Any, ...]:
    """A sort key that puts null before every value."""
    return (False,) if value is None else (True, value)


def days(count: int) -> timedelta:
    return timedelta(days=count)


def round_half_up(amount: Fraction) -> int:
    return floor(amount + Fraction(1, 2))


def order_of_claim_ids(claims: list[Row]) -> ClaimOrder:
    """Claim ids compare as numbers if every one of the input is numeric, else as text."""
    if all(re.fullmatch(r"-?[0-9]+", claim["claim_id"]) for claim in claims):
        return lambda claim_id: (int(claim_id), claim_id)
    return lambda claim_id: (0, claim_id)


def claims_known(claims: list[Row], as_of: date | None) -> list[Row]:
    """The claims processed by that day; without a processing date a claim is known."""
    return [
        claim for claim in claims if as_of is None or claim["process_date"] is None or claim["process_date"] <= as_of
    ]


# --- code tables, as plain dicts and sets -------------------------------------------------------------------


@cache
def codes(table: str, column: str) -> frozenset[str]:
    return frozenset(load_codes(table)[column].to_list())


@cache
def rows_of(table: str) -> tuple[Row, ...]:
    return tuple(load_codes(table).to_dicts())


@cache
def packaged_gmlos() -> dict[tuple[int, str], Decimal]:
    return {
        (int(row["fiscal_year"]), row["ms_drg"]): Decimal(row["gmlos"])
        for row in rows_of("ms_drgs")
        if row["gmlos"] is not None
    }


def mdc_of_drg(drg: str | None) -> str | None:
    for row in rows_of("ms_drg_mdc_ranges"):
        if drg is not None and row["from_drg"] <= drg <= row["to_drg"]:
            return str(row["mdc"])
    return None


# --- 1. payable items ---------------------------------------------------------------------------------------


def payable_items(
    claims: list[Row], lines_of: dict[Any, list[Row]], basis: str, netted: tuple[str, ...] = ADD_ONS
) -> list[Row]:
    """The items of one person: a claim that is paid as a whole, or each line of any other."""
    items = []
    for claim in claims:
        lines = lines_of.get((claim["beneficiary_id"], claim["claim_id"]), [])
        if claim["setting"] in CLAIM_PAID_SETTINGS:
            items.append(item_of_claim(claim, lines, basis, netted))
        else:
            items += [item_of_line(claim, line, basis) for line in lines]
    return sorted(items, key=lambda item: item["id"])


def item_of_claim(claim: Row, lines: list[Row], basis: str, netted: tuple[str, ...]) -> Row:
    start, end = dates_of_claim(claim)
    span_start, span_end = start, end
    if claim["setting"] == "home_health":
        span_start, span_end = span_of_visits(claim, lines) or (start, end)
    return {
        "id": (claim["claim_id"], 0),
        "claim": claim,
        "line": None,
        "setting": claim["setting"],
        "start": start,
        "end": end,
        "span_start": span_start,
        "span_end": span_end,
        "amount": amount_of_claim(claim, basis, netted),
        "allowed": amount_of_claim(claim, "allowed", netted) or 0,
        "standardized": amount_of_claim(claim, "standardized", netted) or 0,
        "primary_payer": claim["primary_payer_paid_cents"] or 0,
    }


def item_of_line(claim: Row, line: Row, basis: str) -> Row:
    day = line["service_date"] or claim["from_date"]
    return {
        "id": (claim["claim_id"], line["line_number"]),
        "claim": claim,
        "line": line,
        "setting": claim["setting"],
        "start": day,
        "end": day,
        "span_start": day,
        "span_end": day,
        "amount": line[f"{basis}_cents"],
        "allowed": line["allowed_cents"] or 0,
        "standardized": line["standardized_cents"] or 0,
        "primary_payer": line["primary_payer_paid_cents"] or 0,
    }


def amount_of_claim(claim: Row, basis: str, netted: tuple[str, ...]) -> int | None:
    amount: int | None = claim[f"{basis}_cents"]
    if amount is None or basis == "standardized" or claim["setting"] != "inpatient":
        return amount
    return amount - sum(claim[add_on] or 0 for add_on in netted)


def dates_of_claim(claim: Row) -> tuple[date, date]:
    start, end = claim["from_date"], claim["thru_date"]
    if claim["setting"] in {"inpatient", "snf"}:
        start = claim["admission_date"] or start
        end = claim["discharge_date"] or end
    return start, max(start, end)


def span_of_visits(claim: Row, lines: list[Row]) -> tuple[date, date] | None:
    visits = [line["service_date"] or claim["from_date"] for line in lines if is_visit(line)]
    return (min(visits), max(visits)) if visits else None


def is_visit(line: Row) -> bool:
    if not (line["revenue_center"] or "").startswith(VISIT_CENTERS) or line["hcpcs"] in NOT_A_VISIT:
        return False
    if line["charge_cents"] is None:
        return False
    return bool(line["charge_cents"] - (line["noncovered_charge_cents"] or 0) > 0)


def flags_of_ccn(ccn: str) -> set[str]:
    all_digits = re.fullmatch(r"[0-9]{6}", ccn) is not None
    flags = set()
    for row in rows_of("ccn_provider_type_ranges"):
        basis = row["match_basis"]
        if basis == "full6":
            part = ccn
        elif basis == "last4":
            part = ccn[-4:] if all_digits else ""
        elif basis == "first2":
            part = ccn[:2]
        else:  # "char3": the third character
            position = int(basis.removeprefix("char"))
            part = ccn[position - 1 : position]
        if len(part) == len(row["code_from"]) and row["code_from"] <= part <= row["code_to"]:
            flags.add(row["flag"])
    return flags


@cache
def provider_type_of_ccn(ccn: str | None) -> str:
    if ccn is None:
        return "other"
    flags = flags_of_ccn(ccn)
    for provider_type, any_of in PROVIDER_TYPE_PRECEDENCE:
        if flags & any_of:
            return provider_type
    return "other"


def provider_type(claim: Row) -> str:
    return claim["provider_type"] or provider_type_of_ccn(claim["ccn"])


def in_maryland(ccn: str | None) -> bool:
    return ccn is not None and ccn[:2] in {"21", "80"}


# --- 2. anchors ---------------------------------------------------------------------------------------------


def anchors_of(items: list[Row], claim_order: ClaimOrder) -> list[Row]:
    """The candidates of one person, in the order in which overlaps are settled."""
    inpatient = inpatient_anchors(items, claim_order)
    outpatient = outpatient_anchors(items, claim_order)
    candidates = inpatient + merge_lead_ins(inpatient, outpatient, claim_order)
    return sorted(
        candidates,
        key=lambda candidate: (
            candidate["episode_start"],
            candidate["anchor_setting"] != "inpatient",
            candidate["anchor_end"],
            null_lowest(candidate["anchor_ccn"]),
            claim_order(candidate["anchor_claim_id"]),
        ),
    )


def inpatient_anchors(items: list[Row], claim_order: ClaimOrder) -> list[Row]:
    inpatient = [item for item in items if item["setting"] == "inpatient"]
    inner = [stay for stay in inpatient if counts_as_inner(stay, inpatient)]
    anchors = []
    for legs in chains_of(inner, claim_order):
        first, last = legs[0], legs[-1]
        trigger = inpatient_trigger(last)
        if trigger is not None:
            anchors.append(
                candidate_of(
                    trigger,
                    setting="inpatient",
                    own=legs,
                    claim_of_hospital=first["claim"],
                    claim_of_anchor=last["claim"],
                    anchor_code=last["claim"]["ms_drg"] or last["claim"]["pricing_drg"],
                    start=first["start"],
                    end=last["end"],
                )
            )
    return anchors


def counts_as_inner(stay: Row, others: list[Row]) -> bool:
    """A longer stay of another kind gives way to an acute stay that it encloses, unless the claim says otherwise."""
    said = stay["claim"]["keep_inner"]
    if said is not None:
        return bool(said)
    if provider_type(stay["claim"]) not in {"ltch", "irf", "ipf"}:
        return True
    return not any(
        provider_type(other["claim"]) in {"acute", "cah", "cancer", "emergency", "veteran"}
        and stay["start"] <= other["start"]
        and other["end"] <= stay["end"]
        for other in others
    )


def chains_of(stays: list[Row], claim_order: ClaimOrder) -> list[list[Row]]:
    """Transfer chains: a stay at another hospital that begins on the day the preceding one ends joins it."""
    alone = [[stay] for stay in stays if provider_type(stay["claim"]) not in TRANSFER_PROVIDER_TYPES]
    ordered = sorted(
        (stay for stay in stays if provider_type(stay["claim"]) in TRANSFER_PROVIDER_TYPES),
        key=lambda stay: (
            stay["start"],
            stay["end"],
            null_lowest(stay["claim"]["process_date"]),
            null_lowest(stay["claim"]["ccn"]),
            claim_order(stay["claim"]["claim_id"]),
        ),
    )
    chains: list[list[Row]] = []
    for stay in ordered:
        preceding = chains[-1][-1] if chains else None
        if (
            preceding is not None
            and stay["claim"]["ccn"] != preceding["claim"]["ccn"]
            and stay["start"] == preceding["end"]
        ):
            chains[-1].append(stay)
        else:
            chains.append([stay])
    return alone + chains


def inpatient_trigger(stay: Row) -> Row | None:
    drg = stay["claim"]["pricing_drg"] or stay["claim"]["ms_drg"]
    for row in rows_of("team_anchor_codes"):
        if row["anchor_setting"] == "inpatient" and row["code"] == drg:
            return row
    for row in rows_of("team_drg_map"):
        valid_from, valid_to = date.fromisoformat(row["valid_from"]), date.fromisoformat(row["valid_to"])
        if row["from_drg"] == drg and valid_from <= stay["end"] <= valid_to:
            return row
    return None


def outpatient_anchors(items: list[Row], claim_order: ClaimOrder) -> list[Row]:
    """One a day: the best trigger line of the day; the others vanish."""
    triggers = {row["code"]: row for row in rows_of("team_anchor_codes") if row["anchor_setting"] == "outpatient"}
    lines_by_day = defaultdict(list)
    for item in items:
        if (
            item["setting"] == "outpatient"
            and item["line"]["service_date"] is not None
            and item["line"]["hcpcs"] in triggers
        ):
            lines_by_day[item["start"]].append(item)
    anchors = []
    for day, lines in sorted(lines_by_day.items()):
        best = best_trigger_line(lines, claim_order)
        anchors.append(
            candidate_of(
                triggers[best["line"]["hcpcs"]],
                setting="outpatient",
                own=[best],
                claim_of_hospital=best["claim"],
                claim_of_anchor=best["claim"],
                anchor_code=best["line"]["hcpcs"],
                start=day,
                end=day,
            )
        )
    return anchors


def best_trigger_line(lines: list[Row], claim_order: ClaimOrder) -> Row:
    lowest_id_first = sorted(
        lines, key=lambda item: (claim_order(item["claim"]["claim_id"]), item["line"]["line_number"])
    )
    return max(  # the first of several equal ones
        lowest_id_first,
        key=lambda item: (
            null_lowest(item["amount"]),
            null_lowest(item["claim"]["process_date"]),
            null_lowest(item["line"]["charge_cents"]),
        ),
    )


def candidate_of(
    trigger: Row,
    *,
    setting: str,
    own: list[Row],
    claim_of_hospital: Row,
    claim_of_anchor: Row,
    anchor_code: str,
    start: date,
    end: date,
) -> Row:
    return {
        "key": (claim_of_anchor["beneficiary_id"], setting, claim_of_anchor["claim_id"], start),
        "beneficiary_id": claim_of_anchor["beneficiary_id"],
        "category": trigger["category"],
        "anchor_setting": setting,
        "anchor_claim_id": claim_of_anchor["claim_id"],
        "anchor_code": anchor_code,
        "price_code": trigger["price_code"],
        "anchor_ccn": claim_of_hospital["ccn"],
        "attending_npi": claim_of_hospital["attending_npi"],
        "operating_npi": claim_of_hospital["operating_npi"],
        "anchor_start": start,
        "anchor_end": end,
        "episode_start": start,
        "length_of_stay": max((end - start).days, 1),
        "transfers": len(own) - 1,
        "flags": [],
        "reasons": [],
        # for the oracle's own use
        "own": own,
        "own_ids": {item["id"] for item in own},
        "provider_type": provider_type(claim_of_hospital),
        "discharge_status": claim_of_anchor["discharge_status"],
    }


def merge_lead_ins(inpatient: list[Row], outpatient: list[Row], claim_order: ClaimOrder) -> list[Row]:
    """The outpatient anchors that stay candidates; the others begin an inpatient episode earlier."""
    remaining = []
    for procedure in outpatient:
        takers = [
            stay
            for stay in inpatient
            if stay["category"] == procedure["category"]
            and 0 <= (stay["anchor_start"] - procedure["anchor_start"]).days <= LEAD_IN_DAYS
        ]
        if not takers:
            remaining.append(procedure)
            continue
        taker = min(takers, key=lambda stay: (stay["anchor_start"], claim_order(stay["anchor_claim_id"])))
        taker["episode_start"] = min(taker["episode_start"], procedure["anchor_start"])
        set_flag(taker, "outpatient_lead_in")
    return remaining


def set_flag(candidate: Row, flag: str) -> None:
    candidate["flags"] = sorted({*candidate["flags"], flag})


# --- 3. windows ---------------------------------------------------------------------------------------------


def set_window(candidate: Row, record: Row | None) -> None:
    """The scheduled and the effective ends, the latter shortened by death."""
    death = record["death_date"] if record else None
    if death is not None and death < candidate["anchor_start"]:
        set_flag(candidate, "death_before_anchor")
        death = None
    scheduled_end = candidate["anchor_end"] + days(DAYS_TO_SCHEDULED_END)
    if death is not None and death <= scheduled_end:
        set_flag(candidate, "died_in_episode")
        episode_end = max(death, candidate["anchor_end"])
        post_episode_end = episode_end
    else:
        episode_end = scheduled_end
        post_episode_end = scheduled_end + days(POST_EPISODE_DAYS)
        if death is not None:
            post_episode_end = min(post_episode_end, death)
    candidate["death"] = death
    candidate["scheduled_end"] = scheduled_end
    candidate["episode_end"] = episode_end
    candidate["post_episode_end"] = post_episode_end


# --- 4. exclusion ladder ------------------------------------------------------------------------------------


def reasons_of(candidate: Row, record: Row | None, coverage: list[Row], options: Options) -> list[str]:
    """Every reason that holds, in the order of the ladder."""
    anchor_start, anchor_end = candidate["anchor_start"], candidate["anchor_end"]
    episode_start, scheduled_end = candidate["episode_start"], candidate["scheduled_end"]
    death = candidate["death"]
    last_day = scheduled_end if death is None else min(scheduled_end, death)

    def has(kind: str) -> bool:
        return any(interval["kind"] == kind and meets(interval, episode_start, last_day) for interval in coverage)

    ladder = {
        "out_of_period": not options.period[0] <= anchor_end <= options.period[1],
        "outside_model_dates": options.own_period and (episode_start < MODEL_START or scheduled_end > MODEL_END),
        "not_acute_hospital": candidate["provider_type"] != "acute",
        "excluded_state": in_maryland(candidate["anchor_ccn"]),
        "rural_community_hospital_demonstration": in_rural_demonstration(
            candidate["anchor_ccn"], anchor_start, scheduled_end
        ),
        "no_enrolment_record": record is None and not coverage,
        "not_in_part_a_and_b": not (
            covered_every_day("part_a", coverage, episode_start, last_day)
            and covered_every_day("part_b", coverage, episode_start, last_day)
        ),
        "coverage_unknown": has("unknown"),
        "medicare_advantage": has("medicare_advantage"),
        "esrd_entitlement": has("esrd_entitlement"),
        "united_mine_workers": has("united_mine_workers"),
        "other_primary_payer": has("other_primary_payer")
        or sum(item["primary_payer"] for item in candidate["own"]) > 0,
        "death_in_anchor": (death is not None and anchor_start <= death <= anchor_end)
        or candidate["discharge_status"] == DIED,
    }
    return [reason for reason, holds in ladder.items() if holds and reason not in options.switched_off]


def meets(interval: Row, first: date, last: date) -> bool:
    """Whether an interval of coverage, open where its end is null, has a day in common with first..last."""
    return interval["start_date"] <= last and (interval["end_date"] is None or interval["end_date"] >= first)


def covered_every_day(kind: str, coverage: list[Row], first: date, last: date) -> bool:
    day = first
    while day <= last:
        if not any(says_covered(i, kind) and meets(i, day, day) for i in coverage):
            return False
        day += days(1)
    return True


def says_covered(interval: Row, kind: str) -> bool:
    """Of the kind, or unknown without saying of which kind, or unknown of this kind."""
    if interval["kind"] == "unknown":
        return interval["detail"] in {None, kind}
    return bool(interval["kind"] == kind)


def in_rural_demonstration(ccn: str | None, first: date, last: date) -> bool:
    for row in rows_of("rural_community_hospital_demo"):
        opens = date.fromisoformat(row["start_date"]) if row["start_date"] else date.min
        closes = date.fromisoformat(row["end_date"]) if row["end_date"] else date.max
        if row["ccn"] == ccn and opens <= last and closes >= first:
            return True
    return False


# --- 5. overlap and status ----------------------------------------------------------------------------------


def settle_overlaps(candidates: list[Row]) -> None:
    """Walk one person's candidates, which are in order, and mark those that give way."""
    previous = None
    for current in candidates:
        if current["reasons"]:
            current["status"] = "excluded"
            continue
        if previous is None or current["episode_start"] > previous["episode_end"]:
            previous = current
            continue
        set_flag(previous, "overlap")
        set_flag(current, "overlap")
        if current["category"] == previous["category"]:
            give_way(previous, "cancelled_by_later_episode")
            previous = current
        else:
            give_way(current, "within_earlier_episode")


def give_way(candidate: Row, reason: str) -> None:
    candidate["status"] = "overlapped"
    candidate["reasons"] = [reason]


def set_status(candidate: Row, as_of: date | None) -> None:
    if "status" in candidate:  # excluded or overlapped
        return
    complete = candidate["scheduled_end"] + days(POST_EPISODE_DAYS + RUN_OUT_DAYS)
    candidate["status"] = "open" if as_of is not None and complete >= as_of else "final"


# --- 6. services --------------------------------------------------------------------------------------------


def services_of(candidate: Row, items: list[Row], options: Options) -> list[Row]:
    """The service rows of one candidate."""
    considered = [item for item in items if is_considered(item, candidate)]
    reason_of = {item["id"]: own_reason(item, candidate) for item in considered}
    excluded_stays = [item for item in considered if reason_of[item["id"]] in EXCLUDED_STAY_REASONS]
    rows = []
    for item in considered:
        reason = reason_of[item["id"]]
        if reason is None and is_in_excluded_stay(item, excluded_stays, candidate):
            reason = "professional_in_excluded_stay"
        if reason is not None:
            rows.append(row_of(item, candidate, period_of(item, candidate), reason=reason))
        else:
            rows += included_rows(item, candidate, options)
    return rows


def is_own(item: Row, candidate: Row) -> bool:
    return item["id"] in candidate["own_ids"]


def is_considered(item: Row, candidate: Row) -> bool:
    if is_own(item, candidate):
        return True
    if is_not_kept(item):
        return False
    return bool(candidate["episode_start"] <= item["start"] <= candidate["post_episode_end"])


def is_not_kept(item: Row) -> bool:
    return item["setting"] == "inpatient" and item["claim"]["keep_inner_outer"] is False


def period_of(item: Row, candidate: Row) -> str:
    if is_own(item, candidate) or item["start"] < candidate["anchor_end"]:
        return "anchor"
    if item["start"] == candidate["anchor_end"] and (
        candidate["anchor_setting"] == "outpatient"
        or (item["setting"] == "professional" and item["line"]["place_of_service"] in ANCHOR_PLACES_ON_LAST_DAY)
    ):
        return "anchor"
    return "post" if item["start"] <= candidate["episode_end"] else "post_episode"


def own_reason(item: Row, candidate: Row) -> str | None:
    """The first bar or exclusion that holds for the item by itself."""
    if is_own(item, candidate):
        return None
    if item["setting"] == "drug":
        return "setting_not_covered"
    if item["amount"] is None:
        return "no_amount_on_basis"
    if item["primary_payer"] > 0:
        return "other_payer"
    if item["setting"] == "inpatient" and (
        item["start"] >= candidate["anchor_end"] or candidate["anchor_setting"] == "outpatient"
    ):
        drg = item["claim"]["pricing_drg"] or item["claim"]["ms_drg"]
        if drg in codes("excluded_readmission_ms_drg", "ms_drg"):
            return "excluded_readmission_drg"
        if (item["claim"]["mdc"] or mdc_of_drg(drg)) in EXCLUDED_MDCS:
            return "excluded_readmission_mdc"
    if item["setting"] in DRUG_EXCLUSION_SETTINGS:
        if item["line"]["hcpcs"] in codes("hemophilia_hcpcs", "hcpcs"):
            return "clotting_factor"
        if item["line"]["hcpcs"] in codes("excluded_part_b_drugs", "hcpcs"):
            return "excluded_part_b_drug"
    if item["setting"] == "outpatient" and item["line"]["status_indicator"] == "H":
        return "device_pass_through"
    return None


def is_in_excluded_stay(item: Row, excluded_stays: list[Row], candidate: Row) -> bool:
    return (
        item["setting"] == "professional"
        and period_of(item, candidate) != "anchor"
        and any(stay["start"] <= item["start"] <= stay["end"] for stay in excluded_stays)
    )


def included_rows(item: Row, candidate: Row, options: Options) -> list[Row]:
    """One row; or two, where the item runs past the end of its window and a window follows."""
    period = period_of(item, candidate)
    last_day = candidate["episode_end"] if period in {"anchor", "post"} else candidate["post_episode_end"]
    share = Fraction(1)
    if not is_own(item, candidate) and item["span_end"] > last_day:
        share = share_inside(item, last_day, candidate, options)
    whole = {"amount": item["amount"] or 0, "allowed": item["allowed"], "standardized": item["standardized"]}
    inside = {name: round_half_up(share * cents) for name, cents in whole.items()}
    rows = [row_of(item, candidate, period, parts=inside)]
    a_window_follows = candidate["post_episode_end"] > candidate["episode_end"]
    if share < 1 and period in {"anchor", "post"} and a_window_follows:
        beyond = {name: cents - inside[name] for name, cents in whole.items()}
        rows.append(row_of(item, candidate, "post_episode", parts=beyond))
    return rows


def share_inside(item: Row, last_day: date, candidate: Row, options: Options) -> Fraction:
    """The share of an item that falls on or before the last day of its window."""
    if (
        item["setting"] == "inpatient"
        and provider_type(item["claim"]) == "acute"
        and not in_maryland(item["claim"]["ccn"])
    ):
        gmlos = gmlos_of(item, options)
        if gmlos is None or gmlos <= 0:
            set_flag(candidate, "gmlos_missing")
            return Fraction(1)
        days_inside = (last_day - item["start"]).days + 1
        count = days_inside + 1  # the first day counts twice
        return min(Fraction(1), Fraction(count) / gmlos)
    days_inside = max((last_day - item["span_start"]).days + 1, 0)
    days_of_span = (item["span_end"] - item["span_start"]).days + 1
    return Fraction(days_inside, days_of_span)


def gmlos_of(item: Row, options: Options) -> Fraction | None:
    """Of the fiscal year of the discharge, else of the nearest year at hand, the earlier one on a tie."""
    table = packaged_gmlos() if options.gmlos is None else options.gmlos
    drg = item["claim"]["ms_drg"] or item["claim"]["pricing_drg"]
    fiscal_year = item["end"].year + (item["end"].month >= 10)
    years = [year for year, listed in table if listed == drg]
    if not years:
        return None
    nearest = min(years, key=lambda year: (abs(year - fiscal_year), year))
    return Fraction(table[nearest, drg])


def row_of(
    item: Row, candidate: Row, period: str, *, parts: dict[str, int] | None = None, reason: str | None = None
) -> Row:
    """A service row: included with its parts, or excluded for a reason with nothing."""
    parts = parts or {"amount": 0, "allowed": 0, "standardized": 0}
    return {
        "key": candidate["key"],
        "claim_id": item["id"][0],
        "line_number": item["id"][1],
        "setting": item["setting"],
        "period": period,
        "disposition": "included" if reason is None else "excluded",
        "reason": reason,
        "full_cents": item["amount"] or 0,
        "cents": parts["amount"],
        "allowed_cents": parts["allowed"],
        "standardized_cents": parts["standardized"],
    }


def add_up(candidate: Row, rows: list[Row]) -> None:
    def total(column: str, *periods: str) -> int:
        return sum(row[column] for row in rows if row["period"] in periods)

    candidate["anchor_cents"] = total("cents", "anchor")
    candidate["post_cents"] = total("cents", "post")
    candidate["post_episode_cents"] = total("cents", "post_episode")
    candidate["episode_cents"] = total("cents", "anchor", "post")
    candidate["episode_allowed_cents"] = total("allowed_cents", "anchor", "post")
    candidate["episode_standardized_cents"] = total("standardized_cents", "anchor", "post")


# --- 7. balance ---------------------------------------------------------------------------------------------

Booking = tuple[str, str | None, str | None, int]


def bookings_of(item: Row, rows: list[Row], candidates: list[Row]) -> list[Booking]:
    """Where the cents of one item go: (destination, period, reason, cents), each cent once."""
    full = item["amount"] or 0
    if not candidates:
        return [("no_episode", None, None, full)]
    of_item = [row for row in rows if (row["claim_id"], row["line_number"]) == item["id"]]
    by_start = sorted(candidates, key=lambda candidate: candidate["episode_start"])
    final_keys = [candidate["key"] for candidate in by_start if candidate["status"] == "final"]
    rows_in_final = [row for key in final_keys for row in of_item if row["key"] == key]
    included = [row for row in rows_in_final if row["disposition"] == "included"]

    in_episode = [row for row in included if row["period"] in {"anchor", "post"}]
    after_episode = [row for row in included if row["period"] == "post_episode"]
    if in_episode:
        assert len(in_episode) == 1, "an item is in the window of one final episode at most"
        after_episode = [row for row in after_episode if row["key"] == in_episode[0]["key"]]
    bookings: list[Booking] = [("final_episode", row["period"], None, row["cents"]) for row in in_episode]
    bookings += [("post_episode", None, None, row["cents"]) for row in after_episode[:1]]
    if bookings:
        left = full - sum(cents for *_, cents in bookings)
        return bookings + ([("outside", None, "past_windows", left)] if left else [])

    if len(of_item) > len(rows_in_final):
        return [("not_final", None, None, full)]
    if rows_in_final:
        return [("excluded", None, rows_in_final[0]["reason"], full)]
    return [("outside", None, "not_kept_stay" if is_not_kept(item) else None, full)]
