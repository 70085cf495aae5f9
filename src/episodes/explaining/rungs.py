"""What each kind of rung of the exclusion ladder says of an episode that it excludes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from episodes.errors import count_of
from episodes.explaining.findings import in_words
from episodes.programs import Program


@dataclass(frozen=True)
class Looked:
    """What a sentence on a rung may look at.

    Attributes:
        episode: its row of `built.episodes`.
        candidates: the person's rows of it.
        program: that they were built under.
    """

    episode: Mapping[str, Any]
    candidates: pl.DataFrame
    program: Program

    @property
    def hospital(self) -> str:
        """The anchor's hospital by its number."""
        return f"The anchor's hospital ({self.episode['anchor_ccn'] or 'no CCN'})"

    @property
    def tested_days(self) -> str:
        """The days that eligibility is tested on."""
        first = eligible_from(self.episode, self.program)
        return f"{first} to {self.episode['scheduled_end']}, or to an earlier death"


def anchor_period_start(episode: Mapping[str, Any], program: Program) -> dt.date:
    """The anchor's first day, or its lead-in's: where the days before the anchor end."""
    start: dt.date = episode["episode_start"]
    return start + dt.timedelta(days=program.rules.construction.window.pre_days.value)


def eligible_from(episode: Mapping[str, Any], program: Program) -> dt.date:
    """The first day that eligibility is tested on."""
    days = program.rules.construction.window.lookback_days.value
    looked_back: dt.date = episode["anchor_start"] - dt.timedelta(days=days)
    return min(anchor_period_start(episode, program), looked_back)


def sentence(rung: Any, looked: Looked) -> str:
    """Why a rung holds."""
    says = SENTENCES.get(rung.kind)
    return says(rung, looked) if says else f"The rung {rung.id!r} holds."


def _provider_type(rung: Any, looked: Looked) -> str:
    return f"{looked.hospital} is not of type {in_words(rung.allowed)}."


def _excluded_state(rung: Any, looked: Looked) -> str:
    return f"{looked.hospital} lies in a state that takes no part ({in_words(rung.states)})."


_BEGUN_BY = {"scheduled_end": "the scheduled end", "episode_end": "its end", "anchor_start": "the anchor's first day"}


def _hospital_list(rung: Any, looked: Looked) -> str:
    return (
        f"{looked.hospital} is in the list {rung.table!r} on dates that meet the episode, begun by "
        f"{_BEGUN_BY[rung.begun_by]} ({looked.episode[rung.begun_by]})."
    )


def _no_facility(_rung: Any, looked: Looked) -> str:
    return (
        f"No stay holds the day of the procedure, and no outpatient facility claim has a line on it "
        f"({looked.episode['anchor_start']})."
    )


def _enrolment_record(_rung: Any, _looked: Looked) -> str:
    return "The person is in neither the beneficiaries nor the coverage of the input."


def _continuous_coverage(rung: Any, looked: Looked) -> str:
    lacking = f"Some day from {looked.tested_days}, is not covered by {' and '.join(rung.kinds)}"
    besides = f", or has coverage of kind {' or '.join(rung.without_kinds)}" if rung.without_kinds else ""
    return f"{lacking}{besides}."


def _no_coverage(rung: Any, looked: Looked) -> str:
    met = f"Coverage of kind {' or '.join(rung.kinds)} meets the days from {looked.tested_days}"
    if rung.transplant_days is None:
        return f"{met}."
    return f"{met}; or a kidney transplant with the {count_of(rung.transplant_days, 'day')} after it does."


def _other_primary_payer(_rung: Any, looked: Looked) -> str:
    return f"Another payer is primary on some day from {looked.tested_days}, or paid for the anchor."


def _death_in_anchor(rung: Any, looked: Looked) -> str:
    return _death(rung, looked, "anchor_end")


def _death_in_episode(rung: Any, looked: Looked) -> str:
    return _death(rung, looked, "scheduled_end")


def _death(rung: Any, looked: Looked, last_day: str) -> str:
    return (
        f"The person died from {looked.episode['anchor_start']} to {looked.episode[last_day]}, or the anchor's "
        f"discharge status is {in_words(rung.discharge_status)}."
    )


def _length_of_stay(rung: Any, looked: Looked) -> str:
    days = count_of(looked.episode["length_of_stay"], "day")
    return f"The anchor stay lasted {days}; the longest that counts is {count_of(rung.longest_days, 'day')}."


def _anchor_mdc(rung: Any, _looked: Looked) -> str:
    return f"The anchor stay is of a major diagnostic category that is left out ({in_words(rung.mdcs)})."


def _anchor_diagnosis(rung: Any, looked: Looked) -> str:
    return f"The anchor claim {looked.episode['anchor_claim_id']} has a diagnosis of the list {rung.table!r}."


def _transfer_with_provider(rung: Any, _looked: Looked) -> str:
    return f"A leg of the chain of stays was at a provider of type {' or '.join(rung.provider_types)}."


def _transfer_with_excluded_stay(rung: Any, _looked: Looked) -> str:
    return (
        f"A leg of the chain of stays has a DRG of the list {rung.table!r}, or the major diagnostic category "
        f"{' or '.join(rung.mdcs)}."
    )


def _not_highest_j1(_rung: Any, looked: Looked) -> str:
    return (
        f"{looked.episode['anchor_code']} is not the highest ranked comprehensive procedure (J1) of the claim "
        f"{looked.episode['anchor_claim_id']}."
    )


def _age(rung: Any, looked: Looked) -> str:
    at_least = f"younger than {rung.youngest}" if rung.youngest is not None else ""
    at_most = f"older than {rung.oldest}" if rung.oldest is not None else ""
    outside = " or ".join(part for part in (at_least, at_most) if part)
    return f"The person was {outside} years on {looked.episode['anchor_start']}."


def _clean_period(rung: Any, looked: Looked) -> str:
    start = looked.episode["anchor_start"]
    first, last = start - dt.timedelta(days=rung.days_before), start + dt.timedelta(days=rung.days_after)
    others = looked.candidates.filter(
        (pl.col("episode_id") != looked.episode["episode_id"]) & pl.col("anchor_start").is_between(first, last)
    )
    named = ", ".join(
        f"{other} ({day})"
        for other, day in others.select("episode_id", "anchor_start").sort("anchor_start").iter_rows()
    )
    return f"Another trigger of the person lies from {first} to {last}: episode {named}."


def _out_of_period(_rung: Any, looked: Looked) -> str:
    first, last = looked.program.period
    return (
        f"It does not fall into {first} to {last}: the anchor ends {looked.episode['anchor_end']}, the window "
        f"{looked.episode['scheduled_end']}."
    )


def _model_dates(rung: Any, looked: Looked) -> str:
    return (
        f"It runs from {looked.episode['episode_start']} to {looked.episode['scheduled_end']}; the model from "
        f"{rung.earliest_episode_start} to {rung.latest_episode_end}."
    )


SENTENCES: Mapping[str, Callable[[Any, Looked], str]] = {
    "provider_type": _provider_type,
    "excluded_state": _excluded_state,
    "hospital_list": _hospital_list,
    "no_facility": _no_facility,
    "enrolment_record": _enrolment_record,
    "continuous_coverage": _continuous_coverage,
    "no_coverage": _no_coverage,
    "other_primary_payer": _other_primary_payer,
    "death_in_anchor": _death_in_anchor,
    "death_in_episode": _death_in_episode,
    "length_of_stay": _length_of_stay,
    "anchor_mdc": _anchor_mdc,
    "anchor_diagnosis": _anchor_diagnosis,
    "age": _age,
    "transfer_with_provider": _transfer_with_provider,
    "transfer_with_excluded_stay": _transfer_with_excluded_stay,
    "not_highest_j1": _not_highest_j1,
    "clean_period": _clean_period,
    "out_of_period": _out_of_period,
    "model_dates": _model_dates,
}
"""By kind of rung."""
