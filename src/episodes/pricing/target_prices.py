"""Target prices from baseline episodes: the reduce step over all hospitals.

Which rows there are, and from what, is a matter of the programme's kind of price: `regional_prices` (TEAM),
`blended_prices` (CJR), `standardized_prices` (BPCI Advanced), `bid_prices` (ACE), `threshold_prices` (state episodes).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from episodes.building.built import BuiltEpisodes
from episodes.errors import MixedBasisError, PriceError, count_of
from episodes.pricing.baseline_episodes import BaselineInput, BuiltPrices, baseline_episodes
from episodes.pricing.bid_prices import bid_prices
from episodes.pricing.blended_prices import blended_prices
from episodes.pricing.checks import frame_of
from episodes.pricing.price_cells import CELL, price_codes
from episodes.pricing.regional_prices import regional_prices
from episodes.pricing.risk_factors import risk_multipliers
from episodes.pricing.standardized_prices import standardized_prices
from episodes.pricing.threshold_prices import threshold_prices
from episodes.programs import Program
from episodes.programs.model import walk_rules
from episodes.programs.price import (
    BidDiscountPrice,
    BlendPrice,
    RegionalBaselinePrice,
    StandardizedBaselinePrice,
    ThresholdPrice,
)

__all__ = [
    "VOLUME_SCHEMA",
    "TargetPrices",
    "construction_rules",
    "differing_rules",
    "price_codes",
    "target_prices",
]

VOLUME_SCHEMA = {"ccn": pl.String, "category": pl.String, "baseline_episodes": pl.Int64}

_OF_KIND: Mapping[type, Callable[[BaselineInput, Any], BuiltPrices]] = {
    RegionalBaselinePrice: regional_prices,
    BlendPrice: blended_prices,
    StandardizedBaselinePrice: standardized_prices,
    BidDiscountPrice: bid_prices,
    ThresholdPrice: threshold_prices,
}


@dataclass(frozen=True)
class TargetPrices:
    """Target prices of one programme and performance year.

    Attributes:
        prices: one row a price code and region, see `target_prices`.
        program_id, performance_year, basis: what the prices are for; reconciliation refuses others.
        origin: `estimated` from baseline episodes, or `given` by the user.
        volumes: ccn, category, baseline_episodes: the final baseline episodes of every hospital, which decide
            what is low volume; None where they are not known.
        capped: episode_id, price_cell, region, year, capped_cents, cut_cents of the baseline episodes; None
            where prices were given.
        baseline_fingerprint: fingerprint of the programme the baseline episodes were built with.
        construction: the construction rules the baseline was built under, rule to value as text; None where prices
            were given. Reconciliation refuses episodes built under others.
        counts: baseline episodes, those left out by reason, cells with scaled weights, thin cells.
    """

    prices: pl.DataFrame
    program_id: str
    performance_year: str
    basis: str
    origin: Literal["estimated", "given"]
    volumes: pl.DataFrame | None = None
    capped: pl.DataFrame | None = None
    baseline_fingerprint: str | None = None
    construction: Mapping[str, str] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def write(self, folder: str | Path) -> None:
        """Write the prices to a folder that `read_target_prices` reads: Parquet tables and a description."""
        from episodes.pricing.price_files import write_target_prices

        write_target_prices(self, Path(folder))

    def __repr__(self) -> str:
        shown = ["category", "price_code", "region", "ccn", "baseline_episodes", "price_cents", "price_status"]
        table = self.prices.select(name for name in shown if name in self.prices.columns)
        return f"{self._title()}\n{table}"

    def _repr_html_(self) -> str:
        return f"<p>{self._title()}</p>{self.prices._repr_html_()}"

    def _title(self) -> str:
        return (
            f"Target prices ({self.origin}): {self.program_id}, performance year {self.performance_year}, "
            f"{self.basis} basis, {count_of(self.prices.height, 'cell')}"
        )


def target_prices(
    built_baseline: BuiltEpisodes,
    program: Program,
    hospitals: pl.DataFrame | pl.LazyFrame | None = None,
    *,
    coefficients: pl.DataFrame | None = None,
    risk: pl.DataFrame | None = None,
    expected: pl.DataFrame | None = None,
    peer_trends: pl.DataFrame | None = None,
    update_factors: pl.DataFrame | None = None,
) -> TargetPrices:
    """Set preliminary target prices from the episodes of the baseline.

    Args:
        built_baseline: episodes built with `program.for_baseline()`; with `program.for_baseline(trend_history=True)`
            a prospective trend is estimated. All final episodes count, whether their hospital takes part or not.
        program: the programme of the performance year to price.
        hospitals: the hospitals table, for the regions (and beds, safety_net). Default: that of the baseline.
        coefficients: risk coefficients (`risk_multipliers`); the prospective normalization is computed with them.
        risk: the risk variables by episode. Default: those of the baseline, where it has them.
        expected: episode_id, expected_cents of a risk model (BPCI Advanced).
        peer_trends: ccn, category, pat: peer-adjusted trends (BPCI Advanced).
        update_factors: price updates by setting (`update_factors`; BPCI Advanced).

    Returns:
        `TargetPrices`. `.prices` has a row a price cell and region (TEAM; CJR, there also by hospital), a hospital and
        category (BPCI Advanced), a cell and hospital (ACE), or a category (state episodes), with every component as a
        column, its status, price_cents and price_status; columns: docs/outputs.md. price_cents is the product of its
        columns, rounded half up once. Cells without a baseline episode have no row.

    Raises:
        PriceError: the baseline is of another programme, basis, construction or period.

    Source: 42 CFR 512.540(b) for TEAM; 42 CFR 510.300 for CJR.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> prices.prices["discount"].unique().sort().to_list()
        [0.015, 0.02]
    """
    _same_rules(built_baseline, program)
    listed = built_baseline.hospitals if hospitals is None else frame_of("hospitals", hospitals)
    variables = built_baseline.risk if risk is None else risk
    episodes = baseline_episodes(built_baseline, program, listed, variables)
    given = BaselineInput(
        program=program,
        episodes=episodes,
        multipliers=_multipliers(episodes, variables, coefficients, program, listed),
        expected=expected,
        peer_trends=peer_trends,
        update_factors=update_factors,
    )
    priced = _OF_KIND[type(program.price)](given, program.price)
    shown = ["episode_id", *CELL, "year", "capped_cents", "cut_cents"]
    return TargetPrices(
        prices=priced.prices,
        program_id=program.id,
        performance_year=program.performance_year,
        basis=built_baseline.basis,
        origin="estimated",
        volumes=_volumes(_of_baseline(episodes, program)),
        capped=priced.capped.sort("episode_id").select(shown),
        baseline_fingerprint=built_baseline.program.fingerprint,
        construction=construction_rules(program),
        counts=dict(priced.counts),
    )


def _multipliers(
    episodes: pl.DataFrame,
    risk: pl.DataFrame | None,
    coefficients: pl.DataFrame | None,
    program: Program,
    hospitals: pl.DataFrame,
) -> pl.DataFrame | None:
    """Risk multipliers of the baseline episodes, where there are coefficients."""
    if coefficients is None:
        return None
    if risk is None:
        raise PriceError(
            "Coefficients are given, and no risk variables of the baseline: hand in risk=, a row an episode."
        )
    own = risk.drop("category", "anchor_ccn", strict=False)
    of_episodes = episodes.select("episode_id", "category", "anchor_ccn").join(own, on="episode_id", how="left")
    return risk_multipliers(of_episodes, coefficients, program, hospitals)


def _of_baseline(episodes: pl.DataFrame, program: Program) -> pl.DataFrame:
    """The episodes of the baseline itself, without those of the trend's longer history."""
    price = program.price
    if not isinstance(price, RegionalBaselinePrice):
        return episodes
    return episodes.filter(pl.col("year").is_in(list(price.baseline.years.value)))


def _same_rules(built: BuiltEpisodes, program: Program) -> None:
    if built.program.id != program.id:
        raise PriceError(
            f"The baseline was built for programme {built.program.id!r}, the prices are for {program.id!r}. "
            "Build the baseline with program.for_baseline()."
        )
    if built.basis != program.amount_basis:
        raise MixedBasisError(
            f"The baseline's amounts are on the {built.basis} basis, the programme asks for "
            f"{program.amount_basis}. Build both with the same amount basis."
        )
    changed = differing_rules(construction_rules(built.program), construction_rules(program))
    if changed:
        raise PriceError(
            f"The baseline was built with {count_of(len(changed), 'other construction rule')} than the "
            f"programme has: {', '.join(changed[:5])}. Build it with program.for_baseline() after the "
            "override."
        )


def construction_rules(program: Program) -> dict[str, str]:
    """The construction rules of a programme: rule to value as text."""
    return {
        name: json.dumps(value, default=str, sort_keys=True)
        for name, value, _, _ in walk_rules(program.rules.construction, "construction")
    }


def differing_rules(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the rules that two constructions do not share."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _volumes(final: pl.DataFrame) -> pl.DataFrame:
    return (
        final.group_by(ccn=pl.col("anchor_ccn").cast(pl.String), category=pl.col("category").cast(pl.String))
        .agg(baseline_episodes=pl.len().cast(pl.Int64))
        .sort("ccn", "category")
    )
