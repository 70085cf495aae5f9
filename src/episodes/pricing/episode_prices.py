"""The price of every episode of a performance year: its cell's price, and what reconciliation changes in it.

Reconciliation brings the risk multiplier of the episode, the final trend and normalization of its cell (TEAM; CJR from
year 6: normalization and market trend; BPCI Advanced: final case mix and realized trend), and a discount that quality
lowered (CJR). The components of an episode go through `price_components`; every component that was used is a column, so
that the price is the product of its columns, rounded half up once. A price is `preliminary`, `trended` (the final trend
is in it) or `final`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, PriceError
from episodes.money import Rate, round_half_up
from episodes.pricing.checks import exact_in_range, with_columns
from episodes.pricing.component_steps import components_of
from episodes.pricing.components import ComponentPrice, price_components
from episodes.pricing.episode_components import COMPONENTS, FINAL, SHOWN, Row
from episodes.pricing.price_cells import CELL, with_own_cell
from episodes.pricing.price_lookup import with_price_row
from episodes.pricing.regions import NO_REGION, with_region
from episodes.pricing.risk_factors import exact_of, risk_multipliers
from episodes.pricing.target_prices import TargetPrices
from episodes.programs import Program
from episodes.programs.price import BlendPrice, RegionalBaselinePrice, StandardizedBaselinePrice

NO_TARGET_PRICE = "no_target_price"
"""Reason code of an episode whose cell has no target price."""

_READ = ("episode_id", "category", "price_code", "anchor_ccn")


def price_episodes(
    prices: TargetPrices,
    episodes: pl.DataFrame,
    program: Program,
    hospitals: pl.DataFrame,
    *,
    risk: pl.DataFrame | None = None,
    coefficients: pl.DataFrame | None = None,
    final_factors: pl.DataFrame | None = None,
    discount_reductions: Mapping[str, Rate] | None = None,
) -> pl.DataFrame:
    """The price of each episode with its components.

    Args:
        prices: target prices of the programme's performance year.
        episodes: episode_id, category, price_code, anchor_ccn; price_cell where it differs from the code; party_id for
            prices by party.
        program: the programme of the performance year.
        hospitals: the hospitals table, for regions (and beds, safety_net).
        risk: risk variables by episode, for coefficients, and `fracture` for CJR.
        coefficients: risk coefficients, see `risk_multipliers`. None: no multiplier.
        final_factors: from `reconciliation_factors`, or the payer's: price_cell, region (BPCI Advanced: ccn, category)
            and final_trend, final_normalization (TEAM), normalization, market_trend (CJR), final_pcma, realized_trend
            (BPCI Advanced). A null leaves the preliminary one.
        discount_reductions: CCN to what quality takes off the discount (0.01 = one point), down to no discount.

    Returns:
        Same rows: episode_id, price_cell, region, the components used (`trend` is the one in the price, held within
        its limit, beside `prospective_trend`; of a price given whole it is what multiplies it), risk_multiplier,
        risk_status, price_cents (null: none), repayment_price_cents where money owed has its own discount,
        price_status, reason (`no_region`, `no_target_price`, null).

    Raises:
        PriceError: repeated prices or final factors, or a programme whose episodes have no price each.
    """
    price = program.price
    if type(price) not in FINAL:
        raise PriceError(f"The episodes of {program.id!r} have no price each: a provider's mean is held to thresholds.")
    placed = placed_in_cells(episodes, program, hospitals, risk)
    known = with_multipliers(placed, risk, coefficients, program, hospitals)
    joined = _with_factors(with_price_row(known, prices.prices, program), final_factors, program)
    reductions = {
        ccn: exact_in_range("discount_reductions", share, 0, 1) for ccn, share in (discount_reductions or {}).items()
    }
    return _priced(joined, program, reductions)


def explain_price(row: Mapping[str, Any], program: Program) -> ComponentPrice:
    """How a price came about: the waterfall of a row of `price_episodes`, or of a table of target prices.

    Args:
        row: the row as a mapping, such as `prices.prices.row(0, named=True)`.
        program: the programme of the performance year.

    Returns:
        A `ComponentPrice`, whose `price_cents` is that of the row and whose `.steps` are the waterfall: step, amount
        before, factor, change, amount after, rule, citation, status.

    Raises:
        PriceError: the row has no price, or was given whole, without components.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> row = {"baseline_cents": 2_000_000, "trend": 1.02, "discount": 0.02, "price_cents": 1_999_200}
        >>> explain_price(row, team).steps.filter(step="discount")["change_cents"].to_list()
        [-40800]
    """
    parts = _parts(row, program)
    if row.get("price_cents") is None or not parts:
        raise PriceError("There is no price to explain, or it was given whole, without its components.")
    explained = price_components(program, performance_year=None, **parts)
    if explained.price_cents != row["price_cents"]:
        raise PriceError("The components of the row do not make its price: the price was given beside them.")
    return explained


def price_at_discount(row: Mapping[str, Any], program: Program, discount: Rate) -> int:
    """The price of a row of `price_episodes` with another discount, as exact as the price itself.

    Args:
        row: the row as a mapping, with its components.
        program: the programme of the performance year.
        discount: 0 to 1; takes the place of the one in the row.

    Raises:
        PriceError: the row has no components.

    Example:
        >>> import episodes as ep
        >>> cjr = ep.load_program("cjr", performance_year=4)
        >>> price_at_discount({"regional_mean_cents": 2_000_000, "discount": 0.03}, cjr, 0.015)
        1970000
    """
    parts = _parts(row, program)
    if "discount" not in parts:
        raise PriceError("A price that was given whole, without its components, cannot be set at another discount.")
    return price_components(program, performance_year=None, **parts | {"discount": discount}).price_cents


def _parts(row: Mapping[str, Any], program: Program) -> dict[str, Any]:
    """The components in a row, as `price_components` takes them."""
    known, _ = components_of(program)
    parts = {name: row[name] for name in known if row.get(name) is not None}
    if row.get("hospital_weight") == "0":
        parts.pop("hospital_mean_cents", None)
    if "risk" in known and row.get("risk_multiplier") not in (None, 1.0):
        parts["risk"] = [row["risk_multiplier"]]
    return parts


def placed_in_cells(
    episodes: pl.DataFrame, program: Program, hospitals: pl.DataFrame, risk: pl.DataFrame | None
) -> pl.DataFrame:
    """The episodes with the cell they are priced in and the region of their hospital."""
    read = with_columns(episodes, "episodes", _READ, {"price_cell": pl.String}).drop("region", strict=False)
    as_text = read.with_columns(pl.col("category", "anchor_ccn").cast(pl.String))
    return with_region(with_own_cell(as_text, program, risk), hospitals)


def with_multipliers(
    placed: pl.DataFrame,
    risk: pl.DataFrame | None,
    coefficients: pl.DataFrame | None,
    program: Program,
    hospitals: pl.DataFrame,
) -> pl.DataFrame:
    """The episodes with risk_multiplier and risk_status; without coefficients 1 and `not_adjusted`."""
    if coefficients is None:
        return placed.with_columns(risk_multiplier=pl.lit(1.0), risk_status=pl.lit("not_adjusted"))
    if risk is None:
        raise PriceError("Coefficients are given, and no risk variables: hand in risk=, a row an episode.")
    own = risk.drop("category", "anchor_ccn", strict=False)
    of_episodes = placed.select("episode_id", "category", "anchor_ccn").join(
        own, on="episode_id", how="left", maintain_order="left"
    )
    found = risk_multipliers(of_episodes, coefficients, program, hospitals)
    return placed.join(
        found.select("episode_id", "risk_multiplier", "risk_status"), on="episode_id", how="left", maintain_order="left"
    )


def _with_factors(joined: pl.DataFrame, factors: pl.DataFrame | None, program: Program) -> pl.DataFrame:
    """The episodes with the final factors of their cell, in `final:<name>`."""
    names = FINAL[type(program.price)]
    absent = [pl.lit(None, dtype=pl.Float64).alias(f"final:{name}") for name in names]
    if factors is None:
        return joined.with_columns(absent)
    if not names:
        raise ArgumentError(f"The prices of {program.id!r} have no final factors: leave out final_factors.")
    by_hospital = isinstance(program.price, StandardizedBaselinePrice)
    keys = ["ccn", "category"] if by_hospital else CELL
    table = with_columns(factors, "final_factors", keys, dict.fromkeys(names, pl.Float64)).select(*keys, *names)
    if table.height != table.unique(keys).height:
        raise PriceError(f"The final factors repeat a {', '.join(keys)}: keep one row each.")
    renamed = table.rename({name: f"final:{name}" for name in names} | ({"ccn": "anchor_ccn"} if by_hospital else {}))
    on = ["anchor_ccn", "category"] if by_hospital else CELL
    typed = renamed.with_columns(pl.col(key).cast(joined.schema[key]) for key in on)
    return joined.join(typed, on=on, how="left", maintain_order="left")


def _priced(joined: pl.DataFrame, program: Program, reductions: Mapping[str, Fraction]) -> pl.DataFrame:
    """The components, prices, status and reason of each episode; what episodes share is worked out once."""
    known = joined.with_columns(
        no_region=pl.col("region").is_null(),
        quality_of=pl.when(pl.col("anchor_ccn").is_in(list(reductions))).then("anchor_ccn"),
    )
    shared = [name for name in known.columns if name.startswith(("given_", "final:"))] + ["no_region", "quality_of"]
    distinct = known.select(shared).unique(maintain_order=True).with_row_index("sharing")
    placed = known.join(distinct, on=shared, how="left", nulls_equal=True, maintain_order="left")
    found = [_of_those(row, program, reductions) for row in distinct.iter_rows(named=True)]
    paid, owed = [], []
    for place, multiplier in placed.select("sharing", "risk_multiplier").iter_rows():
        times = exact_of(multiplier)
        price, repayment = found[place].price, found[place].repayment
        paid.append(None if price is None else round_half_up(price * times))
        owed.append(None if repayment is None else round_half_up(repayment * times))
    shown = pl.DataFrame([each.shown for each in found], schema=_schema(program)).with_row_index("sharing")
    with_shown = placed.select("episode_id", *CELL, "risk_multiplier", "risk_status", "sharing").join(
        shown, on="sharing", how="left", maintain_order="left"
    )
    amounts = {"price_cents": paid} | ({"repayment_price_cents": owed} if isinstance(program.price, BlendPrice) else {})
    return with_shown.with_columns(pl.Series(name, cents, dtype=pl.Int64) for name, cents in amounts.items()).select(
        "episode_id", *CELL, "risk_multiplier", "risk_status", *_schema(program)
    )


@dataclass(frozen=True)
class _Shared:
    """What episodes of one row of prices share: exact prices before the risk multiplier, and the columns shown."""

    shown: dict[str, Any]
    price: Fraction | None = None
    repayment: Fraction | None = None


def _of_those(row: Row, program: Program, reductions: Mapping[str, Fraction]) -> _Shared:
    price = program.price
    if row["given_price_cents"] is None:
        by_region = isinstance(price, RegionalBaselinePrice | BlendPrice)
        return _Shared({"reason": NO_REGION if by_region and row["no_region"] else NO_TARGET_PRICE})
    used, shown = COMPONENTS[type(price)](row, program, reductions.get(row["quality_of"], Fraction(0)))
    repayment = None
    if isinstance(price, BlendPrice) and shown["repayment_discount"] is not None:
        repayment = price_components(program, **used | {"discount": shown["repayment_discount"]}).exact
    status = _status(row, price, row["quality_of"] is not None)
    return _Shared(shown | {"price_status": status}, price_components(program, **used).exact, repayment)


def _status(row: Row, price: Any, quality_known: bool) -> str:
    """How far a price has come: what the payer said, until something of the year is in it."""
    brought = [row[f"final:{name}"] is not None for name in FINAL[type(price)]]
    if all(brought) and brought:
        return "final"
    if isinstance(price, BlendPrice) and not price.risk.applies.value and quality_known:
        return "final"
    if brought and brought[0]:
        return "trended"
    return row["given_price_status"] or "preliminary"


def _schema(program: Program) -> dict[str, Any]:
    owed = {"repayment_price_cents": pl.Int64} if isinstance(program.price, BlendPrice) else {}
    return {
        **SHOWN[type(program.price)],
        "price_cents": pl.Int64,
        **owed,
        "price_status": pl.String,
        "reason": pl.String,
    }
