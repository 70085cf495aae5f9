"""The category a quality score falls into, and what the category does to the discount."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from episodes.programs import Program
from episodes.programs.quality_rules import Quality, QualityCategory
from episodes.programs.settlement_rules import needed


@dataclass(frozen=True)
class FoundCategory:
    """A category of a score: its name, its terms, and where the texts of the rule differ about it."""

    name: str
    terms: QualityCategory
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")


def category_of(quality: Quality, score: Fraction) -> FoundCategory:
    """The category of a score by the text that the programme uses; a text that says otherwise is noted."""
    texts = needed(quality.categories, "settlement.quality.categories").value
    used = needed(quality.category_text, "settlement.quality.category_text").value
    name = _name_in(texts[used], score)
    terms = texts[used][name]
    notes = []
    for text in sorted(set(texts) - {used}):
        other = _name_in(texts[text], score)
        if other != name:
            conflict = " (the texts conflict: payment)" if texts[text][other].payment != terms.payment else ""
            notes.append(f"{other.replace('_', ' ')} by the bounds of {text}{conflict}")
    return FoundCategory(name, terms, tuple(notes))


def _name_in(categories: Mapping[str, QualityCategory], score: Fraction) -> str:
    """The last category whose lower bound the score reaches; they ascend."""
    reached = [
        name
        for name, terms in categories.items()
        if (terms.above_score is None and score >= Fraction(terms.from_score or 0))
        or (terms.above_score is not None and score > Fraction(terms.above_score))
    ]
    return reached[-1]


@dataclass(frozen=True)
class EffectiveDiscounts:
    """Discounts after quality, fractions by category of episodes; repayment is empty where prices have no such one."""

    payment: Mapping[str, Decimal]
    repayment: Mapping[str, Decimal]


def effective_discounts(program: Program, score: Fraction) -> EffectiveDiscounts | None:
    """The discounts that a quality score leaves of those of the programme's prices.

    None for a programme whose score changes no discount, or whose file has no prices.

    Source: 42 CFR 510.315(f), 510.300(c) for CJR.
    """
    quality, price = program.settlement.quality, program.rules.price
    if quality is None or quality.categories is None or price is None:
        return None
    reduction = category_of(quality, score).terms.discount_reduction

    def left(name: str) -> dict[str, Decimal]:
        return {
            key: max(share - reduction, Decimal(0)) for key, share in discounts_before_quality(program, name).items()
        }

    return EffectiveDiscounts(left("discounts"), left("repayment_discounts"))


def discounts_before_quality(program: Program, name: str = "discounts") -> Mapping[str, Decimal]:
    """The discounts of the programme's prices by category (`discounts`, `repayment_discounts`); empty without such."""
    rule = getattr(program.rules.price, name, None)
    return {} if rule is None else dict(rule.value)


def one_discount(by_category: Mapping[str, Decimal], categories: Iterable[str] | None) -> float | None:
    """The discount that the categories share; None where they differ or there is none."""
    wanted = set(by_category) if categories is None else set(categories) & set(by_category)
    found = {by_category[category] for category in wanted}
    return float(found.pop()) if len(found) == 1 else None
