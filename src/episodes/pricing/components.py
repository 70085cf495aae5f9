"""A price from its components: one exact value, rounded half up once at its end, and the steps that lead to it.

Which components there are is a matter of the programme's kind of price (`component_steps`). A step either adds an
amount or multiplies what there is by a factor. The amounts shown between are the exact running value rounded for
display, so that the changes shown add up to the price to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.errors import ArgumentError, unknown_name
from episodes.money import dollars, round_half_up
from episodes.pricing.component_steps import PriceStep, components_of
from episodes.programs import Program

STEP_SCHEMA = {
    "order": pl.Int64,
    "step": pl.String,
    "before_cents": pl.Int64,
    "factor": pl.Float64,
    "change_cents": pl.Int64,
    "after_cents": pl.Int64,
    "rule": pl.String,
    "citation": pl.String,
    "status": pl.String,
    "note": pl.String,
}


@dataclass(frozen=True)
class ComponentPrice:
    """A price and how it came about.

    Attributes:
        price_cents: the exact value of all components together, rounded half up once.
        exact: that value before it is rounded, in cents.
        steps: a frame, one row a component: order, step, before_cents, factor (null: the step adds an amount),
            change_cents, after_cents, rule, citation, status, note. Amounts are rounded for display; the changes sum to
            the price. `print(price)` shows them as text, `.to_dict()` gives them as data.
    """

    price_cents: int
    exact: Fraction = field(repr=False)
    _steps: tuple[PriceStep, ...] = field(repr=False)

    @property
    def steps(self) -> pl.DataFrame:
        """One row a component, in the order of the product."""
        running, rows = Fraction(0), []
        for order, item in enumerate(self._steps, start=1):
            before, running = running, item.applied(running)
            cents = round_half_up(before), round_half_up(running)
            factor = None if item.factor is None else float(item.factor)
            shown = (order, item.step, cents[0], factor, cents[1] - cents[0], cents[1])
            rows.append((*shown, item.rule, item.citation, item.status, item.note))
        return pl.DataFrame(rows, schema=STEP_SCHEMA, orient="row")

    def to_dict(self) -> dict[str, Any]:
        """The price and its steps as plain data."""
        return {"price_cents": self.price_cents, "steps": self.steps.to_dicts()}

    def __str__(self) -> str:
        """The waterfall as text: a line a step, and where its value comes from."""
        lines = []
        for row in self.steps.to_dicts():
            factor = "" if row["factor"] is None else f"x {row['factor']:.6g}"
            amounts = f"{dollars(row['change_cents']):>14}  {dollars(row['after_cents']):>14}"
            lines.append(f"  {row['step'].replace('_', ' '):20}  {factor:>12}  {amounts}")
            said = [f"{row['citation']} ({row['status']}; {row['rule']})"] if row["rule"] else []
            lines += [f"      {line}" for line in (row["note"], *said) if line]
        return "\n".join([*lines, f"  price {dollars(self.price_cents)}"])

    def _repr_html_(self) -> str:
        return f"<p>Price {dollars(self.price_cents)}</p>{self.steps._repr_html_()}"


def price_components(
    program: Program, *, performance_year: str | int | None = None, **components: Any
) -> ComponentPrice:
    """The price from its components. What is left out is neutral.

    Args:
        program: its kind of price says which components there are, its rules limit them.
        performance_year: wins over the programme's own.
        **components: amounts in whole cents, factors above zero, shares from 0 to 1, `risk` a list of multipliers.

            TEAM: baseline_cents (needed), trend, normalization, discount, risk, final_trend, final_normalization (the
            new values; each is first held within the programme's limit relative to the prospective value, then replaces
            it).

            CJR: regional_mean_cents (needed), hospital_mean_cents, baseline_episodes (of the hospital, all cells
            together: too few, and the region alone counts), discount (after quality); from year 6 risk, normalization,
            market_trend.

            BPCI Advanced: sbs_cents (standardized baseline spending), pcma (patient case mix), pat (peer-adjusted
            trend), discount, final_pcma (replaces pcma), realized_trend (over pat; held within the programme's limit),
            real_ratio (real over standardized dollars). Of a physician group pgp_offset (adjusted) and pgp_case_mix
            (the group's case mix over its hospital's) multiply the hospital's price; or pgp_target_cents, the group's
            target with its discount, takes the place of sbs_cents, pat, pgp_offset and discount. pcma is then that of
            the hospital, and final_pcma the group's own.

            ACE: part_a_cents, part_b_cents, discount_a, discount_b.

    Returns:
        `.price_cents` and `.steps`.

    Raises:
        ArgumentError: an unknown component, one that the year does not use, or a value out of range.
        ProgramError: the programme has no price of components.

    Source: 42 CFR 512.540 and 512.545 (TEAM); 42 CFR 510.300, 86 FR 23572 (CJR).

    Example:
        >>> import episodes as ep
        >>> team = ep.load_program("team", performance_year=1)
        >>> price_components(team, baseline_cents=25_000_00, trend=1.02, discount=0.02).price_cents
        2499000
    """
    resolved = program.for_year(performance_year)
    known, steps_of = components_of(resolved)
    for name in components:
        if name not in known:
            raise ArgumentError(unknown_name("price component", name, known))
    given = {name: value for name, value in components.items() if value is not None}
    steps = tuple(steps_of(resolved, given))
    value = Fraction(0)
    for item in steps:
        value = item.applied(value)
    return ComponentPrice(round_half_up(value), value, steps)
