"""`attribute`: whose the cents of every episode are, by one method or several side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from episodes.attribution import dollars, owners, precedence
from episodes.attribution.arrangements import METHODS, load_arrangement, settings_with
from episodes.attribution.parties import PARTY_KIND, UNKNOWN, Inputs, eager
from episodes.checks import with_columns
from episodes.errors import ArgumentError, ContractError, count_of, unknown_name

ATTRIBUTION_COLUMNS = {
    "episode_id": pl.String,
    "method": pl.String,
    "party_kind": pl.String,
    "party_id": pl.String,
    "role": pl.String,
    "share": pl.Float64,
    "cents": pl.Int64,
}
"""Columns of the attribution table."""

_KINDS: Mapping[str, Callable[[Inputs], pl.DataFrame]] = {
    "hospital": owners.hospital,
    "operating": owners.operating,
    "attending": owners.attending,
    "own_claims": dollars.own_claims,
    "plurality_cost": owners.plurality_cost,
    "plurality_visits": owners.plurality_visits,
    "proportional": dollars.proportional,
    "bpci_precedence": precedence.bpci_precedence,
    "tenncare_quarterback": precedence.tenncare_quarterback,
    "controllable": dollars.controllable,
}
_EPISODES_OPTIONAL = {
    **dict.fromkeys(
        ("program", "beneficiary_id", "category", "anchor_setting", "anchor_claim_id", "anchor_code"), pl.String
    ),
    **dict.fromkeys(("anchor_ccn", "attending_npi", "operating_npi"), pl.String),
    **dict.fromkeys(("anchor_start", "anchor_end", "attribution_start", "attribution_end"), pl.Date),
    "participating": pl.Boolean,
}
_LINES_REQUIRED = ("beneficiary_id", "claim_id", "line_number")
_LINES_OPTIONAL: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(("rendering_npi", "tin", "hcpcs"), pl.String),
    "service_date": pl.Date,
    "allowed_cents": pl.Int64,
    "modifiers": pl.List(pl.String),
}
_NO_PARTICIPANTS = {
    "program": pl.String,
    "entity_kind": pl.String,
    "entity_id": pl.String,
    "category": pl.String,
    "start_date": pl.Date,
    "end_date": pl.Date,
}
_NO_CLINICIANS = {"npi": pl.String, "tin": pl.String, "start_date": pl.Date, "end_date": pl.Date}


def attribute(
    episodes: pl.DataFrame | pl.LazyFrame,
    services: pl.DataFrame | pl.LazyFrame,
    lines: pl.DataFrame | pl.LazyFrame | None = None,
    participants: pl.DataFrame | pl.LazyFrame | None = None,
    clinicians: pl.DataFrame | pl.LazyFrame | None = None,
    outcomes: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    methods: str | Sequence[str] = METHODS,
    arrangement: str | Path | Mapping[str, Any] = "controllable",
    unit: Literal["physician", "group"] = "physician",
    settings: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Say whose the cents of each episode are, by one method or several side by side.

    Every method conserves each episode: its cents sum to `episode_cents` exactly, its shares to one.

    Args:
        episodes: rows as in `built.episodes` (docs/outputs.md), candidates that do not count included. `episode_id`
            and `episode_cents` are needed; other columns as the methods use them, null where absent.
        services: rows as in `built.services` of these episodes; others are left aside.
        lines: the claims' lines of the same people. They let `bpci_precedence` see lines outside the episode,
            `plurality_visits` know a visit by its code, and `operating` find who billed the trigger. Without them
            the services are used.
        participants: the claims' participants: which groups and hospitals take part. None: every hospital.
        clinicians: the claims' clinicians: the groups of physicians whose claims carry no TIN.
        outcomes: rows as in `built.outcomes`: which readmissions are complications (`controllable`).
        methods: names of `METHODS`, or one of them.
        arrangement: the responsibility matrix of `controllable`; see `load_arrangement`.
        unit: `group` turns every physician into the group that they bill under.
        settings: changes of the named settings (`attribution_rules().settings`).

    Returns:
        episode_id, method, party_kind (`hospital`, `physician`, `group`, `post_acute`, `other`), party_id, role,
        share, cents; in the order of the episodes, then the methods, then the parties. At least one row for every
        episode and method: a party that the claims do not name is `other`, `unknown`; where a rule attributes the
        episode to nobody it is `other`, `unattributed`. Cents that no service explains have the role
        `not_in_services`.

    Raises:
        ArgumentError: an unknown method, arrangement, unit or setting.
        ContractError: a missing column, an episode that stands twice, an episode without cost.

    Example:
        >>> episodes = pl.DataFrame(
        ...     {"episode_id": ["e"], "anchor_ccn": ["490001"], "operating_npi": ["1111"], "episode_cents": [1000]}
        ... )
        >>> services = pl.DataFrame(
        ...     {
        ...         "episode_id": ["e", "e"], "setting": ["inpatient", "snf"], "category": ["anchor_facility", "snf"],
        ...         "period": ["anchor", "post"], "disposition": "included", "cents": [700, 300],
        ...         "ccn": ["490001", "495001"],
        ...     }
        ... )
        >>> attribute(episodes, services, methods=["own_claims"]).select("party_kind", "party_id", "cents").rows()
        [('hospital', '490001', 700), ('post_acute', '495001', 300)]
    """
    chosen = _chosen(methods)
    if unit not in ("physician", "group"):
        raise ArgumentError(unknown_name("unit", str(unit), ["physician", "group"]))
    known = _episodes(eager(episodes))
    inputs = Inputs(
        episodes=known,
        given_services=services,
        lines=_lines(lines, known),
        participants=_listed(participants, "participants", _NO_PARTICIPANTS, ("program", "entity_kind", "entity_id")),
        clinicians=_listed(clinicians, "clinicians", _NO_CLINICIANS, ("npi",)),
        outcomes=None if outcomes is None else eager(outcomes),
        settings=settings_with(settings),
        arrangement=load_arrangement(arrangement),
    )
    parts = [
        _complete(inputs, _KINDS[name](inputs), unit).with_columns(_method=pl.lit(number, dtype=pl.UInt8))
        for number, name in enumerate(chosen)
    ]
    together = pl.concat(parts).sort("row", "_method", "party_kind", "party_id", "role")
    return together.select(
        known["episode_id"].gather(together["row"]),
        method=pl.Series(chosen, dtype=pl.String).gather(together["_method"]),
        party_kind=pl.col("party_kind").cast(pl.String),
        party_id="party_id",
        role="role",
        share="share",
        cents="cents",
    )


def _chosen(methods: str | Sequence[str]) -> list[str]:
    names = [methods] if isinstance(methods, str) else list(dict.fromkeys(methods))
    if not names:
        raise ArgumentError(f"No method was asked for. Known: {', '.join(METHODS)}.")
    for name in names:
        if name not in METHODS:
            raise ArgumentError(unknown_name("attribution method", str(name), METHODS))
    return names


def _complete(inputs: Inputs, found: pl.DataFrame, unit: str) -> pl.DataFrame:
    """Rows of a method with share and cents, physicians as groups where asked for, one row a party and role."""
    if "cents" not in found.columns:
        cents = inputs.episodes.select("row", cents="episode_cents")
        found = found.join(cents, on="row", how="left").with_columns(share=pl.lit(1.0))
    if unit == "group":
        is_physician = pl.col("party_kind") == "physician"
        grouped = precedence.groups_of(inputs, found.filter(is_physician))
        kind = pl.when(pl.col("party_id").is_null()).then(pl.lit("other")).otherwise(pl.lit("group"))
        grouped = grouped.with_columns(party_kind=kind.cast(PARTY_KIND), party_id=pl.col("party_id").fill_null(UNKNOWN))
        found = (
            pl.concat([found.filter(~is_physician), grouped])
            .sort(*dollars.KEY, "share")
            .group_by(dollars.KEY)
            .agg(pl.col("share").sum(), pl.col("cents").sum())
        )
    return found.select(*dollars.KEY, "share", "cents")


def _episodes(episodes: pl.DataFrame) -> pl.DataFrame:
    known = with_columns(episodes, "episodes", ("episode_id", "episode_cents"), _EPISODES_OPTIONAL)
    if missing := known["episode_cents"].null_count():
        raise ContractError(f"{count_of(missing, 'episode')} without episode_cents: every episode needs its cost.")
    if twice := known.height - known["episode_id"].n_unique():
        raise ContractError(
            f"{count_of(twice, 'episode stands', 'episodes stand')} more than once in the episodes table. Bring tables "
            "of several runs together only where their episodes differ."
        )
    return known.select(
        "episode_id",
        *(pl.col(name).cast(dtype) for name, dtype in _EPISODES_OPTIONAL.items()),
        pl.col("episode_cents").cast(pl.Int64),
        row=pl.int_range(pl.len(), dtype=pl.UInt32),
    ).with_columns(
        attribution_start=pl.coalesce("attribution_start", "anchor_start"),
        attribution_end=pl.coalesce("attribution_end", "anchor_end"),
    )


def _lines(lines: pl.DataFrame | pl.LazyFrame | None, episodes: pl.DataFrame) -> pl.DataFrame | None:
    """The lines of the episodes' people, and of them the columns that are read."""
    if lines is None:
        return None
    rows = lines.lazy()
    there = rows.collect_schema().names()
    wanted = [name for name in (*_LINES_REQUIRED, *_LINES_OPTIONAL, "setting") if name in there]
    people = episodes.lazy().select("beneficiary_id").unique()
    own = rows.select(wanted).join(people, on="beneficiary_id", how="semi") if "beneficiary_id" in wanted else rows
    return with_columns(own.collect(), "lines", _LINES_REQUIRED, _LINES_OPTIONAL)


def _listed(
    frame: pl.DataFrame | pl.LazyFrame | None,
    table: str,
    types: Mapping[str, type[pl.DataType]],
    required: tuple[str, ...],
) -> pl.DataFrame:
    """A table of the claims contract, or an empty one, with the columns that are read."""
    if frame is None:
        return pl.DataFrame(schema=dict(types))
    return with_columns(eager(frame), table, required, types).select(
        pl.col(name).cast(dtype) for name, dtype in types.items()
    )
