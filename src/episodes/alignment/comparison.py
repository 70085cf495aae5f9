"""Models compared: the same year under each arrangement, and by bootstrap what each side of it risks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any

import polars as pl

from episodes.alignment.alignment_payments import alignment_payments
from episodes.alignment.co_management import co_management, scorecard
from episodes.alignment.employment import productivity_pay
from episodes.alignment.gainsharing import gainshare, pool
from episodes.alignment.ledger import RESIDUAL
from episodes.alignment.metrics import Direction, level_of
from episodes.alignment.shared_savings import shared_savings
from episodes.alignment.terms import Term
from episodes.errors import ArgumentError
from episodes.money import round_half_up, split_by_largest_remainder
from episodes.pricing.checks import whole_cents, with_columns
from episodes.programs import Program
from episodes.programs.rule import Part, Share
from episodes.reconciliation import settle

HOSPITAL, PHYSICIANS = "hospital", "physicians"
EPISODE_COLUMNS = ("category", "price_cents", "capped_cents", "fee_cents", "readmission_cents")

COMPARISON_SCHEMA = {
    "model": pl.String,
    "side": pl.String,
    "expected_cents": pl.Int64,
    "mean_cents": pl.Int64,
    "p5_cents": pl.Int64,
    "p95_cents": pl.Int64,
    "spread_cents": pl.Int64,
    "downside_cents": pl.Int64,
    "risk_share": pl.Float64,
    "against_independent_cents": pl.Int64,
}


class Bounds(Part):
    """Direction, threshold, target and stretch of an incentive's metric."""

    direction: Direction
    threshold: Decimal
    target: Decimal
    stretch: Decimal


class ComparisonTerms(Part):
    """The terms of the models, each with status and citation (packaged: `comparison.toml`)."""

    work_share: Term[Share]
    conversion_factor_cents: Term[Decimal]
    practice_cost_share: Term[Share]
    employment_tiers: Term[tuple[tuple[Decimal, Decimal], ...]]
    employment_bonus_share: Term[Share]
    services_tiers: Term[tuple[tuple[Decimal, Decimal], ...]]
    services_bonus_share: Term[Share]
    co_management_fee_share: Term[Share]
    co_management_base_share: Term[Share]
    reconciliation_share: Term[Share]
    gainsharing_cap_share: Term[Share]
    alignment_share: Term[Share]
    shared_savings_level: Term[str]
    shared_savings_msr: Term[Share]
    shared_savings_physician_share: Term[Share]
    readmission: Term[Bounds]
    cost: Term[Bounds]

    def replaced(self, **values: Any) -> ComparisonTerms:
        """The terms with other values, by name; their status becomes `agreed`."""
        strange = [name for name in values if name not in type(self).model_fields]
        if strange:
            raise ArgumentError(f"No terms called {', '.join(strange)}. Known: {', '.join(type(self).model_fields)}.")
        tree = self.model_dump()
        for name, value in values.items():
            tree[name] |= {"value": value, "status": "agreed", "citation": "set by the user"}
        return ComparisonTerms.model_validate(tree)


def comparison_terms() -> ComparisonTerms:
    """The packaged terms of a comparison.

    >>> comparison_terms().alignment_share.value
    Decimal('0.25')
    """
    text = (files("episodes.alignment") / "comparison.toml").read_text(encoding="utf-8")
    return ComparisonTerms.model_validate(tomllib.loads(text, parse_float=Decimal))


@dataclass(frozen=True)
class Year:
    """One year of episodes in sums, and what the programme settles on it."""

    episodes: int
    target_cents: int
    actual_cents: int
    fee_cents: int
    readmissions: int
    settled_cents: int


@dataclass(frozen=True)
class ModelComparison:
    """Models side by side.

    Attributes:
        table: one row a model and side: expected_cents (the year as it was), mean_cents, p5_cents, p95_cents (over the
            draws), spread_cents (p95 - p5), downside_cents (mean - p5), risk_share (the side's part of both sides'
            downsides), against_independent_cents (mean less that of independent practice).
        draws: one row a draw, model and side: draw, model, side, amount_cents.
        year: the year as it was. episodes, repeats, seed: what was drawn from, how often, from which seed.
        terms: what the models were settled under. notes: what a reader must know.
    """

    table: pl.DataFrame
    draws: pl.DataFrame = field(repr=False)
    year: Year
    repeats: int
    seed: int
    terms: ComparisonTerms = field(repr=False)
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


def compare_models(
    episodes: pl.DataFrame,
    program: Program,
    *,
    track: str | None = None,
    quality_score: float | None = None,
    baseline_episodes: Mapping[str, int] | None = None,
    terms: ComparisonTerms | None = None,
    repeats: int = 1000,
    seed: int = 1,
) -> ModelComparison:
    """The same year under every model, and by bootstrap over its episodes what each side risks.

    The sides' amounts: the hospital has the settled amount, and what it collects and pays under the model; the
    physicians have their fees less practice cost, or their pay. In every model and draw both sum to the settled amount
    (under shared savings: the shared amount) plus fees less practice cost.

    Args:
        episodes: a hospital's settled episodes: category, price_cents, capped_cents, fee_cents (`surgeon_fees`),
            readmission_cents.
        program: settles each draw.
        track, quality_score: of the hospital, as `settle` takes them.
        baseline_episodes: category to baseline volume, for a low-volume rule; None: the rule is not applied.
        terms: default: `comparison_terms()`; change some with `.replaced(...)`.
        repeats: how many years are drawn, episodes with replacement.
        seed: the same seed gives the same draws.

    Raises:
        ArgumentError: no settled episode, or no repeat.

    Example:
        >>> import episodes as ep, polars as pl
        >>> year = pl.DataFrame({"category": ["LEJR"] * 4, "price_cents": [2_000_000] * 4, "fee_cents": [140_000] * 4,
        ...     "capped_cents": [1_500_000, 1_700_000, 2_300_000, 1_800_000], "readmission_cents": [0, 0, 9, 0]})
        >>> compared = compare_models(year, ep.load_program("team", 1), track="3", quality_score=80, repeats=50)
        >>> compared.table.filter(model="gainsharing")["expected_cents"].sum() == compared.year.settled_cents + 336_000
        True
    """
    import numpy as np

    columns = with_columns(episodes, "episodes", EPISODE_COLUMNS).select(EPISODE_COLUMNS).drop_nulls("price_cents")
    if columns.is_empty():
        raise ArgumentError("There is no settled episode to compare models on. Give episodes with price_cents.")
    repeats = whole_cents("repeats", repeats, minimum=1)
    chosen = terms or comparison_terms()
    categories = sorted(columns["category"].unique())
    settling = _Settling(program, track, quality_score, baseline_episodes, categories)
    figures = columns.select(pl.exclude("category").fill_null(0)).with_columns(
        (pl.col("readmission_cents") > 0).cast(pl.Int64)
    )
    by_episode = figures.to_numpy().astype(np.int64)
    of_category = np.array([categories.index(name) for name in columns["category"]])
    random = np.random.default_rng(seed)
    everybody = np.arange(columns.height)
    year = settling.year(by_episode, of_category, everybody)
    expected = _outcomes(year, year, chosen)
    rows = []
    for draw in range(repeats):
        drawn = settling.year(by_episode, of_category, random.integers(0, columns.height, columns.height))
        for (model, side), amount in _outcomes(drawn, year, chosen).items():
            rows.append((draw, model, side, amount))
    schema = {"draw": pl.Int32, "model": pl.String, "side": pl.String, "amount_cents": pl.Int64}
    draws = pl.DataFrame(rows, schema=schema, orient="row")
    notes = ["Work, practice cost, rates and incentives are settings (terms), not measured: replace them by your own."]
    if baseline_episodes is None:
        notes.append("Baseline volumes were not given: no low-volume rule is applied.")
    notes.append("Post-episode spending is not drawn: what was taken off the settlement for it is left out.")
    notes.append(
        "Episodes of a year are drawn with replacement: the risk shown is that of chance in costs, not of prices."
    )
    return ModelComparison(_table(expected, draws), draws, year, repeats, seed, chosen, tuple(notes))


class _Settling:
    """Settles drawn years under the programme."""

    def __init__(
        self,
        program: Program,
        track: str | None,
        quality_score: float | None,
        volumes: Mapping[str, int] | None,
        categories: Sequence[str],
    ) -> None:
        self.program, self.track, self.quality_score = program, track, quality_score
        self.volumes, self.categories = volumes, categories

    def year(self, by_episode: Any, of_category: Any, drawn: Any) -> Year:
        price, capped, fees, readmissions = (int(total) for total in by_episode[drawn].sum(axis=0))
        given: dict[str, Any] = {} if self.quality_score is None else {"quality_score": self.quality_score}
        if self.volumes is not None:
            rows = []
            for number, name in enumerate(self.categories):
                target, actual = (
                    int(total) for total in by_episode[drawn[of_category[drawn] == number]].sum(axis=0)[:2]
                )
                rows.append((name, target, actual, self.volumes.get(name, 0)))
            named = ("category", "target_cents", "actual_cents", "baseline_episodes")
            given["categories"] = pl.DataFrame(rows, schema=list(named), orient="row")
        settled = settle(self.program, track=self.track, target_cents=price, actual_cents=capped, **given)
        return Year(len(drawn), price, capped, fees, readmissions, settled.amount_cents)


def _outcomes(year: Year, expected: Year, terms: ComparisonTerms) -> dict[tuple[str, str], int]:
    """What each side has under each model; `expected` is the year that budgets were fixed on."""
    cost = round_half_up(Fraction(terms.practice_cost_share.value) * year.fee_cents)
    independent = year.fee_cents - cost
    sides: dict[str, tuple[int, int]] = {"independent": (year.settled_cents, independent)}
    for model, transfer in _TRANSFERS.items():
        paid = transfer(year, expected, terms)
        sides[model] = (year.settled_cents - paid, independent + paid)
    shared = shared_savings(
        terms.shared_savings_level.value, year.target_cents, year.actual_cents, msr=terms.shared_savings_msr.value
    ).amount_cents
    part = Fraction(terms.shared_savings_physician_share.value)
    ours = split_by_largest_remainder(abs(shared), [part, 1 - part])[0] * (1 if shared >= 0 else -1)
    sides["shared_savings"] = (shared - ours, independent + ours)
    return {
        (model, side): pair[index] for model, pair in sides.items() for index, side in enumerate((HOSPITAL, PHYSICIANS))
    }


def _gainsharing(year: Year, _expected: Year, terms: ComparisonTerms) -> int:
    """What the hospital pays the physicians; minus: what they pay it."""
    if year.settled_cents < 0:
        share = terms.alignment_share.value
        ledger = alignment_payments(-year.settled_cents, {PHYSICIANS: share}, single_limit=share)
        return -_paid(ledger)
    offered = pool(
        reconciliation_cents=year.settled_cents,
        internal_savings_cents=0,
        reconciliation_share=terms.reconciliation_share.value,
        savings_share=0,
    )
    return _paid(gainshare(offered, {PHYSICIANS: 1}, {PHYSICIANS: year.fee_cents}, terms.gainsharing_cap_share.value))


def _co_management(year: Year, expected: Year, terms: ComparisonTerms) -> int:
    fee = round_half_up(Fraction(terms.co_management_fee_share.value) * expected.fee_cents)
    return _paid(co_management(fee, terms.co_management_base_share.value, _levels(year, terms), _WEIGHTS))


def _employment(year: Year, expected: Year, terms: ComparisonTerms) -> int:
    """Pay in place of what fees leave after practice cost, which the employer collects and bears."""
    pay = _productive_pay(year, expected, terms, terms.employment_tiers, terms.employment_bonus_share)
    return pay - (year.fee_cents - _practice_cost(year, terms))


def _professional_services(year: Year, expected: Year, terms: ComparisonTerms) -> int:
    """As employment, but the practice bears its own cost, and the hospital pays it the cost that was budgeted."""
    pay = _productive_pay(year, expected, terms, terms.services_tiers, terms.services_bonus_share)
    return pay + _practice_cost(expected, terms) - year.fee_cents


def _productive_pay(
    year: Year, expected: Year, terms: ComparisonTerms, tiers: Term[Any], bonus_share: Term[Any]
) -> int:
    budget = productivity_pay(_wrvu(expected, terms), tiers.value)
    quality = round_half_up(Fraction(bonus_share.value) * budget)
    return productivity_pay(_wrvu(year, terms), tiers.value) + _paid(scorecard(quality, _WEIGHTS, _levels(year, terms)))


def _practice_cost(year: Year, terms: ComparisonTerms) -> int:
    return round_half_up(Fraction(terms.practice_cost_share.value) * year.fee_cents)


def _wrvu(year: Year, terms: ComparisonTerms) -> Fraction:
    return year.fee_cents * Fraction(terms.work_share.value) / Fraction(terms.conversion_factor_cents.value)


def _levels(year: Year, terms: ComparisonTerms) -> dict[str, Fraction]:
    readmitted = level_of(Fraction(year.readmissions, year.episodes), **terms.readmission.value.model_dump())
    ratio = Fraction(year.actual_cents, year.target_cents) if year.target_cents else Fraction(1)
    return {"readmission": readmitted, "cost": level_of(ratio, **terms.cost.value.model_dump())}


def _paid(ledger: pl.DataFrame) -> int:
    return int(ledger.filter(pl.col("party") != RESIDUAL)["paid_cents"].sum())


_WEIGHTS = {"readmission": Fraction(1, 2), "cost": Fraction(1, 2)}
_TRANSFERS: dict[str, Callable[[Year, Year, ComparisonTerms], int]] = {
    "employment": _employment,
    "professional_services": _professional_services,
    "co_management": _co_management,
    "gainsharing": _gainsharing,
}


def _table(expected: Mapping[tuple[str, str], int], draws: pl.DataFrame) -> pl.DataFrame:
    amount = pl.col("amount_cents")
    figures = {
        (model, side): (total, count, low, high)
        for model, side, total, count, low, high in draws.group_by("model", "side")
        .agg(
            total=amount.sum(),
            count=pl.len(),
            low=amount.quantile(0.05, interpolation="lower").cast(pl.Int64),
            high=amount.quantile(0.95, interpolation="higher").cast(pl.Int64),
        )
        .iter_rows()
    }
    means = {key: round_half_up(Fraction(total, count)) for key, (total, count, _, _) in figures.items()}
    downside = {key: max(0, means[key] - figures[key][2]) for key in figures}
    rows = []
    for model, side in expected:
        key = (model, side)
        both = downside[model, HOSPITAL] + downside[model, PHYSICIANS]
        low, high = figures[key][2:]
        share = downside[key] / both if both else None
        against = means[key] - means["independent", side]
        rows.append((model, side, expected[key], means[key], low, high, high - low, downside[key], share, against))
    return pl.DataFrame(rows, schema=COMPARISON_SCHEMA, orient="row")
