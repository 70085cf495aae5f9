"""The sharing page names every arrangement, reason, check and column of the code, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import episodes as ep
from episodes.alignment.compliance import check_rules
from episodes.alignment.ledger import LEDGER_SCHEMA, REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "alignment.md").read_text(encoding="utf-8")


def first_cells(head: str) -> set[str]:
    """The names in backticks in the first column of the table whose head begins so."""
    table = PAGE.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_arrangements() -> None:
    assert first_cells("packaged example") == set(ep.alignment.known_arrangements())


def test_columns_and_reasons_of_a_ledger() -> None:
    assert first_cells("column") == set(LEDGER_SCHEMA)
    assert first_cells("reason") == set(REASONS)


def test_checks() -> None:
    assert first_cells("check") == set(check_rules())


def test_every_public_name_is_documented_with_an_example_where_it_is_called() -> None:
    for name in ep.alignment.__all__:
        public = getattr(ep.alignment, name)
        assert public.__doc__, name
        if callable(public) and not isinstance(public, type):
            assert ">>>" in public.__doc__, name
