"""An arrangement as data: who agreed with whom on what, when, with which formula; read from TOML and validated."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import Field, ValidationError, model_validator

from episodes.alignment.metrics import Metric
from episodes.alignment.terms import ShareOrNone, Term
from episodes.errors import ArgumentError, count_of, unknown_name
from episodes.programs.rule import Count, Part, Percentile, Share, problems_of

InputKind = Literal[
    "quality",
    "care_redesign_activity",
    "cost_rate",
    "participation",
    "attributed_lives",
    "ownership",
    "documented_hours",
    "personal_wrvu",
    "own_fee_schedule_cap",
    "quality_denominator",
    "minimum_volume",
    "referrals",
    "admissions",
    "orders",
    "revenue",
    "case_count",
]
"""What a formula may look at, and (the last five) what it may not."""
FORBIDDEN_INPUTS = ("referrals", "admissions", "orders", "revenue", "case_count")

LegalBasis = Literal[
    "model_waiver",
    "full_financial_risk",
    "meaningful_downside",
    "value_based_arrangement",
    "employment",
    "services_at_fair_value",
    "none",
]
Cents = Annotated[int, Field(ge=0)]


class FormulaInput(Part):
    """Something that the formula looks at."""

    name: str
    kind: InputKind


class Agreement(Part):
    """The written side of an arrangement: dates, formula, records."""

    written: bool
    signed: dt.date | None = None
    starts: dt.date
    ends: dt.date | None = None
    formula_set: dt.date | None = None
    formula_version: str
    quality_criteria_set: dt.date | None = None
    exception: LegalBasis
    record_years: Count
    monitored_yearly: bool = False
    traceable_payment: bool = True
    distributed_on: dt.date | None = None
    note: str | None = None


class Gate(Part):
    """What was decided on a party's quality gate, and when."""

    met: bool
    decided: dt.date


class Compensation(Part):
    """A party's whole compensation from the hospital, for fair-market checks."""

    total_cents: Cents
    percentile: Percentile | None = None
    opinion_cents: Cents | None = None
    at_risk_cents: Cents | None = None


class Member(Part):
    """A member of a group that is a party."""

    id: str
    name: str = ""
    weight: Annotated[Decimal, Field(ge=0)]
    direct_agreement: bool = False
    billed_cents: Cents | None = None


class Payment(Part):
    """A payment that was made outside this calculation, for the checks."""

    party: str
    cents: Cents
    paid_on: dt.date


class ArrangementParty(Part):
    """A party to an arrangement; which of its figures matter depends on the kind of terms."""

    id: str
    name: str
    kind: Literal["physician", "group", "nonphysician_group", "aco", "hospital", "company", "other"]
    signed: dt.date | None = None
    weight: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    agreed_share: Share = Decimal(0)
    gate: Gate | None = None
    open_compliance_action: bool = False
    fee_schedule_cents: Cents | None = None
    recorded: dict[str, Decimal] = Field(default_factory=dict)
    compensation: Compensation | None = None
    members: tuple[Member, ...] = ()
    wrvu: Annotated[Decimal, Field(ge=0)] | None = None
    quality_pool_cents: Cents = 0
    practice_cost_cents: Cents = 0
    contract_cap_cents: Cents | None = None
    fair_market_cap_cents: Cents | None = None
    closed_gates: tuple[str, ...] = ()
    class_: str | None = Field(default=None, alias="class")
    quality_score: Share | None = None
    participation: Share = Decimal(1)
    year_share: Share = Decimal(1)
    lives: Annotated[Decimal, Field(ge=0)] | None = None
    ownership: Share | None = None
    referral_source: bool | None = None
    invested_cents: Cents | None = None
    fair_value_cents: Cents | None = None
    venture_income_share: Share | None = None
    venture_procedure_share: Share | None = None


class SavingsItem(Part):
    """Measured internal savings of one item or case type."""

    item: str
    baseline_unit_cost_cents: Cents
    actual_unit_cost_cents: Cents
    volume: Count


class GainsharingTerms(Part):
    """Pool, cap and residual; on the downside the parties' agreed shares."""

    kind: Literal["gainsharing"]
    reconciliation_share: Term[Share]
    savings_share: Term[Share]
    internal_savings: tuple[SavingsItem, ...] = ()
    cap_share: Term[ShareOrNone] | None = None
    residual: Term[Literal["keep", "reshare"]]
    unmeasured_gate: Term[Literal["fail", "pass"]]
    gate_metrics: tuple[str, ...] = ()
    single_limit: Term[Share] | None = None
    total_limit: Term[Share] | None = None


class CoManagementTerms(Part):
    """A fee fixed in dollars, its base and incentive, and the hours that the base is for."""

    kind: Literal["co_management"]
    fee_cents: Term[Cents]
    base_share: Term[Share]
    metric_weights: dict[str, Share]
    documented_hours: Annotated[Decimal, Field(ge=0)]
    hourly_rate_cents: Term[Cents]
    net_revenue_share: Term[Share] | None = None
    other_directorship: bool = False


class PayTerms(Part):
    """Employment or professional services: tiers of wRVU, a scorecard, a withhold."""

    kind: Literal["employment", "professional_services"]
    tiers: Term[tuple[tuple[Decimal, Decimal], ...]]
    metric_weights: dict[str, Share]
    withhold_share: Term[Share]
    gates: tuple[str, ...] = ()


class NetworkTerms(Part):
    """A network's pool, its costs, and the shares of classes."""

    kind: Literal["network"]
    reconciliation_share: Term[Share]
    other_income_cents: Term[Cents]
    infrastructure_cents: Term[Cents]
    reserve_share: Term[Share]
    class_shares: dict[str, Share]


class SharedSavingsTerms(Part):
    """A level of shared savings; amounts that are absent come from the hospital's reconciliation."""

    kind: Literal["shared_savings"]
    level: Term[str]
    msr: Term[Share]
    quality_met: Term[bool]
    benchmark_cents: Cents | None = None
    expenditure_cents: Cents | None = None
    revenue_cents: Cents | None = None


class FullRiskTerms(Part):
    """A capitated year with its stop-loss cover."""

    kind: Literal["full_risk"]
    premium_cents: Term[Cents]
    claims_cents: tuple[Cents, ...]
    reinsurance_premium_cents: Term[Cents]
    attachment_cents: Term[Cents]
    coinsurance: Term[Share]
    aggregate_corridors: tuple[tuple[Decimal, Share], ...] = ()


class JointVentureTerms(Part):
    """A profit that is distributed by ownership."""

    kind: Literal["joint_venture"]
    profit_cents: Term[Cents]


class AceStay(Part):
    """Medicare's payments for one stay before discount; people on Medicaid get no share of savings."""

    part_a_cents: Cents
    part_b_cents: Cents
    medicaid: bool = False


class AceTerms(Part):
    """Bundles of the ACE demonstration, and the pool that physicians share."""

    kind: Literal["ace"]
    stays: tuple[AceStay, ...]
    discount_a: Term[Share]
    discount_b: Term[Share]
    premium_cents: Term[Cents] | None = None
    physician_pool_cents: Term[Cents]
    cap_share: Term[ShareOrNone] | None = None


Terms = Annotated[
    GainsharingTerms
    | CoManagementTerms
    | PayTerms
    | NetworkTerms
    | SharedSavingsTerms
    | FullRiskTerms
    | JointVentureTerms
    | AceTerms,
    Field(discriminator="kind"),
]


class Arrangement(Part):
    """An arrangement between a hospital and those it shares money with.

    Attributes:
        id, name, note: what it is called.
        program, performance_year: whose limits hold (`none`: outside a programme), and in which year.
        hospital: the CCN whose reconciliation is shared.
        agreement: its written side. inputs: what its formula looks at.
        parties, metrics, payments: who takes part, what is measured, what was already paid.
        terms: the numbers, by kind.
    """

    id: str
    name: str
    program: str = "none"
    performance_year: str | None = None
    hospital: str | None = None
    note: str | None = None
    agreement: Agreement
    inputs: tuple[FormulaInput, ...]
    parties: tuple[ArrangementParty, ...] = Field(min_length=1)
    metrics: tuple[Metric, ...] = ()
    payments: tuple[Payment, ...] = ()
    terms: Terms

    @property
    def kind(self) -> str:
        """Kind of its terms."""
        return str(self.terms.kind)

    def owners(self) -> pl.DataFrame:
        """The parties as owners of a joint venture (columns: `joint_venture`)."""
        numbers = ("ownership", "venture_income_share", "venture_procedure_share")
        rows = [
            (
                party.id,
                *(None if getattr(party, name) is None else float(getattr(party, name)) for name in numbers),
                party.referral_source,
                party.invested_cents,
                party.fair_value_cents,
            )
            for party in self.parties
        ]
        columns = {"party": pl.String, **dict.fromkeys(numbers, pl.Float64), "referral_source": pl.Boolean}
        columns |= {"invested_cents": pl.Int64, "fair_value_cents": pl.Int64}
        return pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.col("ownership").fill_null(0))

    @model_validator(mode="after")
    def _names_hold_together(self) -> Arrangement:
        parties = [party.id for party in self.parties]
        metrics = [metric.id for metric in self.metrics]
        for kind, names in (("party", parties), ("metric", metrics)):
            if len(set(names)) < len(names):
                raise ValueError(f"a {kind} is named twice")
        wanted = [*getattr(self.terms, "metric_weights", {}), *getattr(self.terms, "gate_metrics", ())]
        strange = [name for name in wanted if name not in metrics]
        strange += [payment.party for payment in self.payments if payment.party not in parties]
        if strange:
            raise ValueError(f"{', '.join(strange)}: no metric or party of that name is declared")
        return self


def known_arrangements() -> list[str]:
    """Names of the packaged example arrangements.

    >>> len(known_arrangements()) >= 8
    True
    """
    folder = files("episodes.alignment") / "arrangements"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_arrangement(name: str | Path) -> Arrangement:
    """Read an arrangement: a packaged example by name, or a file of your own.

    Args:
        name: one of `known_arrangements()`, or a path to a `.toml` file.

    Raises:
        ArgumentError: no such example or file, no TOML, or terms that are wrong; the message lists every one.

    Example:
        >>> load_arrangement("team_gainsharing").terms.kind
        'gainsharing'
    """
    path = Path(name)
    packaged = str(name).replace("-", "_")
    if isinstance(name, Path) or path.suffix == ".toml":
        if not path.is_file():
            raise ArgumentError(f"There is no arrangement file {path.name!r} at the place given.")
        content = path.read_bytes()
    elif packaged in known_arrangements():
        content = (files("episodes.alignment") / "arrangements" / f"{packaged}.toml").read_bytes()
    else:
        hint = " A file of your own is given by its path, which ends in .toml."
        raise ArgumentError(unknown_name("arrangement", str(name), known_arrangements()) + hint)
    try:
        tree: dict[str, Any] = tomllib.loads(content.decode("utf-8-sig"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = error if isinstance(error, tomllib.TOMLDecodeError) else "it is not UTF-8 text"
        raise ArgumentError(f"The arrangement file {path.name!r} is not valid TOML: {said}.") from None
    try:
        return Arrangement.model_validate(tree)
    except ValidationError as error:
        wrong = problems_of(error, tree)
        listed = "\n".join(f"  {problem}" for problem in wrong)
        raise ArgumentError(
            f"The arrangement file {path.name!r} has {count_of(len(wrong), 'fault')}:\n{listed}\n"
            "The easiest start for one is a copy of a packaged example."
        ) from None
