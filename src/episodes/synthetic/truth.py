"""The planted truth: what is declared of each person's episodes, services and outcomes, and the providers' effects.

Nothing here comes from running the rules of a programme. The scenario says what its anchors are, which of them count
and why not (planted.toml), and what its claims belong to; only the two window lengths are counted off in days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.synthetic.hospitals import World
from episodes.synthetic.plans import POST_EPISODE_DAYS, WINDOW_DAYS, Anchor, days
from episodes.synthetic.planted import NOT_A_STAY
from episodes.synthetic.scene import Scene

_BEDSIDE = ("21", "23")
"""Places of service of care in the hospital bed and in its emergency department."""

TRUTH_TABLES: dict[str, dict[str, Any]] = {
    "episodes": {
        "beneficiary_id": pl.String,
        "anchor_claim_id": pl.String,
        "category": pl.String,
        "operation": pl.String,
        "anchor_setting": pl.String,
        "anchor_code": pl.String,
        "anchor_ccn": pl.String,
        "operating_npi": pl.String,
        "anchor_start": pl.Date,
        "anchor_end": pl.Date,
        "episode_start": pl.Date,
        "episode_end": pl.Date,
        "post_episode_end": pl.Date,
        "status": pl.String,
        "reasons": pl.List(pl.String),
        "event": pl.String,
        "severity": pl.Float64,
    },
    "services": {
        "beneficiary_id": pl.String,
        "anchor_claim_id": pl.String,
        "claim_id": pl.String,
        "line_number": pl.Int32,
        "period": pl.String,
        "left_out": pl.String,
    },
    "outcomes": {
        "beneficiary_id": pl.String,
        "anchor_claim_id": pl.String,
        "outcome": pl.String,
        "event_date": pl.Date,
        "event_claim_id": pl.String,
        "planned": pl.Boolean,
        "days_from_discharge": pl.Int32,
        "days_from_admission": pl.Int32,
    },
    "effects": {
        "party_kind": pl.String,
        "party_id": pl.String,
        "outcome": pl.String,
        "multiplier": pl.Float64,
    },
}
"""Tables of the truth, with the types of their columns (described in the README beside a written set)."""


@dataclass(frozen=True)
class DeclaredEpisode:
    """An episode as declared: the anchors that make it (the one that prices it last), whether it counts, why not."""

    anchors: tuple[int, ...]
    status: str = "final"
    reasons: tuple[str, ...] = ()


def declared_episodes(scene: Scene) -> list[DeclaredEpisode]:
    """The episodes of a person, by the planted event."""
    plan = scene.plan
    event, number = plan.event, len(plan.anchors)
    if event is not None and event.merged:
        return [DeclaredEpisode(tuple(range(number)))]
    declared = [DeclaredEpisode((position,)) for position in range(number)]
    if event is not None and event.overlap == "first_cancelled":
        declared[0] = DeclaredEpisode((0,), "overlapped", ("cancelled_by_later_episode",))
    elif event is not None and event.overlap == "second_within":
        declared[1] = DeclaredEpisode((1,), "overlapped", ("within_earlier_episode",))
    elif event is not None and event.reasons:
        main = plan.anchors.index(plan.main)
        declared[main] = DeclaredEpisode((main,), "excluded", event.reasons)
    elif plan.died == plan.anchors[-1].end and plan.anchors[-1].setting == "inpatient":
        declared[-1] = DeclaredEpisode((number - 1,), "excluded", ("death_in_anchor",))
    return declared


def declared_rows(scene: Scene) -> dict[str, list[dict[str, Any]]]:
    """Rows of the truth tables of one person."""
    rows: dict[str, list[dict[str, Any]]] = {"episodes": [], "services": [], "outcomes": []}
    for declared in declared_episodes(scene):
        anchor_claim = scene.book.anchor_claims.get(declared.anchors[-1])
        if anchor_claim is None:  # the person is no longer there when the second anchor would be
            continue
        who = {"beneficiary_id": scene.person.beneficiary_id, "anchor_claim_id": anchor_claim}
        episode = {**who, **_episode(scene, declared)}
        rows["episodes"].append(episode)
        if declared.status == "final":
            rows["services"].extend({**who, **service} for service in _services(scene, declared, episode))
        rows["outcomes"].extend({**who, **outcome} for outcome in _outcomes(scene, declared, episode))
    return rows


def _episode(scene: Scene, declared: DeclaredEpisode) -> dict[str, Any]:
    first, last = scene.plan.anchors[declared.anchors[0]], scene.plan.anchors[declared.anchors[-1]]
    operated = last.first_leg.surgeon if last.first_leg else last.surgeon
    end = scene.book.until_last_day(last.end) if last.setting == "inpatient" else last.end
    return {
        "category": last.procedure.category,
        "operation": last.name,
        "anchor_setting": last.setting,
        "anchor_code": last.code,
        "anchor_ccn": last.first_leg.hospital.ccn if last.first_leg else last.hospital.ccn,
        "operating_npi": operated.npi if operated else None,
        "anchor_start": _admitted(last),
        "anchor_end": end,
        "episode_start": _admitted(first),
        "episode_end": _until_death(scene, end + days(WINDOW_DAYS)),
        "post_episode_end": _until_death(scene, end + days(POST_EPISODE_DAYS)),
        "status": declared.status,
        "reasons": list(declared.reasons),
        "event": scene.plan.event_name,
        "severity": scene.plan.severity,
    }


def _admitted(anchor: Anchor) -> dt.date:
    return anchor.first_leg.start if anchor.first_leg else anchor.start


def _until_death(scene: Scene, day: dt.date) -> dt.date:
    return day if scene.plan.died is None else min(day, scene.plan.died)


def _services(scene: Scene, declared: DeclaredEpisode, episode: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each declared claim or line with its period; what runs over the end of the window has a row in both periods."""
    book = scene.book
    left_out_stays = [
        (claim["from_date"], claim["thru_date"])
        for claim in book.claims
        if claim["setting"] == "inpatient" and book.marks[claim["claim_id"]].left_out not in (None, NOT_A_STAY)
    ]
    for claim in book.claims:
        number = claim["claim_id"]
        mark = book.marks[number]
        if mark.left_out == NOT_A_STAY:
            continue
        own = mark.anchor in declared.anchors
        if claim["setting"] in CLAIM_PAID_SETTINGS:
            start, end = _days_of_claim(claim, book.lines_of[number])
            if mark.left_out is not None:  # what is left out is left out whole
                end = start
            period_end = start if number in book.undivided else end
            for period in ("anchor",) if own else _periods(episode, start, period_end):
                yield {"claim_id": number, "line_number": 0, "period": period, "left_out": mark.left_out}
            continue
        for line in book.lines_of[number]:
            day = line["service_date"] or claim["from_date"]
            left_out = book.lines_left_out.get((number, line["line_number"])) or mark.left_out
            if left_out is None and claim["setting"] == "professional":
                inside = any(start <= day <= end for start, end in left_out_stays)
                left_out = "professional_in_excluded_stay" if inside else None
            bedside = line.get("place_of_service") in _BEDSIDE
            for period in ("anchor",) if own else _periods(episode, day, day, bedside=bedside):
                yield {
                    "claim_id": number,
                    "line_number": line["line_number"],
                    "period": period,
                    "left_out": left_out,
                }


def _days_of_claim(claim: dict[str, Any], lines: list[dict[str, Any]]) -> tuple[dt.date, dt.date]:
    """First and last day of a claim paid as a whole; of home health, of its visits."""
    if claim["setting"] != "home_health":
        return claim["from_date"], claim["thru_date"]
    visits = [line["service_date"] for line in lines if line["visits"]]
    return min(visits), max(visits)


def _periods(episode: dict[str, Any], start: dt.date, end: dt.date, *, bedside: bool = False) -> list[str]:
    """The anchor's last day belongs to what follows, but for bedside care, and for an outpatient operation's day."""
    if start < episode["episode_start"] or start > episode["post_episode_end"]:
        return []
    last_day_too = bedside or episode["anchor_setting"] == "outpatient"
    if start < episode["anchor_end"] or (start == episode["anchor_end"] and last_day_too):
        return ["anchor", "post_episode"] if end > episode["episode_end"] else ["anchor"]
    if start > episode["episode_end"]:
        return ["post_episode"]
    return ["post", "post_episode"] if end > episode["episode_end"] else ["post"]


def _outcomes(scene: Scene, declared: DeclaredEpisode, episode: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What happened after the episode's anchor; complications are declared of elective joint replacements only."""
    anchor = scene.plan.anchors[declared.anchors[-1]]
    elective_joint = anchor.procedure.course == "elective_joint" and anchor.setting == "inpatient"
    for outcome in scene.book.outcomes:
        if outcome.anchor not in declared.anchors or (outcome.what.startswith("complication") and not elective_joint):
            continue
        yield _outcome(episode, outcome.what, outcome.day, outcome.claim_id, planned=outcome.planned)
    died = scene.plan.died
    if died is not None and declared.anchors[-1] == len(scene.plan.anchors) - 1:
        yield _outcome(episode, "death", died, None, planned=False)


def _outcome(
    episode: dict[str, Any], what: str, day: dt.date, claim_id: str | None, *, planned: bool
) -> dict[str, Any]:
    return {
        "outcome": what,
        "event_date": day,
        "event_claim_id": claim_id,
        "planned": planned,
        "days_from_discharge": (day - episode["anchor_end"]).days,
        "days_from_admission": (day - episode["anchor_start"]).days,
    }


def true_effects(world: World) -> pl.DataFrame:
    """Every provider's true effects: multipliers of odds (readmission, complication, facility care) and of days."""
    rows: dict[tuple[str, str, str], float] = {}
    for hospital in world.hospitals:
        entry = hospital.entry
        rows["hospital", hospital.ccn, "post_acute_use"] = entry.facility_use
        rows["hospital", hospital.ccn, "post_acute_use_since_improvement"] = entry.facility_use * entry.later
        rows["hospital", hospital.ccn, "readmission"] = entry.readmission
        rows["hospital", hospital.ccn, "readmission_since_improvement"] = entry.readmission * entry.later
        rows["hospital", hospital.ccn, "complication"] = entry.complication
        for team in world.configuration.network.team_specialties:
            for surgeon in hospital.clinicians[team]:
                rows["physician", surgeon.npi, "post_acute_use"] = surgeon.post_acute_effect
                rows["physician", surgeon.npi, "readmission"] = surgeon.readmission_effect
                rows["physician", surgeon.npi, "complication"] = surgeon.complication_effect
    for facility in world.facilities:
        rows["post_acute", facility.ccn, "post_acute_days"] = facility.days_effect
        rows["post_acute", facility.ccn, "readmission"] = facility.readmission_effect
    records = [(*key, multiplier) for key, multiplier in sorted(rows.items())]
    return pl.DataFrame(records, schema=TRUTH_TABLES["effects"], orient="row")


def truth_frame(name: str, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows of a truth table as a frame with its types."""
    return pl.DataFrame(list(rows), schema=TRUTH_TABLES[name], orient="row")
