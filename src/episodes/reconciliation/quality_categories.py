"""The category a quality score falls into, and what the category does to the discount."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Discounts after quality, as fractions; repayment is None where nothing is owed."""

    payment: Decimal
    repayment: Decimal | None


def effective_discounts(program: Program, score: Fraction) -> EffectiveDiscounts | None:
    """The discounts that a quality score leaves; None for a programme whose score changes none.

    Source: 42 CFR 510.315(f), 510.300(c) for CJR.
    """
    settlement = program.settlement
    if settlement.quality is None or settlement.quality.categories is None:
        return None
    base = needed(settlement.discounts, "settlement.discounts").value
    reduction = category_of(settlement.quality, score).terms.discount_reduction
    repayment = None if base.repayment is None else max(base.repayment - reduction, Decimal(0))
    return EffectiveDiscounts(max(base.payment - reduction, Decimal(0)), repayment)
