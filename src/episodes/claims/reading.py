"""`read_claims`: one door for every layout."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from episodes.claims.claims import Claims, Frame, Validation
from episodes.claims.contract import TABLES
from episodes.claims.layouts.text_files import data_files
from episodes.errors import ContractError, LayoutError, count_of, unknown_name

LAYOUTS = ("canonical", "synpuf")
"""The layouts: modules of `episodes.claims.layouts` with `recognises(path)` and `read(path, validate)`."""


def read_claims(
    source: str | Path | Mapping[str, Frame], *, layout: str = "auto", validate: Validation = "full"
) -> Claims:
    """Read claims in any supported layout into the claims contract.

    Args:
        source: a folder or file; or a mapping of canonical table name to polars frame.
        layout: `auto`, `canonical` (Parquet or CSV of the contract) or `synpuf` (CMS DE-SynPUF).
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
    if layout == "auto":
        layout = _recognise(path)
    if layout not in LAYOUTS:
        raise LayoutError(unknown_name("layout", layout, ["auto", *LAYOUTS]))
    claims: Claims = _module_of(layout).read(path, validate)
    return claims


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


def _module_of(layout: str) -> Any:
    return import_module(f"episodes.claims.layouts.{layout}")


def _recognise(path: Path) -> str:
    fitting = [name for name in LAYOUTS if _module_of(name).recognises(path)]
    if len(fitting) == 1:
        return fitting[0]
    names = [file.name for file in data_files(path)]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    what = f"fits {' and '.join(fitting)}" if fitting else "is not recognised"
    raise LayoutError(
        f"The layout of {path.name!r} {what} ({count_of(len(names), 'data file')}: {shown or 'none'}). "
        "Usual causes: the folder above or below the files was given, or the files have another delimiter. "
        f"Or name the layout: {', '.join(LAYOUTS)}."
    )
