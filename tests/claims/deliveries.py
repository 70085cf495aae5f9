"""Small deliveries of every layout, as the bytes of their files: what the tests of damage and of privacy start from."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from claims import synpuf_files, test_idr
from episodes.claims.layouts.plan import LAYOUTS, module_of

Tables = Mapping[str, pl.DataFrame]
Files = dict[str, bytes]

WRITTEN = [name for name in LAYOUTS if hasattr(module_of(name), "write")]
FORMS = [*WRITTEN, "canonical as text", "synpuf", "idr"]
"""Layouts, and one of them in its second form."""


def layout_of(form: str) -> str:
    """The layout's name."""
    return form.partition(" ")[0]


def files_of(form: str, tables: Tables) -> Files:
    """The files of a delivery; `synpuf` and `idr` have no writer and take only people, claims and births."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if form == "canonical as text":
            _write_text(tables, folder)
        elif form in _BUILT:
            _BUILT[form](tables, folder)
        else:
            module_of(form).write(dict(tables), folder)  # type: ignore[attr-defined]
        return {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }


def deliver(files: Files, folder: Path) -> Path:
    """Write the files of a delivery."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _write_text(tables: Tables, folder: Path) -> None:
    for name, table in tables.items():
        lists = [column for column, dtype in table.schema.items() if isinstance(dtype, pl.List)]
        table.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join("|")).write_csv(folder / f"{name}.csv")


def _ids(tables: Tables, setting: str) -> list[tuple[str, str]]:
    return list(tables["claims"].filter(pl.col("setting") == setting).select("beneficiary_id", "claim_id").iter_rows())


def _births(tables: Tables) -> list[tuple[str, dt.date]]:
    return list(tables["beneficiaries"].select("beneficiary_id", "birth_date").iter_rows())


def _write_synpuf(tables: Tables, folder: Path) -> None:
    stays = [synpuf_files.inpatient(DESYNPUF_ID=one, CLM_ID=claim) for one, claim in _ids(tables, "inpatient")]
    continued = [row | {"SEGMENT": "2", "CLM_PMT_AMT": "0.00"} for row in stays[:2]]
    synpuf_files.write(folder, "stays.csv", [*stays, *continued])
    for name, row, setting in (
        ("visits.csv", synpuf_files.outpatient, "outpatient"),
        ("carrier.csv", synpuf_files.carrier, "professional"),
    ):
        rows = [row(DESYNPUF_ID=one, CLM_ID=claim) for one, claim in _ids(tables, setting)]
        if rows:
            synpuf_files.write(folder, name, rows)
    people = [
        synpuf_files.beneficiary(DESYNPUF_ID=one, BENE_BIRTH_DT=f"{birth:%Y%m%d}") for one, birth in _births(tables)
    ]
    synpuf_files.write(folder, "DE1_0_2009_Beneficiary_Summary_File.csv", people)


def _write_idr(tables: Tables, folder: Path) -> None:
    claims, details, lines = [], [], []
    for kind, setting in (("60", "inpatient"), ("71", "professional")):
        for one, claim in _ids(tables, setting):
            key = {"CLM_NUM_SK": str(len(claims) + 1), "CLM_TYPE_CD": kind}
            claims.append(test_idr.claim(kind, **key, BENE_SK=one, CLM_UNIQ_ID=claim))
            lines += [test_idr.line(kind, number, **key, CLM_UNIQ_ID=claim) for number in "12"]
            if kind == "60":
                details.append(test_idr.stay_details(**key))
    people = [test_idr.person(one, BENE_BRTH_DT=f"{birth}") for one, birth in _births(tables)]
    written = {"CLM": claims, "CLM_INSTNL": details, "CLM_LINE": lines, "BENE_HSTRY": people}
    test_idr.write(folder, {name: rows for name, rows in written.items() if rows})


_BUILT: dict[str, Callable[[Tables, Path], None]] = {"synpuf": _write_synpuf, "idr": _write_idr}
