"""Small cells: what a table does not say where too few episodes or events stand behind a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from episodes.checks import whole_cents


def suppress_small_cells(
    table: pl.DataFrame,
    below: int | None,
    *,
    names: Sequence[str],
    count: str = "episodes",
    events: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Blank what rests on fewer than `below` episodes, and drop the lists of episodes: for tables that leave the house.

    In a row with fewer than `below` episodes everything but its names is null. In the others, an event count is blank,
    with what is made from it, where fewer than `below` (but some) have the event, or fewer than `below` (but some) have
    it not: the one could be had from the other.

    Args:
        table: one row a party.
        below: smallest number that may be shown, such as 11; None: the table as it is.
        names: columns that stay.
        count: column of the number of episodes.
        events: prefix of the columns of an event to the column of its number of episodes, such as
            {"readmission_30": "readmission_30_episodes"}; its count is `<prefix>_events`.

    Returns:
        The rows with `suppressed` (yes/no: something of the row is blank) and without `episode_ids`; with `below` None
        the table itself.

    Raises:
        ArgumentError: a number below 1.

    Example:
        >>> table = pl.DataFrame({"party_id": ["a", "b"], "episodes": [4, 40], "ratio": [1.2, 0.9]})
        >>> suppress_small_cells(table, 11, names=["party_id"]).rows()
        [('a', None, None, True), ('b', 40, 0.9, False)]
    """
    if below is None:
        return table
    least = whole_cents("suppress_below", below, minimum=1)
    few = pl.col(count).fill_null(0) < least
    changes = {}
    small_events = pl.lit(False)
    for prefix, of in (events or {}).items():
        had, total = pl.col(f"{prefix}_events"), pl.col(of)
        small = (had.is_between(1, least - 1) | (total - had).is_between(1, least - 1) | (total < least)).fill_null(
            False
        )
        small_events |= small
        for name in table.columns:
            if name.startswith(f"{prefix}_"):
                changes[name] = pl.when(~small & ~few).then(name).alias(name)
    for name in table.columns:
        if name not in names and name not in changes:
            changes[name] = pl.when(~few).then(name).alias(name)
    return table.with_columns(*changes.values(), suppressed=few | small_events).drop("episode_ids", strict=False)
