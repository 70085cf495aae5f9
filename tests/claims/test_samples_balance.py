"""Every public sample is read, or refused for the right reason; what is read adds up in rows and in cents."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import episodes as ep
from episodes.claims.report import MONEY_TABLES, TableReport
from episodes.errors import BalanceError, LayoutError

READ = {
    "synpuf_10k_subsamples": "synpuf",
    "synpuf_500bene_multifile": "synpuf",
    "rif_bfd_samples/rif_static": "rif",
    "rif_bfd_samples/rif_synthea": "rif",
    "fhir_eob": "fhir-eob",
    "idr_bfd_v3_samples/claims": "idr",
}
"""Folder of samples to the layout it is of."""

REFUSED = {
    # A delivery without most of the files that its summary lists.
    "cclf_layout": r"the delivery is not the one that its summary \(CCLF0\) states: 9 files of the summary not there",
    # Documents from before FHIR.
    "idr_bfd_v3_samples/eob_shapes": "is not recognised",
    # Charges without payments: the layout is not one that is read.
    "x12_837": "is not recognised",
    # Lists of columns, and tables that are no claims.
    "tuva_input_layer": "is not recognised",
    "rif_bfd_samples": "is not recognised",
    "ref_hcc": "is not recognised",
    "ref_ipps_fy2021": "is not recognised",
}
"""Folder of samples to why it is refused."""


def adds_up(claims: ep.Claims) -> bool:
    """Whether rows and cents of every table add up, and what came out is what the tables hold."""
    for name, report in claims.report.tables.items():
        report.check(name)
        if name in MONEY_TABLES:
            table = claims.table(name).collect()
            assert report.rows_out == table.height
            assert report.cents_out == (table["paid_cents"].sum() or 0)
            set_aside = claims.report.quarantine.get(name)
            if set_aside is not None:
                assert sum(report.quarantined.values()) == set_aside.height
    return True


def test_every_folder_of_samples_is_looked_at(shared_folder: Path) -> None:
    samples = shared_folder / "claims"
    folders = {
        folder.relative_to(samples).as_posix()
        for folder in samples.rglob("*")
        if folder.is_dir() and any(file.is_file() and file.name != "README.md" for file in folder.iterdir())
    }
    assert folders == {*READ, *REFUSED}


@pytest.mark.parametrize("name", READ)
def test_a_sample_adds_up(shared_folder: Path, name: str) -> None:
    claims = ep.read_claims(shared_folder / "claims" / name)
    assert claims.report.layout == READ[name]
    assert adds_up(claims)
    assert claims.report.table("claims").cents_in != 0
    said = claims.report.to_dict()["tables"]["claims"]
    assert said["cents_in"] == said["cents_out"] + sum(said["cents_netted"].values()) + sum(
        said["cents_quarantined"].values()
    )


@pytest.mark.parametrize("name", REFUSED)
def test_a_sample_is_refused(shared_folder: Path, name: str) -> None:
    with pytest.raises(LayoutError, match=REFUSED[name]):
        ep.read_claims(shared_folder / "claims" / name)


def test_the_files_of_the_incomplete_delivery_add_up(shared_folder: Path, tmp_path: Path) -> None:
    """Without its summary the delivery of files of people is read; it holds no claims."""
    with zipfile.ZipFile(next((shared_folder / "claims" / "cclf_layout").glob("*.zip"))) as archive:
        for name in archive.namelist():
            if ".ZC0" not in name:
                archive.extract(name, tmp_path)
    claims = ep.read_claims(tmp_path)
    assert claims.report.layout == "cclf"
    assert adds_up(claims)
    assert claims.report.table("beneficiaries").rows_out == 3


def test_a_store_of_a_sample_says_where_the_money_went(shared_folder: Path, tmp_path: Path) -> None:
    sample = shared_folder / "claims" / "rif_bfd_samples" / "rif_static"
    ep.ingest(sample, tmp_path / "store", buckets=3)
    kept, read = ep.read_claims(tmp_path / "store").report, ep.read_claims(sample).report
    for name in MONEY_TABLES:
        assert replace(kept.table(name), amounts_read=True) == read.table(name)
        kept.table(name).check(name)


@pytest.mark.parametrize(
    "report",
    [
        TableReport(cents_in=100, cents_out=99),
        TableReport(cents_in=100, cents_out=100, cents_netted={"denied": 1}),
        TableReport(cents_in=100, cents_out=100, cents_added={"payment_of_claim": 1}),
        TableReport(cents_in=100, cents_quarantined={"duplicate_key": 101}),
        TableReport(rows_in=1),
    ],
)
def test_a_cent_that_is_lost_or_counted_twice_is_an_error(report: TableReport) -> None:
    with pytest.raises(BalanceError, match="Table 'claims': .* came in"):
        report.check("claims")
