"""How target prices are set, as data: caps, baseline, the kinds of price, and the factors of risk adjustment.

A programme has one kind of price; a kind is a class with its parameters, named after what the price starts from. The
set of kinds is closed, and the pricing room has one function for each.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from episodes.programs.rule import (
    CalendarYear,
    Count,
    Multiplier,
    NamedRule,
    Part,
    Percentile,
    Rule,
    Share,
)

Period = tuple[dt.date, dt.date]


def _weight(value: Any) -> Fraction:
    """A weight written as a fraction ("2/3") or as a number."""
    if isinstance(value, bool):
        raise ValueError("should be a number, not true or false")  # noqa: TRY004
    try:
        weight = Fraction(value if isinstance(value, Fraction) else str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError('should be a number or a fraction such as "2/3"') from None
    if not 0 <= weight <= 1:
        raise ValueError("should be from 0 to 1")
    return weight


Weight = Annotated[Fraction, BeforeValidator(_weight), PlainSerializer(str)]
"""A share that need not be a decimal number: two thirds is written "2/3"."""
WholeCents = Annotated[int, Field(ge=0)]

# --- caps and baseline --------------------------------------------------------------------------------------


class Cap(Part):
    """The high-cost cap of a price cell."""

    method: Rule[Literal["sas5", "linear", "mean_2sd", "none"]]
    upper_percentile: Rule[Percentile]
    """Read by the percentile methods only."""
    lower_percentile: Rule[Percentile] | None = None
    """Costs below it are raised to it; none: the lower side stays."""
    each_year_apart: Rule[bool]
    minimum_episodes: Rule[Count] | None = None
    """A cell with fewer episodes is not capped; none: every cell is."""


class Baseline(Part):
    """The baseline and how its years are brought together."""

    years: Rule[tuple[CalendarYear, ...]]
    weights: Rule[tuple[Share, ...]]
    adjustment_level: Rule[Literal["national", "cell", "none"]]
    thin_cell_episodes: Rule[Count]

    @model_validator(mode="after")
    def _one_weight_a_year(self) -> Baseline:
        years, weights = self.years.value, self.weights.value
        if list(years) != sorted(set(years)):
            raise ValueError("years must ascend, the oldest first")
        if len(years) != len(weights) or sum(weights) != 1:
            raise ValueError("weights must be one a baseline year and sum to exactly 1")
        return self

    @property
    def period(self) -> Period:
        """First and last day."""
        return dt.date(min(self.years.value), 1, 1), dt.date(max(self.years.value), 12, 31)


class PooledBaseline(Part):
    """A baseline whose episodes are taken together, whatever their year."""

    years: Rule[tuple[CalendarYear, ...]]
    thin_cell_episodes: Rule[Count]

    @property
    def period(self) -> Period:
        """First and last day."""
        return dt.date(min(self.years.value), 1, 1), dt.date(max(self.years.value), 12, 31)


class BaselineDates(Part):
    """A baseline from one day to another."""

    start: Rule[dt.date]
    end: Rule[dt.date]
    thin_cell_episodes: Rule[Count]

    @model_validator(mode="after")
    def _in_order(self) -> BaselineDates:
        if self.end.value < self.start.value:
            raise ValueError("the baseline ends before it starts")
        return self

    @property
    def period(self) -> Period:
        """First and last day."""
        return self.start.value, self.end.value


# --- risk adjustment ----------------------------------------------------------------------------------------


class BandFactor(NamedRule):
    """Bands of a number: a value belongs to the last band that starts at it or below it."""

    kind: Literal["bands"]
    variable: str
    starts: tuple[Decimal, ...]
    """Where each band after the first starts."""
    levels: tuple[str, ...]
    """Names of the bands, the lowest first."""
    categories: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_level_a_band(self) -> BandFactor:
        if list(self.starts) != sorted(set(self.starts)) or len(self.levels) != len(self.starts) + 1:
            raise ValueError("starts must ascend, and there is one level more than starts")
        return self


class AnyOfFactor(NamedRule):
    """True if one of the flags is set, or one of the numbers lies above its limit."""

    kind: Literal["any_of"]
    flags: tuple[str, ...] = ()
    above: dict[str, Decimal] = Field(default_factory=dict)
    categories: tuple[str, ...] | None = None


class ChoiceFactor(NamedRule):
    """The value of a variable is the level."""

    kind: Literal["choice"]
    variable: str
    categories: tuple[str, ...] | None = None


class MembersFactor(NamedRule):
    """Each member of a list is a level of its own, and they multiply."""

    kind: Literal["members"]
    variable: str
    categories: tuple[str, ...] | None = None


RiskFactor = Annotated[BandFactor | AnyOfFactor | ChoiceFactor | MembersFactor, Field(discriminator="kind")]


class RiskAdjustment(Part):
    """What an episode's price is multiplied by for the person and the hospital."""

    applies: Rule[bool]
    form: Rule[Literal["multiplicative"]]
    """Coefficients of a regression on log cost are exponentiated and multiply the price."""
    normalization_level: Rule[Literal["cell", "category"]]
    """Over which episodes adjusted and unadjusted prices are made equal on average; a cell is regional."""
    factors: tuple[RiskFactor, ...]


# --- the kinds of price -------------------------------------------------------------------------------------


class RegionalBaselinePrice(Part):
    """A region's baseline mean of weighted years, trended, normalized and discounted; multiplied by risk (TEAM)."""

    kind: Literal["regional_baseline"]
    region: Rule[Literal["census_division"]]
    cap: Cap
    baseline: Baseline
    trend_history_years: Rule[Count]
    """Years of claims a prospective trend is estimated from, ending with the last baseline year."""
    trend_years_ahead: Rule[Count]
    """Years from the last baseline year to the performance year."""
    prospective_trend: Rule[Multiplier]
    """Where no trend is estimated."""
    prospective_normalization: Rule[Multiplier]
    """Where none is computed from multipliers."""
    final_trend_limit: Rule[Share]
    final_normalization_limit: Rule[Share]
    discounts: Rule[dict[str, Share]]
    risk: RiskAdjustment


class BlendPrice(Part):
    """A hospital's and its region's baseline means, blended and discounted (CJR, and the 2017 models)."""

    kind: Literal["hospital_regional_blend"]
    region: Rule[Literal["census_division"]]
    cap: Cap
    baseline: PooledBaseline
    fracture_codes: Rule[dict[str, str]]
    """Price code to the code whose cell an episode with a fracture is priced in."""
    hospital_weight: Rule[Weight]
    low_volume_episodes: Rule[Count]
    """Below so many baseline episodes in all, a hospital has its region's price."""
    discounts: Rule[dict[str, Share]]
    repayment_discounts: Rule[dict[str, Share]]
    """Discounts that money owed is priced with."""
    prospective_normalization: Rule[Multiplier]
    prospective_market_trend: Rule[Multiplier]
    risk: RiskAdjustment


class StandardizedBaselinePrice(Part):
    """A hospital's standardized baseline spending times case mix and peer trend, discounted (BPCI Advanced)."""

    kind: Literal["standardized_baseline"]
    cap: Cap
    baseline: BaselineDates
    minimum_episodes: Rule[Count]
    """A hospital and category with fewer baseline episodes has no price."""
    discount: Rule[Share]
    medical_discount: Rule[Share]
    medical_categories: Rule[tuple[str, ...]]
    peer_adjusted_trend: Rule[Multiplier]
    """Where none is given."""
    realized_trend_limit: Rule[Share]
    real_dollar_ratio: Rule[Multiplier]
    """Real over standardized dollars, where none is given."""
    update_year: Rule[CalendarYear]
    """Fiscal year whose prices the baseline is brought to."""
    update_factor: Rule[Multiplier]
    """Price update of a hospital, category, fiscal year and setting that the table of update factors lacks."""
    ipps_base_rates: Rule[dict[str, Decimal]]
    """Operating base rate in dollars by fiscal year."""
    irf_base_rates: Rule[dict[str, Decimal]]
    """Base rate of inpatient rehabilitation facilities in dollars by fiscal year."""
    other_first_year_share: Rule[Share]
    """Share of the first year's economic index that is still to come at its end."""

    def discount_of(self, category: str) -> Rule[Share]:
        """The discount of a category: medical ones have their own."""
        return self.medical_discount if category in self.medical_categories.value else self.discount


class BidTerms(Part):
    """What a site took off Part A and off Part B."""

    part_a: Share
    part_b: Share


class BidDiscountPrice(Part):
    """Parts A and B of a stay, each less the discount a site bid (ACE)."""

    kind: Literal["bid_discount"]
    cap: Cap
    baseline: BaselineDates
    bids: Rule[dict[str, BidTerms]]
    site: Rule[str]
    """The site whose bid is used."""
    beneficiary_share: Rule[Share]
    """Share of Medicare's savings that the patient is paid at most."""


class ThresholdPrice(Part):
    """Thresholds that a provider's mean cost is held against (state episodes)."""

    kind: Literal["thresholds"]
    cap: Cap
    baseline: BaselineDates
    minimum_episodes: Rule[Count]
    """A provider with fewer episodes sets no threshold."""
    commendable_percentile: Rule[Percentile]
    acceptable_percentile: Rule[Percentile]
    gain_limit_percentile: Rule[Percentile]
    """Percentiles of the providers' baseline means; lower cost is better."""
    thresholds_cents: Rule[dict[str, dict[str, WholeCents]]]
    """Category to commendable, acceptable and gain_limit, where the payer published them."""


Price = Annotated[
    RegionalBaselinePrice | BlendPrice | StandardizedBaselinePrice | BidDiscountPrice | ThresholdPrice,
    Field(discriminator="kind"),
]

THRESHOLDS = ("commendable", "acceptable", "gain_limit")


def wrong_prices(price: Any, categories: Mapping[str, str]) -> Iterator[str]:
    """What no rule of a price shows alone: names that nothing carries. Each begins with the rule's id."""
    for name in ("discounts", "repayment_discounts"):
        rule = getattr(price, name, None)
        if rule is not None and set(rule.value) != set(categories):
            missing, strange = set(categories) - set(rule.value), set(rule.value) - set(categories)
            yield (
                f"price.{name}: wants one discount for each of {_listed(categories)}"
                + (f"; missing: {_listed(missing)}" if missing else "")
                + (f"; not a category: {_listed(strange)}" if strange else "")
            )
    named = {
        "medical_categories": getattr(getattr(price, "medical_categories", None), "value", ()),
        "thresholds_cents": getattr(getattr(price, "thresholds_cents", None), "value", ()),
        **{f"risk.factors.{factor.id}": factor.categories or () for factor in _factors(price)},
    }
    for name, listed in named.items():
        if strange := set(listed) - set(categories):
            yield f"price.{name}: not a category: {_listed(strange)}; categories: {_listed(categories)}"
    ids = [factor.id for factor in _factors(price)]
    if twice := {name for name in ids if ids.count(name) > 1}:
        yield f"price.risk.factors: the id {_listed(twice)} stands more than once"
    if isinstance(price, BidDiscountPrice) and price.site.value not in price.bids.value:
        yield f"price.site: {price.site.value!r} made no bid; sites with one: {_listed(price.bids.value)}"
    if isinstance(price, ThresholdPrice):
        for category, known in price.thresholds_cents.value.items():
            if set(known) != set(THRESHOLDS) or not (
                known["gain_limit"] <= known["commendable"] <= known["acceptable"]
            ):
                yield (
                    f"price.thresholds_cents: {category} wants {', '.join(THRESHOLDS)}, "
                    "the gain limit at or below commendable, and that at or below acceptable"
                )


def _factors(price: Any) -> tuple[Any, ...]:
    risk = getattr(price, "risk", None)
    return () if risk is None else risk.factors


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
