"""The tables that `benchmarks.ratios` prints, from its JSON document.

python -m benchmarks.ratio_tables RATIOS.json
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

MIB = 1024**2


def show(document: dict[str, Any], console: Console | None = None) -> None:
    """Print the ratios, what was measured on, growth, and starts."""
    console = console or Console(width=190)
    machine = document["machine"]
    before, after = (document["load_average"][when][0] for when in ("before", "after"))
    console.print(
        f"{machine['processor']}, {machine['processors']} processors, {machine['memory'] / 1024**3:.0f} GiB; "
        f"{document['threads']} threads each; load average {before:.1f} before, {after:.1f} after"
    )
    console.print(", ".join(f"{name} {number}" for name, number in machine["versions"].items()))
    for made in document["claims"]:
        console.print(
            f"{made['kind']}: {made['lines']:,} lines, {made['claims']:,} claims, {made['people']:,} people, "
            f"{made['anchor_share']:.1%} of them with an anchor"
        )
    console.print(_ratio_table(document))
    if document["growth"]:
        console.print(_growth_table(document))
    if document["starts"]:
        console.print(_start_table(document))
    for note in document["notes"]:
        console.print(note)


def _ratio_table(document: dict[str, Any]) -> Table:
    """Ours over the rival's, and the medians that they come from, ours / the rival's."""
    table = Table(title=f"This library / rival, {document['rounds']} pairs: median (minimum-maximum)")
    left = ("claims", "measured", "rival")
    for name in ("claims", "lines", "measured", "rival", "wall", "aim", "processor", "wall s", "processor s",
                 "peak MiB", "own MiB"):  # fmt: skip
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    for one in document["comparisons"]:
        aim = one["aim"]
        table.add_row(
            one["kind"],
            f"{one['lines']:,}",
            one["mode"],
            one["rival"],
            _spread(one["wall_ratio"]),
            "" if aim is None else f"{aim:.2f} {'met' if one['wall_ratio']['median'] <= aim else 'NOT met'}",
            _spread(one["cpu_ratio"]),
            *(_both(one, what, 1, ",.2f") for what in ("wall", "cpu")),
            *(_both(one, what, MIB, ",.0f") for what in ("peak", "own_peak")),
        )
    return table


def _growth_table(document: dict[str, Any]) -> Table:
    table = Table(title="Growth with lines: exponent of wall and processor time (1 = in proportion)")
    for name in ("claims", "measured", "who", "from", "to", "wall", "processor"):
        table.add_column(name)
    for one in document["growth"]:
        table.add_row(
            one["kind"], one["mode"], one["who"], f"{one['from']:,}", f"{one['to']:,}", f"{one['wall']:.2f}",
            f"{one['cpu']:.2f}",
        )  # fmt: skip
    return table


def _start_table(document: dict[str, Any]) -> Table:
    table = Table(title="Starts, whole processes: median (minimum to maximum)")
    for name in ("what", "s wall", "s processor", "MiB"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for one in document["starts"]:
        table.add_row(one["what"], _spread(one["wall"]), _spread(one["cpu"]), f"{one['peak']['median'] / MIB:,.0f}")
    return table


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.2f} ({values['min']:.2f}-{values['max']:.2f})"


def _both(one: dict[str, Any], what: str, unit: int, form: str) -> str:
    """The medians of both; nothing where a figure is not known, as memory without mapped files is not everywhere."""
    middles = [statistics.median(cost[what] for cost in one[who]) / unit for who in ("ours", "theirs")]
    return " / ".join(format(middle, form) for middle in middles) if all(middles) else ""


if __name__ == "__main__":
    show(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
