"""Risk factors of an episode: from what is known of person and hospital to levels, and from levels to a multiplier.

Which factors a programme has, and where their levels begin, stands in its rules (`price.risk.factors`). Coefficients
are a frame: category (null: all), factor, level (as text; true or false for a flag), and multiplier, or coefficient,
which is exponentiated. A level that a factor's rows do not name is its reference and multiplies by 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Any

import polars as pl

from episodes.errors import PriceError, ProgramError, count_of, unknown_name
from episodes.money import Rate, exact
from episodes.pricing.checks import exact_factor, exact_in_range, true_or_false, whole_cents, with_columns
from episodes.programs import Program
from episodes.programs.price import AnyOfFactor, BandFactor, ChoiceFactor, MembersFactor, RiskAdjustment

DECIMALS = 12
"""A computed factor is rounded half up to so many decimals as soon as it is formed: what a column shows is what is
used."""

COEFFICIENT_SCHEMA = {"category": pl.String, "factor": pl.String, "level": pl.String, "multiplier": pl.Float64}
NO_RISK_VARIABLES = "no_risk_variables"
"""Reason code of an episode that lacks the variables its multiplier is made of: it has none."""

Levels = Mapping[str, Any]


def shown_factor(value: Rate) -> Fraction:
    """A computed factor as it is shown and used: rounded half up to `DECIMALS` decimals.

    >>> float(shown_factor(Fraction(2, 3)))
    0.666666666667
    """
    fraction = exact(value)
    scale = 10**DECIMALS
    return Fraction((2 * fraction.numerator * scale + fraction.denominator) // (2 * fraction.denominator), scale)


@lru_cache(maxsize=65_536)
def exact_of(shown: float) -> Fraction:
    """A shown factor as an exact fraction; the same few recur in every episode.

    >>> exact_of(1.25)
    Fraction(5, 4)
    """
    return exact(shown)


def exponentiated(coefficient: Rate) -> Fraction:
    """e to the power of a coefficient, as shown and used; computed in decimals, so the same everywhere.

    >>> float(exponentiated(0))
    1.0
    """
    fraction = exact(coefficient)
    with localcontext() as context:
        context.prec = 50
        power = (Decimal(fraction.numerator) / Decimal(fraction.denominator)).exp()
        rounded = power.quantize(Decimal(1).scaleb(-DECIMALS), rounding=ROUND_HALF_UP)
    return Fraction(rounded)


def risk_adjustment(program: Program) -> RiskAdjustment:
    """The risk adjustment of a programme's prices in its performance year.

    Raises:
        ProgramError: there is none.
    """
    risk = getattr(program.price, "risk", None)
    if not isinstance(risk, RiskAdjustment) or not risk.applies.value:
        raise ProgramError(
            f"The prices of {program.id!r} are not multiplied by risk factors in performance year "
            f"{program.performance_year}."
        )
    return risk


def risk_levels(
    program: Program,
    *,
    age: Rate,
    hcc_count: int,
    low_income_subsidy: bool | None,
    full_dual: bool | None,
    deprivation_percentile: Rate | None,
    beds: int | None,
    safety_net: bool | None = False,
) -> dict[str, str | bool | None]:
    """The levels of the risk factors that every category has.

    Args:
        program: its factors and where their levels begin.
        age: years on the first day of the episode.
        hcc_count: number of payment HCCs in the look-back.
        low_income_subsidy, full_dual: null is taken as no.
        deprivation_percentile: national percentile, 0 to 100; None: not known.
        beds: beds of the hospital; None: not known.
        safety_net: the hospital meets the safety-net definition.

    Returns:
        Factor to level: the name of a band, or true or false. A level that is not known is None. TEAM: hcc_count ("0",
        "1", "2", "3", "4+"), age_bracket ("<65", "65-74", "75-84", "85+"), economic, bed_size ("<=250", "251-500",
        "501-850", "851+"), safety_net. CJR from year 6: hcc_count, age_bracket, full_dual.

    Raises:
        ArgumentError: a number out of range.
        ProgramError: the programme has no risk adjustment in its year.

    Source: 42 CFR 512.545 for TEAM; 86 FR 23572 for CJR.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> risk_levels(team, age=75, hcc_count=5, low_income_subsidy=False, full_dual=False,
        ...             deprivation_percentile=80, beds=250)["economic"]
        False
    """
    known = {
        "age": exact_in_range("age", age, 0, 130),
        "hcc_count": whole_cents("hcc_count", hcc_count, minimum=0),
        "low_income_subsidy": _flag("low_income_subsidy", low_income_subsidy),
        "full_dual": _flag("full_dual", full_dual),
        "deprivation_percentile": (
            None
            if deprivation_percentile is None
            else exact_in_range("deprivation_percentile", deprivation_percentile, 0, 100)
        ),
        "beds": None if beds is None else whole_cents("beds", beds, minimum=0),
        "safety_net": _flag("safety_net", safety_net),
    }
    return {
        factor.id: level_of(factor, known)
        for factor in risk_adjustment(program).factors
        if factor.categories is None and not isinstance(factor, MembersFactor)
    }


def _flag(name: str, value: Any) -> bool:
    return False if value is None else true_or_false(name, value)


def level_of(factor: BandFactor | AnyOfFactor | ChoiceFactor, known: Mapping[str, Any]) -> str | bool | None:
    """The level of one factor from the variables it reads; None where they are not known."""
    if isinstance(factor, BandFactor):
        value = known[factor.variable]
        if value is None:
            return None
        return factor.levels[sum(exact(start) <= exact(value) for start in factor.starts)]
    if isinstance(factor, ChoiceFactor):
        chosen: str | None = known[factor.variable]
        return chosen
    if any(known[name] for name in factor.flags):
        return True
    measured = [(known[name], limit) for name, limit in factor.above.items() if known[name] is not None]
    return any(exact(value) > exact(limit) for value, limit in measured)


def variables_of(factor: BandFactor | AnyOfFactor | ChoiceFactor | MembersFactor) -> tuple[str, ...]:
    """The columns a factor is made of."""
    return (*factor.flags, *factor.above) if isinstance(factor, AnyOfFactor) else (factor.variable,)


# --- coefficients and multipliers ---------------------------------------------------------------------------


def checked_coefficients(coefficients: pl.DataFrame, program: Program) -> pl.DataFrame:
    """Coefficients as multipliers: category, factor, level, multiplier (what is shown is what is used).

    Raises:
        PriceError: an unknown factor or category, a row without level, a multiplier that is not above 0, a level given
            twice, or neither multiplier nor coefficient.
    """
    factors = {factor.id: factor for factor in risk_adjustment(program).factors}
    has = [name for name in ("multiplier", "coefficient") if name in coefficients.columns]
    if len(has) != 1:
        raise PriceError("The coefficients want one of the columns multiplier and coefficient (of log cost).")
    rows = with_columns(coefficients, "coefficients", ["factor", "level"], {"category": pl.String})
    read = []
    for category, factor, level, value in rows.select("category", "factor", "level", has[0]).iter_rows():
        if factor not in factors:
            raise PriceError(unknown_name("risk factor", str(factor), factors))
        if category is not None and category not in program.rules.categories:
            raise PriceError(unknown_name("category", str(category), program.rules.categories))
        if level is None or value is None:
            raise PriceError(f"The coefficients have a row of {factor} without level or {has[0]}.")
        try:
            number = exact_factor(has[0], value) if has[0] == "multiplier" else exponentiated(value)
        except (ValueError, TypeError):
            raise PriceError(f"The coefficients of {factor} have a {has[0]} that is no number above 0.") from None
        text = str(level).lower() if isinstance(factors[factor], AnyOfFactor) else str(level)
        read.append((category, factor, text, float(shown_factor(number))))
    typed = pl.DataFrame(read, schema=COEFFICIENT_SCHEMA, orient="row")
    twice = typed.height - typed.unique(["category", "factor", "level"]).height
    if twice:
        raise PriceError(f"The coefficients repeat {count_of(twice, 'level')}: keep one row each.")
    return typed.sort("category", "factor", "level", nulls_last=False)


def risk_multipliers(
    risk: pl.DataFrame, coefficients: pl.DataFrame, program: Program, hospitals: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The risk multiplier of each episode.

    Args:
        risk: episode_id, category, anchor_ccn and the variables of the programme's factors that have coefficients.
        coefficients: see the module.
        program: its factors.
        hospitals: the hospitals table, for beds and safety_net where `risk` has not got them.

    Returns:
        episode_id, one column a factor that has coefficients (Float64), risk_multiplier (their product, shown and used
        to 12 decimals), risk_status (`known`, or `no_risk_variables`: a variable is null, and the factor's multiplier
        is 1). Same rows as `risk`.

    Raises:
        ContractError: a variable that a coefficient needs is no column of `risk` or `hospitals`.
    """
    table = checked_coefficients(coefficients, program)
    of_hospital = _hospital_columns(risk, hospitals)
    used = [factor for factor in risk_adjustment(program).factors if factor.id in set(table["factor"])]
    needed = ["episode_id", "category", *dict.fromkeys(name for factor in used for name in variables_of(factor))]
    rows = with_columns(of_hospital, "risk", needed).select(needed)
    columns, unknown = [], pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    for factor in used:
        multipliers, missing = _of_factor(rows, factor, table.filter(factor=factor.id))
        columns.append(multipliers.alias(factor.id))
        unknown |= missing
    return rows.select("episode_id").with_columns(
        *columns,
        pl.Series("risk_multiplier", _products(columns, rows.height), dtype=pl.Float64),
        unknown.replace_strict({True: NO_RISK_VARIABLES, False: "known"}, return_dtype=pl.String).alias("risk_status"),
    )


def _products(columns: list[pl.Series], height: int) -> list[float]:
    """The product of the columns row by row, each distinct one formed once."""
    if not columns:
        return [1.0] * height
    formed: dict[tuple[float, ...], float] = {}
    for row in pl.DataFrame(columns).unique().iter_rows():
        product = Fraction(1)
        for value in row:
            product *= exact_of(value)
        formed[row] = float(shown_factor(product))
    return [formed[row] for row in pl.DataFrame(columns).iter_rows()]


def _of_factor(rows: pl.DataFrame, factor: Any, table: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """The multiplier of one factor by row, and where its variables are not known."""
    own = {(category, level): value for category, _, level, value in table.iter_rows()}
    variables = variables_of(factor)
    distinct: dict[Any, tuple[float, bool]] = {}
    found, missing = [], []
    for category, *values in rows.select("category", *variables).iter_rows():
        key = (category, *(tuple(value) if isinstance(value, list) else value for value in values))
        if key not in distinct:
            distinct[key] = _multiplier(factor, category, dict(zip(variables, values, strict=True)), own)
        value, is_missing = distinct[key]
        found.append(value)
        missing.append(is_missing)
    return pl.Series(found, dtype=pl.Float64), pl.Series(missing, dtype=pl.Boolean)


def _multiplier(
    factor: Any, category: str, known: Mapping[str, Any], own: Mapping[tuple[str | None, str], float]
) -> tuple[float, bool]:
    if factor.categories is not None and category not in factor.categories:
        return 1.0, False
    if isinstance(factor, MembersFactor):
        members = known[factor.variable]
        product = Fraction(1)
        for member in sorted(set(members or ())):
            product *= exact_of(_row_of(own, category, str(member)))
        return float(shown_factor(product)), members is None
    unknown = all(value is None for value in known.values())
    level = None if unknown else level_of(factor, known)
    if level is None:
        return 1.0, True
    text = str(level).lower() if isinstance(level, bool) else str(level)
    return _row_of(own, category, text), False


def _row_of(own: Mapping[tuple[str | None, str], float], category: str, level: str) -> float:
    """The category's own row before that of all categories; none: the reference."""
    return own.get((category, level), own.get((None, level), 1.0))


def _hospital_columns(risk: pl.DataFrame, hospitals: pl.DataFrame | None) -> pl.DataFrame:
    """`risk` with beds and safety_net of the anchor's hospital where it has not got them."""
    wanted = {"beds": pl.Int64, "safety_net": pl.Boolean}
    absent = [name for name in wanted if name not in risk.columns]
    if hospitals is None or not absent or "anchor_ccn" not in risk.columns:
        return risk
    listed = with_columns(hospitals, "hospitals", ["ccn"], {**wanted, "start_date": pl.Date})
    latest = (
        listed.select(pl.col("ccn").cast(pl.String), "start_date", *absent)
        .sort("ccn", "start_date", nulls_last=False)
        .group_by("ccn", maintain_order=True)
        .agg(pl.col(absent).drop_nulls().last())
    )
    keyed = risk.with_columns(pl.col("anchor_ccn").cast(pl.String))
    return keyed.join(latest, left_on="anchor_ccn", right_on="ccn", how="left", maintain_order="left")
