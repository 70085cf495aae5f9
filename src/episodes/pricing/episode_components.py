"""The components that an episode's price is made of: those of its row of prices, and what reconciliation changes.

One function a kind of price. Each returns what goes into `price_components` (all but the risk multiplier, which is
each episode's own), and what is shown as columns; a price that
was given without components stands in place of what a price starts from, and its discount, which is within it, is
null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import PriceError
from episodes.money import exact
from episodes.pricing.component_steps import held_within
from episodes.pricing.risk_factors import shown_factor
from episodes.programs import Program
from episodes.programs.price import (
    BidDiscountPrice,
    BlendPrice,
    RegionalBaselinePrice,
    StandardizedBaselinePrice,
)

FINAL: Mapping[type, tuple[str, ...]] = {
    RegionalBaselinePrice: ("final_trend", "final_normalization"),
    BlendPrice: ("market_trend", "normalization"),
    StandardizedBaselinePrice: ("realized_trend", "final_pcma"),
    BidDiscountPrice: (),
}
"""What reconciliation may bring, the trend first."""

Row = Mapping[str, Any]
Components = tuple[dict[str, Any], dict[str, Any]]


def _of_regional(row: Row, program: Program, reduction: Fraction) -> Components:
    price = program.price
    assert isinstance(price, RegionalBaselinePrice)
    del reduction  # quality does not change this programme's discount
    whole = row["given_baseline_cents"] is None
    prospective = {name: exact(row[f"given_{name}"] or 1) for name in ("trend", "normalization")}
    limits = {"trend": price.final_trend_limit.value, "normalization": price.final_normalization_limit.value}
    used: dict[str, Any] = {
        "baseline_cents": row["given_price_cents"] if whole else row["given_baseline_cents"],
        "discount": Fraction(0) if whole else exact(row["given_discount"] or 0),
    }
    shown: dict[str, Any] = {
        "baseline_cents": used["baseline_cents"],
        "discount": None if whole else float(used["discount"]),
    }
    for name, value in prospective.items():
        final = row[f"final:final_{name}"]
        held = Fraction(1) if final is None else held_within(exact(final) / value, Fraction(limits[name]))
        used[name] = shown_factor(held if whole else value * held)
        shown[name] = float(used[name])
        shown[f"prospective_{name}"] = row[f"given_{name}"]
    return used, shown


def _of_blend(row: Row, program: Program, reduction: Fraction) -> Components:
    price = program.price
    assert isinstance(price, BlendPrice)
    whole = row["given_regional_mean_cents"] is None
    if whole and reduction:
        raise PriceError(
            "Quality changes discounts, and the prices are given whole: give regional_mean_cents (the benchmark before "
            "the discount) and discount with them."
        )
    hospital = None if row["given_hospital_weight"] == "0" else row["given_hospital_mean_cents"]
    used: dict[str, Any] = {
        "regional_mean_cents": row["given_price_cents"] if whole else row["given_regional_mean_cents"],
        "hospital_mean_cents": hospital,
        "discount": Fraction(0) if whole else max(exact(row["given_discount"] or 0) - reduction, Fraction(0)),
    }
    owed = row["given_repayment_discount"]
    shown = {
        "regional_mean_cents": used["regional_mean_cents"],
        "hospital_mean_cents": hospital,
        "hospital_weight": "0" if hospital is None else str(price.hospital_weight.value),
        "discount": None if whole else float(used["discount"]),
        "repayment_discount": None if whole or owed is None else float(max(exact(owed) - reduction, Fraction(0))),
    }
    if price.risk.applies.value:
        for name in ("normalization", "market_trend"):
            final, prospective = row[f"final:{name}"], exact(row[f"given_{name}"] or 1)
            value = prospective if final is None else exact(final)
            used[name] = shown_factor(value / prospective) if whole else value
            shown[name] = float(used[name])
            shown[f"prospective_{name}"] = row[f"given_{name}"]
    return used, shown


def _of_standardized(row: Row, program: Program, reduction: Fraction) -> Components:
    del reduction  # quality does not change this programme's discount
    price = program.price
    assert isinstance(price, StandardizedBaselinePrice)
    final: dict[str, Any] = {name: row[f"final:{name}"] for name in ("final_pcma", "realized_trend")}
    if final["realized_trend"] is not None:
        limit = Fraction(price.realized_trend_limit.value)
        final["realized_trend"] = float(held_within(exact(final["realized_trend"]), limit))
    own = ("sbs_cents", "pcma", "pat", "pgp_offset", "pgp_case_mix", "discount")
    if row["given_pgp_target_cents"] is not None:
        shown = {name: row[f"given_{name}"] for name in ("pgp_target_cents", "pgp_case_mix", "pcma")}
    elif row["given_sbs_cents"] is not None:
        shown = {name: row[f"given_{name}"] for name in own}
    else:
        shown = {"sbs_cents": row["given_price_cents"]}
        if final["final_pcma"] is not None:
            if row["given_pcma"] is None:
                raise PriceError("A final case mix is given, and the prices have no pcma that it replaces.")
            final["final_pcma"] = float(shown_factor(exact(final["final_pcma"]) / exact(row["given_pcma"])))
    ratio = row["given_real_ratio"]
    shown |= final | {"real_ratio": float(price.real_dollar_ratio.value) if ratio is None else ratio}
    return {name: value for name, value in shown.items() if value is not None}, shown


def _of_bid(row: Row, program: Program, reduction: Fraction) -> Components:
    del program, reduction  # a bid is a price already
    names = ("part_a_cents", "part_b_cents", "discount_a", "discount_b")
    if row["given_part_a_cents"] is None:
        whole = {"part_a_cents": row["given_price_cents"]}
        return whole, whole
    shown = {name: row[f"given_{name}"] for name in names}
    return {name: value for name, value in shown.items() if value is not None}, shown


COMPONENTS: Mapping[type, Callable[[Row, Program, Fraction], Components]] = {
    RegionalBaselinePrice: _of_regional,
    BlendPrice: _of_blend,
    StandardizedBaselinePrice: _of_standardized,
    BidDiscountPrice: _of_bid,
}

SHOWN: Mapping[type, Mapping[str, Any]] = {
    RegionalBaselinePrice: {
        "baseline_cents": pl.Int64,
        "trend": pl.Float64,
        "normalization": pl.Float64,
        "discount": pl.Float64,
        "prospective_trend": pl.Float64,
        "prospective_normalization": pl.Float64,
    },
    BlendPrice: {
        "regional_mean_cents": pl.Int64,
        "hospital_mean_cents": pl.Int64,
        "hospital_weight": pl.String,
        "discount": pl.Float64,
        "repayment_discount": pl.Float64,
        "normalization": pl.Float64,
        "market_trend": pl.Float64,
        "prospective_normalization": pl.Float64,
        "prospective_market_trend": pl.Float64,
    },
    StandardizedBaselinePrice: {
        "sbs_cents": pl.Int64,
        "pgp_target_cents": pl.Int64,
        "pgp_case_mix": pl.Float64,
        "pgp_offset": pl.Float64,
        "pcma": pl.Float64,
        "pat": pl.Float64,
        "discount": pl.Float64,
        "final_pcma": pl.Float64,
        "realized_trend": pl.Float64,
        "real_ratio": pl.Float64,
    },
    BidDiscountPrice: {
        "part_a_cents": pl.Int64,
        "part_b_cents": pl.Int64,
        "discount_a": pl.Float64,
        "discount_b": pl.Float64,
    },
}
