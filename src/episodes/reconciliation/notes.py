"""What a reader of a settlement must know besides its amounts: sentences that go wherever the result goes."""

from __future__ import annotations

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import count_of
from episodes.pricing.episode_components import FINAL
from episodes.pricing.target_prices import TargetPrices
from episodes.reconciliation.targets import PriceInputs


def notes_of(built: BuiltEpisodes, prices: TargetPrices, final: pl.DataFrame, given: PriceInputs) -> list[str]:
    """The notes of a reconciliation; `final` are all final episodes with price, reason and `participating`."""
    settled = final.filter(pl.col("participating"))
    return [
        *_left_as_given(built, given),
        *_what_if(built),
        *_who_takes_part(built, final, settled),
        *_without_price(settled),
        *_thin_prices(built, prices, settled),
    ]


def _left_as_given(built: BuiltEpisodes, given: PriceInputs) -> list[str]:
    """What reconciliation would bring to the prices, and was not given."""
    brought = FINAL.get(type(built.program.price), ())
    adjusted = getattr(built.program.price, "risk", None)
    without = ["risk multiplier"] if given.coefficients is None and adjusted is not None else []
    without += [name.replace("_", " ") for name in brought] if given.final_factors is None else []
    if not without:
        return []
    *first, last = without
    listed = f"{', '.join(first)} or {last}" if first else last
    return [f"Targets are the prices as given: no {listed} is applied."]


def _what_if(built: BuiltEpisodes) -> list[str]:
    program = built.program
    notes = []
    if program.switched_off:
        notes.append(f"Exclusions switched off: {', '.join(program.switched_off)}. This is not the programme's result.")
    if program.overrides:
        changed = ", ".join(f"{rule} = {value}" for rule, value in sorted(program.overrides.items()))
        notes.append(f"Rules changed: {changed}.")
    if not program.own_period:
        start, end = program.period
        notes.append(f"The episodes are of {start} to {end}, not of performance year {program.performance_year}.")
    return notes


def _who_takes_part(built: BuiltEpisodes, final: pl.DataFrame, settled: pl.DataFrame) -> list[str]:
    own = built.participants.filter(
        (pl.col("program") == built.program.id) & (pl.col("entity_kind").cast(pl.String) == "hospital")
    )
    notes = []
    if settled.is_empty():
        start, end = built.program.period
        notes.append(f"No participating hospital has a final episode from {start} to {end}: nothing is settled.")
    if own.is_empty():
        others = "" if built.participants.is_empty() else " (the participants given are of other programmes)"
        notes.append(f"No participants of {built.program.id!r} are given{others}: every hospital takes part.")
        return notes
    aside = final.filter(~pl.col("participating"))
    if not aside.is_empty():
        hospitals = count_of(aside["anchor_ccn"].n_unique(), "hospital")
        notes.append(f"{count_of(aside.height, 'final episode')} of {hospitals} that take no part are not settled.")
    without = own.filter(~pl.col("entity_id").is_in(settled["anchor_ccn"].unique().to_list()))["entity_id"].n_unique()
    if without:
        notes.append(
            f"{count_of(without, 'participating hospital')} of {own['entity_id'].n_unique()} have no final episode. "
            "If that is unexpected, compare their CCNs with those of the claims (six characters, leading zeros kept)."
        )
    return notes


def _without_price(settled: pl.DataFrame) -> list[str]:
    notes = []
    missing = settled.filter(pl.col("reason").is_not_null())
    for reason, episodes, hospitals in (
        missing.group_by("reason").agg(pl.len(), pl.col("anchor_ccn").n_unique()).sort("reason").iter_rows()
    ):
        notes.append(
            f"{count_of(episodes, 'final episode')} of {count_of(hospitals, 'hospital')} not settled: {reason}. "
            "The amounts of these hospitals are partial."
        )
    return notes


def _thin_prices(built: BuiltEpisodes, prices: TargetPrices, settled: pl.DataFrame) -> list[str]:
    notes = []
    if prices.volumes is None and "low_volume_floor" in built.program.settlement.steps.value:
        notes.append("Baseline volumes are not known: no category is treated as low volume.")
    if "thin_cell" in prices.prices.columns:
        thin = prices.prices.filter(pl.col("thin_cell"))
        priced = settled.filter(pl.col("price_cents").is_not_null())
        keys = (
            {"price_code": "price_code", "region": "region"}
            if "price_code" in thin.columns
            else {"category": "category"}
        )
        keys |= {"ccn": "anchor_ccn"} if "ccn" in thin.columns and thin["ccn"].null_count() == 0 else {}
        named = thin.select(pl.col(theirs).cast(priced.schema[ours]).alias(ours) for theirs, ours in keys.items())
        number = priced.join(named, on=list(keys.values()), how="semi").height
        if number:
            notes.append(
                f"{number:,} of {count_of(priced.height, 'settled episode')} have a price set from few baseline "
                "episodes (column thin_cell of the prices)."
            )
    return notes
