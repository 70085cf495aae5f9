"""`episodes report`: scorecards of a build in the terminal, as files, and as a page."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from episodes.cli_options import AsJson, Overwrite, RulesFile
from episodes.cli_support import console_for, print_json, table_of


def report(
    run: Annotated[Path, Parameter(help="Run folder of a build (episodes build).")],
    *,
    out: Annotated[Path, Parameter(help="Run folder to write: tables as Parquet, CSV, JSON, and report.html.")],
    method: Annotated[
        str, Parameter(help="Attribution method whose physicians are shown, such as operating or controllable.")
    ] = "operating",
    expected: Annotated[
        Path | None,
        Parameter(help="CSV or Parquet with episode_id and expected_cents of a risk model. Default: means of cells."),
    ] = None,
    preferred: Annotated[
        list[str] | None, Parameter(help="CCN of a preferred facility; repeatable.", negative="")
    ] = None,
    suppress_below: Annotated[
        int | None, Parameter(help="Blank what rests on fewer episodes or events; 11 for what leaves the house.")
    ] = None,
    rules_file: RulesFile = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:
    """Scorecards of physicians and hospitals, post-acute facilities, and who refers to whom, with how sure each is.

    report.html is written where the extra viz is installed.
    """
    import polars as pl

    from episodes.reports.scorecard_page import scorecard_page, show_scorecards
    from episodes.reports.scorecards import scorecards
    from episodes.running.run_folder import about_program, check_place, read_built, write_run

    check_place(out, overwrite=overwrite)
    built = read_built(run, rules_file)
    cards = scorecards(
        built,
        None if expected is None else table_of(expected, "table of expected costs"),
        method=method,
        preferred=None if preferred is None else tuple(preferred),
        suppress_below=suppress_below,
    )
    rows = {name: table.to_dicts() for name, table in cards.tables.items()}
    flat = {
        name: table.with_columns(pl.col(pl.List(pl.String)).list.join(" ")).write_csv()
        for name, table in cards.tables.items()
    }
    about = {"program": about_program(built.program), "basis": built.basis, "notes": list(cards.notes)}
    documents = {
        "report.json": json.dumps({"notes": about["notes"], **rows}, indent=1, default=str) + "\n",
        **{f"{name}.csv": text for name, text in flat.items()},
    }
    if find_spec("great_tables") is not None:
        title = f"{built.program.rules.name}, performance year {built.program.performance_year}, {built.basis} amounts"
        documents["report.html"] = scorecard_page(cards, title)
    write_run(out, "report", cards.tables, about, documents=documents, overwrite=overwrite)
    if as_json:
        return print_json({"notes": about["notes"], **rows, "run_folder": str(out)})
    console = console_for(as_json)
    show_scorecards(cards, console)
    console.print(f"Run folder: {out.resolve()}", highlight=False, soft_wrap=True)
    return 0
