"""More providers for larger populations: hospitals with effects of their own, and facilities around them."""

from __future__ import annotations

from functools import cache

from episodes.programs.code_tables import load_codes
from episodes.synthetic.configuration import Configuration, FacilityEntry, HospitalEntry, HospitalTraits
from episodes.synthetic.draws import Draw, Stream


@cache
def ccn_prefix(state: str) -> str:
    """The state's first prefix in the packaged table that is two digits."""
    prefixes = load_codes("ccn_state_codes").filter(state=state)["ccn_first2"].to_list()
    return str(next(prefix for prefix in prefixes if prefix.isdigit()))


@cache
def region_of(state: str) -> int:
    """The census division of a state, 1 to 9."""
    return int(load_codes("state_census_division").filter(state=state)["census_division"].item())


def drawn_entries(
    configuration: Configuration, number: int, seed: int
) -> tuple[list[HospitalEntry], list[FacilityEntry]]:
    """So many hospitals, spread over the states of the configuration in turn, and the facilities of those states."""
    draw = Draw(seed, Stream.NETWORK, 2)
    drawn = configuration.drawn_hospitals
    hospitals, facilities = [], []
    for position in range(number):
        round_of_states, place = divmod(position, len(drawn.states))
        state = drawn.states[place]
        hospitals.append(_hospital(configuration, position, state, drawn.first_number + round_of_states, draw))
        if round_of_states == 0:
            for kind, first in drawn.facility_numbers.items():
                wanted = drawn.facilities_a_state[kind]
                facilities += [
                    FacilityEntry.model_validate({"kind": kind, "state": state, "number": f"{first + each:04d}"})
                    for each in range(wanted)
                ]
    return hospitals, facilities


def _hospital(configuration: Configuration, position: int, state: str, number: int, draw: Draw) -> HospitalEntry:
    drawn, effects = configuration.drawn_hospitals, configuration.effects
    beds = max(drawn.fewest_beds, 10 * round(draw.around(drawn.beds_mean, drawn.beds_sd) / 10))
    safety_net = draw.chance(drawn.safety_net_share)
    dual_share = drawn.dual_share_safety_net if safety_net else drawn.dual_share
    name = (
        f"{drawn.places[position % len(drawn.places)]} {drawn.kinds[position // len(drawn.places) % len(drawn.kinds)]}"
    )
    return HospitalEntry(
        key=f"drawn_{position}",
        kind="acute",
        state=state,
        number=f"{number:04d}",
        name=name,
        traits=HospitalTraits(
            beds=beds,
            safety_net=safety_net,
            rural=draw.chance(drawn.rural_share),
            teaching=draw.chance(drawn.teaching_share),
            dual_share=round(min(0.8, draw.around(dual_share, drawn.dual_share_sd)), 3),
            wage_factor=round(draw.around(1.0, drawn.wage_sd), 4),
        ),
        volume=beds / drawn.beds_a_volume,
        facility_use=draw.multiplier(effects.hospital_post_acute_sd),
        readmission=draw.multiplier(effects.hospital_readmission_sd),
        complication=draw.multiplier(effects.hospital_complication_sd),
        later=draw.multiplier(drawn.later_sd),
        track=draw.weighted(drawn.tracks) or None,
    )
