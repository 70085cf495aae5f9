"""The packaged code tables are what their manifest says."""

from __future__ import annotations

from importlib.resources import files

import pytest

from episodes.programs.code_tables import fingerprint_of, load_codes, manifest


@pytest.mark.parametrize("name", sorted(manifest()))
def test_table_is_what_the_manifest_says(name: str) -> None:
    said = manifest()[name]
    table = load_codes(name)
    assert fingerprint_of(name) == said["sha256"]
    assert (table.columns, table.height) == (said["columns"], said["rows"])
    assert said["source"]
    assert said["status"] in {"regulation", "published", "unverified", "open"}


def test_no_table_is_missing_from_the_manifest() -> None:
    folder = files("episodes.programs") / "codes"
    names = {entry.name for entry in folder.iterdir() if entry.name.endswith((".csv", ".csv.gz"))}
    assert names == {str(said["file"]) for said in manifest().values()}


def test_ranges_of_diagnostic_categories_agree_with_the_published_list() -> None:
    """435 to 437 (liver, bile duct and pancreas) are MDC 07 in the grouper; the published exclusion list says 06."""
    ranges = load_codes("ms_drg_mdc_ranges").rows()
    differing = {
        drg
        for drg, mdc in load_codes("excluded_readmission_ms_drg").select("ms_drg", "mdc").iter_rows()
        if mdc not in {m for m, first, last in ranges if first <= drg <= last}
    }
    assert differing == {"435", "436", "437"}
