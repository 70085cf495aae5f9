"""The payer's file of episodes, read into one form, whatever layout it comes in.

Two layouts. `simple`: a CSV with the columns below; dates YYYY-MM-DD, amounts in whole cents. `bpci-advanced`: the
episode file of a BPCI Advanced reconciliation delivery (fields: codes/bpci_reconciliation_episode_fields.csv); dates
01OCT2018, amounts in dollars.

Columns of the simple layout. Needed: episode_cents, and beneficiary_id or anchor_claim_id. Read where present:
payer_episode_id, category, price_code, anchor_ccn, party_id, anchor_start, anchor_end, episode_end, capped_cents (after
the cap), target_cents (target price), and spending by setting: inpatient_cents, snf_cents, home_health_cents,
hospice_cents, outpatient_cents, professional_cents, dme_cents. An empty cell is not known, and is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from episodes.errors import ArgumentError, LayoutError, count_of, unknown_name
from episodes.programs.code_tables import load_codes

Layout = Literal["auto", "simple", "bpci-advanced"]

SETTING_CENTS = tuple(
    f"{setting}_cents"
    for setting in ("inpatient", "snf", "home_health", "hospice", "outpatient", "professional", "dme")
)
PAYER_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "payer_row": pl.Int64,
    "payer_episode_id": pl.String,
    "beneficiary_id": pl.String,
    "anchor_claim_id": pl.String,
    "category": pl.String,
    "price_code": pl.String,
    "anchor_ccn": pl.String,
    "party_id": pl.String,
    "anchor_start": pl.Date,
    "anchor_end": pl.Date,
    "episode_end": pl.Date,
    "episode_cents": pl.Int64,
    "capped_cents": pl.Int64,
    "target_cents": pl.Int64,
    **dict.fromkeys(SETTING_CENTS, pl.Int64),
}
"""Columns of the payer's episodes as they are compared; payer_row is the row of the file, from 1."""

NO_KEY = "no_person_and_no_claim"
NO_AMOUNT = "no_amount"


@dataclass(frozen=True)
class PayerEpisodes:
    """The payer's episodes.

    Attributes:
        episodes: one row an episode, columns `PAYER_SCHEMA`.
        layout: the layout they were read in.
        rows_in: rows of the file.
        set_aside: rows that cannot be compared, by reason: `no_person_and_no_claim`, `no_amount`.
        unread: cells that are there and are no date or amount, by column: not compared.
    """

    episodes: pl.DataFrame
    layout: str
    rows_in: int
    set_aside: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, int] = field(default_factory=dict)


def read_payer_episodes(path: str | Path, layout: Layout = "auto") -> PayerEpisodes:
    """Read the payer's file of episodes.

    Args:
        path: a CSV file; its layouts are described in the module.
        layout: `simple`, `bpci-advanced`, or `auto`: by its columns.

    Returns:
        `PayerEpisodes`.

    Raises:
        LayoutError: no such file, not a CSV, or needed columns are missing.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "payer.csv"
        ...     _ = file.write_text("beneficiary_id,anchor_start,episode_cents\\nA,2026-03-01,2500000\\n")
        ...     read_payer_episodes(file).episodes["episode_cents"].to_list()
        [2500000]
    """
    source = Path(path)
    if not source.is_file():
        raise LayoutError(f"There is no payer's file {source.name!r}. Give the CSV of the payer's episodes.")
    try:
        table = pl.read_csv(source, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise LayoutError(f"The payer's file {source.name!r} cannot be read as CSV: {type(error).__name__}.") from None
    table = table.rename({name: name.strip().strip("\ufeff") for name in table.columns})
    known = ("simple", "bpci-advanced")
    if layout == "auto":
        layout = "bpci-advanced" if "TOT_STD_ALLOWED" in table.columns else "simple"
    if layout not in known:
        raise ArgumentError(unknown_name("layout of a payer's file", layout, known))
    return payer_episodes(_from_bpci(table, source.name) if layout == "bpci-advanced" else table, layout, source.name)


def payer_episodes(table: pl.DataFrame, layout: str = "frame", name: str = "payer's episodes") -> PayerEpisodes:
    """The payer's episodes from a frame with the columns of the simple layout, as text or typed."""
    keys = [column for column in ("beneficiary_id", "anchor_claim_id") if column in table.columns]
    if "episode_cents" not in table.columns or not keys:
        lacking = ["episode_cents"] if "episode_cents" not in table.columns else []
        lacking += [] if keys else ["beneficiary_id or anchor_claim_id"]
        raise LayoutError(
            f"The payer's file {name!r} lacks {', '.join(lacking)}. It has: {', '.join(table.columns[:20])}. "
            "Rename its columns to those of the simple layout, or say which layout it is."
        )
    unread: dict[str, int] = {}
    typed = {"payer_row": pl.Series("payer_row", range(1, table.height + 1), dtype=pl.Int64)}
    for column, dtype in list(PAYER_SCHEMA.items())[1:]:
        given = table[column] if column in table.columns else pl.Series(column, [None] * table.height, dtype=pl.String)
        typed[column] = _typed(given, dtype)
        if lost := int((_filled(given) & typed[column].is_null()).sum()):
            unread[column] = lost
    full = pl.DataFrame(typed)
    no_key = pl.all_horizontal(pl.col("beneficiary_id", "anchor_claim_id").is_null())
    no_amount = ~no_key & pl.col("episode_cents").is_null()
    aside = {NO_KEY: full.filter(no_key).height, NO_AMOUNT: full.filter(no_amount).height}
    kept = full.filter(~no_key & ~no_amount)
    return PayerEpisodes(kept, layout, table.height, {why: rows for why, rows in aside.items() if rows}, unread)


def _filled(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.strip_chars().fill_null("") != ""


def _typed(column: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """A column in its type; what is no such value becomes null."""
    if column.dtype == dtype:
        return column
    text = column.cast(pl.String).str.strip_chars()
    text = text.set(text == "", None)
    if dtype == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    return text if dtype == pl.String else text.cast(dtype, strict=False)


def _from_bpci(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """The episode file of BPCI Advanced under the names of the simple layout, dates as ISO text, dollars as cents."""
    fields = load_codes("bpci_reconciliation_episode_fields").filter(pl.col("read_as").fill_null("") != "")
    columns: dict[str, pl.Series] = {}
    for field_name, informat, read_as in fields.select("field", "informat", "read_as").iter_rows():
        if field_name not in table.columns or read_as not in PAYER_SCHEMA:
            continue
        found = table[field_name].str.strip_chars()
        found = found.set(found == "", None)
        if (informat or "").startswith("date"):
            iso = found.str.to_date("%Y-%m-%d", strict=False)
            found = (
                found.str.to_date("%d%b%Y", strict=False).zip_with(iso.is_null(), iso).cast(pl.String).fill_null(found)
            )
        elif read_as.endswith("_cents"):
            found = _cents(found)
        earlier = columns.get(read_as)
        columns[read_as] = found if earlier is None else earlier.fill_null(found)
    if "episode_cents" not in columns:
        shown = count_of(len(table.columns), "column")
        raise LayoutError(
            f"The payer's file {name!r} ({shown}) has no TOT_STD_ALLOWED: it is no BPCI Advanced episode file."
        )
    return pl.DataFrame({column: series.alias(column) for column, series in columns.items()})


def _cents(dollars: pl.Series) -> pl.Series:
    """Dollars as text in whole cents as text, exactly; parts of a cent are rounded half up."""
    plain = dollars.str.replace_all(r"[$,]", "")
    exact = plain.cast(pl.Decimal(38, 8), strict=False)
    whole = pl.select(
        ((exact * 100) + pl.lit("0.5").cast(pl.Decimal(38, 8))).floor().cast(pl.Int64, strict=False)
    ).to_series()
    return whole.cast(pl.String).zip_with(whole.is_not_null(), plain)
