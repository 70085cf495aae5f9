"""Diagnoses and procedures of CCLF facility claims: rows of CCLF4 and CCLF3 become lists of a claim."""

from __future__ import annotations

import polars as pl

from episodes.claims.layouts.cclf_values import day
from episodes.claims.layouts.values import text, whole_number
from episodes.claims.versions import KEYS

_NOT_OF_THE_STAY = ["A", "R"]
"""Admitting diagnoses and reasons for a visit: what was thought before, not what was found."""
_PRINCIPAL, _OTHER, _EXTERNAL = 0, 1, 2
_EXTERNAL_CAUSES = ["E", "1"]


def diagnoses(rows: pl.DataFrame, headers: pl.DataFrame) -> pl.DataFrame:
    """Lists a claim: `diagnoses`, principal first, and `present_on_admission` beside them.

    The principal is the header's, else that of a row of type P; rows that repeat it add only what they say of its
    presence on admission. External causes come last. A blank principal stays as a null in front of others.
    """
    coded = rows.select(
        *KEYS,
        type=text("CLM_PROD_TYPE_CD").fill_null("D"),
        sequence=whole_number("CLM_VAL_SQNC_NUM"),
        code=_code("CLM_DGNS_CD"),
        present=text("CLM_POA_IND"),
    ).filter(pl.col("code").is_not_null() & ~pl.col("type").is_in(_NOT_OF_THE_STAY))
    typed_principal = (
        coded.filter(type="P")
        .sort("sequence", maintain_order=True)
        .unique(subset=KEYS, keep="first", maintain_order=True)
        .select(*KEYS, _typed="code")
    )
    principal = headers.select(*KEYS, _given=_code("PRNCPL_DGNS_CD")).join(
        typed_principal, on=KEYS, how="left", maintain_order="left"
    )
    both = pl.concat(
        [
            principal.select(
                *KEYS, _place=pl.lit(_PRINCIPAL), sequence=pl.lit(0), code=pl.coalesce("_given", "_typed")
            ),
            coded.select(
                *KEYS,
                "sequence",
                "code",
                "present",
                _place=pl.when(pl.col("type").is_in(_EXTERNAL_CAUSES)).then(_EXTERNAL).otherwise(_OTHER),
            ),
        ],
        how="diagonal_relaxed",
    )
    return (
        both.group_by(*KEYS, "code", maintain_order=True)
        .agg(pl.col("_place").min(), pl.col("sequence").min(), pl.col("present").drop_nulls().first())
        .sort("_place", "sequence", "code", nulls_last=True, maintain_order=True)
        .group_by(KEYS, maintain_order=True)
        .agg(diagnoses="code", present_on_admission="present")
        .with_columns(
            diagnoses=pl.when(pl.col("diagnoses").list.drop_nulls().list.len() > 0).then("diagnoses"),
            present_on_admission=pl.when(pl.col("present_on_admission").list.drop_nulls().list.len() > 0).then(
                "present_on_admission"
            ),
        )
    )


def procedures(rows: pl.DataFrame) -> pl.DataFrame:
    """Lists a claim: `procedures` in their sequence and `procedure_dates` beside them."""
    return (
        rows.select(
            *KEYS,
            sequence=whole_number("CLM_VAL_SQNC_NUM"),
            procedures=_code("CLM_PRCDR_CD"),
            procedure_dates=day("CLM_PRCDR_PRFRM_DT"),
        )
        .filter(pl.col("procedures").is_not_null())
        .sort("sequence", nulls_last=True, maintain_order=True)
        .group_by(KEYS, maintain_order=True)
        .agg("procedures", "procedure_dates")
    )


def _code(column: str) -> pl.Expr:
    """A code without dots."""
    return text(column).str.replace_all(".", "", literal=True)
