"""The ACE demonstration: a bundle price, what Medicare saves by it, and what of that goes to the beneficiary."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from episodes.alignment.terms import parameters
from episodes.money import Rate, round_half_up
from episodes.pricing.checks import exact_in_range, whole_cents


@dataclass(frozen=True)
class AceBundle:
    """An ACE bundle: bundle_cents + medicare_savings_cents are the payments before discount.

    Attributes:
        bundle_cents: the global payment for the stay, Part A and Part B together.
        medicare_savings_cents: what Medicare saves by the discounts.
        beneficiary_cents: what Medicare passes on to the beneficiary.
    """

    bundle_cents: int
    medicare_savings_cents: int
    beneficiary_cents: int


def ace_bundle(
    part_a_cents: int,
    part_b_cents: int,
    discount_a: Rate,
    discount_b: Rate,
    premium_cents: int | None = None,
) -> AceBundle:
    """The price of a bundle of the Acute Care Episode demonstration.

    Args:
        part_a_cents, part_b_cents: Medicare's payments for the stay before discount, 0 or more.
        discount_a, discount_b: the discounts that were bid, 0 to 1.
        premium_cents: a year's Part B premium, which caps the beneficiary's share; None: not known, no cap. People on
            Medicaid get no share: do not count it for them.

    Returns:
        `.bundle_cents` (rounded half up), `.medicare_savings_cents` (the rest of both payments) and
        `.beneficiary_cents` (half of the savings, rounded half up, at most the premium).

    Raises:
        ArgumentError: an amount below zero, a discount out of range.

    Source: JAMA Intern Med 2014;174:1438; CMS as quoted in the press on the demonstration.

    Example:
        >>> ace_bundle(2_000_000, 400_000, 0.0825, 0, premium_cents=125_880)
        AceBundle(bundle_cents=2235000, medicare_savings_cents=165000, beneficiary_cents=82500)
    """
    part_a = whole_cents("part_a_cents", part_a_cents, minimum=0)
    part_b = whole_cents("part_b_cents", part_b_cents, minimum=0)
    kept_a = 1 - exact_in_range("discount_a", discount_a, 0, 1)
    kept_b = 1 - exact_in_range("discount_b", discount_b, 0, 1)
    bundle = round_half_up(kept_a * part_a + kept_b * part_b)
    savings = part_a + part_b - bundle
    passed_on = round_half_up(Fraction(parameters().ace.beneficiary_share.value) * savings)
    if premium_cents is not None:
        passed_on = min(passed_on, whole_cents("premium_cents", premium_cents, minimum=0))
    return AceBundle(bundle, savings, passed_on)
