"""Years of care that has nothing to do with any planted episode, for a block of people at once."""

from __future__ import annotations

import numpy as np
import polars as pl

from episodes.synthetic.background_home_care import (
    plan_home_health,
    plan_hospice,
    write_home_health,
    write_hospice,
)
from episodes.synthetic.background_rows import Batch, assemble
from episodes.synthetic.background_stay_visits import (
    write_certifications,
    write_facility_visits,
    write_stay_visits,
)
from episodes.synthetic.background_stays import plan_stays, write_facility_care, write_stays
from episodes.synthetic.background_tools import CareTools
from episodes.synthetic.background_visits import write_visits
from episodes.synthetic.care_people import CarePeople, Intervals, TakenDays
from episodes.synthetic.hospitals import World


def background_care(
    world: World,
    people: CarePeople,
    screened: Intervals,
    years: tuple[int, int],
    seed: int,
    block: int,
    *,
    share: float = 1.0,
) -> dict[str, pl.DataFrame]:
    """Claims and lines of ordinary care in all settings, none of them an anchor of a TEAM episode.

    A claim that would touch a screened day is not made, stays with the facility care after them included. No stay of
    a person overlaps another; nothing lies after the last day. Amounts are cents; claims paid as a whole carry them,
    else lines do and the claim has their sums for information.

    Args:
        world: the providers.
        people: the people of one block, in ascending order of their numbers; `join_people` puts several kinds
            of people together. Leaving out the last of them changes nothing for the others.
        screened: days of people, by position, on which no background service may be dated.
        years: first and last calendar year with care.
        seed: same seed, same people and days, same bytes.
        block: the block's number, part of the key of the draws.
        share: how much of the care a population has; less for a set in which other claims matter.

    Returns:
        Frames `claims` and `lines` with all columns of the contract, sorted by their keys. Claim ids are `C` and ten
        digits, the person's number times 2000 plus a running number from 500 on.

    Raises:
        ValueError: a person has more claims than there are numbers.

    Example:
        >>> from episodes.synthetic.care_people import no_intervals
        >>> from episodes.synthetic.configuration import load_configuration
        >>> from episodes.synthetic.hospitals import make_world
        >>> from episodes.synthetic.population import numbers_of, ordinary_people
        >>> world = make_world(load_configuration(), seed=1)
        >>> people = ordinary_people(world, numbers_of(0)[:50], (2024, 2024), seed=1, block=0)
        >>> care = background_care(world, people.care, people.gaps, (2024, 2024), seed=1, block=0)
        >>> care["lines"].height > 1000
        True
    """
    tools = CareTools(world, people, years, seed, block, share)
    closed = TakenDays.of(screened)
    return assemble(tools, _batches(tools, closed))


def _batches(tools: CareTools, closed: TakenDays) -> list[Batch]:
    """Claims kind by kind; the order is part of the order of claim numbers on a day."""
    in_hospice, hospice_start = plan_hospice(tools, closed)
    hospice_end = tools.last[in_hospice]
    hospice = TakenDays(in_hospice, hospice_start, hospice_end)
    stays = plan_stays(tools, closed, hospice, in_hospice)
    stays, home_health_follows, periods = plan_home_health(tools, stays, closed, hospice)
    stay_claims = write_stays(tools, stays)
    home_health = write_home_health(tools, periods)
    diagnosis, surgeon = stay_claims.claims["diagnosis"], stay_claims.claims["operating"]
    # Nobody goes to the office while in hospital or in hospice.
    busy = TakenDays(
        np.concatenate([stays.person, in_hospice]),
        np.concatenate([stays.start, hospice_start]),
        np.concatenate([stays.end, hospice_end]),
    )
    return [
        stay_claims,
        *write_facility_care(tools, stays, home_health_follows),
        home_health,
        write_hospice(tools, in_hospice, hospice_start),
        *write_visits(tools, [closed, busy]),
        *write_stay_visits(tools, stays, diagnosis, surgeon),
        *write_facility_visits(tools, stays, diagnosis),
        write_certifications(tools, periods, home_health.claims["diagnosis"]),
    ]
