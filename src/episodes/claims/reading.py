"""`read_claims`: one door for every layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from episodes.claims.claims import Claims, Frame, Validation
from episodes.claims.contract import TABLES
from episodes.claims.interim_bills import with_stays
from episodes.claims.layouts import canonical
from episodes.claims.layouts.plan import Delivery, delivery_of, file_entry, recognise
from episodes.claims.store import is_store, read_store
from episodes.errors import ContractError, LayoutError, unknown_name


def read_claims(
    source: str | Path | Mapping[str, Frame], *, layout: str = "auto", validate: Validation = "full"
) -> Claims:
    """Read claims in any supported layout into the claims contract.

    Args:
        source: a folder or file; or a mapping of canonical table name to polars frame.
        layout: `auto`, `store` (made by `ingest`), `canonical` (Parquet or CSV of the contract), `synpuf`, `rif`,
            `cclf`, `fhir-eob`, `idr` or `tuva`.
        validate: `full`, or `none` for canonical Parquet that is known to hold the contract.

    Returns:
        `Claims`; `claims.report` says what every row became.

    Raises:
        LayoutError: nothing there, an unknown layout, or a broken file (named, with what was expected).
        ContractError: a table given as a frame has an unknown name, lacks a column, or has an impossible
            type.
        QuarantineError: too many rows break the contract.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> claims.report.layout
        'canonical'
    """
    if isinstance(source, Mapping):
        return _from_frames(source, validate)
    path = Path(source)
    if not path.exists():
        raise LayoutError(f"There is no file or folder {path.name!r} at the place given.")
    if layout in ("auto", "store") and is_store(path):
        return read_store(path)
    name = recognise(path) if layout == "auto" else layout
    if name == "canonical":
        return canonical.read(path, validate)
    return _from_delivery(delivery_of(path, name), validate)


def _from_delivery(delivery: Delivery, validate: Validation) -> Claims:
    """All rows of a delivery at once, reshaped into the contract; interim bills joined into stays."""
    report = delivery.report
    if validate != "full":
        report.notes.append("text files are always validated in full; the validation asked for was not used")
    rows: dict[str, list[pl.DataFrame]] = {}
    for file, digest in zip(delivery.files, delivery.sha256, strict=True):
        batches = list(delivery.module.read_rows(file))
        rows.setdefault(file.kind, []).extend(batches)
        report.files.append(file_entry(file, digest, sum(batch.height for batch in batches)))
    together = {kind: pl.concat(batches, how="diagonal") for kind, batches in rows.items() if batches}
    tables: dict[str, Any] = delivery.module.reshape(together, report)
    return with_stays(Claims(**tables, validate="full", report=report))


def _from_frames(frames: Mapping[str, Frame], validate: Validation) -> Claims:
    for name in frames:
        if name not in TABLES:
            raise ContractError(unknown_name("table", name, TABLES))
    if "claims" not in frames:
        raise ContractError(
            f"The table 'claims' is missing; given: {', '.join(frames) or 'no table'}. "
            "Give at least claims, one row a claim or stay, in the columns of the claims contract."
        )
    tables: dict[str, Any] = dict(frames)
    return Claims(**tables, validate=validate)
