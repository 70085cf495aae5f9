"""What is to be read: the layout of a delivery, its files with their sha256, and a fingerprint of it all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from episodes.claims.layouts import canonical
from episodes.claims.layouts.layout import Layout, SourceFile
from episodes.claims.layouts.text_files import data_files
from episodes.claims.report import ReadingReport
from episodes.errors import LayoutError, count_of, unknown_name
from episodes.tables import sha256_of

LAYOUTS = ("canonical", "synpuf", "rif", "cclf", "fhir-eob", "idr", "tuva")
"""Names of the layouts; each is a module of this package, with `-` written `_`."""


@dataclass(frozen=True)
class Delivery:
    """A delivery of one layout: the files to read, in order, and the notes made while looking at them."""

    layout: str
    files: tuple[SourceFile, ...]
    sha256: tuple[str, ...]
    report: ReadingReport = field(repr=False)

    @property
    def module(self) -> Layout:
        """The layout's functions."""
        return module_of(self.layout)

    @property
    def fingerprint(self) -> str:
        """sha256 over layout, file kinds and contents, in order: not over their places."""
        listed = [
            [file.kind, file.path.name, file.member, digest]
            for file, digest in zip(self.files, self.sha256, strict=True)
        ]
        return hashlib.sha256(json.dumps([self.layout, listed]).encode()).hexdigest()

    def bytes(self) -> int:
        """Bytes on disk of the files."""
        return sum(path.stat().st_size for path in {file.path for file in self.files})


def module_of(layout: str) -> Layout:
    """The module of a layout by name.

    Raises:
        LayoutError: an unknown name; the message lists the known ones.
    """
    if layout not in LAYOUTS:
        raise LayoutError(unknown_name("layout", layout, ["auto", *LAYOUTS]))
    return cast(Layout, import_module(f"episodes.claims.layouts.{layout.replace('-', '_')}"))


def delivery_of(path: Path, layout: str = "auto") -> Delivery:
    """Look at a folder or file: which layout, which files.

    Raises:
        LayoutError: nothing there, a layout that is not recognised, or no file of the layout named.
    """
    if not path.exists():
        raise LayoutError(f"There is no file or folder {path.name!r} at the place given.")
    name = recognise(path) if layout == "auto" else layout
    report = ReadingReport(layout=name)
    files = module_of(name).source_files(path, report)
    digests = {file.path: "" for file in files}
    digests = {place: sha256_of(place) for place in digests}
    return Delivery(layout=name, files=tuple(files), sha256=tuple(digests[file.path] for file in files), report=report)


def recognise(path: Path) -> str:
    """The one layout that a folder or file fits.

    Raises:
        LayoutError: none fits, or several do.
    """
    fitting = [name for name in LAYOUTS if module_of(name).recognises(path)]
    if len(fitting) == 1:
        return fitting[0]
    names = [file.name for file in data_files(path)]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    what = f"fits {' and '.join(fitting)}" if fitting else "is not recognised"
    raise LayoutError(
        f"The layout of {path.name!r} {what} ({count_of(len(names), 'data file')}: {shown or 'none'}). "
        f"{'' if fitting else canonical.why_not(path)}"
        "Usual causes: the folder above or below the files was given, or the files have another delimiter. "
        f"Or name the layout: {', '.join(LAYOUTS)}."
    )


def file_entry(file: SourceFile, sha256: str, rows: int) -> dict[str, Any]:
    """What a report says of a file."""
    name = file.path.name if file.member is None else f"{file.path.name}/{file.member}"
    return {"name": name, "sha256": sha256, "rows": rows, "taken_for": file.kind}
