"""What is in an episode: its claims and lines with share and rules, their subtotals, and what was left out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from episodes.building.categories import SERVICE_CATEGORIES
from episodes.building.reasons import IN_EARLIER, PAST_WINDOWS
from episodes.building.services import PERIODS
from episodes.errors import count_of
from episodes.explaining.findings import Finding, RuleBook, in_words
from episodes.explaining.placing import Placed, Windows, inclusion_rules, placed
from episodes.explaining.shares import Share, shares_of
from episodes.programs import Program
from episodes.programs.service_rules import Inclusion, ServiceExclusion

PERIOD_ORDER = tuple(PERIODS.values())

_SERVICES = "construction.services"
_RULE_OF_BAR = {
    "setting_not_covered": f"{_SERVICES}.paid_settings",
    "no_amount_on_basis": "construction.amount_basis",
    "other_payer": f"{_SERVICES}.other_payer_items",
    "non_positive_amount": f"{_SERVICES}.non_positive_items",
    IN_EARLIER: "construction.window.pre_days",
}
"""By reason that no exclusion or inclusion carries, the rule behind it."""
_SAYS_OF_BAR = {
    "setting_not_covered": "The programme does not pay for the setting.",
    "no_amount_on_basis": "There is no amount on the basis of the run.",
    "other_payer": "Another payer paid before Medicare.",
    "non_positive_amount": "The amount is zero or less.",
    IN_EARLIER: "Before the anchor, and in the anchor or after it in an earlier episode of the person.",
}
_SAYS_OF_KIND = {
    "stay_drg": "Stays after the anchor with a DRG of the list {table!r}.",
    "stay_mdc": "Stays after the anchor of the major diagnostic categories {mdcs}.",
    "stay_procedure": "Stays of DRG {drgs} with a procedure of the list {table!r}, in episodes of {categories}.",
    "hospice_demonstration": "Hospice claims (bill type {bill_type_prefixes}) of demonstration {demonstration_codes}.",
    "low_utilization_unknown": "Home health claims that do not say whether they were paid by visit.",
    "line_hcpcs": "Lines with a code of the list {table!r}.",
    "line_status_indicator": "Lines with the OPPS status indicator {indicators}.",
    "lines_in_excluded_stay": "Lines dated within a stay that is itself left out.",
}
_SAYS_OF_INCLUDE = {
    "none": "Services {where} do not count: {settings}{but}.",
    "related": "Services {where} that are not clinically related: {settings}{but}.",
    "related_or_surgeon": "Services {where}, not clinically related nor the surgeon's own: {settings}{but}.",
}
ITEM = ("claim_id", "line_number")
_SPLITTING = tuple(f"{_SERVICES}.{name}" for name in ("proration.", "remainder", "outlier"))


def explained_services(
    services: pl.DataFrame, episode: Mapping[str, Any], program: Program, *, from_stay: bool
) -> pl.DataFrame:
    """The services of an episode in the order of periods, with how each came to its place and its cents.

    Columns added: `placed`, why it is in its period where its days alone do not say so, and what it had to be to count
    (null: nothing); `share`, what part of the item the row holds, in words (null: all of it, or none); `rules`, ids of
    the rules that fired for the row.
    """
    order = pl.col("period").replace_strict(
        list(PERIOD_ORDER), list(range(len(PERIOD_ORDER))), default=len(PERIOD_ORDER), return_dtype=pl.Int8
    )
    ordered = services.drop("episode_id").sort(order, maintain_order=True)
    rows = ordered.to_dicts()
    windows = Windows(episode, program, from_stay, _emergency_days(rows))
    by_item: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        by_item.setdefault(tuple(row[key] for key in ITEM), []).append(place)
    shares = [Share()] * len(rows)
    for places in by_item.values():
        if rows[places[0]]["reason"] is None:
            for place, share in zip(places, shares_of([rows[place] for place in places], windows), strict=True):
                shares[place] = share
    found = [_how(row, share, windows) for row, share in zip(rows, shares, strict=True)]
    return ordered.with_columns(
        placed=pl.Series([placing.says or None for placing, _ in found], dtype=pl.String),
        share=pl.Series([share.says or None for share in shares], dtype=pl.String),
        rules=pl.Series([rules for _, rules in found], dtype=pl.List(pl.String)),
    )


def _emergency_days(rows: Sequence[Mapping[str, Any]]) -> frozenset[dt.date]:
    """Days with an outpatient line that counts in the anchor period: an emergency line may have been among them."""
    return frozenset(
        row["service_start"]
        for row in rows
        if row["setting"] == "outpatient" and row["period"] == "anchor" and row["reason"] is None
    )


def _how(row: Mapping[str, Any], share: Share, windows: Windows) -> tuple[Placed, list[str]]:
    if row["reason"] is not None:
        return Placed(), rules_of_reason(row["reason"], windows.program)
    placing = placed(row, windows)
    rules = [*placing.rules, *share.rules]
    if row["full_cents"] < 0 and row["category"] != "anchor_facility":  # a zero moves no cent either way
        rules.append(f"{_SERVICES}.non_positive_items")
    return placing, rules


def rules_of_reason(reason: str, program: Program) -> list[str]:
    """The ids of the rules that leave out items with this reason code."""
    if reason in _RULE_OF_BAR:
        return [_RULE_OF_BAR[reason]]
    for rule in program.rules.construction.services.inclusions:
        if rule.id == reason:
            return list(inclusion_rules(rule))
    return [f"{_SERVICES}.exclusions.{reason}"]


def by_period(services: pl.DataFrame) -> pl.DataFrame:
    """period, rows, cents: what is included, one row a period."""
    included = services.filter(pl.col("disposition") == "included")
    sums = included.group_by("period").agg(rows=pl.len().cast(pl.Int64), cents=pl.col("cents").sum())
    return (
        pl.DataFrame({"period": PERIOD_ORDER})
        .join(sums, on="period", how="left", maintain_order="left")
        .with_columns(pl.col("rows", "cents").fill_null(0))
    )


def by_category(services: pl.DataFrame) -> pl.DataFrame:
    """category, rows, cents, post_episode_cents: what is included, one row a category that occurs.

    `cents` are those of the episode, `post_episode_cents` what follows it.
    """
    after = pl.col("period") == "post_episode"
    sums = (
        services.filter(pl.col("disposition") == "included")
        .group_by("category")
        .agg(
            rows=pl.len().cast(pl.Int64),
            cents=pl.col("cents").filter(~after).sum(),
            post_episode_cents=pl.col("cents").filter(after).sum(),
        )
    )
    named = pl.DataFrame({"category": SERVICE_CATEGORIES})
    return named.join(sums, on="category", how="inner", maintain_order="left")


def left_out(services: pl.DataFrame, program: Program, rules: RuleBook) -> tuple[Finding, ...]:
    """What the windows hold and the episode does not count, by reason in the order of the rules; cents in `facts`."""
    excluded = services.filter(pl.col("reason").is_not_null())
    found = {
        reason: (number, cents)
        for reason, number, cents in excluded.group_by("reason").agg(pl.len(), pl.col("full_cents").sum()).iter_rows()
    }
    listed = program.rules.construction.services
    kinds = {rule.id: rule for rule in (*listed.exclusions, *listed.inclusions)}
    findings = []
    known = [name for name in (*_RULE_OF_BAR, *kinds) if name in found]
    for reason in [*known, *sorted(set(found) - set(known))]:
        number, cents = found[reason]
        says = _SAYS_OF_BAR.get(reason) or _says_of_rule(reason, kinds.get(reason))
        facts = {"rows": number, "full_cents": cents}
        findings.append(Finding(reason, says, rules.named(*rules_of_reason(reason, program)), facts=facts))
    return (*findings, *_past_windows(services, rules))


def _says_of_rule(reason: str, rule: ServiceExclusion | Inclusion | None) -> str:
    if isinstance(rule, Inclusion):
        return _SAYS_OF_INCLUDE[rule.include].format(
            where=_days_of(rule),
            settings=in_words(rule.settings),
            but="" if rule.emergency_too else ", emergencies aside",
        )
    says = None if rule is None else _SAYS_OF_KIND.get(rule.kind)
    if rule is None or says is None:
        return f"Left out for {reason!r}."
    return says.format(
        **{name: in_words(value) if isinstance(value, tuple) else value for name, value in dict(rule).items()}
    )


def _days_of(rule: Inclusion) -> str:
    """The days that an inclusion speaks of."""
    if rule.period != "post":
        return {"pre": "before the anchor", "anchor": "in the anchor period"}[rule.period]
    if rule.first_day is None and rule.last_day is None:
        return "after the anchor"
    if rule.last_day is None:
        return f"from day {rule.first_day}"
    return f"on days {rule.first_day or 1} to {rule.last_day}"


def _past_windows(services: pl.DataFrame, rules: RuleBook) -> tuple[Finding, ...]:
    included = services.filter(pl.col("disposition") == "included")
    items = (
        included.group_by(ITEM)
        .agg(pl.col("full_cents").first(), pl.col("cents").sum())
        .filter(pl.col("full_cents") != pl.col("cents"))
    )
    if items.is_empty():
        return ()
    ids = included.join(items, on=ITEM, how="semi")["rules"].explode().drop_nulls().unique().to_list()
    cut = [name for name in ids if name.startswith(_SPLITTING)]
    leave = "leaves" if items.height == 1 else "leave"
    says = f"What {count_of(items.height, 'split item')} {leave} over beyond the windows."
    facts = {"rows": items.height, "full_cents": int((items["full_cents"] - items["cents"]).sum())}
    return (Finding(PAST_WINDOWS, says, rules.in_order(cut), facts=facts),)
