"""Writing canonical tables as a Tuva input layer, Parquet or comma-delimited text.

Each line is a row, with the claim's columns repeated; a claim without lines is a row without a line number. Claims paid
as a whole state their amounts on the first row, the others state zero. Drug claims are pharmacy claims. A person's
coverage is cut into spans within which nothing changes.

What comes back otherwise than it went in, beside the columns of `LACKS`:

* A row has room for 25 diagnoses, 25 procedures and 5 modifiers; further ones are left out.
* An allowed amount of null beside a payment comes back as the payment. Header amounts of claims paid by line come back
  as the sums of their lines.
* An institutional claim without a bill type comes back with the usual one of its setting. Equipment claims are known by
  their procedure codes.
* A drug claim comes back with the dates of its lines.
* People who have coverage and no row in `beneficiaries` come back with one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars as pl

from episodes.claims.casting import trust
from episodes.claims.contract import CLAIM_PAID_SETTINGS, empty_table, types_of
from episodes.claims.contract import TABLES as CANONICAL
from episodes.claims.layouts.tuva_settings import BILL_OF_SETTING, INSTITUTIONAL
from episodes.claims.layouts.tuva_tables import (
    DIAGNOSES,
    HCPCS_MODIFIERS,
    PRESENT,
    PROCEDURE_DATES,
    PROCEDURES,
    TABLES,
)
from episodes.claims.layouts.tuva_written_people import eligibility
from episodes.tables import write_parquet

LACKS: dict[str, tuple[str, ...]] = {
    "claims": (
        # The layout has no provider number; the kind of provider is read from bill type and revenue centers.
        "ccn",
        "provider_type",
        "attending_npi",
        "operating_npi",
        # One DRG, as billed.
        "pricing_drg",
        "mdc",
        # Parts of the payment, standardized amounts and other payers are not told.
        "outlier_cents",
        "new_technology_cents",
        "clotting_factor_cents",
        "ime_cents",
        "dsh_cents",
        "uncompensated_care_cents",
        "standardized_cents",
        "standardized_outlier_cents",
        "primary_payer_paid_cents",
        # Flags of programmes.
        "low_utilization",
        "keep_inner",
        "keep_inner_outer",
        "demonstration_codes",
    ),
    "lines": (
        "status_indicator",
        "apc",
        "specialty",
        "visits",
        "standardized_cents",
        "primary_payer_paid_cents",
        "noncovered_charge_cents",
        "diagnosis",
    ),
    "beneficiaries": ("county", "deprivation_percentile"),
    # Spans state some kinds of coverage only (`tuva_written_people.KINDS`), and no detail.
    "coverage": tuple(types_of(CANONICAL["coverage"])),
    # Whole tables that the input layer does not have.
    **{name: tuple(types_of(CANONICAL[name])) for name in ("hospitals", "participants", "clinicians", "quality")},
}
"""Canonical table to the columns that do not survive being written and read back."""

SOURCE = "episodes"
_KEY = ("beneficiary_id", "claim_id")


def write(tables: Mapping[str, pl.DataFrame], folder: Path, *, form: Literal["parquet", "csv"] = "parquet") -> None:
    """Write canonical tables as medical_claim, pharmacy_claim and eligibility; the same tables give the same bytes.

    Args:
        tables: canonical tables by name; claims at least.
        folder: where the files go; made when it is not there.
        form: `parquet`, or `csv` for comma-delimited text.

    Example:
        >>> import tempfile, polars as pl, episodes as ep
        >>> from pathlib import Path
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write({"claims": claims.claims.collect(), "lines": claims.lines.collect()}, Path(folder))
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['medical_claim.parquet', 'pharmacy_claim.parquet']
    """
    given = {
        name: trust(name, tables[name].lazy()).collect() if name in tables else empty_table(name)
        for name in ("claims", "lines", "beneficiaries", "coverage")
    }
    rows = _rows(given["claims"], given["lines"])
    is_drug = pl.col("setting") == "drug"
    made = {
        "medical_claim": _medical(rows.filter(~is_drug)),
        "pharmacy_claim": _pharmacy(rows.filter(is_drug)),
        "eligibility": eligibility(given["beneficiaries"], given["coverage"]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in made.items():
        if frame.is_empty() and name != "medical_claim":
            continue
        whole = _whole(name, frame)
        if form == "parquet":
            write_parquet(whole, folder / f"{name}.parquet")
        else:
            whole.write_csv(folder / f"{name}.csv")


def _rows(claims: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """A row each line with its claim, or the claim alone, in the order of person, claim and line."""
    own = lines.rename({column: f"line_{column}" for column in lines.columns if column not in (*_KEY, "line_number")})
    return (
        claims.with_columns(pl.col("setting").cast(pl.String))
        .join(own, on=_KEY, how="left", maintain_order="left")
        .sort(*_KEY, "line_number", maintain_order=True)
        .with_columns(_first=pl.int_range(pl.len()).over(_KEY) == 0)
    )


def _medical(rows: pl.DataFrame) -> pl.DataFrame:
    institutional = pl.col("setting").is_in(list(BILL_OF_SETTING))
    bill_type = pl.coalesce("bill_type", pl.col("setting").replace_strict(BILL_OF_SETTING, default=None))
    return rows.select(
        **_named(),
        claim_line_number="line_number",
        claim_type=pl.when(institutional).then(pl.lit(INSTITUTIONAL)).otherwise(pl.lit("professional")),
        claim_start_date="from_date",
        claim_end_date="thru_date",
        claim_line_start_date="line_service_date",
        claim_line_end_date="line_service_thru",
        admission_date="admission_date",
        discharge_date="discharge_date",
        discharge_disposition_code="discharge_status",
        place_of_service_code="line_place_of_service",
        bill_type_code=pl.when(institutional).then(bill_type).otherwise("bill_type"),
        drg_code_type=pl.when(pl.col("ms_drg").is_not_null()).then(pl.lit("ms-drg")),
        drg_code="ms_drg",
        revenue_center_code="line_revenue_center",
        service_unit_quantity="line_units",
        hcpcs_code="line_hcpcs",
        **_spread("line_modifiers", HCPCS_MODIFIERS),
        rendering_npi="line_rendering_npi",
        rendering_tin="line_tin",
        billing_npi="facility_npi",
        billing_tin="line_tin",
        facility_npi="facility_npi",
        paid_date="process_date",
        paid_amount=_amount("paid_cents"),
        allowed_amount=_amount("allowed_cents"),
        charge_amount=_dollars(pl.col("line_charge_cents")),
        diagnosis_code_type=pl.when(pl.col("diagnoses").list.len() > 0).then(pl.lit("icd-10-cm")),
        **_spread("diagnoses", DIAGNOSES),
        **_spread("present_on_admission", PRESENT),
        procedure_code_type=pl.when(pl.col("procedures").list.len() > 0).then(pl.lit("icd-10-pcs")),
        **_spread("procedures", PROCEDURES),
        **_spread("procedure_dates", PROCEDURE_DATES),
    )


def _pharmacy(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        **_named(),
        claim_line_number="line_number",
        dispensing_date=pl.coalesce("line_service_date", "from_date"),
        quantity="line_units",
        paid_date="process_date",
        paid_amount=_dollars(pl.col("line_paid_cents")),
        allowed_amount=_dollars(pl.col("line_allowed_cents")),
        charge_amount=_dollars(pl.col("line_charge_cents")),
    )


def _named() -> dict[str, pl.Expr]:
    return {
        "claim_id": pl.col("claim_id"),
        "person_id": pl.col("beneficiary_id"),
        "member_id": pl.col("beneficiary_id"),
        "payer": pl.lit("medicare"),
        "plan": pl.lit("medicare"),
        "data_source": pl.lit(SOURCE),
    }


def _whole(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of the table, in its order and types."""
    return frame.select(
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in TABLES[name].columns.items()
    )


def _amount(column: str) -> pl.Expr:
    """The claim's amount on the first row of a claim paid as a whole, zero on its others; else the line's."""
    own = _dollars(pl.col(column))
    on_others = pl.when(pl.col(column).is_not_null()).then(pl.lit("0.00"))
    whole = pl.when("_first").then(own).otherwise(on_others)
    return (
        pl.when(pl.col("setting").is_in(CLAIM_PAID_SETTINGS)).then(whole).otherwise(_dollars(pl.col(f"line_{column}")))
    )


def _dollars(cents: pl.Expr) -> pl.Expr:
    """Cents as dollars with two decimals, as text that becomes an exact decimal."""
    sign = pl.when(cents < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    digits = (cents.abs() % 100).cast(pl.String).str.zfill(2)
    return pl.when(cents.is_not_null()).then(pl.format("{}{}.{}", sign, cents.abs() // 100, digits))


def _spread(column: str, names: tuple[str, ...]) -> dict[str, pl.Expr]:
    """The elements of a list, a column each."""
    return {name: pl.col(column).list.get(place, null_on_oob=True) for place, name in enumerate(names)}
