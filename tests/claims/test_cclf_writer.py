"""Writing CCLF deliveries: what is read back is what was written, but for what the layout cannot hold."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import episodes as ep
import strategies
from claims.cclf_files import read, rows_of
from episodes.claims import Claims, ReadingReport
from episodes.claims.contract import CLAIM_PAID_SETTINGS, SETTINGS, TABLES
from episodes.claims.layouts import cclf
from episodes.claims.layouts.cclf_fields import DESCRIPTIONS, record_length
from episodes.errors import ArgumentError

Tables = dict[str, pl.DataFrame]

KEYS = ["beneficiary_id", "claim_id"]
PEOPLE = ("claims", "lines", "beneficiaries", "coverage")
EXIST_THROUGH_LINES = ["professional", "dme", "drug"]


@pytest.fixture(scope="module")
def bundled() -> Tables:
    claims = ep.read_claims(ep.synthetic.bundled_folder())
    return {name: claims.table(name).collect() for name in TABLES}


def written_and_read(tables: Tables, folder: Path) -> Claims:
    cclf.write(tables, folder)
    return read(folder)


def as_the_layout_holds_them(tables: Tables) -> Tables:
    """Claims that exist through their lines have some; an allowed amount that is not known reads as the payment."""
    lines = tables["lines"].select(KEYS)
    by_line = pl.col("setting").cast(pl.String).is_in(EXIST_THROUGH_LINES)
    whole = pl.col("setting").cast(pl.String).is_in(CLAIM_PAID_SETTINGS)
    claims = tables["claims"]
    claims = pl.concat([claims.filter(~by_line), claims.filter(by_line).join(lines, on=KEYS, how="semi")])
    claims = claims.with_columns(
        allowed_cents=pl.when(whole).then(pl.coalesce("allowed_cents", "paid_cents")).otherwise("allowed_cents")
    )
    return {**tables, "claims": claims}


def held(tables: Tables, name: str, setting: str | None = None) -> pl.DataFrame:
    """The columns of a table that survive, of one setting; empty lists are null."""
    frame = tables[name]
    lacking = {*cclf.LACKS.get(name, ())}
    if setting is not None:
        of_setting = tables["claims"].filter(pl.col("setting").cast(pl.String) == setting).select(KEYS)
        frame = frame.join(of_setting, on=KEYS, how="semi")
        lacking |= {*cclf.LACKS_BY_SETTING[setting].get(name, ())}
    lists = [column for column, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return (
        frame.select([column for column in TABLES[name].column_names() if column not in lacking])
        .with_columns(
            pl.when(pl.col(column).list.drop_nulls().list.len() > 0).then(column).alias(column)
            for column in lists
            if column not in lacking
        )
        .with_columns(pl.col(pl.Enum).cast(pl.String))
        .sort([column for column in ("beneficiary_id", "claim_id", "line_number") if column in frame.columns])
    )


def assert_survives(tables: Tables, claims: Claims) -> None:
    expected = as_the_layout_holds_them(tables)
    found = {name: claims.table(name).collect() for name in PEOPLE}
    assert claims.report.quarantined_rows() == 0
    for setting in SETTINGS:
        for name in ("claims", "lines"):
            wanted, have = held(expected, name, setting), held(found, name, setting)
            for column in wanted.columns:
                assert have[column].to_list() == wanted[column].to_list(), (setting, name, column)
    assert held(found, "beneficiaries").equals(held(expected, "beneficiaries"))
    assert found["claims"].height == expected["claims"].height
    assert found["lines"].height == expected["lines"].height

    def allowed_of_outpatient_claims(of: Tables) -> pl.DataFrame:
        outpatient = of["claims"].filter(pl.col("setting").cast(pl.String) == "outpatient").select(KEYS)
        lines = of["lines"].join(outpatient, on=KEYS, how="semi")
        return lines.group_by(KEYS).agg(pl.coalesce("allowed_cents", "paid_cents").sum()).sort(KEYS)

    assert allowed_of_outpatient_claims(found).equals(allowed_of_outpatient_claims(expected))


def test_what_is_lacking_is_named_by_the_contract() -> None:
    assert set(cclf.LACKS) == set(TABLES)
    for name, columns in cclf.LACKS.items():
        assert set(columns) <= set(TABLES[name].column_names())
    assert set(cclf.LACKS_BY_SETTING) == set(SETTINGS)
    for lacking in cclf.LACKS_BY_SETTING.values():
        for name, columns in lacking.items():
            assert set(columns) <= set(TABLES[name].column_names())
            assert not set(columns) & set(cclf.LACKS[name])


def test_the_bundled_set_survives(bundled: Tables, tmp_path: Path) -> None:
    claims = written_and_read(bundled, tmp_path)
    assert_survives(bundled, claims)
    begun = bundled["coverage"].with_columns(pl.col("kind").cast(pl.String)).filter(pl.col("kind") == "part_a")
    latest = begun.group_by("beneficiary_id").agg(pl.col("start_date").max()).sort("beneficiary_id")
    found = claims.coverage.filter(pl.col("kind") == "part_a").select("beneficiary_id", "start_date").collect()
    assert found.sort("beneficiary_id").equals(latest)


@pytest.mark.parametrize("seed", range(10))
def test_random_tables_survive(seed: int, tmp_path: Path) -> None:
    tables = strategies.to_frames(strategies.random_tables(seed, people=6))
    assert_survives(tables, written_and_read(tables, tmp_path))


def test_a_delivery_looks_like_one(bundled: Tables, tmp_path: Path) -> None:
    cclf.write(bundled, tmp_path)
    names = sorted(file.name for file in tmp_path.iterdir())
    day = max(bundled["claims"]["process_date"].max(), bundled["claims"]["thru_date"].max())
    assert isinstance(day, dt.date)
    kinds = sorted(["CCLF0", *DESCRIPTIONS])
    assert names == [f"P.A0000.ACO.{kind}.D{day:%y%m%d}.T0000000" for kind in kinds]
    stated = {}
    for line in (tmp_path / names[0]).read_text(encoding="ascii").splitlines()[1:]:
        kind, _, number, length = line.split("|")
        stated[kind.strip()] = (int(number), int(length))
    for kind, name in zip(kinds[1:], names[1:], strict=True):
        lines = (tmp_path / name).read_text(encoding="ascii").splitlines()
        assert stated[kind] == (len(lines), record_length(kind))
        assert {len(line) for line in lines} <= {record_length(kind)}
    rows = rows_of(tmp_path, ReadingReport(layout="cclf"))
    assert set(rows["CCLF1"]["CLM_TYPE_CD"]) == {"10", "20", "40", "50", "60"}
    assert rows["CCLF1"]["CLM_ADJSMT_TYPE_CD"].unique().to_list() == ["0"]


def test_the_same_tables_give_the_same_bytes(bundled: Tables, tmp_path: Path) -> None:
    some = {name: frame.head(300) for name, frame in bundled.items()}
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=7) for name, frame in some.items()}
    cclf.write(some, tmp_path / "one")
    cclf.write(shuffled, tmp_path / "two")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_claims_alone_can_be_written(tmp_path: Path) -> None:
    claims = pl.DataFrame(
        {
            "beneficiary_id": ["a", "a"],
            "claim_id": ["1", "2"],
            "setting": ["inpatient", "professional"],
            "from_date": [dt.date(2026, 1, 5)] * 2,
            "thru_date": [dt.date(2026, 1, 8)] * 2,
            "ms_drg": ["470", None],
        }
    )
    [claim] = written_and_read({"claims": claims}, tmp_path).claims.collect().to_dicts()
    assert (claim["claim_id"], claim["ms_drg"], claim["paid_cents"]) == ("1", "470", None)
    assert (tmp_path / "P.A0000.ACO.CCLF0.D260108.T0000000").is_file()


@pytest.mark.parametrize("claim_id", ["12345678901234", "Ä"])
def test_a_value_that_does_not_fit_its_field_is_refused(claim_id: str, tmp_path: Path) -> None:
    claims = pl.DataFrame(
        {
            "beneficiary_id": ["a"],
            "claim_id": [claim_id],
            "setting": ["inpatient"],
            "from_date": [dt.date(2026, 1, 5)],
            "thru_date": [dt.date(2026, 1, 8)],
        }
    )
    with pytest.raises(ArgumentError, match="1 value of CUR_CLM_UNIQ_ID longer than the 13 characters") as caught:
        cclf.write({"claims": claims}, tmp_path)
    assert claim_id not in str(caught.value)
