"""Parties of an episode: who billed a service, who operated, and what everyone is called."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from episodes.attribution.arrangements import Arrangement, Settings
from episodes.attribution.cost_centres import counts
from episodes.checks import with_columns

PARTY_KINDS = ("hospital", "physician", "group", "post_acute", "other")
"""Kinds of a party, in the order of tables."""
PARTY_KIND = pl.Enum(PARTY_KINDS)
UNKNOWN = "unknown"
"""The party id where the claims do not say who it is."""
UNATTRIBUTED = "unattributed"
"""The party id where a method's rule attributes the episode to nobody."""
POST_ACUTE_SETTINGS = ("snf", "home_health", "hospice")
POST_ACUTE_CATEGORIES = ("ltch", "irf", *POST_ACUTE_SETTINGS)
_SERVICES_REQUIRED = ("episode_id", "setting", "category", "period", "disposition", "cents")
_SERVICES_OPTIONAL = {
    **dict.fromkeys(("claim_id", "ccn", "rendering_npi", "tin"), pl.String),
    "line_number": pl.Int32,
    "service_start": pl.Date,
    "service_end": pl.Date,
}


def eager(frame: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """A frame that is read now."""
    return frame.collect() if isinstance(frame, pl.LazyFrame) else frame


@dataclass(frozen=True)
class Inputs:
    """What the methods read, with `row` as the number of an episode throughout.

    Attributes:
        episodes: one row an episode, `row` ascending from 0.
        given_services: service rows as handed in; read only where a method needs them.
        lines: service lines of the episodes' people; None: not given.
        participants: of every programme.
        clinicians: with their groups by date.
        outcomes: None: not given.
        settings: the named settings.
        arrangement: the responsibility matrix of `controllable`.
    """

    episodes: pl.DataFrame
    given_services: pl.DataFrame | pl.LazyFrame
    lines: pl.DataFrame | None
    participants: pl.DataFrame
    clinicians: pl.DataFrame
    outcomes: pl.DataFrame | None
    settings: Settings
    arrangement: Arrangement

    @cached_property
    def services(self) -> pl.DataFrame:
        """All service rows of the episodes, by `row`, with the columns that are read."""
        known = with_columns(eager(self.given_services), "services", _SERVICES_REQUIRED, _SERVICES_OPTIONAL)
        full = pl.col("full_cents") if "full_cents" in known.columns else pl.col("cents")
        read = known.select(
            "episode_id",
            # codes are compared far faster than text
            pl.col("setting", "category", "period", "disposition").cast(pl.String).cast(pl.Categorical),
            *_SERVICES_OPTIONAL,
            pl.col("cents").cast(pl.Int64).fill_null(0),
            _rows_of(known["episode_id"], self.episodes),
            full_cents=full.cast(pl.Int64).fill_null(0),
        )
        return read.filter(pl.col("row").is_not_null()) if read["row"].null_count() else read

    def counted(self, *columns: str, only: pl.Expr | None = None) -> pl.DataFrame:
        """The service rows that make up the episodes' cost: these columns of them (and only of those asked for)."""
        rows = self.services.lazy().filter(counts())
        return (rows if only is None else rows.filter(only)).select(columns).collect()

    @cached_property
    def trigger_claim_billers(self) -> pl.DataFrame:
        """Of episodes whose anchor is a professional claim: `row` and the `npi` of who billed most of it."""
        anchors = self.episodes.filter(pl.col("anchor_setting").fill_null("professional") == "professional")
        if anchors.is_empty():
            return pl.DataFrame(schema={"row": pl.UInt32, "npi": pl.String})
        own = self.services.filter(
            (pl.col("setting") == "professional")
            & (pl.col("category") != "assistant")
            & pl.col("rendering_npi").is_not_null()
        ).join(anchors.select("row", claim_id="anchor_claim_id"), on=["row", "claim_id"], how="semi")
        return first_by_amount(own, "rendering_npi", "full_cents").select("row", npi="rendering_npi")

    @cached_property
    def surgeons(self) -> pl.DataFrame:
        """The operating physician of each episode: `row`, `surgeon` (null: unknown).

        The operating NPI of the facility claim; else who billed the trigger: the trigger claim itself, or lines with
        the trigger's code in the anchor, without an assistant's modifier.
        """
        by_claim = self.trigger_claim_billers.select("row", _claim="npi")
        by_code = self._trigger_code_billers().select("row", _code="npi")
        return (
            self.episodes.select("row", "operating_npi")
            .join(by_claim, on="row", how="left", maintain_order="left")
            .join(by_code, on="row", how="left", maintain_order="left")
            .select("row", surgeon=pl.coalesce("operating_npi", "_claim", "_code"))
        )

    def _trigger_code_billers(self) -> pl.DataFrame:
        needed = {"hcpcs", "modifiers", "rendering_npi", "service_date"}
        if self.lines is None or not needed <= set(self.lines.columns):
            return pl.DataFrame(schema={"row": pl.UInt32, "npi": pl.String})
        without = self.episodes.filter(pl.col("operating_npi").is_null())
        assistants = list(self.settings.assistant_modifiers.value)
        billed = (
            self.lines.filter(pl.col("rendering_npi").is_not_null() & pl.col("hcpcs").is_not_null())
            .join(
                without.select(
                    "row", "beneficiary_id", "anchor_claim_id", "anchor_start", "anchor_end", hcpcs="anchor_code"
                ),
                on=["beneficiary_id", "hcpcs"],
                how="inner",
            )
            .filter(
                pl.col("service_date").is_between("anchor_start", "anchor_end")
                & (pl.col("claim_id") != pl.col("anchor_claim_id")).fill_null(True)
                & ~pl.col("modifiers").list.eval(pl.element().is_in(assistants)).list.any().fill_null(False)
            )
        )
        return first_by_amount(billed, "rendering_npi", "allowed_cents").select("row", npi="rendering_npi")


def _rows_of(episode_ids: pl.Series, episodes: pl.DataFrame) -> pl.Series:
    """The `row` of each episode id, null where it is not among the episodes.

    Services of an episode lie together, so runs of equal ids are looked up, not every row.
    """
    runs = episode_ids.rle().struct.unnest()
    rows = runs.join(episodes.select("row", value="episode_id"), on="value", how="left", maintain_order="left")
    return rows.select(pl.col("row").repeat_by("len").explode()).to_series()


def first_by_amount(rows: pl.DataFrame, who: str, *amounts: str, least: int | None = None) -> pl.DataFrame:
    """Of each episode the one with the largest sum of an amount; ties: the next amount, then the lowest number.

    Columns: row, `who`, the amounts. `least`: only those whose first amount is above it.
    """
    summed = rows.group_by("row", who).agg(pl.col(amount).cast(pl.Int64).sum() for amount in amounts)
    if least is not None:
        summed = summed.filter(pl.col(amounts[0]) > least)
    return (
        summed.sort("row", *amounts, who, descending=[False, *[True] * len(amounts), False])
        .group_by("row", maintain_order=True)
        .first()
    )


def owner(kind: str, party: pl.Expr, role: str | pl.Expr, otherwise: str = UNKNOWN) -> list[pl.Expr]:
    """The columns party_kind, party_id and role of one party; without an id the party is `other`, `otherwise`."""
    return [
        pl.when(party.is_not_null()).then(pl.lit(kind)).otherwise(pl.lit("other")).cast(PARTY_KIND).alias("party_kind"),
        party.fill_null(otherwise).alias("party_id"),
        (pl.lit(role) if isinstance(role, str) else role).alias("role"),
    ]


def with_billers(services: pl.DataFrame) -> pl.DataFrame:
    """Who billed each service row: `biller_kind` and `biller_id` (null: the claim does not say)."""
    setting, category = pl.col("setting"), pl.col("category")
    kind = (
        pl.when(setting == "professional")
        .then(pl.lit("physician"))
        .when(setting.is_in(POST_ACUTE_SETTINGS) | ((setting == "inpatient") & category.is_in(POST_ACUTE_CATEGORIES)))
        .then(pl.lit("post_acute"))
        .when(setting.is_in(["inpatient", "outpatient"]))
        .then(pl.lit("hospital"))
        .otherwise(pl.lit("other"))
    )
    who = (
        pl.when(pl.col("biller_kind") == "physician")
        .then("rendering_npi")
        .when(pl.col("biller_kind") == "other")
        .then(pl.coalesce("rendering_npi", "tin"))
        .otherwise("ccn")
    )
    return services.with_columns(biller_kind=kind).with_columns(biller_id=who)
