"""A first look at plain tables: who may have an anchor, and what the claims of everybody else come to.

Only the claims and lines of those people are read further. What is said here of the others comes straight from the
amounts: the balance of a run holds it against what the loops book.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from episodes.building.amounts import basis_amount
from episodes.building.context import Context
from episodes.building.facts import Facts
from episodes.building.inpatient_anchors import drgs_that_may_trigger
from episodes.building.outpatient_anchors import procedures_that_may_trigger
from episodes.building.plain_tables import PlainTables
from episodes.claims.codes_sidecar import NUMERIC_ID
from episodes.claims.contract import CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS

KEYS = ["beneficiary_id", "claim_id"]
AMOUNTS = ("standardized", "allowed", "paid")
_CENTS = tuple(f"{name}_cents" for name in AMOUNTS)
_PROBE = 1_000
"""Rows looked at first where one row decides."""


def has_numeric_claim_ids(tables: PlainTables) -> bool:
    """Whether all claim ids compare as numbers; the first rows are asked first."""
    numeric = pl.col("claim_id").str.contains(NUMERIC_ID).all()
    looked_at = (tables["claims"].head(_PROBE), tables["claims"])
    return all(bool(tables.collected(some.select(numeric)).item()) for some in looked_at)


def amounts_at_hand(tables: PlainTables, settings: set[str], basis: str) -> dict[str, list[str]]:
    """`claim` and `line`: the amount bases that items of these settings have; a kind without items is left out.

    Where some of the first items have the basis that is asked for, the others are not looked at.
    """
    by_claim, by_line = (
        tables["claims"].filter(tables.setting_in(sorted(settings & set(listed))))
        for listed in (CLAIM_PAID_SETTINGS, LINE_PAID_SETTINGS)
    )
    lines = tables["lines"].select(*KEYS, *_CENTS)
    first = tables.collected(lines.head(_PROBE))
    of_first = by_line.filter(pl.col("claim_id").is_in(first["claim_id"].unique().implode())).select(KEYS).head(_PROBE)
    some = {
        "claim": by_claim.head(_PROBE),
        "line": first.lazy().join(tables.collected(of_first).lazy(), on=KEYS, how="semi"),
    }
    every = {"claim": by_claim, "line": lines.join(by_line.select(KEYS), on=KEYS, how="semi")}
    found = {kind: _counted(tables, items) for kind, items in some.items()}
    found |= {kind: _counted(tables, every[kind]) for kind, counts in found.items() if basis not in counts}
    return {kind: [name for name in AMOUNTS if name in counts] for kind, counts in found.items() if "items" in counts}


def _counted(tables: PlainTables, items: pl.LazyFrame) -> set[str]:
    """The amounts that some of these items have, and `items` if there are any."""
    row = tables.collected(items.select(items=pl.len(), **{name: pl.col(f"{name}_cents").count() for name in AMOUNTS}))
    return {name for name, number in row.row(0, named=True).items() if number}


@dataclass(frozen=True)
class FirstLook:
    """Of plain tables: `claims`, `lines`, `coverage`."""

    tables: PlainTables
    context: Context

    @cached_property
    def people(self) -> pl.Series:
        """Ids of those whose rows are read: too many rather than too few, and everybody where they are most of all."""
        return self._with_claims["beneficiary_id"] if self._reads_everybody else self._may_have_an_anchor

    @cached_property
    def _may_have_an_anchor(self) -> pl.Series:
        """Ids of those with a stay or a line that may be an anchor."""
        stays = self.tables["claims"].filter(self.tables.setting_in(["inpatient"]))
        drgs = drgs_that_may_trigger(self.context)
        if drgs is not None:
            stays = stays.filter(pl.col("pricing_drg").is_in(drgs) | pl.col("ms_drg").is_in(drgs))
        lines = self.tables["lines"].filter(pl.col("hcpcs").is_in(procedures_that_may_trigger(self.context)))
        found = [self.tables.collected(each.select("beneficiary_id").unique()) for each in (stays, lines)]
        return pl.concat(found)["beneficiary_id"].drop_nulls().unique()

    @cached_property
    def _with_claims(self) -> pl.DataFrame:
        """Ids of everybody with a claim."""
        return self.tables.collected(self.tables["claims"].select("beneficiary_id").drop_nulls().unique())

    @property
    def _reads_everybody(self) -> bool:
        """To tell people apart row by row costs more than to read the few others."""
        return 2 * self._may_have_an_anchor.len() > self._with_claims.height

    def of(self, table: str) -> pl.LazyFrame:
        """The rows of those people."""
        rows = self.tables[table]
        return rows.drop_nulls("beneficiary_id") if self._reads_everybody else rows.filter(self._chosen)

    @property
    def _chosen(self) -> pl.Expr:
        return pl.col("beneficiary_id").is_in(self.people.implode())

    @cached_property
    def rows_of_others(self) -> dict[str, int]:
        """Rows of claims and lines that are not read further."""
        names = ("claims", "lines")
        if self._reads_everybody:
            return dict.fromkeys(names, 0)
        return {
            name: self.tables.collected(self.tables[name].filter(~self._chosen).select(pl.len())).item()
            for name in names
        }

    @cached_property
    def facts_of_others(self) -> Facts:
        """What the claims of everybody else hold and come to."""
        if self._reads_everybody:
            return Facts()
        claims, lines = (self.tables[name].filter(~self._chosen) for name in ("claims", "lines"))
        late, number_late = pl.lit(False), 0
        if self.context.as_of is not None:
            late = (pl.col("process_date") > self.context.as_of).fill_null(False)
            number_late = self._one_row(claims.select(late.sum().alias("late")))["late"]
        whole, stays = (
            claims.filter(self.tables.setting_in(settings)).filter(~late)
            for settings in (CLAIM_PAID_SETTINGS, ("inpatient",))
        )
        paid = self._one_row(whole.select(items=pl.len(), cents=basis_amount(self.context, line=False).sum()))
        of_stays = self._one_row(
            stays.select(
                stays=pl.len(),
                stays_with_drg=pl.coalesce("pricing_drg", "ms_drg").count(),
                stays_with_hospital=pl.coalesce("ccn", pl.col("provider_type").cast(pl.String)).count(),
            )
        )
        # What is paid by line is everything but lines of claims that are paid as a whole or not known yet: the fewer
        # claims are looked for.
        every_line = self._lines(lines)
        apart = self.tables.setting_in(CLAIM_PAID_SETTINGS) | late
        not_by_line = self._lines_of(lines, claims.filter(apart))
        of_late = self._lines_of(lines, claims.filter(late)) if number_late else {"items": 0}
        return Facts(
            people=self._with_claims.height - self.people.len(),
            claims=self.rows_of_others["claims"] - number_late,
            lines=every_line["items"] - of_late["items"],
            claims_processed_later=number_late,
            payable_items=paid["items"] + every_line["items"] - not_by_line["items"],
            payable_cents=paid["cents"] + every_line["cents"] - not_by_line["cents"],
            **of_stays,
        )

    def _lines(self, lines: pl.LazyFrame) -> dict[str, int]:
        return self._one_row(lines.select(items=pl.len(), cents=basis_amount(self.context, line=True).sum()))

    def _lines_of(self, lines: pl.LazyFrame, claims: pl.LazyFrame) -> dict[str, int]:
        """Number and cents of the lines of some claims."""
        keys = self.tables.collected(claims.select(KEYS))
        # Scans filter by one column before they read the others; the join then looks at the person too.
        possible = lines.filter(pl.col("claim_id").is_in(keys["claim_id"].implode()))
        return self._lines(possible.join(keys.lazy(), on=KEYS, how="semi"))

    def _one_row(self, query: pl.LazyFrame) -> dict[str, int]:
        return {name: int(n or 0) for name, n in self.tables.collected(query).row(0, named=True).items()}

    def coverage_of_others(self, *, look_for_people: bool) -> Facts:
        """Intervals of coverage of everybody else, and, if asked, how many of those with claims have one."""
        coverage = self.tables["coverage"].filter(~self._chosen)
        covered = 0
        if look_for_people:
            with_claims = self.tables["claims"].select("beneficiary_id").unique()
            people = coverage.join(with_claims, on="beneficiary_id", how="semi").select(
                pl.col("beneficiary_id").n_unique()
            )
            covered = self.tables.collected(people).item()
        intervals = self.tables.collected(coverage.select(pl.len())).item()
        return Facts(coverage_intervals=intervals, covered_people=covered)
