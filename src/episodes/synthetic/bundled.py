"""The synthetic set that comes with the library, for the demo, the examples and the tests."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from episodes.errors import LayoutError


def bundled_folder() -> Path:
    """The folder of the bundled synthetic claims, a canonical folder of Parquet files.

    It is part of the installed package; in an editable checkout it is `data/synthetic` beside `src`.

    >>> (bundled_folder() / "claims.parquet").is_file()
    True
    """
    installed = Path(str(files("episodes"))) / "data" / "synthetic"
    checkout = Path(__file__).resolve().parents[3] / "data" / "synthetic"
    for folder in (installed, checkout):
        if (folder / "claims.parquet").is_file():
            return folder
    raise LayoutError(
        "The bundled synthetic claims are not installed. Make them anew: episodes synth --out data/synthetic"
    )
