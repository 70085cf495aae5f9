"""Scorecards of a build in one step: physicians, hospitals, post-acute facilities, and who refers to whom."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from episodes.attribution import (
    attribute,
    hospital_scorecard,
    physician_scorecard,
    post_acute_facilities,
    referral_network,
)
from episodes.building.built import BuiltEpisodes
from episodes.money import dollars

MEASURES = ("readmission_30", "complication_any", "mortality_30")
"""Outcomes that stand in the scorecards."""

_JUDGED = (
    ("mean_cents", "mean cost"),
    ("ratio", "ratio"),
    ("interval", "interval"),
    ("reliability", "reliable"),
    ("flag", "against peers"),
)
SHOWN: dict[str, tuple[tuple[str, str], ...]] = {
    "physicians": (
        ("party_id", "physician"),
        ("episodes", "episodes"),
        *_JUDGED,
        ("readmission_30_rate", "readmitted"),
        ("complication_any_rate", "complications"),
        ("mortality_30_rate", "died"),
    ),
    "hospitals": (
        ("party_id", "hospital"),
        ("name", "name"),
        ("episodes", "episodes"),
        ("surgeons", "surgeons"),
        *_JUDGED,
        ("readmission_30_rate", "readmitted"),
        ("complication_any_rate", "complications"),
        ("mortality_30_rate", "died"),
    ),
    "post_acute": (
        ("party_id", "facility"),
        ("category", "kind"),
        ("preferred", "preferred"),
        ("episodes", "episodes"),
        ("first_destination", "first"),
        ("days", "days"),
        *_JUDGED,
        ("readmission_30_rate", "readmitted"),
    ),
    "referrals": (
        ("from_id", "from"),
        ("to_id", "to"),
        ("category", "kind"),
        ("episodes", "episodes"),
        ("share_of_from", "share"),
        *_JUDGED,
    ),
}
"""Columns of each table that a person is shown, with their heads; files have all columns."""
TITLES = {
    "physicians": "Physicians",
    "hospitals": "Hospitals",
    "post_acute": "Post-acute facilities",
    "referrals": "Referrals",
}
_SHARES = ("reliability", "share_of_from")
_LEFT = ("party_id", "name", "category", "from_id", "to_id", "flag", "preferred")


@dataclass(frozen=True)
class Scorecards:
    """The tables of a build (columns: docs/attribution.md), and what a reader must know of them.

    Attributes:
        tables: `physicians`, `hospitals`, `post_acute`, `referrals`.
        notes: how they were made.
    """

    tables: dict[str, pl.DataFrame]
    notes: tuple[str, ...]


def scorecards(
    built: BuiltEpisodes,
    expected: pl.DataFrame | None = None,
    *,
    method: str = "operating",
    preferred: tuple[str, ...] | None = None,
    suppress_below: int | None = None,
) -> Scorecards:
    """Scorecards of the final episodes of a build.

    Args:
        built: with `outcomes` for the measures; without them only cost is shown.
        expected: episode_id, expected_cents of a risk model. None: the mean of category and price cell.
        method: the attribution method whose physicians are shown.
        preferred: facilities (CCN) of a network.
        suppress_below: smallest number of episodes or events that is shown, such as 11 for what leaves the house.

    Raises:
        ArgumentError: an unknown method.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> cards = scorecards(built)
        >>> sum(cards.tables["hospitals"]["episodes"]) == built.final().height
        True
    """
    final = built.final()
    notes = ["Ratio: observed over expected cost, with its interval. Against peers: as docs/attribution.md says."]
    if expected is None:
        notes.append("Expected cost is the mean of category and price cell: nothing of the patient is adjusted for.")
    attribution, computed = _attribution(built, final, tuple(dict.fromkeys((method, "hospital"))))
    if computed and built.attribution is not None:
        notes.append(f"Attribution by {', '.join(computed)} is made from the services; the build has others.")
    outcomes = None if built.outcomes is None else built.outcomes.filter(pl.col("measure").is_in(MEASURES)).collect()
    if outcomes is None:
        notes.append("The build has no outcomes: rates of readmission, complication and death are left out.")
    tables = {
        "physicians": physician_scorecard(
            final, attribution, expected, outcomes, method=method, measures=MEASURES, suppress_below=suppress_below
        ),
        "hospitals": hospital_scorecard(
            final,
            attribution,
            expected,
            outcomes,
            names=built.hospitals,
            measures=MEASURES,
            suppress_below=suppress_below,
        ),
        "post_acute": post_acute_facilities(
            final, built.services, outcomes, preferred=preferred, suppress_below=suppress_below
        ),
        "referrals": referral_network(
            final, built.services, expected, preferred=preferred, suppress_below=suppress_below
        ),
    }
    if suppress_below is not None:
        notes.append(f"What rests on fewer than {suppress_below} episodes or events is blank.")
    return Scorecards(tables, tuple(notes))


def _attribution(
    built: BuiltEpisodes, final: pl.DataFrame, methods: tuple[str, ...]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The attribution of final episodes by some methods: the build's, and where it lacks one made anew."""
    own = built.attribution
    at_hand = [] if own is None else own.select(pl.col("method").unique()).collect()["method"].to_list()
    lacking = tuple(name for name in methods if name not in at_hand)
    parts = []
    if own is not None:
        parts.append(own.filter(pl.col("method").is_in([name for name in methods if name in at_hand])).collect())
    if lacking:
        parts.append(attribute(final, built.services, participants=built.participants, methods=lacking))
    return pl.concat(parts), lacking


def shown(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """A table as a person is shown it: most episodes first, heads in words, amounts and shares as text."""
    known = table.with_columns(interval=_interval())
    columns = {head: column for column, head in SHOWN[name] if _says_something(known, column)}
    ids = [column for column in ("party_id", "from_id", "to_id") if column in known.columns]
    ordered = known.sort(pl.col("episodes").fill_null(0), *ids, descending=[True, *[False for _ in ids]])
    return pl.DataFrame(
        {head: [_text(column, value) for value in ordered[column].to_list()] for head, column in columns.items()},
        schema=dict.fromkeys(columns, pl.String),
    )


def is_left(name: str, head: str) -> bool:
    """Whether a column is set flush left."""
    return any(column in _LEFT for column, its_head in SHOWN[name] if its_head == head)


def _says_something(table: pl.DataFrame, column: str) -> bool:
    """Whether there is such a column; that of a network only where there is a network."""
    return column in table.columns and (column != "preferred" or table[column].count() > 0)


def _interval() -> pl.Expr:
    """The interval of the ratio as text; null where there is none."""
    low, high = (pl.col(f"ratio_{end}").round(2).map_elements("{:.2f}".format, pl.String) for end in ("low", "high"))
    return pl.concat_str(low, high, separator=" to ")


def _text(column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return dollars(value) if column.endswith("_cents") else f"{value:,}"
    if isinstance(value, float):
        return f"{value:.0%}" if column in _SHARES or column.endswith("_rate") else f"{value:.2f}"
    return str(value).replace("_", " ") if column in ("category", "flag") else str(value)
