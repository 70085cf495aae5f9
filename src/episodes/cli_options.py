"""Options that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Out = Annotated[Path | None, Parameter(help="Run folder to write: manifest and tables as Parquet.")]
Overwrite = Annotated[bool, Parameter(help="Replace the run folder if it exists.", negative="")]
AsJson = Annotated[bool, Parameter(name="--json", help="Print one JSON document instead of tables.", negative="")]
Thread = Annotated[int, Parameter(help="Threads to use; never changes the result. 0 = all cores.")]
ProgramName = Annotated[str, Parameter(help="A programme by name, or the path of a rules file (.toml).")]
Year = Annotated[str | None, Parameter(help="Performance year, as the programme names it. Default: its own default.")]
Layout = Annotated[str, Parameter(help="auto, store, canonical, synpuf, rif, cclf, fhir-eob, idr or tuva.")]
Basis = Annotated[str | None, Parameter(help="standardized, allowed or paid in place of the programme's basis.")]
Period = Annotated[str | None, Parameter(help="START:END, inclusive dates in place of the performance year's.")]
Without = Annotated[
    list[str] | None,
    Parameter(name="--without-exclusion", help="Reason code of an exclusion to switch off; repeatable.", negative=""),
]
Override = Annotated[
    list[str] | None, Parameter(name="--override", help="KEY=VALUE, a rule by name; repeatable.", negative="")
]
RulesFile = Annotated[Path | None, Parameter(help="The rules file, where the build used one of your own.")]
Track = Annotated[str | None, Parameter(help="Track of all hospitals, in place of the participants' own.")]
WithoutTables = Annotated[
    bool,
    Parameter(help="Leave out risk, outcomes and attribution: faster, where only the cost is wanted.", negative=""),
]
Methods = Annotated[
    list[str] | None,
    Parameter(
        name="--attribution-method",
        help="Attribution method (docs/attribution.md); repeatable. Default: the programme's own.",
        negative="",
    ),
]
