"""Settling an arrangement on the facts of a year: ledgers by the public functions, entries that conserve every cent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from episodes.alignment.arrangement import (
    AceTerms,
    Arrangement,
    ArrangementParty,
    CoManagementTerms,
    FullRiskTerms,
    GainsharingTerms,
    JointVentureTerms,
    NetworkTerms,
    PayTerms,
    SharedSavingsTerms,
)
from episodes.alignment.facts import SharingFacts
from episodes.alignment.ledger import POOL, RESIDUAL, Journal
from episodes.alignment.metrics import Score, score_frame
from episodes.alignment.terms import Term
from episodes.errors import ArgumentError
from episodes.money import dollars

HOSPITAL = "hospital"
MEDICARE = "medicare"


@dataclass
class Settling:
    """An arrangement on its way: its facts, and the ledgers, entries, scores and notes so far."""

    arrangement: Arrangement
    facts: SharingFacts
    journal: Journal = field(default_factory=Journal)
    ledgers: dict[str, pl.DataFrame] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    gates: dict[str, tuple[bool, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    figures: dict[str, int | None] = field(default_factory=dict)

    def needed(self, name: str) -> int:
        """A fact that this kind of terms cannot do without."""
        value: int | None = getattr(self.facts, name)
        if value is None:
            raise ArgumentError(
                f"The arrangement {self.arrangement.id!r} shares a reconciliation, and there is none: {name} is not "
                "known. Settle it on a reconciled hospital."
            )
        return value

    def partners(self) -> list[ArrangementParty]:
        """The parties besides the hospital itself."""
        return [party for party in self.arrangement.parties if party.kind != "hospital"]

    def pay_out(self, name: str, ledger: pl.DataFrame, rule: str, term: Term[Any], basis: str) -> None:
        """Book a ledger out of the pool: each party what it is paid, the hospital what nobody takes."""
        self.ledgers[name] = ledger
        for row in ledger.iter_rows(named=True):
            target = HOSPITAL if row["party"] == RESIDUAL else row["party"]
            why = f"{basis}; {row['reason']}" if row["reason"] else basis
            self.journal.move(POOL, target, row["paid_cents"], rule, term, why)


@dataclass(frozen=True)
class SettledArrangement:
    """An arrangement settled on a year.

    Attributes:
        arrangement, facts: what was settled, on what.
        ledgers: name (`gainsharing`, `alignment`, `fee`, a party's pay, ...) to ledger: party, offered_cents,
            cap_cents, paid_cents, reason.
        entries: order, from_party, to_party, amount_cents, rule, basis, status, citation; the pool comes out at zero.
        scores: what each party reached in each metric.
        gates: party to (met, how it was decided).
        figures: amounts by name that statements show. notes: what a reader must know.
    """

    arrangement: Arrangement
    facts: SharingFacts
    ledgers: dict[str, pl.DataFrame]
    entries: pl.DataFrame
    scores: pl.DataFrame
    gates: dict[str, tuple[bool, str]]
    figures: dict[str, int | None]
    notes: tuple[str, ...]

    @property
    def ledger(self) -> pl.DataFrame:
        """All ledgers as one frame, with the ledger's name first."""
        named = [frame.select(pl.lit(name).alias("ledger"), pl.all()) for name, frame in self.ledgers.items()]
        return pl.concat(named)

    def paid_to(self, party: str) -> int:
        """What a party gets less what it pays; what a group passes on to its members is not taken off."""
        received = self.entries.filter(pl.col("to_party") == party)["amount_cents"].sum()
        own = self.entries.filter(pl.col("from_party") == party, pl.col("rule") != "distribution")
        given = own["amount_cents"].sum()
        return int(received) - int(given)

    def __repr__(self) -> str:
        lines = [f"{self.arrangement.name} ({self.arrangement.kind})"]
        lines += [f"{party.name}: {dollars(self.paid_to(party.id))}" for party in self.arrangement.parties]
        return "\n".join([*lines, *self.notes])

    def _repr_html_(self) -> str:
        return f"<p>{self.arrangement.name}</p>{self.ledger._repr_html_()}"


def settle_arrangement(arrangement: Arrangement, facts: SharingFacts | None = None) -> SettledArrangement:
    """Settle an arrangement on the facts of a year.

    The ledgers come from the public functions of this room: `gainshare`, `alignment_payments`, `co_management`,
    `scorecard`, and so on. A contract's cap above the programme's is held at the programme's, and the checks say so.

    Args:
        arrangement: from `load_arrangement`.
        facts: from `facts_of`; None: an arrangement that needs no reconciliation.

    Raises:
        ArgumentError: a fact that the arrangement cannot do without is not known.

    Example:
        >>> from episodes.alignment.arrangement import load_arrangement
        >>> settled = settle_arrangement(load_arrangement("joint_venture"))
        >>> settled.ledgers["distribution"]["paid_cents"].sum() == settled.arrangement.terms.profit_cents.value
        True
    """
    from episodes.alignment import settling_kinds as kinds

    by_terms: dict[type, Callable[[Settling, Any], None]] = {
        GainsharingTerms: kinds.settle_gainsharing,
        CoManagementTerms: kinds.settle_co_management,
        PayTerms: kinds.settle_pay,
        NetworkTerms: kinds.settle_network,
        SharedSavingsTerms: kinds.settle_shared_savings,
        FullRiskTerms: kinds.settle_full_risk,
        JointVentureTerms: kinds.settle_joint_venture,
        AceTerms: kinds.settle_ace,
    }
    settling = Settling(arrangement, facts or SharingFacts())
    settling.notes.extend(settling.facts.notes)
    by_terms[type(arrangement.terms)](settling, arrangement.terms)
    return SettledArrangement(
        arrangement=arrangement,
        facts=settling.facts,
        ledgers=settling.ledgers,
        entries=settling.journal.entries,
        scores=score_frame(settling.scores),
        gates=settling.gates,
        figures=settling.figures,
        notes=tuple(dict.fromkeys(settling.notes)),
    )
