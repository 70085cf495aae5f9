"""The map stage: one bucket of people's claims to episodes, services and balance; a pure function.

Claims to stays and anchors, anchors to windows, the exclusion ladder, overlap, then every item into the windows, and
every cent into the balance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from episodes.building.anchors import find_anchors
from episodes.building.arrays import Array, Sums
from episodes.building.assignment import assign
from episodes.building.balance import balance_of, people_without_episodes, summed
from episodes.building.claim_items import claim_items
from episodes.building.coded_lines import PARTIES, CodedLines, code_frames
from episodes.building.context import Context
from episodes.building.eligibility import with_reasons
from episodes.building.services import SERVICE_COLUMNS, services_frame
from episodes.building.sources import Frames, Selected, Source
from episodes.building.status import with_status
from episodes.building.summary import summarise
from episodes.building.windows import with_episode_ids, with_windows

PROVIDER_COLUMNS = {"role": pl.String, "provider_id": pl.String, "cents": pl.Int64}


@dataclass(frozen=True)
class Bucket:
    """The claims of some people: canonical tables, with `people` giving their order (beneficiary_id, person)."""

    people: pl.DataFrame
    claims: pl.DataFrame
    lines: pl.DataFrame
    beneficiaries: pl.DataFrame
    coverage: pl.DataFrame


@dataclass(frozen=True)
class BucketResult:
    """What the map stage makes of a bucket."""

    episodes: pl.DataFrame
    services: pl.DataFrame
    balance: pl.DataFrame
    providers: pl.DataFrame


def build_bucket(bucket: Bucket, context: Context) -> BucketResult:
    """Episodes, services, balance and providers of one bucket of frames."""
    tables = {name: getattr(bucket, name) for name in ("claims", "lines", "beneficiaries", "coverage")}
    source = Frames.of(bucket.people, tables, context)
    return build_source(source, context, keep_services=True)


def build_source(source: Source, context: Context, *, keep_services: bool) -> BucketResult:
    """Episodes, services (where wanted), balance and providers of one bucket."""
    anchors, chained = find_anchors(source, context)
    people = anchors["person"].unique().sort()
    selected = source.select(people)
    episodes = _ordered_candidates(anchors, chained, selected, source, context)
    items = claim_items(selected.claims, selected.lines, context)
    coded = code_frames(selected.lines, selected.claims, context)
    own = _own_items(episodes, items, chained)
    placed = _with_places(episodes, selected, coded)
    assigned = assign(
        placed, items, own, coded, _line_ranges(people, selected.lines), context, keep_rows=keep_services
    )
    episodes = _with_unpaid_anchors(placed, items, own, selected)
    booked = balance_of(assigned.sums, context)
    rest = people_without_episodes(*source.payable_without(people))
    services = pl.DataFrame(schema=dict.fromkeys(SERVICE_COLUMNS, pl.String))
    if keep_services:
        services = services_frame(assigned, episodes, items, _details(selected), context)
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
    ordered = (
        dated.join(source.beneficiary_ids(), on="person", how="left")
        .with_columns(_order=context.claim_order("anchor_claim_id"))
        .sort(
            "person",
            "anchor_period_start",
            "anchor_setting",
            "anchor_end",
            "_order",
            "anchor_claim_id",
            "anchor_line_number",
        )
        .drop("_order")
        .with_row_index("row")
    )
    judged = with_reasons(
        with_episode_ids(ordered, context), selected.beneficiaries, selected.coverage, chained, context
    )
    return with_status(judged, context)


def _own_items(episodes: pl.DataFrame, items: pl.DataFrame, chained: pl.DataFrame) -> Array:
    """By item the candidate whose anchor it is: legs of the chain, or the facility stay; -1 = none."""
    legs = chained.select("chain", "claim").join(
        episodes.filter(pl.col("chain").is_not_null()).select("chain", "row"), on="chain", how="inner"
    )
    facilities = episodes.filter(pl.col("facility_is_stay").fill_null(False)).select(claim="facility_claim", row="row")
    whose = pl.concat([legs.select("claim", "row"), facilities.select("claim", "row")])
    whose = whose.unique("claim", keep="first", maintain_order=True)
    found = items.select("claim").join(whose, on="claim", how="left", maintain_order="left")["row"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy()


def _with_places(episodes: pl.DataFrame, selected: Selected, coded: CodedLines) -> pl.DataFrame:
    """Add where the anchor's lines and claims stand among the coded ones (-1 = none).

    Columns: trigger_line, facility_line_claim, outpatient_claim.
    """
    on_lines = pl.col("anchor_setting") != "inpatient"
    triggers = selected.lines.select("claim", "line", anchor_line_number="line_number")
    placed = episodes.join(triggers, on=["claim", "anchor_line_number"], how="left", maintain_order="left")
    visit = ~pl.col("facility_is_stay").fill_null(True)
    return placed.with_columns(
        trigger_line=pl.when(on_lines).then(pl.col("line").cast(pl.Int64)).otherwise(-1).fill_null(-1),
        facility_line_claim=pl.Series(
            _places(episodes.select(pl.when(visit).then("facility_claim")).to_series(), coded.claim_ordinals)
        ),
        outpatient_claim=pl.Series(
            _places(
                episodes.select(pl.when(pl.col("anchor_setting") == "outpatient").then("claim")).to_series(),
                coded.claim_ordinals,
            )
        ),
    ).drop("line")


def _places(claims: pl.Series, ordinals: Array) -> Array:
    known = claims.is_not_null().to_numpy()
    found = np.searchsorted(ordinals, claims.fill_null(0).to_numpy()).astype(np.int64)
    return np.where(known, found, -1)


def _line_ranges(people: pl.Series, lines: pl.DataFrame) -> tuple[Array, Array]:
    of_line = lines["person"].to_numpy()
    return (
        np.searchsorted(of_line, people.to_numpy(), side="left").astype(np.int64),
        np.searchsorted(of_line, people.to_numpy(), side="right").astype(np.int64),
    )


def _with_unpaid_anchors(episodes: pl.DataFrame, items: pl.DataFrame, own: Array, selected: Selected) -> pl.DataFrame:
    """Add anchor_without_amount: some item of the anchor's own has no amount on the basis."""
    unpaid = np.zeros(episodes.height, np.bool_)
    missing = (own >= 0) & ~items["has_amount"].to_numpy()
    unpaid[own[missing]] = True
    lines = episodes["trigger_line"].to_numpy()
    has_line = lines >= 0
    unpaid[has_line] |= selected.lines["amount"].is_null().to_numpy()[lines[has_line]]
    return episodes.with_columns(anchor_without_amount=pl.Series(unpaid, dtype=pl.Boolean))


def _details(selected: Selected) -> pl.DataFrame:
    """What service rows need of the lines."""
    headers = selected.claims.select("claim", "setting", "ccn", "from_date")
    return selected.lines.select(
        "line", "claim", "claim_id", "line_number", "service_date", "rendering_npi", "tin", "amount"
    ).join(headers, on="claim", how="left", maintain_order="left").with_columns(
        service_start=pl.coalesce("service_date", "from_date")
    )


def providers_of(sums: Sums, coded: CodedLines) -> pl.DataFrame:
    """role, provider_id, cents: what each provider's own items carry within final episodes (post-episode apart)."""
    parts = [
        pl.DataFrame({"role": role, "provider_id": coded.parties[role], "cents": getattr(sums, role)})
        for role in PARTIES
        if len(coded.parties[role])
    ]
    found = pl.concat([part.cast(PROVIDER_COLUMNS) for part in parts]) if parts else pl.DataFrame(schema=PROVIDER_COLUMNS)
    return found.filter(pl.col("cents") != 0)


def summed_providers(found: pl.DataFrame) -> pl.DataFrame:
    """Providers of several buckets added up, by role and id."""
    order = pl.col("role").replace_strict(list(PARTIES), list(range(len(PARTIES))), return_dtype=pl.Int8)
    return found.group_by("role", "provider_id").agg(pl.col("cents").sum()).sort(order, "provider_id")
