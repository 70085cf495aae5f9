"""Section 7 of the BPCI Advanced reference: death and the windows, the exclusion flags in ladder order."""

from __future__ import annotations

from datetime import date, timedelta

from oracle.bpci_codes import (
    EXCLUDED_MDCS,
    References,
    Row,
    mdc_of,
    packaged,
    pennsylvania_start,
    rural_demonstrations,
)
from oracle.bpci_stays import flags_of, pricing_drg

LADDER = (
    "not_cont_enr_ab_no_c",
    "no_bene_enr_info",
    "death_dur_anchor",
    "esrd",
    "other_primary_payer",
    "los_gt_59",
    "non_ach",
    "excluded_state",
    "non_highest_j1",
    "trans_w_cah_cancer",
    "rch_demo",
    "rural_pa",
    "mdc",
    "trans_w_exc_drg_mdc",
    "bpcia_overlap",
    "out_of_period",
)
LOOKBACK_DAYS = 180
POST_DISCHARGE_DAYS = 90
POST_EPISODE_DAYS = 30
LONGEST_STAY = 59
TRANSPLANT_DAYS = 1095
DIED = "20"
FIRST_ENROLMENT_DAY = date(2018, 1, 1)


def days(count: int) -> timedelta:
    return timedelta(days=count)


# --- windows ------------------------------------------------------------------------------------------------


def set_window(candidate: Row, person: Row | None) -> None:
    """Death after the anchor and in the episode ends it; later, it ends the post-episode window."""
    death = person["death_date"] if person else None
    if death is not None and death < candidate["anchor_start"]:
        death = None
    scheduled_end = candidate["anchor_end"] + days(POST_DISCHARGE_DAYS - 1)
    episode_end, post_episode_end = scheduled_end, scheduled_end + days(POST_EPISODE_DAYS)
    if death is not None and candidate["anchor_end"] < death <= scheduled_end:
        episode_end = post_episode_end = death
    elif death is not None and scheduled_end < death <= post_episode_end:
        post_episode_end = death
    candidate["death"] = death
    candidate["lookback_start"] = candidate["anchor_start"] - days(LOOKBACK_DAYS)
    candidate["scheduled_end"] = scheduled_end
    candidate["episode_end"] = episode_end
    candidate["post_episode_end"] = post_episode_end


# --- flags --------------------------------------------------------------------------------------------------


def flags_in_order(
    candidate: Row,
    person: Row | None,
    coverage: list[Row],
    references: References,
    *,
    period: tuple[date, date],
    pricing_year: int,
) -> list[str]:
    """Every flag that holds, overlap apart."""
    ccn, hospital = candidate["anchor_ccn"], candidate["hospital_flags"]
    start, window_end = candidate["anchor_start"], candidate["episode_end"]
    is_inpatient = candidate["anchor_setting"] == "inpatient"
    unknown_person = person is None and not coverage
    listed_in_pennsylvania, model_start = pennsylvania_start(ccn)
    holds = {
        "not_cont_enr_ab_no_c": not unknown_person and not is_enrolled_throughout(candidate, coverage),
        "no_bene_enr_info": unknown_person,
        "death_dur_anchor": died_in_anchor(candidate),
        "esrd": has_renal_disease(candidate, coverage),
        "other_primary_payer": has_other_payer(candidate, coverage),
        "los_gt_59": is_inpatient and candidate["length_of_stay"] > LONGEST_STAY,
        "non_ach": "ipps" not in hospital or bool(hospital & {"cancer_hosp", "cah", "emerg_hosp", "veteran_hosp"}),
        "excluded_state": "state" in hospital,
        "non_highest_j1": not candidate["highest_ranked"],
        "trans_w_cah_cancer": has_leg_at_cah_or_cancer(candidate),
        "rch_demo": any(begin <= window_end and start <= end for begin, end in rural_demonstrations(ccn)),
        "rural_pa": listed_in_pennsylvania and start >= (model_start or date.min),
        "mdc": candidate["anchor_mdc"] in EXCLUDED_MDCS,
        "trans_w_exc_drg_mdc": has_excluded_leg(candidate, references, pricing_year),
        "out_of_period": not period[0] <= candidate["anchor_end"] <= period[1],
    }
    return [flag for flag in LADDER if holds.get(flag)]


def meets(interval: Row, first: date, last: date) -> bool:
    return bool(interval["start_date"] <= last and first <= (interval["end_date"] or date.max))


def has_interval(coverage: list[Row], kind: str, first: date, last: date) -> bool:
    return any(interval["kind"] == kind and meets(interval, first, last) for interval in coverage)


def is_enrolled_throughout(candidate: Row, coverage: list[Row]) -> bool:
    """Parts A and B on every day of look-back to window end, not in a Part C plan on any."""
    first, last = candidate["lookback_start"], candidate["episode_end"]
    if first < FIRST_ENROLMENT_DAY:
        return True
    if candidate["death"] is not None:
        last = min(last, candidate["death"])
    return (
        covered_every_day("part_a", coverage, first, last)
        and covered_every_day("part_b", coverage, first, last)
        and not has_interval(coverage, "medicare_advantage", first, last)
    )


def covered_every_day(kind: str, coverage: list[Row], first: date, last: date) -> bool:
    """A month that the source left blank passes."""
    counting = [
        interval
        for interval in coverage
        if interval["kind"] == kind or (interval["kind"] == "unknown" and interval["detail"] in {None, kind})
    ]
    each_day = (first + days(number) for number in range((last - first).days + 1))
    return all(any(meets(interval, day, day) for interval in counting) for day in each_day)


def died_in_anchor(candidate: Row) -> bool:
    death = candidate["death"]
    in_window = death is not None and candidate["anchor_start"] <= death <= candidate["anchor_end"]
    return in_window or candidate["discharge_status"] == DIED


def has_renal_disease(candidate: Row, coverage: list[Row]) -> bool:
    first, last = candidate["lookback_start"], candidate["episode_end"]
    transplants = [
        {**interval, "end_date": interval["start_date"] + days(TRANSPLANT_DAYS)}
        for interval in coverage
        if interval["kind"] == "kidney_transplant"
    ]
    return has_interval(coverage, "esrd", first, last) or any(meets(interval, first, last) for interval in transplants)


def has_other_payer(candidate: Row, coverage: list[Row]) -> bool:
    paid = sum(item["primary_payer"] for item in candidate["own"])
    return paid > 0 or has_interval(
        coverage, "other_primary_payer", candidate["lookback_start"], candidate["episode_end"]
    )


def has_leg_at_cah_or_cancer(candidate: Row) -> bool:
    legs = candidate["own"]
    return len(legs) > 1 and any(flags_of(leg["claim"]) & {"cah", "cancer_hosp"} for leg in legs)


def has_excluded_leg(candidate: Row, references: References, pricing_year: int) -> bool:
    legs = candidate["own"]
    return len(legs) > 1 and any(
        is_excluded_drg(leg["claim"], references, pricing_year)
        or is_excluded_mdc(leg["claim"], references, pricing_year)
        for leg in legs
    )


def is_excluded_drg(claim: Row, references: References, pricing_year: int) -> bool:
    return pricing_drg(claim, references, pricing_year) in packaged("excluded_readmission_ms_drg", "ms_drg")


def is_excluded_mdc(claim: Row, references: References, pricing_year: int) -> bool:
    mdc = claim["mdc"] or mdc_of(references, pricing_drg(claim, references, pricing_year), pricing_year)
    return mdc in EXCLUDED_MDCS
