"""The map stage: one bucket of people's claims to episodes, services and balance; a pure function.

Claims to stays and anchors, anchors to windows, the exclusion ladder, overlap, then every item into the windows, and
every cent into the balance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.building.anchors import find_anchors
from episodes.building.arrays import Array, Sums, places_among
from episodes.building.assignment import assign
from episodes.building.balance import balance_of, people_without_episodes, summed
from episodes.building.claim_items import claim_items
from episodes.building.coded_lines import PARTIES, CodedLines
from episodes.building.context import Context
from episodes.building.eligibility import with_held_rungs
from episodes.building.services import SERVICE_COLUMNS, services_frame
from episodes.building.sources import Selected, Source
from episodes.building.status import with_status
from episodes.building.summary import summarise
from episodes.building.windows import with_episode_ids, with_windows
from episodes.claims.codes_sidecar import NULL_CENTS

PROVIDER_COLUMNS = {"role": pl.String, "provider_id": pl.String, "cents": pl.Int64}


@dataclass(frozen=True)
class BucketResult:
    """What the map stage makes of a bucket."""

    episodes: pl.DataFrame
    services: pl.DataFrame
    balance: pl.DataFrame
    providers: pl.DataFrame


def build_source(source: Source, context: Context, *, keep_services: bool) -> BucketResult:
    """Episodes, services (where wanted), balance and providers of one bucket."""
    anchors, chained = find_anchors(source, context)
    people = anchors["person"].unique().sort()
    selected = source.select(people)
    episodes = _ordered_candidates(anchors, chained, selected, source, context)
    items = claim_items(selected.claims, selected.visit_lines, context)
    coded = selected.coded
    own = _own_items(episodes, items, chained)
    placed = _with_places(episodes, selected)
    assigned = assign(placed, items, own, coded, selected.line_ranges, context, keep_rows=keep_services)
    episodes = _with_unpaid_anchors(placed, items, own, coded)
    booked = balance_of(assigned.sums, context)
    rest = people_without_episodes(*source.payable_without(people))
    services = pl.DataFrame(schema=dict.fromkeys(SERVICE_COLUMNS, pl.String))
    if keep_services:
        lines = selected.details(assigned.line_rows.item)
        services = services_frame(assigned, episodes, items, selected.claim_ids(items["claim"]), lines, context)
    return BucketResult(
        episodes=summarise(episodes, assigned.sums, context),
        services=services,
        balance=summed(pl.concat([booked, rest])),
        providers=providers_of(assigned.sums, coded),
    )


def _ordered_candidates(
    anchors: pl.DataFrame, chained: pl.DataFrame, selected: Selected, source: Source, context: Context
) -> pl.DataFrame:
    """Candidates with windows, reasons and status, in the order in which overlap is decided."""
    dated = with_windows(anchors, selected.beneficiaries, context)
    ids = source.beneficiary_ids(dated["person"].unique()).sort("person")
    whose = np.searchsorted(ids["person"].to_numpy(), dated["person"].to_numpy())
    ordered = (
        dated.with_columns(
            beneficiary_id=ids["beneficiary_id"].gather(whose), _order=context.claim_order("anchor_claim_id")
        )
        .sort(
            "person",
            "anchor_period_start",
            "anchor_setting",
            "anchor_end",
            "anchor_ccn",
            "_order",
            "anchor_claim_id",
            "anchor_line_number",
            nulls_last=False,
        )
        .drop("_order")
        .with_row_index("row")
    )
    judged = with_held_rungs(
        with_episode_ids(ordered, context), selected.beneficiaries, selected.coverage, chained, context
    )
    return with_status(judged, context)


def _own_items(episodes: pl.DataFrame, items: pl.DataFrame, chained: pl.DataFrame) -> Array:
    """By item the candidate whose anchor it is: legs of the chain, or the facility stay; -1 = none."""
    chains = episodes.select("chain", "row").filter(pl.col("chain").is_not_null())
    legs = chained.select("chain", "claim").join(chains, on="chain", how="inner").select("claim", "row")
    facilities = episodes.select("facility_is_stay", "facility_claim", "row").filter(
        pl.col("facility_is_stay").fill_null(False)
    )
    whose = pl.concat([legs, facilities.select(claim="facility_claim", row="row")]).unique(
        "claim", keep="first", maintain_order=True
    )
    claims, owned = items["claim"].to_numpy(), whose["claim"].to_numpy()
    row_of_claim: Array = np.full(max(claims.max(initial=0), owned.max(initial=0)) + 1, -1)
    row_of_claim[owned] = whose["row"].to_numpy()
    own: Array = row_of_claim[claims]
    return own


def _with_places(episodes: pl.DataFrame, selected: Selected) -> pl.DataFrame:
    """Add where the anchor's lines and claims stand among the coded ones (-1 = none).

    Columns: trigger_line, facility_line_claim, outpatient_claim.
    """
    by_line = episodes.select("row", "claim", "anchor_line_number").filter(episodes["anchor_setting"] != "inpatient")
    lines = selected.line_numbers(by_line["claim"].unique()).rename({"line_number": "anchor_line_number"})
    triggers = by_line.join(lines, on=["claim", "anchor_line_number"], how="inner")
    trigger_line = np.full(episodes.height, -1, np.int64)
    trigger_line[triggers["row"].to_numpy()] = triggers["line"].to_numpy()
    visit = pl.when(~pl.col("facility_is_stay").fill_null(True)).then("facility_claim")
    outpatient = pl.when(pl.col("anchor_setting") == "outpatient").then("claim")
    ordinals = selected.coded.claim_ordinals
    return episodes.with_columns(
        trigger_line=pl.Series(trigger_line),
        facility_line_claim=pl.Series(_places(episodes.select(visit).to_series(), ordinals)),
        outpatient_claim=pl.Series(_places(episodes.select(outpatient).to_series(), ordinals)),
    )


def _places(claims: pl.Series, ordinals: Array) -> Array:
    known = claims.is_not_null().to_numpy()
    found = places_among(ordinals, claims.fill_null(0).to_numpy())
    return np.where(known, found, -1)


def _with_unpaid_anchors(episodes: pl.DataFrame, items: pl.DataFrame, own: Array, coded: CodedLines) -> pl.DataFrame:
    """Add anchor_without_amount: some item of the anchor's own has no amount on the basis."""
    unpaid = np.zeros(episodes.height, np.bool_)
    missing = (own >= 0) & ~items["has_amount"].to_numpy()
    unpaid[own[missing]] = True
    lines = episodes["trigger_line"].to_numpy()
    has_line = lines >= 0
    unpaid[has_line] |= coded.lines.amount[lines[has_line]] == NULL_CENTS
    return episodes.with_columns(anchor_without_amount=pl.Series(unpaid, dtype=pl.Boolean))


def providers_of(sums: Sums, coded: CodedLines) -> pl.DataFrame:
    """role, provider_id, cents: what each provider's own items carry within final episodes (post-episode apart)."""
    parts = [
        pl.DataFrame({"role": role, "provider_id": coded.parties[role], "cents": getattr(sums, role)})
        for role in PARTIES
        if len(coded.parties[role])
    ]
    return pl.concat(
        [pl.DataFrame(schema=PROVIDER_COLUMNS), *(part.cast(pl.Schema(PROVIDER_COLUMNS)) for part in parts)]
    )


def summed_providers(found: pl.DataFrame) -> pl.DataFrame:
    """Providers of several buckets added up, by role and id; those whose cents are 0 are left out."""
    order = pl.col("role").replace_strict(list(PARTIES), list(range(len(PARTIES))), return_dtype=pl.Int8)
    together = found.group_by("role", "provider_id").agg(pl.col("cents").sum())
    return together.filter(pl.col("cents") != 0).sort(order, "provider_id")
