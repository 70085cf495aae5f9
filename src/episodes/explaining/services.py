"""What is in an episode: its claims and lines with share and rules, their subtotals, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from episodes.building.services import PERIODS
from episodes.building.categories import SERVICE_CATEGORIES
from episodes.errors import count_of
from episodes.explaining.findings import Finding, RuleBook, in_words
from episodes.explaining.shares import share_of
from episodes.programs import Program

PERIOD_ORDER = ("pre", *PERIODS.values())
PAST_WINDOWS = "past_windows"
"""What a split item leaves over beyond every window of the episode."""

_SERVICES = "construction.services"
_RULE_OF_BAR = {
    "setting_not_covered": f"{_SERVICES}.paid_settings",
    "no_amount_on_basis": "construction.amount_basis",
    "other_payer": f"{_SERVICES}.other_payer_items",
    "not_positive": f"{_SERVICES}.non_positive_items",
}
_SAYS_OF_BAR = {
    "setting_not_covered": "The programme does not pay for the setting.",
    "no_amount_on_basis": "There is no amount on the basis of the run.",
    "other_payer": "Another payer paid before Medicare.",
    "not_positive": "The amount is zero or less.",
}
_SAYS_OF_KIND = {
    "stay_drg": "Stays after the anchor with a DRG of the list {table!r}.",
    "stay_mdc": "Stays after the anchor of the major diagnostic categories {mdcs}.",
    "line_hcpcs": "Lines with a code of the list {table!r}.",
    "line_status_indicator": "Lines with the OPPS status indicator {indicators}.",
    "lines_in_excluded_stay": "Lines dated within a stay that is itself left out.",
}
ITEM = ("claim_id", "line_number")


def explained_services(services: pl.DataFrame, episode: Mapping[str, Any], program: Program) -> pl.DataFrame:
    """The services of an episode in the order of periods, with how each came to its cents.

    Columns added: `share`, what part of the item the row holds, in words (null: all of it, or none); `rules`, ids of
    the rules that fired for the row.
    """
    rows = services.to_dicts()
    times = Counter(tuple(row[key] for key in ITEM) for row in rows)
    shares, fired = [], []
    for row in rows:
        share, rules = _how(row, episode, program, was_split=times[tuple(row[key] for key in ITEM)] > 1)
        shares.append(share or None)
        fired.append(rules)
    order = pl.col("period").replace_strict(
        list(PERIOD_ORDER), list(range(len(PERIOD_ORDER))), default=len(PERIOD_ORDER), return_dtype=pl.Int8
    )
    return (
        services.drop("episode_id")
        .with_columns(share=pl.Series(shares, dtype=pl.String), rules=pl.Series(fired, dtype=pl.List(pl.String)))
        .sort(order, maintain_order=True)
    )


def _how(
    row: Mapping[str, Any], episode: Mapping[str, Any], program: Program, *, was_split: bool
) -> tuple[str, list[str]]:
    if row["reason"] is not None:
        return "", [rule_of_reason(row["reason"])]
    share = share_of(row, episode, program, was_split=was_split)
    rules = list(share.rules)
    inpatient = episode["anchor_setting"] == "inpatient"
    at_the_end = row["period"] == "anchor" and row["service_start"] == episode["anchor_end"]
    if inpatient and at_the_end and row["setting"] == "professional":
        rules.append(f"{_SERVICES}.discharge_day_anchor_places")
    if row["full_cents"] < 0 and row["category"] != "anchor_facility":  # a zero moves no cent either way
        rules.append(f"{_SERVICES}.non_positive_items")
    return share.says, rules


def rule_of_reason(reason: str) -> str:
    """The id of the rule that leaves out items with this reason code."""
    return _RULE_OF_BAR.get(reason, f"{_SERVICES}.exclusions.{reason}")


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
    kinds = {rule.id: rule for rule in program.rules.construction.services.exclusions}
    findings = []
    known = [name for name in (*_RULE_OF_BAR, *kinds) if name in found]
    for reason in [*known, *sorted(set(found) - set(known))]:
        number, cents = found[reason]
        says = _SAYS_OF_BAR.get(reason) or _says_of_rule(reason, kinds.get(reason))
        facts = {"rows": number, "full_cents": cents}
        findings.append(Finding(reason, says, rules.named(rule_of_reason(reason)), facts=facts))
    return (*findings, *_past_windows(services, rules))


def _says_of_rule(reason: str, rule: Any) -> str:
    says = None if rule is None else _SAYS_OF_KIND.get(rule.kind)
    if says is None:
        return f"Left out for {reason!r}."
    return says.format(
        **{name: in_words(value) if isinstance(value, tuple) else value for name, value in dict(rule).items()}
    )


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
    cut = [name for name in ids if name.startswith(f"{_SERVICES}.proration.")]
    leave = "leaves" if items.height == 1 else "leave"
    says = f"What {count_of(items.height, 'split item')} {leave} over beyond the windows."
    facts = {"rows": items.height, "full_cents": int((items["full_cents"] - items["cents"]).sum())}
    return (Finding(PAST_WINDOWS, says, rules.in_order(cut), facts=facts),)
