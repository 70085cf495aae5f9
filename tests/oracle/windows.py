"""Episodes of every programme but TEAM and BPCI Advanced, slowly and obviously: the oracle of READINGS_OTHERS.md.

What differs between programmes stands in a `Programme`, written out by hand in `programmes.py`, not read from the
rules files. What the page leaves to READINGS.md is taken from the TEAM oracle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from oracle.episodes import (
    ADD_ONS,
    Built,
    ClaimOrder,
    Row,
    best_trigger_line,
    chains_of,
    claims_known,
    codes,
    counts_as_inner,
    covered_every_day,
    days,
    group,
    in_maryland,
    is_not_kept,
    mdc_of_drg,
    meets,
    order_of_claim_ids,
    payable_items,
    provider_type,
    round_half_up,
    row_of,
    rows_of,
    set_flag,
    share_inside,
)

EMERGENCY_CENTERS = {"0450", "0451", "0452", "0456", "0459", "0981"}
EMERGENCY_PLACE = "23"
ANCHOR_PLACES_ON_LAST_DAY = {"21", "23"}
ASSISTANTS = {"80", "81", "82", "AS"}
SETTING_ORDER = {"inpatient": 0, "outpatient": 1, "professional": 2}
IN_EPISODE = ("pre", "anchor", "post")
EXCLUDED_STAY_REASONS = {"excluded_readmission_drg", "excluded_readmission_mdc"}
STANDING = {"final", "open"}

EPISODE_COLUMNS = (
    "key",
    "beneficiary_id",
    "category",
    "anchor_setting",
    "anchor_claim_id",
    "anchor_code",
    "price_code",
    "price_cell",
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
    "pre_cents",
    "anchor_cents",
    "post_cents",
    "post_episode_cents",
    "episode_cents",
    "episode_allowed_cents",
    "episode_standardized_cents",
)


@dataclass(frozen=True)
class Inclusion:
    """What services of some days must be to count."""

    reason: str
    period: str
    settings: frozenset[str]
    include: str  # related | related_or_surgeon | none
    first_day: int = 1
    last_day: int = 10_000
    emergency_too: bool = True


@dataclass(frozen=True)
class Programme:
    """What differs between programmes: section 1 of the page."""

    id: str
    year: str
    period: tuple[date, date]
    anchors: str
    ladder: tuple[str, ...]
    basis: str = "standardized"
    netted: tuple[str, ...] = ADD_ONS
    needed_diagnoses: tuple[frozenset[str], str] | None = None
    fracture: tuple[frozenset[str], str] | None = None
    professional: bool = False
    chains: bool = False
    pre_days: int = 0
    post_days: int = 90
    discharge_day_is_anchor: bool = False
    post_episode_days: int = 0
    lookback_days: int = 0
    run_out_days: int = 60
    year_by_episode_end: bool = False
    shorten_at_death: bool = True
    model_dates: tuple[date, date] = (date.min, date.max)
    coverage: tuple[str, ...] = ("part_a", "part_b")
    ages: tuple[int, int] = (0, 200)
    clean_days: int = 90
    disqualifying: str = "joint_replacement_disqualifying_diagnoses"
    paid: frozenset[str] = frozenset()
    exclusions: tuple[str, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()
    related: str = "joint_replacement_related_diagnoses"
    prorated: bool = False
    same_category_cancels: bool = False


@dataclass
class Options:
    """What a run may change; null takes the programme's own."""

    basis: str | None = None
    period: tuple[date, date] | None = None
    switched_off: frozenset[str] = frozenset()
    as_of: date | None = None
    gmlos: dict[tuple[int, str], Decimal] | None = None


@dataclass
class Person:
    """What one person's candidates are judged by."""

    record: Row | None
    coverage: list[Row]
    candidates: list[Row] = field(default_factory=list)


def build(tables: dict[str, list[Row]], programme: Programme, options: Options | None = None) -> Built:
    """Episodes, services and balance of the canonical tables claims, lines, beneficiaries and coverage."""
    options = options or Options()
    order = order_of_claim_ids(tables["claims"])
    claims_of = group(claims_known(tables["claims"], options.as_of), "beneficiary_id")
    lines_of = group(tables["lines"], "beneficiary_id", "claim_id")
    coverage_of = group(tables["coverage"], "beneficiary_id")
    record_of = {row["beneficiary_id"]: row for row in tables["beneficiaries"]}

    built = Built()
    counted: Counter[tuple[str, str | None, str | None]] = Counter()
    booked: Counter[tuple[str, str | None, str | None]] = Counter()
    for name in sorted(claims_of):
        items = payable_items(claims_of[name], lines_of, options.basis or programme.basis, programme.netted)
        person = Person(record_of.get(name), coverage_of.get(name, []))
        person.candidates = anchors_of(items, programme, order)
        for candidate in person.candidates:
            set_window(candidate, person.record, programme)
        for candidate in person.candidates:
            candidate["reasons"] = reasons_of(candidate, person, programme, options)
        settle_overlaps(person.candidates, programme)
        for candidate in person.candidates:
            set_status(candidate, programme, options.as_of)
        rows = []
        for candidate in person.candidates:
            rows_of_candidate = services_of(candidate, items, person.candidates, programme, options)
            add_up(candidate, rows_of_candidate)
            rows += rows_of_candidate
        built.episodes += [{column: candidate[column] for column in EPISODE_COLUMNS} for candidate in person.candidates]
        built.services += rows
        for item in items:
            for destination, period, reason, cents in bookings_of(item, rows, person.candidates):
                counted[destination, period, reason] += 1
                booked[destination, period, reason] += cents
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


# --- 3. anchors ---------------------------------------------------------------------------------------------


def anchors_of(items: list[Row], programme: Programme, order: ClaimOrder) -> list[Row]:
    """The candidates of one person, in the order in which overlaps are settled."""
    table = {(row["anchor_setting"], row["code"]): row for row in rows_of(programme.anchors)}
    candidates = inpatient_anchors(items, table, programme, order)
    candidates += outpatient_anchors(items, table, order)
    if programme.professional:
        candidates += professional_anchors(items, table, order)
    for candidate in candidates:
        candidate["price_cell"] = price_cell_of(candidate, programme)
    return sorted(
        candidates,
        key=lambda candidate: (
            candidate["anchor_start"],
            SETTING_ORDER[candidate["anchor_setting"]],
            candidate["anchor_end"],
            order(candidate["anchor_claim_id"]),
        ),
    )


def price_cell_of(candidate: Row, programme: Programme) -> str:
    """The price code; where a fracture splits it, with what the principal diagnosis of the anchor's claim says."""
    code: str = candidate["price_code"]
    if programme.fracture is None or candidate["trigger_code"] not in programme.fracture[0]:
        return code
    principal = next(iter(candidate["anchor_claim"]["diagnoses"] or []), None)
    return f"{code}/{'fracture' if begins(principal, programme.fracture[1]) else 'no_fracture'}"


def inner_stays(items: list[Row]) -> list[Row]:
    stays = [item for item in items if item["setting"] == "inpatient"]
    return [stay for stay in stays if counts_as_inner(stay, stays)]


def inpatient_anchors(
    items: list[Row], table: dict[tuple[str, str], Row], programme: Programme, order: ClaimOrder
) -> list[Row]:
    stays = inner_stays(items)
    anchors = []
    for legs in chains_of(stays, order) if programme.chains else [[stay] for stay in stays]:
        first, last = legs[0], legs[-1]
        drg = last["claim"]["pricing_drg"] or last["claim"]["ms_drg"]
        trigger = table.get(("inpatient", drg))
        if trigger is None or not has_needed_diagnosis(last["claim"], drg, programme):
            continue
        anchor = candidate_of(trigger, "inpatient", "inpatient", legs, last["claim"], first["start"], last["end"])
        anchor["anchor_code"] = last["claim"]["ms_drg"] or drg
        set_facility(anchor, first["claim"], first["claim"]["operating_npi"])
        anchor["discharge_status"] = last["claim"]["discharge_status"]
        anchors.append(anchor)
    return anchors


def has_needed_diagnosis(claim: Row, drg: str, programme: Programme) -> bool:
    if programme.needed_diagnoses is None or drg not in programme.needed_diagnoses[0]:
        return True
    return any(begins(diagnosis, programme.needed_diagnoses[1]) for diagnosis in claim["diagnoses"] or [])


def outpatient_anchors(items: list[Row], table: dict[tuple[str, str], Row], order: ClaimOrder) -> list[Row]:
    lines_by_day = defaultdict(list)
    for item in items:
        dated = item["setting"] == "outpatient" and item["line"]["service_date"] is not None
        if dated and ("outpatient", item["line"]["hcpcs"]) in table:
            lines_by_day[item["start"]].append(item)
    anchors = []
    for day, lines in lines_by_day.items():
        best = best_trigger_line(lines, order)
        trigger = table["outpatient", best["line"]["hcpcs"]]
        anchor = candidate_of(trigger, "outpatient", "outpatient", [best], best["claim"], day, day)
        anchor["anchor_code"] = best["line"]["hcpcs"]
        set_facility(anchor, best["claim"], best["claim"]["operating_npi"])
        anchors.append(anchor)
    return anchors


def professional_anchors(items: list[Row], table: dict[tuple[str, str], Row], order: ClaimOrder) -> list[Row]:
    """One a stay; outside stays one a day."""
    stays = inner_stays(items)
    triggers = defaultdict(list)
    for item in items:
        if is_professional_trigger(item, table):
            stay = stay_of_day(item["start"], stays, order)
            triggers[("day", item["start"]) if stay is None else ("stay", stay["id"])].append(item)
    anchors = []
    for lines in triggers.values():
        best = best_trigger_line(lines, order)
        day, stay = best["start"], stay_of_day(best["start"], stays, order)
        trigger = table["professional", best["line"]["hcpcs"]]
        if stay is not None:
            own, facility, kind = [best, stay], stay["claim"], "inpatient"
        else:
            visit = visit_of_day(day, best["line"]["hcpcs"], items, order)
            own, facility, kind = [best, *visit], visit[0]["claim"] if visit else None, "outpatient"
        start, end = (stay["start"], stay["end"]) if stay is not None else (day, day)
        anchor = candidate_of(trigger, "professional", kind, own, best["claim"], start, end)
        anchor["anchor_code"] = best["line"]["hcpcs"]
        anchor["trigger_diagnosis"] = best["line"]["diagnosis"]
        set_facility(anchor, facility, best["line"]["rendering_npi"])
        anchors.append(anchor)
    return anchors


def is_professional_trigger(item: Row, table: dict[tuple[str, str], Row]) -> bool:
    return (
        item["setting"] == "professional"
        and ("professional", item["line"]["hcpcs"]) in table
        and not ASSISTANTS & set(item["line"]["modifiers"] or [])
    )


def stay_of_day(day: date, stays: list[Row], order: ClaimOrder) -> Row | None:
    holding = [stay for stay in stays if stay["start"] <= day <= stay["end"]]
    return min(
        holding,
        key=lambda stay: (date.max - stay["start"], stay["end"], order(stay["claim"]["claim_id"])),
        default=None,
    )


def visit_of_day(day: date, hcpcs: str, items: list[Row], order: ClaimOrder) -> list[Row]:
    """The lines of a day of the outpatient claim that the operation was billed on."""
    of_claim = defaultdict(list)
    for item in items:
        if item["setting"] == "outpatient" and item["line"]["service_date"] == day:
            of_claim[item["claim"]["claim_id"]].append(item)
    if not of_claim:
        return []
    best = min(
        of_claim,
        key=lambda claim_id: (
            not any(item["line"]["hcpcs"] == hcpcs for item in of_claim[claim_id]),
            -sum(item["amount"] or 0 for item in of_claim[claim_id]),
            order(claim_id),
        ),
    )
    return of_claim[best]


def candidate_of(trigger: Row, setting: str, kind: str, own: list[Row], claim: Row, start: date, end: date) -> Row:
    return {
        "key": (claim["beneficiary_id"], setting, claim["claim_id"], start),
        "beneficiary_id": claim["beneficiary_id"],
        "category": trigger["category"],
        "anchor_setting": setting,
        "anchor_claim_id": claim["claim_id"],
        "price_code": trigger["price_code"],
        "trigger_code": trigger["code"],
        "anchor_start": start,
        "anchor_end": end,
        "length_of_stay": max((end - start).days, 1),
        "transfers": len(own) - 1 if setting == "inpatient" else 0,
        "flags": [],
        # for the oracle's own use
        "is_stay": kind == "inpatient",
        "own": own,
        "own_ids": {item["id"] for item in own},
        "anchor_claim": claim,
        "trigger_diagnosis": None,
    }


def set_facility(candidate: Row, facility: Row | None, operating_npi: str | None) -> None:
    candidate["anchor_ccn"] = facility["ccn"] if facility else None
    candidate["attending_npi"] = facility["attending_npi"] if facility else None
    candidate["operating_npi"] = operating_npi
    candidate["provider_type"] = provider_type(facility) if facility else "other"
    candidate["discharge_status"] = facility["discharge_status"] if facility else None
    candidate["has_facility"] = facility is not None


# --- 2. windows and periods ---------------------------------------------------------------------------------


def set_window(candidate: Row, record: Row | None, programme: Programme) -> None:
    death = record["death_date"] if record else None
    if death is not None and death < candidate["anchor_start"]:
        set_flag(candidate, "death_before_anchor")
        death = None
    post_start = candidate["anchor_end"] + days(1 if programme.discharge_day_is_anchor else 0)
    scheduled_end = post_start + days(programme.post_days - 1)
    episode_end, post_episode_end = scheduled_end, scheduled_end + days(programme.post_episode_days)
    if death is not None and death <= scheduled_end:
        set_flag(candidate, "died_in_episode")
        if programme.shorten_at_death:
            episode_end = post_episode_end = max(death, candidate["anchor_end"])
    elif death is not None and programme.shorten_at_death:
        post_episode_end = min(post_episode_end, death)
    candidate["death"] = death
    candidate["post_start"] = post_start
    candidate["episode_start"] = candidate["anchor_start"] - days(programme.pre_days)
    candidate["scheduled_end"] = scheduled_end
    candidate["episode_end"] = episode_end
    candidate["post_episode_end"] = post_episode_end


def period_of(item: Row, candidate: Row) -> str:
    """The period of an item that is looked at."""
    if item["id"] in candidate["own_ids"]:
        return "anchor"
    start = item["start"]
    if start < candidate["anchor_start"]:
        return "pre"
    if start < candidate["post_start"]:
        return "anchor"
    if start == candidate["anchor_end"]:
        at_hospital = (
            item["setting"] == "professional" and item["line"]["place_of_service"] in ANCHOR_PLACES_ON_LAST_DAY
        )
        if at_hospital or not candidate["is_stay"]:
            return "anchor"
    return "post" if start <= candidate["episode_end"] else "post_episode"


def is_looked_at(item: Row, candidate: Row) -> bool:
    if item["id"] in candidate["own_ids"]:
        return True
    if is_not_kept(item):
        return False
    return bool(candidate["episode_start"] <= item["start"] <= candidate["post_episode_end"])


# --- 4. the ladder ------------------------------------------------------------------------------------------


def reasons_of(candidate: Row, person: Person, programme: Programme, options: Options) -> list[str]:
    """Every reason that holds, in the order of the programme's ladder."""
    start, end, death = candidate["anchor_start"], candidate["anchor_end"], candidate["death"]
    scheduled_end = candidate["scheduled_end"]
    first = start - days(programme.lookback_days)
    last = scheduled_end if death is None else min(scheduled_end, death)
    period = options.period or programme.period
    tested = scheduled_end if programme.year_by_episode_end else end
    died = candidate["discharge_status"] == "20"

    def has(kind: str) -> bool:
        return any(interval["kind"] == kind and meets(interval, first, last) for interval in person.coverage)

    def uncovered() -> bool:
        return not all(covered_every_day(kind, person.coverage, first, last) for kind in programme.coverage)

    tests: dict[str, Callable[[], bool]] = {
        "out_of_period": lambda: not period[0] <= tested <= period[1],
        "outside_model_dates": lambda: (
            options.period is None
            and (candidate["episode_start"] < programme.model_dates[0] or scheduled_end > programme.model_dates[1])
        ),
        "no_facility": lambda: not candidate["has_facility"],
        "disqualifying_diagnosis": lambda: has_diagnosis(candidate, programme.disqualifying),
        "clean_period": lambda: has_neighbor(candidate, person.candidates, programme.clean_days),
        "age": lambda: not is_of_age(person.record, start, programme.ages),
        "not_acute_hospital": lambda: candidate["provider_type"] != "acute",
        "excluded_state": lambda: in_maryland(candidate["anchor_ccn"]),
        "no_enrolment_record": lambda: person.record is None and not person.coverage,
        "not_in_part_a_and_b": uncovered,
        "not_covered": uncovered,
        "coverage_unknown": lambda: has("unknown"),
        "medicare_advantage": lambda: has("medicare_advantage"),
        "esrd_entitlement": lambda: has("esrd_entitlement"),
        "united_mine_workers": lambda: has("united_mine_workers"),
        "dual_eligible": lambda: has("full_dual"),
        "other_primary_payer": lambda: (
            has("other_primary_payer") or sum(item["primary_payer"] for item in candidate["own"]) > 0
        ),
        "death_in_anchor": lambda: died or (death is not None and death <= end),
        "death_in_episode": lambda: died or (death is not None and death <= scheduled_end),
    }
    return [reason for reason in programme.ladder if reason not in options.switched_off and tests[reason]()]


def begins(diagnosis: str | None, table: str) -> bool:
    return diagnosis is not None and any(diagnosis.startswith(code) for code in codes(table, "diagnosis_prefix"))


def has_diagnosis(candidate: Row, table: str) -> bool:
    diagnoses = [*(candidate["anchor_claim"]["diagnoses"] or []), candidate["trigger_diagnosis"]]
    return any(begins(diagnosis, table) for diagnosis in diagnoses)


def has_neighbor(candidate: Row, candidates: list[Row], clean_days: int) -> bool:
    return any(
        other is not candidate and abs((other["anchor_start"] - candidate["anchor_start"]).days) <= clean_days
        for other in candidates
    )


def is_of_age(record: Row | None, day: date, ages: tuple[int, int]) -> bool:
    born = record["birth_date"] if record else None
    if born is None:
        return True
    completed = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return ages[0] <= completed <= ages[1]


# --- 5. overlap and status ----------------------------------------------------------------------------------


def settle_overlaps(candidates: list[Row], programme: Programme) -> None:
    previous = None
    for current in candidates:
        current["status"] = "excluded" if current["reasons"] else "final"
        if current["reasons"]:
            continue
        if previous is None or current["anchor_start"] > previous["episode_end"]:
            previous = current
            continue
        set_flag(previous, "overlap")
        set_flag(current, "overlap")
        if current["category"] == previous["category"] and programme.same_category_cancels:
            previous["status"], previous["reasons"] = "overlapped", ["cancelled_by_later_episode"]
            previous = current
        else:
            current["status"], current["reasons"] = "overlapped", ["within_earlier_episode"]


def set_status(candidate: Row, programme: Programme, as_of: date | None) -> None:
    if candidate["status"] != "final" or as_of is None:
        return
    if candidate["scheduled_end"] + days(programme.post_episode_days + programme.run_out_days) >= as_of:
        candidate["status"] = "open"


# --- 6. services --------------------------------------------------------------------------------------------


def services_of(
    candidate: Row, items: list[Row], candidates: list[Row], programme: Programme, options: Options
) -> list[Row]:
    looked_at = [item for item in items if is_looked_at(item, candidate)]
    reason_of = {item["id"]: own_reason(item, candidate, programme) for item in looked_at}
    excluded_stays = [item for item in looked_at if reason_of[item["id"]] in EXCLUDED_STAY_REASONS]
    rows = []
    for item in looked_at:
        period, reason = period_of(item, candidate), reason_of[item["id"]]
        if item["id"] not in candidate["own_ids"]:
            reason = (
                reason
                or reason_of_excluded_stay(item, period, excluded_stays, programme)
                or reason_of_inclusion(item, period, candidate, programme)
                or reason_of_earlier_episode(item, period, candidate, candidates)
            )
        if reason is not None:
            rows.append(row_of(item, candidate, period, reason=reason))
        else:
            rows += included_rows(item, period, candidate, programme, options)
    return rows


def own_reason(item: Row, candidate: Row, programme: Programme) -> str | None:
    """The first bar or exclusion that holds for the item by itself."""
    if item["id"] in candidate["own_ids"]:
        return None
    if item["setting"] not in programme.paid:
        return "setting_not_covered"
    if item["amount"] is None:
        return "no_amount_on_basis"
    if item["primary_payer"] > 0:
        return "other_payer"
    period, line = period_of(item, candidate), item["line"]
    drg = item["claim"]["pricing_drg"] or item["claim"]["ms_drg"]
    is_readmission = item["setting"] == "inpatient" and (
        period in {"post", "post_episode"} or (period == "anchor" and not candidate["is_stay"])
    )
    on_drug_line = item["setting"] in {"outpatient", "professional", "dme"}
    tests: dict[str, Callable[[], bool]] = {
        "excluded_readmission_drg": lambda: is_readmission and drg in codes("excluded_readmission_ms_drg", "ms_drg"),
        "excluded_readmission_mdc": lambda: (
            is_readmission and (item["claim"]["mdc"] or mdc_of_drg(drg)) in {"02", "14", "15", "25"}
        ),
        "clotting_factor": lambda: on_drug_line and line["hcpcs"] in codes("hemophilia_hcpcs", "hcpcs"),
        "excluded_part_b_drug": lambda: on_drug_line and line["hcpcs"] in codes("excluded_part_b_drugs", "hcpcs"),
        "device_pass_through": lambda: item["setting"] == "outpatient" and line["status_indicator"] == "H",
    }
    return next((reason for reason in programme.exclusions if reason in tests and tests[reason]()), None)


def reason_of_excluded_stay(item: Row, period: str, excluded_stays: list[Row], programme: Programme) -> str | None:
    if "professional_in_excluded_stay" not in programme.exclusions:
        return None
    within = any(stay["start"] <= item["start"] <= stay["end"] for stay in excluded_stays)
    if item["setting"] == "professional" and period != "anchor" and within:
        return "professional_in_excluded_stay"
    return None


def reason_of_inclusion(item: Row, period: str, candidate: Row, programme: Programme) -> str | None:
    """The first rule that fits decides; without one the item counts."""
    day = (item["start"] - candidate["post_start"]).days + 1
    for rule in programme.inclusions:
        if rule.period != period or item["setting"] not in rule.settings:
            continue
        if period == "post" and not rule.first_day <= day <= rule.last_day:
            continue
        if is_emergency(item) and not rule.emergency_too:
            continue
        holds = rule.include != "none" and (
            is_related(item, programme) or (rule.include == "related_or_surgeon" and is_surgeons_own(item, candidate))
        )
        return None if holds else rule.reason
    return None


def is_emergency(item: Row) -> bool:
    if item["setting"] == "outpatient":
        return item["line"]["revenue_center"] in EMERGENCY_CENTERS
    return item["setting"] == "professional" and item["line"]["place_of_service"] == EMERGENCY_PLACE


def is_related(item: Row, programme: Programme) -> bool:
    own = item["line"]["diagnosis"] if item["line"] is not None else None
    principal = next(iter(item["claim"]["diagnoses"] or []), None)
    return begins(own or principal, programme.related)


def is_surgeons_own(item: Row, candidate: Row) -> bool:
    renders = item["line"]["rendering_npi"] if item["line"] is not None else None
    return renders is not None and renders == candidate["operating_npi"]


def reason_of_earlier_episode(item: Row, period: str, candidate: Row, candidates: list[Row]) -> str | None:
    if period != "pre" or candidate["status"] not in STANDING:
        return None
    for earlier in candidates[: candidates.index(candidate)]:
        in_window = is_looked_at(item, earlier) and period_of(item, earlier) in {"anchor", "post"}
        if earlier["status"] in STANDING and in_window:
            return "in_earlier_episode"
    return None


def included_rows(item: Row, period: str, candidate: Row, programme: Programme, options: Options) -> list[Row]:
    """One row; or two, where the item runs past the end of its window, is split, and a window follows."""
    last_day = candidate["post_episode_end"] if period == "post_episode" else candidate["episode_end"]
    share = Fraction(1)
    splits = programme.prorated and item["id"] not in candidate["own_ids"]
    if splits and item["span_end"] > last_day:
        share = share_inside(item, last_day, candidate, options)  # type: ignore[arg-type]
    whole = {"amount": item["amount"] or 0, "allowed": item["allowed"], "standardized": item["standardized"]}
    inside = {name: round_half_up(share * cents) for name, cents in whole.items()}
    rows = [row_of(item, candidate, period, parts=inside)]
    a_window_follows = candidate["post_episode_end"] > candidate["episode_end"]
    if share < 1 and period in IN_EPISODE and a_window_follows:
        beyond = {name: cents - inside[name] for name, cents in whole.items()}
        rows.append(row_of(item, candidate, "post_episode", parts=beyond))
    return rows


def add_up(candidate: Row, rows: list[Row]) -> None:
    def total(column: str, *periods: str) -> int:
        return sum(row[column] for row in rows if row["period"] in periods)

    for period in ("pre", "anchor", "post", "post_episode"):
        candidate[f"{period}_cents"] = total("cents", period)
    candidate["episode_cents"] = total("cents", *IN_EPISODE)
    candidate["episode_allowed_cents"] = total("allowed_cents", *IN_EPISODE)
    candidate["episode_standardized_cents"] = total("standardized_cents", *IN_EPISODE)


# --- READINGS.md 7: the balance -----------------------------------------------------------------------------

Booking = tuple[str, str | None, str | None, int]


def bookings_of(item: Row, rows: list[Row], candidates: list[Row]) -> list[Booking]:
    """Where the cents of one item go: (destination, period, reason, cents), each cent once."""
    full = item["amount"] or 0
    if not candidates:
        return [("no_episode", None, None, full)]
    of_item = [row for row in rows if (row["claim_id"], row["line_number"]) == item["id"]]
    final_keys = [candidate["key"] for candidate in candidates if candidate["status"] == "final"]
    rows_in_final = [row for key in final_keys for row in of_item if row["key"] == key]
    included = [row for row in rows_in_final if row["disposition"] == "included"]

    in_episode = [row for row in included if row["period"] in IN_EPISODE]
    after_episode = [row for row in included if row["period"] == "post_episode"]
    if in_episode:
        assert len(in_episode) == 1, "an item counts in one final episode at most"
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
