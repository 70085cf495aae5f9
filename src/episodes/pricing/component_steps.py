"""The steps from components to a price, one function a kind of price.

TEAM (42 CFR 512.540, 512.545): baseline x trend x normalization x (1 - discount), times the risk multipliers, times
final over prospective trend and normalization, each held within limits. CJR (42 CFR 510.300): hospital and regional
mean blended, less the discount; from year 6 times risk multipliers, normalization and market trend. BPCI Advanced:
standardized baseline spending x patient case mix x peer-adjusted trend, less the discount; the case mix is replaced
and the realized trend, held within its limit, is applied at reconciliation. ACE: each part less its discount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from episodes.errors import ArgumentError, ProgramError
from episodes.pricing.checks import exact_factor, exact_in_range, rule_at, whole_cents
from episodes.programs import Program
from episodes.programs.price import (
    BidDiscountPrice,
    BlendPrice,
    RegionalBaselinePrice,
    StandardizedBaselinePrice,
)

LEFT_OUT = "left out: neutral"

Given = Mapping[str, Any]


@dataclass(frozen=True)
class PriceStep:
    """One component of a price and what supports it: an amount that is added, or a factor."""

    step: str
    factor: Fraction | None
    amount: Fraction | int
    rule: str | None
    citation: str | None
    status: str
    note: str | None = None

    def applied(self, value: Fraction) -> Fraction:
        """The exact value after the step."""
        return value + self.amount if self.factor is None else value * self.factor


StepsOf = Callable[[Program, Given], Iterator[PriceStep]]


def components_of(program: Program) -> tuple[tuple[str, ...], StepsOf]:
    """The names of the components of a programme's kind of price, and the function that makes steps of them."""
    price = program.price
    if type(price) not in _OF_KIND:
        raise ProgramError(f"A price of kind {price.kind!r} is not made of components: thresholds are set whole.")
    return _OF_KIND[type(price)]


# --- TEAM ---------------------------------------------------------------------------------------------------

_REGIONAL = ("baseline_cents", "trend", "normalization", "discount", "risk", "final_trend", "final_normalization")


def _regional_baseline(program: Program, given: Given) -> Iterator[PriceStep]:
    yield _start(program, "baseline", _needed(given, "baseline_cents"), "price.baseline.weights")
    for name in ("trend", "normalization"):
        yield _factor(program, name, given, name, f"price.prospective_{name}")
    yield _discount(program, given, "price.discounts")
    yield from _risk(program, given)
    for name in ("trend", "normalization"):
        prospective = exact_factor(name, given.get(name, 1))
        wanted = None
        if f"final_{name}" in given:
            wanted = exact_factor(f"final_{name}", given[f"final_{name}"]) / prospective
        yield _held(program, f"final_{name}", wanted, f"price.final_{name}_limit", "the prospective value")


# --- CJR ----------------------------------------------------------------------------------------------------

_BLEND = (
    "regional_mean_cents",
    "hospital_mean_cents",
    "baseline_episodes",
    "discount",
    "risk",
    "normalization",
    "market_trend",
)
_WITH_RISK = ("risk", "normalization", "market_trend")


def _hospital_regional_blend(program: Program, given: Given) -> Iterator[PriceStep]:
    price = program.price
    assert isinstance(price, BlendPrice)
    regional = _needed(given, "regional_mean_cents")
    yield _start(program, "regional_mean", regional, "price.region")
    yield _blended(program, price, regional, given)
    yield _discount(program, given, "price.discounts")
    if not price.risk.applies.value:
        _refuse(program, given, _WITH_RISK)
        return
    yield from _risk(program, given)
    yield _factor(program, "normalization", given, "normalization", "price.prospective_normalization")
    yield _factor(program, "market_trend", given, "market_trend", "price.prospective_market_trend")


def hospital_weight(price: BlendPrice, baseline_episodes: int | None) -> Fraction:
    """The weight of a hospital's own mean: the year's, or 0 where it had too few baseline episodes in all."""
    few = baseline_episodes is not None and baseline_episodes < price.low_volume_episodes.value
    return Fraction(0) if few else price.hospital_weight.value


def _blended(program: Program, price: BlendPrice, regional: int, given: Given) -> PriceStep:
    episodes = given.get("baseline_episodes")
    number = None if episodes is None else whole_cents("baseline_episodes", episodes, minimum=0)
    weight = hospital_weight(price, number)
    rule, note = "price.hospital_weight", f"hospital {weight}, region {1 - weight}"
    if "hospital_mean_cents" not in given:
        return _cited(program, "hospital_blend", None, 0, rule, LEFT_OUT)
    hospital = whole_cents("hospital_mean_cents", given["hospital_mean_cents"], minimum=0)
    if weight != price.hospital_weight.value:
        rule = "price.low_volume_episodes"
        note = f"fewer than {price.low_volume_episodes.value} baseline episodes: the region alone"
    return _cited(program, "hospital_blend", None, weight * (hospital - regional), rule, note)


# --- BPCI Advanced ------------------------------------------------------------------------------------------

_STANDARDIZED = (
    "sbs_cents",
    "pcma",
    "pat",
    "discount",
    "final_pcma",
    "realized_trend",
    "pgp_target_cents",
    "pgp_offset",
    "pgp_case_mix",
    "real_ratio",
)


def _standardized_baseline(program: Program, given: Given) -> Iterator[PriceStep]:
    pcma = exact_factor("pcma", given.get("pcma", 1))
    case_mix = exact_factor("pgp_case_mix", given.get("pgp_case_mix", 1))
    final = exact_factor("final_pcma", given["final_pcma"]) / pcma / case_mix if "final_pcma" in given else None
    if "pgp_target_cents" in given:
        yield from _group_target(program, given)
    else:
        if "pgp_case_mix" in given and "pgp_offset" not in given:
            raise ArgumentError(
                "pgp_case_mix is given without pgp_target_cents or pgp_offset: it is read for a group's price only."
            )
        yield _start(program, "standardized_baseline", _needed(given, "sbs_cents"), "price.baseline.start")
        yield _factor(program, "patient_case_mix", given, "pcma", "price.baseline.start")
        yield _factor(program, "peer_adjusted_trend", given, "pat", "price.peer_adjusted_trend")
        if "pgp_offset" in given:
            yield _factor(program, "group_offset", given, "pgp_offset", "price.baseline.start")
            yield _factor(program, "group_case_mix", given, "pgp_case_mix", "price.baseline.start")
        yield _discount(program, given, "price.discount")
    note = LEFT_OUT if final is None else "the final case mix in place of the preliminary one"
    yield _cited(program, "final_case_mix", final or Fraction(1), 0, "price.baseline.start", note)
    realized = exact_factor("realized_trend", given["realized_trend"]) if "realized_trend" in given else None
    yield _held(program, "realized_trend", realized, "price.realized_trend_limit", "the peer-adjusted trend")
    yield _factor(program, "real_dollars", given, "real_ratio", "price.real_dollar_ratio")


def _group_target(program: Program, given: Given) -> Iterator[PriceStep]:
    double = [name for name in ("sbs_cents", "pat", "pgp_offset", "discount") if name in given]
    if double:
        raise ArgumentError(
            f"pgp_target_cents is a whole target, trend and discount included: leave out {', '.join(double)}."
        )
    cents = whole_cents("pgp_target_cents", given["pgp_target_cents"], minimum=0)
    yield _start(program, "group_target", cents, "price.baseline.start")


# --- ACE ----------------------------------------------------------------------------------------------------

_BID = ("part_a_cents", "part_b_cents", "discount_a", "discount_b")


def _bid_discount(program: Program, given: Given) -> Iterator[PriceStep]:
    for part in ("a", "b"):
        cents = whole_cents(f"part_{part}_cents", given.get(f"part_{part}_cents", 0), minimum=0)
        share = exact_in_range(f"discount_{part}", given.get(f"discount_{part}", 0), 0, 1)
        yield _start(program, f"part_{part}", cents, "price.baseline.start")
        note = None if f"discount_{part}" in given else LEFT_OUT
        yield _cited(program, f"part_{part}_discount", None, -share * cents, "price.bids", note)


_OF_KIND: dict[type, tuple[tuple[str, ...], StepsOf]] = {
    RegionalBaselinePrice: (_REGIONAL, _regional_baseline),
    BlendPrice: (_BLEND, _hospital_regional_blend),
    StandardizedBaselinePrice: (_STANDARDIZED, _standardized_baseline),
    BidDiscountPrice: (_BID, _bid_discount),
}

# --- what the kinds share -----------------------------------------------------------------------------------


def _needed(given: Given, name: str) -> int:
    if name not in given:
        raise ArgumentError(f"{name} is missing: a price starts from it.")
    return whole_cents(name, given[name], minimum=0)


def _start(program: Program, step: str, cents: int, rule_id: str) -> PriceStep:
    return _cited(program, step, None, cents, rule_id)


def _factor(program: Program, step: str, given: Given, name: str, rule_id: str) -> PriceStep:
    note = None if name in given else LEFT_OUT
    return _cited(program, step, exact_factor(name, given.get(name, 1)), 0, rule_id, note)


def _discount(program: Program, given: Given, rule_id: str) -> PriceStep:
    discount = exact_in_range("discount", given.get("discount", 0), 0, 1)
    note = None if "discount" in given else LEFT_OUT
    return _cited(program, "discount", 1 - discount, 0, rule_id, note)


def _risk(program: Program, given: Given) -> Iterator[PriceStep]:
    rule = rule_at(program, "price.risk.form")
    for name, multiplier in _multipliers(given.get("risk", ())).items():
        factor = exact_factor("each of risk", multiplier)
        yield PriceStep(f"risk_{name}", factor, 0, "price.risk.form", rule.citation, "given")


def _multipliers(risk: Any) -> Mapping[str, Any]:
    """The multipliers by name, or by place where a plain list is given."""
    if isinstance(risk, str) or not isinstance(risk, Iterable):
        raise ArgumentError("risk must be a list of multipliers, such as [1.1, 0.95].")
    return risk if isinstance(risk, Mapping) else {str(place): one for place, one in enumerate(risk, start=1)}


def held_within(wanted: Fraction, limit: Fraction) -> Fraction:
    """A ratio held within a limit on either side of one."""
    return min(max(wanted, 1 - limit), 1 + limit)


def _held(program: Program, step: str, wanted: Fraction | None, rule_id: str, of: str) -> PriceStep:
    """A ratio held within the limit that a rule names."""
    if wanted is None:
        return _cited(program, step, Fraction(1), 0, rule_id, LEFT_OUT)
    held = held_within(wanted, Fraction(rule_at(program, rule_id).value))
    note = None
    if held != wanted:
        note = f"asked for {float(wanted):.6g} of {of}, held at {float(held):.6g}"
    return _cited(program, step, held, 0, rule_id, note)


def _refuse(program: Program, given: Given, names: Iterable[str]) -> None:
    """Components that the year does not have; neutral ones do no harm."""
    used = [
        name for name in names if name in given and (_multipliers(given[name]) if name == "risk" else given[name] != 1)
    ]
    if used:
        raise ArgumentError(
            f"{program.id} has no {', '.join(used)} in performance year {program.performance_year}: its prices are "
            "not adjusted for risk then. Leave it out."
        )


def _cited(
    program: Program,
    step: str,
    factor: Fraction | None,
    amount: Fraction | int,
    rule_id: str,
    note: str | None = None,
) -> PriceStep:
    rule = rule_at(program, rule_id)
    return PriceStep(step, factor, amount, rule_id, rule.citation, rule.status, note)
