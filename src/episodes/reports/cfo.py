"""A hospital CFO's view of a settlement: where the money was won and lost, by category, setting and cause.

Every figure adds up. The difference of target and spending is taken apart into what the target is against the peers'
spending (`price`), what the hospital's spending is against theirs in each setting (how often a setting is used, and
what it costs when it is), and what the cap cuts off (`cap`). Peers are all final episodes of the same price code and
region, the hospital's own among them; a hospital alone in its region is its own peer, and only `price` and `cap` are
left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import polars as pl

from episodes.building.categories import SERVICE_CATEGORIES
from episodes.errors import ArgumentError, BalanceError
from episodes.money import round_half_up
from episodes.reconciliation import ReconciliationResult
from episodes.reconciliation.waterfall import Waterfall

CAUSES: Mapping[str, str] = {
    "price": "target price against what peers spent",
    "use": "how often services are used, against peers",
    "cost_per_use": "what services cost when used, against peers",
    "cap": "spending above the cap, not counted",
}
"""Causes of a difference, in words. Plus: won; minus: lost."""

_AGAINST_PEERS = {
    "use": ("used less often than by peers", "used more often than by peers"),
    "cost_per_use": ("cheaper when used", "dearer when used"),
}
"""What a gain, and a loss, of a setting is called."""

SETTING_SCHEMA = {
    "setting": pl.String,
    "own_cents": pl.Int64,
    "peers_cents": pl.Int64,
    "won_cents": pl.Int64,
    "use_cents": pl.Int64,
    "cost_per_use_cents": pl.Int64,
    "own_share": pl.Float64,
    "peers_share": pl.Float64,
}
CATEGORY_SCHEMA = {
    "category": pl.String,
    "episodes": pl.Int64,
    "target_cents": pl.Int64,
    "actual_cents": pl.Int64,
    "won_cents": pl.Int64,
    **{f"{cause}_cents": pl.Int64 for cause in CAUSES},
}


@dataclass(frozen=True)
class FinanceView:
    """Where a party won and lost.

    Attributes:
        party_id, name, track, amount_cents: whose settlement; minus: owed.
        categories: one row a category: episodes, target_cents, actual_cents (after the cap), won_cents (their
            difference), and a column a cause, which sum to won_cents.
        settings: one row a service category: own_cents, peers_cents (what peers would have spent on the same
            episodes), won_cents = peers - own = use_cents + cost_per_use_cents; own_share, peers_share of episodes
            that use it.
        causes: cause to cents; they sum to the difference of target and spending.
        waterfall: from target to amount.
        notes: what a reader must know besides.
    """

    party_id: str
    name: str
    track: str
    amount_cents: int
    categories: pl.DataFrame
    settings: pl.DataFrame
    causes: Mapping[str, int]
    waterfall: Waterfall
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """The view as plain data."""
        return {
            "party_id": self.party_id,
            "name": self.name,
            "track": self.track,
            "amount_cents": self.amount_cents,
            "causes": dict(self.causes),
            "categories": self.categories.to_dicts(),
            "settings": self.settings.to_dicts(),
            "waterfall": self.waterfall.to_dict(),
            "findings": self.findings(),
            "notes": list(self.notes),
        }

    def findings(self, number: int = 3) -> list[dict[str, Any]]:
        """The largest wins and losses over categories and settings: what, won_cents; the largest loss first."""
        listed = [
            {"what": f"category {row['category']}", "won_cents": row["won_cents"]} for row in self.categories.to_dicts()
        ]
        for row in self.settings.to_dicts():
            setting = row["setting"].replace("_", " ")
            for cause, (won, lost) in _AGAINST_PEERS.items():
                cents = row[f"{cause}_cents"]
                listed.append({"what": f"{setting}, {won if cents > 0 else lost}", "won_cents": cents})
        losses = sorted((item for item in listed if item["won_cents"] < 0), key=lambda item: item["won_cents"])
        wins = sorted((item for item in listed if item["won_cents"] > 0), key=lambda item: -item["won_cents"])
        return losses[:number] + wins[:number]


def finance_view(result: ReconciliationResult, party_id: str, category: str | None = None) -> FinanceView:
    """Where a party won and lost its money.

    Args:
        result: a reconciliation with the build it was made from.
        party_id: CCN or TIN of a party of it.
        category: which settlement, where the programme settles categories apart.

    Returns:
        `FinanceView`.

    Raises:
        ArgumentError: an unknown party, or a result without its build.
        BalanceError: the parts do not add up.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> team = ep.load_program("team", performance_year=1)
        >>> prices = ep.target_prices(ep.build_episodes(claims, team.for_baseline()), team)
        >>> result = ep.reconcile(ep.build_episodes(claims, team), prices)
        >>> view = finance_view(result, "360801")
        >>> sum(view.causes.values()) == result.hospitals.filter(ccn="360801")["difference_cents"][0]
        True
    """
    if result.built is None:
        raise ArgumentError("The result does not have its episodes: reconcile them again.")
    waterfall = result.waterfall(party_id, category)
    row = result.parties.filter(pl.col("party_id") == party_id).row(0, named=True)
    columns = [f"{setting}_cents" for setting in SERVICE_CATEGORIES]
    final = result.built.final()
    lacking = [name for name in columns if name not in final.columns]
    if lacking:
        raise ArgumentError(f"The episodes have no spending by setting ({lacking[0]}): build them again.")
    own = result.episodes.filter(pl.col("party_id") == party_id, pl.col("reason").is_null())
    own = own if category is None else own.filter(pl.col("category") == category)
    own = own.join(final.select("episode_id", *columns), on="episode_id", how="left", maintain_order="left")
    regions = _regions(result)
    peers = final.with_columns(pl.col("price_code", "anchor_ccn").cast(pl.String)).join(
        regions, on="anchor_ccn", how="inner"
    )
    cells = list(_cells(own, peers, columns))
    settings = _by_setting(cells, own.height)
    categories = _by_category(own, cells)
    causes = {cause: int(categories[f"{cause}_cents"].sum()) for cause in CAUSES}
    if sum(causes.values()) != int(own["difference_cents"].sum()):
        raise BalanceError("The causes do not add up to the difference. Please report it: a fault of the library.")
    return FinanceView(
        party_id=party_id,
        name=row["name"] or party_id,
        track=row["track"],
        amount_cents=waterfall.amount_cents,
        categories=categories,
        settings=settings,
        causes=causes,
        waterfall=waterfall,
        notes=tuple(_notes(own, peers)),
    )


def _regions(result: ReconciliationResult) -> pl.DataFrame:
    """The region of every hospital with a settled episode; peers of other hospitals are found by it too."""
    from episodes.pricing.regions import regions_of

    assert result.built is not None
    hospitals = result.built.episodes["anchor_ccn"].cast(pl.String)
    known = regions_of(hospitals.drop_nulls(), result.built.hospitals).rename({"ccn": "anchor_ccn"})
    settled = result.episodes.select("anchor_ccn", region_settled="region").unique()
    joined = known.join(settled, on="anchor_ccn", how="left", maintain_order="left")
    return joined.select("anchor_ccn", region=pl.coalesce("region_settled", "region")).drop_nulls()


@dataclass(frozen=True)
class _Cell:
    """One price code, region and category of the party: its episodes and its peers', by setting."""

    category: str
    episodes: int
    own: Mapping[str, int]
    own_users: Mapping[str, int]
    expected: Mapping[str, int]
    use: Mapping[str, int]
    peers_users: Mapping[str, Fraction]
    """Episodes that would use the setting, did the party's episodes use it as the peers' do."""


def _cells(own: pl.DataFrame, peers: pl.DataFrame, columns: list[str]) -> Iterator[_Cell]:
    sums = [
        pl.len().alias("number"),
        *(pl.col(name).sum().alias(f"sum_{name}") for name in columns),
        *((pl.col(name) != 0).sum().alias(f"users_{name}") for name in columns),
    ]
    by = ["price_code", "region"]
    of_peers = {(row["price_code"], row["region"]): row for row in peers.group_by(by).agg(sums).to_dicts()}
    for row in own.group_by(*by, "category").agg(sums).sort(*by, "category").to_dicts():
        peer, number = of_peers[row["price_code"], row["region"]], row["number"]
        expected, use, users = {}, {}, {}
        for name in columns:
            share = Fraction(peer[f"users_{name}"], peer["number"])
            cost = Fraction(peer[f"sum_{name}"], peer[f"users_{name}"]) if peer[f"users_{name}"] else Fraction(0)
            expected[name] = round_half_up(number * share * cost)
            use[name] = round_half_up((number * share - row[f"users_{name}"]) * cost)
            users[name] = number * share
        yield _Cell(
            row["category"],
            number,
            {name: row[f"sum_{name}"] for name in columns},
            {name: row[f"users_{name}"] for name in columns},
            expected,
            use,
            users,
        )


def _by_setting(cells: list[_Cell], episodes: int) -> pl.DataFrame:
    rows = []
    for setting in SERVICE_CATEGORIES:
        name = f"{setting}_cents"
        own = sum(cell.own[name] for cell in cells)
        expected = sum(cell.expected[name] for cell in cells)
        use = sum(cell.use[name] for cell in cells)
        if own or expected:
            shares = (
                sum(cell.own_users[name] for cell in cells) / episodes,
                float(sum(cell.peers_users[name] for cell in cells) / episodes),
            )
            rows.append((setting, own, expected, expected - own, use, expected - own - use, *shares))
    table = pl.DataFrame(rows, schema=SETTING_SCHEMA, orient="row")
    return table.sort(pl.col("won_cents").abs(), descending=True, maintain_order=True)


def _by_category(own: pl.DataFrame, cells: list[_Cell]) -> pl.DataFrame:
    sums = own.group_by("category").agg(
        pl.len().cast(pl.Int64).alias("episodes"),
        pl.col("price_cents", "actual_cents", "capped_cents", "cut_cents", "difference_cents").sum(),
    )
    rows = []
    for row in sums.sort("category").to_dicts():
        mine = [cell for cell in cells if cell.category == row["category"]]
        expected = sum(sum(cell.expected.values()) for cell in mine)
        spent = sum(sum(cell.own.values()) for cell in mine)
        use = sum(sum(cell.use.values()) for cell in mine)
        rows.append(
            (
                row["category"],
                row["episodes"],
                row["price_cents"],
                row["capped_cents"],
                row["difference_cents"],
                row["price_cents"] - expected,
                use,
                expected - spent - use,
                row["cut_cents"],
            )
        )
    table = pl.DataFrame(rows, schema=CATEGORY_SCHEMA, orient="row")
    return table.sort(pl.col("won_cents").abs(), descending=True, maintain_order=True)


def _notes(own: pl.DataFrame, peers: pl.DataFrame) -> list[str]:
    mine = set(own["anchor_ccn"])
    regions = set(own["region"])
    others = peers.filter(pl.col("region").is_in(list(regions)), ~pl.col("anchor_ccn").is_in(list(mine)))
    if others.is_empty():
        return ["No other hospital of the region has episodes here: use and cost against peers cannot be seen."]
    return [f"Peers: {peers.filter(pl.col('region').is_in(list(regions))).height:,} final episodes of the region."]
