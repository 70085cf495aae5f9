"""What the layouts page says a layout cannot hold is what the writers say: one table, documentation and test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from episodes.claims.contract import TABLES
from episodes.claims.layouts import cclf, fhir_eob, rif, tuva
from episodes.claims.layouts.denials import DENIED_CLAIMS_KEPT, DENIED_LINES_KEPT
from episodes.claims.layouts.outpatient_payments import LINE_MADE, LINES_DIFFER, ON_FIRST_LINE, PAYMENT_OF_CLAIM
from episodes.claims.layouts.payable_lines import PAID_BY_CLAIM, SUM_OF_LINES, TOTAL_LINE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "layouts.md").read_text(encoding="utf-8")
LACKS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "rif": rif.LACKS,
    "cclf": cclf.LACKS,
    "fhir-eob": fhir_eob.LACKS,
    "tuva": tuva.LACKS,
}


def rows_below(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = PAGE.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def named(columns: Sequence[str], table: str) -> str:
    if list(columns) == TABLES[table].column_names():
        return "all"
    return ", ".join(f"`{column}`" for column in columns)


def expected_lacks() -> Iterator[list[str]]:
    for layout, lacks in LACKS.items():
        for table in TABLES:
            if lacks.get(table):
                yield [f"`{layout}`", f"`{table}`", named(lacks[table], table)]


def expected_lacks_by_setting() -> Iterator[list[str]]:
    for setting, lacks in cclf.LACKS_BY_SETTING.items():
        for table, columns in lacks.items():
            yield [f"`{setting}`", f"`{table}`", named(columns, table)]


def test_the_page_has_what_each_layout_lacks() -> None:
    assert rows_below("## What a layout cannot hold") == list(expected_lacks())


def test_the_page_has_what_cclf_lacks_by_setting() -> None:
    assert rows_below("### CCLF, by setting") == list(expected_lacks_by_setting())


@pytest.mark.parametrize("lacks", LACKS.values(), ids=LACKS)
def test_only_columns_of_the_contract_are_lacking(lacks: Mapping[str, Sequence[str]]) -> None:
    for table, columns in lacks.items():
        assert set(columns) <= set(TABLES[table].column_names())
        assert len(columns) == len(set(columns))


@pytest.mark.parametrize("reason", [TOTAL_LINE, PAID_BY_CLAIM, SUM_OF_LINES, PAYMENT_OF_CLAIM])
def test_the_page_explains_where_amounts_go(reason: str) -> None:
    assert f"`{reason}`" in PAGE


@pytest.mark.parametrize("doubt", [DENIED_CLAIMS_KEPT, DENIED_LINES_KEPT, ON_FIRST_LINE, LINES_DIFFER, LINE_MADE])
def test_the_page_names_every_shared_doubt(doubt: str) -> None:
    assert doubt in " ".join(PAGE.split())
