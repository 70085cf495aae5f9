"""Deliveries with history: what is read back are the final claims, and exactly the history is netted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

import episodes as ep
from claims import test_cclf_writer, test_fhir_writer, test_rif_writer
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS
from episodes.claims.layouts import rif
from episodes.claims.layouts.cclf_writer_files import rows as cclf_rows
from episodes.claims.layouts.written_history import (
    CANCELLED,
    DENIED,
    EARLIER,
    HISTORY_KINDS,
    KEYS,
    REPEATED,
)
from episodes.synthetic import synthesize, write_set
from episodes.synthetic.claim_book import CLAIM_NUMBERS_A_PERSON, claim_id
from episodes.synthetic.configuration import load_configuration
from episodes.synthetic.versions import FIRST_NUMBER, INTERIM, Delivery, delivery_of
from episodes.synthetic.writing import WrittenLayout

Tables = dict[str, pl.DataFrame]
Counts = dict[str, int]

PEOPLE = 150
SEED = 1
LAYOUTS: tuple[WrittenLayout, ...] = ("rif", "cclf", "fhir-eob")
FACILITIES = [*CLAIM_PAID_SETTINGS, "outpatient"]
SUPPLIERS = ["professional", "dme"]


class Case(NamedTuple):
    """A set written in a layout and read back."""

    folder: Path
    claims: ep.Claims
    history: Counts


@pytest.fixture(scope="module")
def canonical() -> Tables:
    return dict(synthesize(PEOPLE, seed=SEED))


@pytest.fixture(scope="module")
def delivery(canonical: Tables) -> Delivery:
    return delivery_of(canonical, SEED, load_configuration().versions)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    made = {}
    for layout in LAYOUTS:
        folder = tmp_path_factory.mktemp("deliveries") / layout
        written = write_set(folder, beneficiaries=PEOPLE, seed=SEED, layout=layout)
        made[layout] = Case(folder, ep.read_claims(folder), written.history)
    return made


def tables_of(claims: ep.Claims) -> Tables:
    return {name: claims.table(name).collect() for name in ("claims", "lines", "beneficiaries", "coverage")}


def read_back_expected(canonical: Tables, delivery: Delivery) -> Tables:
    """The canonical tables; the bill type of a stay in parts is that of its last bill."""
    last_bills = delivery.tables["claims"].select(*KEYS, _bill_type="bill_type")
    claims = (
        canonical["claims"]
        .join(last_bills, on=KEYS, how="left", maintain_order="left")
        .with_columns(bill_type="_bill_type")
        .drop("_bill_type")
    )
    return {**canonical, "claims": claims}


# --- what comes back ----------------------------------------------------------------------------------------


def test_rif_gives_the_final_claims(canonical: Tables, delivery: Delivery, cases: dict[str, Case]) -> None:
    expected = read_back_expected(canonical, delivery)
    test_rif_writer.assert_same(expected, tables_of(cases["rif"].claims), rif.LACKS)


def test_cclf_gives_the_final_claims(canonical: Tables, delivery: Delivery, cases: dict[str, Case]) -> None:
    test_cclf_writer.assert_survives(read_back_expected(canonical, delivery), cases["cclf"].claims)


def test_fhir_gives_the_final_claims(canonical: Tables, delivery: Delivery, cases: dict[str, Case]) -> None:
    expected, found = read_back_expected(canonical, delivery), tables_of(cases["fhir-eob"].claims)
    for name in test_fhir_writer.WRITTEN:
        left, right = (test_fhir_writer.comparable(name, tables[name]) for tables in (expected, found))
        assert left.equals(right), name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_store_holds_the_same(layout: WrittenLayout, cases: dict[str, Case], tmp_path: Path) -> None:
    case = cases[layout]
    report = ep.ingest(case.folder, tmp_path / "store", buckets=3)
    assert report.quarantined_rows() == 0
    for name, table in case.claims.report.tables.items():
        assert report.tables[name].to_dict() == table.to_dict(), name
    stored = tables_of(ep.read_claims(tmp_path / "store"))
    for name, table in tables_of(case.claims).items():
        order = [*KEYS, "line_number"] if name == "lines" else KEYS if name == "claims" else table.columns
        assert stored[name].sort(order).equals(table.sort(order)), name


# --- what is netted -----------------------------------------------------------------------------------------


class Counted(NamedTuple):
    """Rows and paid cents by reason."""

    claims: Counts
    lines: Counts
    cents_of_claims: Counts
    cents_of_lines: Counts


class Measures:
    """Rows and cents of a delivery by kind of history; `standing` for the claims of the tables."""

    def __init__(self, delivery: Delivery) -> None:
        history, tables = delivery.history, delivery.tables
        standing = tables["claims"].with_columns(version=pl.lit("standing"))
        again = tables["claims"].join(history.repeated, on=KEYS, how="semi").with_columns(version=pl.lit(REPEATED))
        self.claims = pl.concat([standing, again, history.claims], how="diagonal_relaxed").with_columns(
            pl.col("setting").cast(pl.String)
        )
        of_claims = pl.concat([tables["lines"], history.lines])
        self.lines = of_claims.join(
            self.claims.select(*KEYS, "setting", "version", _claim_paid="paid_cents"), on=KEYS, how="inner"
        )

    def rows(self, table: str, settings: list[str], *kinds: str) -> int:
        return self._of(table, settings, kinds).height

    def cents(self, table: str, settings: list[str], *kinds: str) -> int:
        return int(self._of(table, settings, kinds)["paid_cents"].sum())

    def codes(self, column: str, settings: list[str], *kinds: str) -> int:
        lists = self._of("claims", settings, kinds)[column]
        return int(lists.list.drop_nulls().list.len().sum())

    def _of(self, table: str, settings: list[str], kinds: tuple[str, ...]) -> pl.DataFrame:
        frame: pl.DataFrame = getattr(self, table)
        return frame.filter(pl.col("setting").is_in(settings), pl.col("version").is_in(kinds))


ALL = [*CLAIM_PAID_SETTINGS, *LINE_PAID_SETTINGS]


def expected_rif(measures: Measures) -> Counted:
    """A row a line, and one more for the total of a facility claim; a deletion repeats the rows of its claim."""

    def rows(kind: str) -> int:
        return measures.rows("lines", ALL, kind) + measures.rows("claims", FACILITIES, kind)

    reasons = {"deleted": CANCELLED, "not_final_action": EARLIER, "denied": DENIED}
    by_line = list(LINE_PAID_SETTINGS)
    twice = {"deleted": 2}
    return Counted(
        {reason: measures.rows("claims", ALL, kind) for reason, kind in reasons.items()},
        {reason: rows(kind) * twice.get(reason, 1) for reason, kind in reasons.items()}
        | {"exact_duplicate": rows(REPEATED), "total_line": measures.rows("claims", FACILITIES, "standing")},
        {reason: measures.cents("claims", ALL, kind) for reason, kind in reasons.items()},
        {reason: measures.cents("lines", by_line, kind) * twice.get(reason, 1) for reason, kind in reasons.items()}
        | {"exact_duplicate": measures.cents("lines", by_line, REPEATED)},
    )


def expected_cclf(measures: Measures) -> Counted:
    """Claims: header, supplement, procedures, diagnoses. Lines: of facilities, of suppliers and their supplements."""
    fates = {
        "cancelled": (CANCELLED, EARLIER),
        "cancellation": (CANCELLED, EARLIER),
        "denied": (DENIED,),
        "repeated_row": (REPEATED,),
    }

    def of_claims(*kinds: str) -> int:
        codes = sum(measures.codes(column, FACILITIES, *kinds) for column in ("procedures", "diagnoses"))
        return 2 * measures.rows("claims", FACILITIES, *kinds) + codes

    def of_lines(*kinds: str) -> int:
        return measures.rows("lines", FACILITIES, *kinds) + 2 * measures.rows("lines", SUPPLIERS, *kinds)

    claims = {reason: of_claims(*kinds) for reason, kinds in fates.items()}
    lines = {reason: of_lines(*kinds) for reason, kinds in fates.items()}
    lines["repeated_row"] += measures.rows("lines", ["drug"], REPEATED)
    # Of the versions of an event the last stands, or is a cancellation.
    lines["cancellation"] += measures.rows("lines", ["drug"], CANCELLED)
    originals, adjusted = (measures.rows("lines", ["drug"], kind) for kind in (CANCELLED, EARLIER))
    lines["earlier_version"] = originals + 2 * adjusted
    added = {
        "procedure_of_claim": measures.codes("procedures", FACILITIES, "standing"),
        "diagnosis_of_claim": measures.codes("diagnoses", FACILITIES, "standing"),
        "supplement_of_claim": measures.rows("claims", FACILITIES, "standing"),
    }
    return Counted(
        claims | added,
        lines | {"supplement_of_claim": measures.rows("lines", SUPPLIERS, "standing")},
        {reason: measures.cents("claims", FACILITIES, *kinds) for reason, kinds in fates.items()},
        {reason: measures.cents("lines", ["outpatient", *SUPPLIERS], *kinds) for reason, kinds in fates.items()},
    )


def expected_fhir(measures: Measures) -> Counted:
    """A resource a claim, with its items."""
    reasons = {
        "cancelled": CANCELLED,
        "superseded_version": EARLIER,
        "denied": DENIED,
        "exact_duplicate": REPEATED,
    }
    tables = ("claims", "lines")
    rows = ({reason: measures.rows(table, ALL, kind) for reason, kind in reasons.items()} for table in tables)
    cents = ({reason: measures.cents(table, ALL, kind) for reason, kind in reasons.items()} for table in tables)
    return Counted(*rows, *cents)


EXPECTED: dict[str, Callable[[Measures], Counted]] = {
    "rif": expected_rif,
    "cclf": expected_cclf,
    "fhir-eob": expected_fhir,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_history_is_netted_and_nothing_else(layout: str, delivery: Delivery, cases: dict[str, Case]) -> None:
    report = cases[layout].claims.report
    expected = EXPECTED[layout](Measures(delivery))
    assert report.quarantined_rows() == 0
    assert report.tables["claims"].netted == {**expected.claims, "interim_bill": delivery.interim_bills}
    assert report.tables["lines"].netted == expected.lines
    found = [report.tables[name].cents_netted for name in ("claims", "lines")]
    assert found == [without_zeros(expected.cents_of_claims), without_zeros(expected.cents_of_lines)]
    # Nothing was doubtful: no denial beside a payment, no line that does not add up.
    assert not [note for note in report.tallies if "denied" in note or "sum" in note or "add up" in note]


def without_zeros(counts: Counts) -> Counts:
    return {reason: number for reason, number in counts.items() if number}


def test_rif_nets_claim_for_claim(delivery: Delivery, cases: dict[str, Case]) -> None:
    reasons = {CANCELLED: "deleted", EARLIER: "not_final_action", DENIED: "denied"}
    claims = delivery.history.claims
    expected = {
        (*key, reasons[version], paid)
        for *key, version, paid in claims.select(*KEYS, "version", "paid_cents").iter_rows()
    }
    netted = cases["rif"].claims.report.netted["claims"].filter(pl.col("reason") != "interim_bill")
    assert set(netted.select(*KEYS, "reason", "paid_cents").iter_rows()) == expected


def test_cclf_nets_each_cancellation_against_its_version(delivery: Delivery, cases: dict[str, Case]) -> None:
    versions = delivery.history.claims.with_columns(pl.col("setting").cast(pl.String))
    pairs = set(
        versions.filter(pl.col("cancellation_id").is_not_null(), pl.col("setting") != "drug")
        .select("claim_id", "cancellation_id")
        .iter_rows()
    )
    found = set()
    for netted in cases["cclf"].claims.report.netted.values():
        of_pairs = netted.filter(pl.col("reason") == "cancelled")
        found |= set(of_pairs.select("claim_id", "against_claim_id").iter_rows())
    assert found == pairs


# --- how it is made -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_written_is_told(layout: str, delivery: Delivery, cases: dict[str, Case]) -> None:
    assert cases[layout].history == delivery.counts()
    assert set(delivery.counts()) == {*HISTORY_KINDS, INTERIM}
    assert all(delivery.counts().values())


@pytest.mark.parametrize("layout", ["canonical", "tuva"])
def test_layouts_of_final_claims_have_none(layout: WrittenLayout, tmp_path: Path) -> None:
    written = write_set(tmp_path / "set", beneficiaries=20, layout=layout)
    assert written.history == {}


def test_versions_are_of_the_claims_that_stand(canonical: Tables, delivery: Delivery) -> None:
    history = delivery.history
    number = pl.col("claim_id").str.slice(1).cast(pl.Int64) % CLAIM_NUMBERS_A_PERSON
    assert history.claims.select((number >= FIRST_NUMBER).all()).item()
    ids = pl.concat([history.claims["claim_id"], history.claims["cancellation_id"].drop_nulls()])
    assert ids.n_unique() == len(ids)
    assert not ids.is_in(delivery.tables["claims"]["claim_id"].implode()).any()
    denied = history.claims.filter(version=DENIED)
    assert denied.select(pl.col("paid_cents", "allowed_cents").fill_null(0).sum()).row(0) == (0, 0)
    earlier = history.claims.filter(version=EARLIER).join(
        canonical["claims"], left_on=["beneficiary_id", "stands_for"], right_on=KEYS, suffix="_final"
    )
    assert earlier.height == delivery.counts()[EARLIER]
    for column in ("setting", "ccn", "from_date", "thru_date", "ms_drg"):
        assert earlier[column].equals(earlier[f"{column}_final"], null_equal=True), column
    assert earlier.select((pl.col("process_date") < pl.col("process_date_final")).all()).item()
    assert earlier.select((pl.col("process_date") > pl.col("thru_date")).all()).item()
    by_claim = earlier.filter(pl.col("setting").cast(pl.String).is_in(CLAIM_PAID_SETTINGS))
    assert by_claim.height > 0
    assert by_claim.select((pl.col("paid_cents") < pl.col("paid_cents_final")).all()).item()


def test_shares_are_those_assumed(canonical: Tables, delivery: Delivery) -> None:
    claims = canonical["claims"].height
    for kind, share in load_configuration().versions.shares().items():
        assert 0.5 * share < delivery.counts()[kind] / claims < 1.3 * share, kind


def test_the_parts_of_a_stay_add_up(canonical: Tables, delivery: Delivery) -> None:
    assert delivery.interim_bills > 2
    for table, columns in (("claims", ("paid_cents", "allowed_cents", "outlier_cents")), ("lines", ("charge_cents",))):
        for column in columns:
            assert delivery.tables[table][column].sum() == canonical[table][column].sum()
    bills = delivery.tables["claims"].filter(pl.col("bill_type") == "112")
    assert bills.height == delivery.interim_bills
    assert set(bills["discharge_status"]) == {"30"}


def test_a_person_has_the_same_history_in_a_set_of_any_size(delivery: Delivery) -> None:
    few = delivery_of(dict(synthesize(60, seed=SEED)), SEED, load_configuration().versions)
    of_few = pl.col("beneficiary_id") <= "B0000060"
    for name in ("claims", "lines", "repeated"):
        whole: pl.DataFrame = getattr(delivery.history, name)
        assert getattr(few.history, name).equals(whole.filter(of_few)), name
    for name in ("claims", "lines"):
        assert few.tables[name].equals(delivery.tables[name].filter(of_few)), name


def test_nothing_is_chosen_of_nobody() -> None:
    nothing = {name: frame.clear() for name, frame in synthesize(1).items()}
    assert set(delivery_of(nothing, SEED, load_configuration().versions).counts().values()) == {0}


def test_cclf_cancellations_repeat_what_they_cancel(delivery: Delivery) -> None:
    """Without sign, with the same natural key, under another claim number."""
    day = delivery.tables["claims"]["process_date"].max()
    headers = cclf_rows(delivery.tables, day, delivery.history)["CCLF1"]  # type: ignore[arg-type]
    kinds = headers.group_by("CLM_ADJSMT_TYPE_CD").len().sort("CLM_ADJSMT_TYPE_CD")
    assert kinds["CLM_ADJSMT_TYPE_CD"].to_list() == ["0", "1", "2"]
    natural = ["BENE_MBI_ID", "CLM_BLG_PRVDR_OSCAR_NUM", "CLM_FROM_DT", "CLM_THRU_DT", "CLM_CNTL_NUM", "CLM_PMT_AMT"]
    cancellations = headers.filter(pl.col("CLM_ADJSMT_TYPE_CD") == "1")
    originals = headers.filter(pl.col("CLM_ADJSMT_TYPE_CD") == "0")
    assert cancellations.join(originals, on=natural, how="inner").height == cancellations.height > 0
    assert not cancellations["CLM_PMT_AMT"].str.starts_with("-").any()


def test_numbers_of_versions_run_out(canonical: Tables) -> None:
    """Two for each version; who has claims under such numbers has no versions."""
    assumed = load_configuration().versions
    everywhere = assumed.model_copy(update={"earlier_share": 0.0, "cancelled_share": 0.0, "denied_share": 1.0})
    by_person = delivery_of(canonical, SEED, everywhere).history.claims.group_by("beneficiary_id").len()
    assert by_person["len"].max() <= (CLAIM_NUMBERS_A_PERSON - FIRST_NUMBER) / 2
    full, last = canonical["claims"].filter(beneficiary_id="B0000001").select(KEYS).row(-1)
    crowded = {
        name: canonical[name].with_columns(pl.col("claim_id").replace({last: claim_id(1, FIRST_NUMBER)}))
        for name in ("claims", "lines")
    }
    people = delivery_of(crowded, SEED, everywhere).history.claims["beneficiary_id"]
    assert full not in people
    assert full in delivery_of(canonical, SEED, everywhere).history.claims["beneficiary_id"]


def test_alike_claims_of_a_day_have_no_versions(canonical: Tables) -> None:
    """Which of two facility claims of the same days a cancellation cancels could not be told."""
    assumed = load_configuration().versions
    everywhere = assumed.model_copy(update={"earlier_share": 0.0, "cancelled_share": 1.0, "denied_share": 0.0})
    facility = canonical["claims"].filter(pl.col("setting").cast(pl.String) == "outpatient").head(40)
    second = pl.concat_str(pl.col("claim_id").str.head(-3), pl.lit("899"))
    twins = pl.concat([facility, facility.unique("beneficiary_id", keep="first").with_columns(claim_id=second)])
    lines = canonical["lines"].join(facility.select(KEYS), on=KEYS, how="semi")
    history = delivery_of({"claims": twins, "lines": lines}, SEED, everywhere).history
    alone = twins.filter(pl.len().over("beneficiary_id", "ccn", "from_date", "thru_date") == 1)
    assert 0 < history.claims.height < facility.height
    assert history.claims.join(alone, on=["beneficiary_id", "ccn", "from_date", "thru_date"], how="anti").is_empty()


def test_rif_groups_tell_versions_apart_without_final_action(
    delivery: Delivery, cases: dict[str, Case], tmp_path: Path
) -> None:
    """An older release has no FINAL_ACTION: of a claim group the claim that was processed last stands."""
    rows = pl.read_csv(cases["rif"].folder / "carrier.csv", separator="|", infer_schema=False)
    rows.drop("FINAL_ACTION").write_csv(tmp_path / "carrier.csv", separator="|")
    report = ep.read_claims(tmp_path).report
    of_suppliers = delivery.history.claims.filter(pl.col("setting").cast(pl.String) == "professional")
    counts = dict(of_suppliers.group_by("version").len().iter_rows())
    expected = {"deleted": counts[CANCELLED], "earlier_version": counts[EARLIER], "denied": counts[DENIED]}
    assert report.tables["claims"].netted == expected
