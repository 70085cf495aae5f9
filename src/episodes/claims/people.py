"""The order of people, and buckets of them: ranges of a fixed 64-bit hash of the beneficiary id.

The hash is the upper half of the id's MD5, which Python and DuckDB both compute. Because buckets are ranges of it, the
order over all buckets is the same for any number of buckets.
"""

from __future__ import annotations

import hashlib

import polars as pl

HASHES = 1 << 64


def beneficiary_hash(beneficiary_id: str) -> int:
    """The upper half of the MD5 of an id, as an unsigned number.

    >>> beneficiary_hash("a") == int(hashlib.md5(b"a").hexdigest()[:16], 16)
    True
    """
    return int.from_bytes(hashlib.md5(beneficiary_id.encode(), usedforsecurity=False).digest()[:8], "big")


def people_in_order(beneficiary_ids: pl.Series) -> pl.DataFrame:
    """Distinct people with `person` = 0, 1, ... in the order of (hash, id). Columns: beneficiary_id, hash, person."""
    distinct = beneficiary_ids.unique(maintain_order=True)
    hashes = pl.Series("hash", [beneficiary_hash(one) for one in distinct], dtype=pl.UInt64)
    return (
        pl.DataFrame({"beneficiary_id": distinct, "hash": hashes})
        .sort("hash", "beneficiary_id")
        .with_row_index("person")
        .select("beneficiary_id", "hash", "person")
    )


def bucket_of_hash(hashes: pl.Series, buckets: int) -> pl.Series:
    """The bucket (0 to buckets - 1) of each hash: equal ranges of the hash."""
    bounds = pl.Series([HASHES * bucket // buckets for bucket in range(1, buckets)], dtype=pl.UInt64)
    return bounds.search_sorted(hashes, side="right").rename("bucket")
