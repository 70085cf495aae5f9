"""Coefficients of a risk model as a CSV file, to keep, to compare, and to use those that CMS publishes.

One row a category, term and level. Columns: form (linear, log, logistic), category, term, level, coefficient,
standard_error, multiplier, rows, status, note. Needed to read: category, term, level, and of each row a coefficient or
a multiplier; a form can be given in the call in place of the column.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import polars as pl

from episodes.errors import ArgumentError, RiskError, count_of, unknown_name
from episodes.risk.model import COEFFICIENT_SCHEMA, EVERYTHING, FORMS, Form, RiskModel

_KEYS = ("category", "term", "level")


def write_coefficients(model: RiskModel, path: str | Path) -> None:
    """Write a model's coefficients to a CSV file that `read_coefficients` reads back to the last bit."""
    table = model.coefficients.select(pl.lit(model.form).alias("form"), pl.all())
    table.write_csv(Path(path))


def read_coefficients(path: str | Path, *, form: Form | None = None) -> RiskModel:
    """Read the coefficients of a model from a CSV file.

    Args:
        path: the file; columns: see the module. The level of a yes/no term is `true`; of a number it is blank; the
            reference level of a text is a row with coefficient 0 (multiplier 1). A model of one category for all
            rows has category `ALL`.
        form: needed where the file has no column `form`.

    Returns:
        `RiskModel`; a multiplier that the file gives is used as it is given, the coefficient is its logarithm.

    Raises:
        RiskError: the file is not there, lacks a column, has a row twice, or a row with no usable number.
        ArgumentError: an unknown form.
    """
    file = Path(path)
    if not file.is_file():
        raise RiskError(f"There is no file of coefficients {str(path)!r}.")
    table = pl.read_csv(file, infer_schema=False)
    if lacking := [column for column in _KEYS if column not in table.columns]:
        raise RiskError(f"The file {file.name!r} lacks: {', '.join(lacking)}. It has: {', '.join(table.columns)}.")
    if not {"coefficient", "multiplier"} & set(table.columns):
        raise RiskError(f"The file {file.name!r} has neither coefficient nor multiplier.")
    chosen = _form(table, form, file.name)
    filled = table.with_columns(
        pl.lit(None, dtype=pl.String).alias(column) for column in COEFFICIENT_SCHEMA if column not in table.columns
    )
    typed = filled.select(
        *[pl.col(key).fill_null("") for key in _KEYS],
        *[pl.col(name).cast(COEFFICIENT_SCHEMA[name], strict=False) for name in list(COEFFICIENT_SCHEMA)[3:]],
    )
    if unread := sum(
        int((filled[name].is_not_null() & typed[name].is_null()).sum()) for name in ("coefficient", "multiplier")
    ):
        raise RiskError(f"The file {file.name!r} has {count_of(unread, 'number')} that cannot be read.")
    _need_sound(typed, chosen, file.name)
    return RiskModel(
        form=chosen,
        coefficients=_completed(typed, chosen),
        by=None if set(typed["category"]) == {EVERYTHING} else "category",
    )


def _form(table: pl.DataFrame, form: str | None, name: str) -> Form:
    if form is None:
        forms = table["form"].unique().to_list() if "form" in table.columns else []
        if len(forms) != 1:
            raise RiskError(f"The file {name!r} says {len(forms)} forms: give form=, one of {', '.join(FORMS)}.")
        form = forms[0]
    if form not in FORMS:
        raise ArgumentError(unknown_name("form", str(form), FORMS))
    return cast("Form", form)


def _need_sound(table: pl.DataFrame, form: Form, name: str) -> None:
    if twice := table.height - table.select(_KEYS).n_unique():
        raise RiskError(f"The file {name!r} has {count_of(twice, 'row')} too many: each category, term, level once.")
    if form != "linear" and (wrong := table.filter(pl.col("multiplier") <= 0).height):
        raise RiskError(f"The file {name!r} has {count_of(wrong, 'multiplier')} of zero or less.")
    if form == "linear" and table["multiplier"].count():
        raise RiskError(f"The file {name!r} gives multipliers for a linear model: its coefficients are cents.")
    unsound = ["aliased", "separated", "not_seen"]
    nothing = pl.col("coefficient").is_null() & pl.col("multiplier").is_null()
    if empty := table.filter(nothing & ~pl.col("status").fill_null("").is_in(unsound)).height:
        raise RiskError(f"The file {name!r} has {count_of(empty, 'row')} without coefficient or multiplier.")


def _completed(table: pl.DataFrame, form: Form) -> pl.DataFrame:
    """The coefficient from the multiplier or the other way round, and `given` where the file says no status."""
    exponentiated = pl.lit(form != "linear")
    return table.with_columns(
        coefficient=pl.coalesce("coefficient", pl.col("multiplier").log()),
        multiplier=pl.coalesce("multiplier", pl.when(exponentiated).then(pl.col("coefficient").exp())),
        status=pl.col("status").fill_null("given"),
    ).select(list(COEFFICIENT_SCHEMA))
