"""A price as the product of its components, with the limits on what reconciliation may change.

TEAM, 42 CFR 512.540, 512.545: baseline x trend x normalization x (1 - discount), times the risk multipliers
of an episode, times the final trend and the final normalization, each held within limits relative to the
value that was set prospectively. One exact product, rounded half up once at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.money import dollars, round_half_up
from episodes.pricing.checks import exact_factor, exact_in_range, rule_at, whole_cents
from episodes.programs import Program

COMPONENTS = (
    "baseline_cents",
    "trend",
    "normalization",
    "discount",
    "risk",
    "final_trend",
    "final_normalization",
)
"""Names that `price_components` takes."""

LEFT_OUT = "left out: neutral"

STEP_SCHEMA = {
    "step": pl.String,
    "factor": pl.Float64,
    "cents_after": pl.Int64,
    "rule": pl.String,
    "citation": pl.String,
    "status": pl.String,
    "note": pl.String,
}


@dataclass(frozen=True)
class PriceStep:
    """One factor of a price and what supports it."""

    step: str
    factor: Fraction
    rule: str | None
    citation: str | None
    status: str
    note: str | None = None


@dataclass(frozen=True)
class ComponentPrice:
    """A price and how it came about.

    Attributes:
        price_cents: the exact product of all components, rounded half up once.
        steps: a frame, one row a component: step, factor, cents_after (the product so far, rounded for
            display only), rule, citation, status, note.
    """

    price_cents: int
    _baseline_cents: int = field(repr=False)
    _steps: tuple[PriceStep, ...] = field(repr=False)

    @property
    def steps(self) -> pl.DataFrame:
        """One row a component, in the order of the product."""
        running = Fraction(self._baseline_cents)
        rows = []
        for item in self._steps:
            running *= item.factor
            shown = (item.step, float(item.factor), round_half_up(running))
            rows.append((*shown, item.rule, item.citation, item.status, item.note))
        return pl.DataFrame(rows, schema=STEP_SCHEMA, orient="row")

    def _repr_html_(self) -> str:
        return f"<p>Price {dollars(self.price_cents)}</p>{self.steps._repr_html_()}"


def price_components(
    program: Program, *, performance_year: str | int | None = None, **components: Any
) -> ComponentPrice:
    """The price from its components. What is left out is neutral.

    Args:
        program: its limits on the final trend and the final normalization are used.
        performance_year: wins over the programme's own.
        **components: baseline_cents (whole cents, needed); trend, normalization (factors); discount (a
            share); risk (a list of multipliers); final_trend, final_normalization (the new values; each is
            first held within the programme's limit relative to the prospective value, then replaces it).

    Returns:
        `.price_cents` and `.steps`.

    Raises:
        ArgumentError: an unknown component, or a value out of range.

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> price_components(team, baseline_cents=25_000_00, trend=1.02, discount=0.02).price_cents
        2499000
    """
    for name in components:
        if name not in COMPONENTS:
            raise ArgumentError(unknown_name("price component", name, COMPONENTS))
    if components.get("baseline_cents") is None:
        raise ArgumentError("baseline_cents is missing: a price starts from it.")
    baseline = whole_cents("baseline_cents", components["baseline_cents"], minimum=0)
    steps = tuple(_steps(program.for_year(performance_year), components))
    product = Fraction(baseline)
    for item in steps:
        product *= item.factor
    return ComponentPrice(round_half_up(product), baseline, steps)


def _steps(program: Program, given: dict[str, Any]) -> Iterator[PriceStep]:
    yield _cited(program, "baseline", Fraction(1), "price.baseline.weights")
    for name in ("trend", "normalization"):
        yield _cited(program, name, _prospective(given, name), f"price.prospective_{name}", _note(given, name))
    discount = exact_in_range("discount", given.get("discount") or 0, 0, 1)
    yield _cited(program, "discount", 1 - discount, "price.discounts", _note(given, "discount"))
    for place, multiplier in enumerate(_multipliers(given.get("risk")), start=1):
        factor = exact_factor("each of risk", multiplier)
        yield PriceStep(f"risk_{place}", factor, None, None, "given")
    for name in ("trend", "normalization"):
        yield _final(program, name, given)


def _final(program: Program, name: str, given: dict[str, Any]) -> PriceStep:
    """The ratio of the final value, held within its limit, to the prospective one."""
    rule_id = f"price.final_{name}_limit"
    if given.get(f"final_{name}") is None:
        return _cited(program, f"final_{name}", Fraction(1), rule_id, LEFT_OUT)
    wanted = exact_factor(f"final_{name}", given[f"final_{name}"]) / _prospective(given, name)
    limit = Fraction(rule_at(program, rule_id).value)
    held = min(max(wanted, 1 - limit), 1 + limit)
    note = None
    if held != wanted:
        note = f"asked for {float(wanted):.6g} of the prospective value, held at {float(held):.6g}"
    return _cited(program, f"final_{name}", held, rule_id, note)


def _prospective(given: dict[str, Any], name: str) -> Fraction:
    return Fraction(1) if given.get(name) is None else exact_factor(name, given[name])


def _multipliers(risk: Any) -> Iterable[Any]:
    if risk is None:
        return ()
    if isinstance(risk, str) or not isinstance(risk, Iterable):
        raise ArgumentError("risk must be a list of multipliers, such as [1.1, 0.95].")
    return risk


def _note(given: dict[str, Any], name: str) -> str | None:
    return LEFT_OUT if given.get(name) is None else None


def _cited(program: Program, step: str, factor: Fraction, rule_id: str, note: str | None = None) -> PriceStep:
    rule = rule_at(program, rule_id)
    return PriceStep(step, factor, rule_id, rule.citation, rule.status, note)
