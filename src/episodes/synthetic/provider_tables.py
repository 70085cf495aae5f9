"""The providers as canonical tables: hospitals, participants, clinicians, quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from episodes.synthetic.draws import Draw, Stream
from episodes.synthetic.hospitals import Hospital, World

_PROGRAM = "team"


def hospital_rows(world: World) -> list[dict[str, Any]]:
    """Rows of the table `hospitals`."""
    return [
        {
            "ccn": hospital.ccn,
            "name": hospital.entry.name,
            "state": hospital.entry.state,
            "region": hospital.region,
            "beds": hospital.traits.beds,
            "safety_net": hospital.traits.safety_net,
            "rural": hospital.traits.rural,
            "teaching": hospital.traits.teaching,
            "dual_share": hospital.traits.dual_share,
        }
        for hospital in world.hospitals
    ]


def participants_of(world: World) -> Sequence[Hospital]:
    """The hospitals that take part."""
    return [hospital for hospital in world.hospitals if hospital.entry.track is not None]


def participant_rows(world: World) -> list[dict[str, Any]]:
    """Rows of the table `participants`: the track of the first performance year."""
    network = world.configuration.network
    return [
        {
            "program": _PROGRAM,
            "entity_kind": "hospital",
            "entity_id": hospital.ccn,
            "track": hospital.entry.track,
            "start_date": network.participation_start,
            "end_date": network.participation_end,
        }
        for hospital in participants_of(world)
    ]


def clinician_rows(world: World) -> list[dict[str, Any]]:
    """Rows of the table `clinicians`: one a clinician and group."""
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for hospital in world.hospitals:
        for people in hospital.clinicians.values():
            for clinician in people:
                if clinician.npi in seen:
                    continue
                seen.add(clinician.npi)
                who = {"npi": clinician.npi, "name": clinician.name, "specialty": clinician.specialty}
                if clinician.later_tin is None or clinician.moved_on is None:
                    rows.append({**who, "tin": clinician.tin})
                    continue
                last_day = clinician.moved_on - dt.timedelta(days=1)
                rows.append({**who, "tin": clinician.tin, "end_date": last_day})
                rows.append({**who, "tin": clinician.later_tin, "start_date": clinician.moved_on})
    return rows


def quality_rows(world: World, seed: int) -> list[dict[str, Any]]:
    """Rows of the table `quality`: value, percentile (null for one), volume of the participants' measures."""
    quality = world.configuration.quality
    draw = Draw(seed, Stream.NETWORK, 1)
    rows: list[dict[str, Any]] = []
    for hospital in participants_of(world):
        for name, measure in quality.measures.items():
            position = draw.fraction()
            distance = 2 * (position - 0.5) * measure.sd * (1 if measure.higher_is_better else -1)
            volume = draw.between(measure.volume)
            missing = quality.missing.hospital == hospital.entry.key and quality.missing.measure == name
            rows.append(
                {
                    "ccn": hospital.ccn,
                    "measure": name,
                    "performance_year": quality.performance_year,
                    "value": None if missing else round(measure.mean + distance, 3),
                    "percentile": None if missing else round(100 * position, 1),
                    "volume": quality.missing.volume if missing else volume,
                }
            )
    return rows
