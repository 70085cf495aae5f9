"""Whose a row of an IDR table is: beneficiary keys that were merged, and the claim a row belongs to.

Only the tables of beneficiaries and of claims name a person; every other table names its claim by a four-part key. And
a person may have been known under several keys. Both are looked up while a file is read, because all rows of a person
have to come together before they are reshaped.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import polars as pl

from episodes.claims.layouts.idr_tables import (
    BENEFICIARY,
    CLAIM,
    CLAIM_KEY,
    OF_A_CLAIM,
    OF_A_PERSON,
    PERSON,
    IdrFile,
    whole_table,
)

MERGED = "2"
"""Kill credit code of a merge that holds."""
LONGEST_CHAIN = 20
"""Merges that are followed; each round doubles the length."""
NO_KEY = "0"
"""What stands where a beneficiary key is not known."""

_Stamps = tuple[tuple[Path, int, int], ...]


def with_person(rows: pl.DataFrame, file: IdrFile) -> pl.DataFrame:
    """The rows with `PERSON`, and with `CLM_UNIQ_ID` where the table names its claim by the four-part key only."""
    if file.kind in OF_A_PERSON:
        return _named(rows, _current_keys(_stamps(file.histories), _stamps(file.cross_references)))
    if file.kind not in OF_A_CLAIM:
        return rows
    by_id, by_key = _claims(_stamps(file.claims), _stamps(file.histories), _stamps(file.cross_references))
    if CLAIM in rows.columns:
        return rows.join(by_id, on=CLAIM, how="left", maintain_order="left")
    return rows.join(by_key, on=CLAIM_KEY, how="left", maintain_order="left")


def current_keys(histories: pl.DataFrame, cross_references: pl.DataFrame) -> pl.DataFrame:
    """Old beneficiary key to the key in force, for the keys that were merged into another.

    The latest history record of a key names the key in force. A cross reference with a kill credit other than 2 says
    that the merge does not hold. A merge may also stand in the cross references alone.
    """
    versions = histories.filter(pl.col(BENEFICIARY).is_not_null()).sort(
        pl.col("IDR_LTST_TRANS_FLG").fill_null("N"), "IDR_TRANS_OBSLT_TS", "IDR_TRANS_EFCTV_TS", maintain_order=True
    )
    latest = versions.unique(subset=BENEFICIARY, keep="last", maintain_order=True)
    # The table is mirrored: its BENE_SK is the key in force, its BENE_XREF_SK the one that was given up.
    crossed = (
        cross_references.filter(pl.col(BENEFICIARY).is_not_null() & pl.col("BENE_XREF_SK").is_not_null())
        .sort("SRC_REC_UPDT_TS", maintain_order=True)
        .unique(subset=(BENEFICIARY, "BENE_XREF_SK"), keep="last", maintain_order=True)
        .select(old="BENE_XREF_SK", current=BENEFICIARY, holds=pl.col("BENE_KILL_CRED_CD") == MERGED)
    )
    told = latest.select(
        old=BENEFICIARY,
        current=pl.coalesce("BENE_XREF_EFCTV_SK", "BENE_XREF_SK"),
        crossed=pl.coalesce("BENE_XREF_SK", "BENE_XREF_EFCTV_SK"),
    )
    told = told.join(crossed.rename({"current": "crossed"}), on=("old", "crossed"), how="left", maintain_order="left")
    merged = told.filter(
        pl.col("current").is_not_null()
        & (pl.col("current") != NO_KEY)
        & (pl.col("current") != pl.col("old"))
        & pl.col("holds").fill_null(True)
    ).select("old", "current")
    alone = crossed.filter("holds").join(told, on="old", how="anti", maintain_order="left").select("old", "current")
    return _followed(pl.concat([merged, alone]).unique(subset="old", keep="first", maintain_order=True))


def _followed(merged: pl.DataFrame) -> pl.DataFrame:
    """Merges followed to their end: of A into B and B into C, A goes into C. Keys of a circle stay as they are."""
    for _ in range(LONGEST_CHAIN):
        onward = merged.rename({"old": "current", "current": "further"})
        merged = merged.join(onward, on="current", how="left", maintain_order="left")
        if merged["further"].null_count() == merged.height:
            return merged.drop("further")
        merged = merged.select("old", current=pl.coalesce("further", "current"))
    return merged.filter(~pl.col("current").is_in(merged["old"].to_list()))


def _named(rows: pl.DataFrame, merged: pl.DataFrame) -> pl.DataFrame:
    renamed = merged.rename({"old": BENEFICIARY, "current": PERSON})
    key = pl.when(pl.col(BENEFICIARY) != NO_KEY).then(pl.col(BENEFICIARY))
    return rows.join(renamed, on=BENEFICIARY, how="left", maintain_order="left").with_columns(
        pl.coalesce(PERSON, key).alias(PERSON)
    )


def _stamps(files: tuple[Path, ...]) -> _Stamps:
    """Files with what tells a changed file from the one that was looked at before."""
    return tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files)


@lru_cache(maxsize=1)
def _current_keys(histories: _Stamps, cross_references: _Stamps) -> pl.DataFrame:
    records = ("IDR_LTST_TRANS_FLG", "IDR_TRANS_EFCTV_TS", "IDR_TRANS_OBSLT_TS")
    return current_keys(
        whole_table(_places(histories), "BENE_HSTRY", (BENEFICIARY, "BENE_XREF_SK", "BENE_XREF_EFCTV_SK", *records)),
        whole_table(
            _places(cross_references),
            "BENE_XREF",
            (BENEFICIARY, "BENE_XREF_SK", "BENE_KILL_CRED_CD", "SRC_REC_UPDT_TS"),
        ),
    )


@lru_cache(maxsize=1)
def _claims(claims: _Stamps, histories: _Stamps, cross_references: _Stamps) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The person of every claim, by the claim's id and by its four-part key."""
    keys = whole_table(_places(claims), "CLM", (*CLAIM_KEY, CLAIM, BENEFICIARY))
    named = _named(keys, _current_keys(histories, cross_references)).drop(BENEFICIARY)
    by_id = named.select(CLAIM, PERSON).unique(subset=CLAIM, keep="first", maintain_order=True)
    return by_id, named.unique(subset=CLAIM_KEY, keep="first", maintain_order=True)


def _places(stamps: _Stamps) -> tuple[Path, ...]:
    return tuple(file for file, _, _ in stamps)
