"""The benchmark's job in pandas, over plain Parquet.

    python -m benchmarks.rivals.pandas_frames CLAIMS OUT --threads 2

Everything is in memory, so files are read for the people and settings that a step needs, by filters of the reader.
Conditions are written with `numpy.select`, which takes the first that holds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rivals import codes
from benchmarks.rivals.pandas_candidates import (
    ITEM,
    KEYS,
    PAID_BY_CLAIM,
    candidates_of,
    decided,
    judged,
    keys_in,
    legs_of,
    read,
    stays_of,
)
from benchmarks.rivals.pandas_services import services_of

if TYPE_CHECKING:
    import pandas as pd


def episodes_table(episodes: pd.DataFrame, services: pd.DataFrame) -> pd.DataFrame:
    """The `episodes` table."""
    by_period = services.groupby(["episode", "period"])["cents"].sum().unstack("period", fill_value=0)
    inside = services[services["period"] != "post_episode"]
    by_service = inside.groupby(["episode", "service"])["cents"].sum().unstack("service", fill_value=0)
    carried = services[services["carries_over"]]
    carried = (carried["full_cents"] - carried["cents"]).groupby(carried["episode"]).sum()

    def of(frame: pd.DataFrame, name: str) -> Any:
        if name not in frame.columns:
            return 0
        return episodes["episode"].map(frame[name]).fillna(0).astype("int64")

    cents: dict[str, Any] = {f"{name}_cents": of(by_period, name) for name in ("anchor", "post", "post_episode")}
    cents["post_episode_cents"] += episodes["episode"].map(carried).fillna(0).astype("int64")
    cents["episode_cents"] = cents["anchor_cents"] + cents["post_cents"]
    cents |= {f"{name}_cents": of(by_service, name) for name in codes.SERVICE_CATEGORIES}
    columns = ["beneficiary_id", "category", "anchor_setting", "anchor_claim_id", "anchor_ccn", "operating_npi",
               "attending_npi", "anchor_start", "anchor_end", "episode_start", "episode_end", "post_episode_end",
               "status", "reasons"]  # fmt: skip
    return episodes[columns].assign(pre_cents=0, **cents)


def providers_table(services: pd.DataFrame) -> pd.DataFrame:
    """The `providers` table."""
    import pandas as pd

    roles = {"rendering": "rendering_npi", "operating": "operating_npi", "attending": "attending_npi", "ccn": "ccn"}
    counted = services[
        (services["status"] == "final") & services["reason"].isna() & (services["period"] != "post_episode")
    ]
    parts = [
        counted.groupby(column)["cents"].sum().rename_axis("provider_id").reset_index().assign(role=role)
        for role, column in roles.items()
    ]
    return pd.concat(parts, ignore_index=True)[["role", "provider_id", "cents"]]


def balance_table(
    services: pd.DataFrame, stays: pd.DataFrame, episodes: pd.DataFrame, totals: dict[bool, tuple[int, int]]
) -> pd.DataFrame:
    """The `balance` table."""
    import pandas as pd

    counts = (services["status"] == "final") & services["reason"].isna()
    inside = counts & (services["period"] != "post_episode")
    cents, full = services["cents"].astype("Int64"), services["full_cents"]
    marked = services[["alone", *ITEM, "episode", "full_cents"]].assign(
        in_period=services["period"].where(inside),
        in_cents=cents.where(inside),
        carried=(full - cents).where(counts & services["carries_over"]),
        after=cents.where(counts & ~inside),
        excluded=services["reason"].where(services["status"] == "final"),
        not_final=services["status"] != "final",
    )
    shared = marked[~marked["alone"]].sort_values("episode").groupby(ITEM, sort=False)
    values = ["full_cents", "in_period", "in_cents", "carried", "after", "excluded"]
    shared = shared[values].first().join(shared["not_final"].max()).reset_index(drop=True)
    booked = pd.concat([marked.loc[marked["alone"], [*values, "not_final"]], shared], ignore_index=True)
    counted = booked["in_period"].notna()
    later = booked["carried"].where(counted, booked["after"])
    used = counted | later.notna()
    rest = (booked["full_cents"] - booked["in_cents"].fillna(0) - later.fillna(0))[used]
    rest = rest[rest != 0]
    unused = booked[~used]
    not_kept = stays[~stays["kept"] & stays["beneficiary_id"].isin(episodes["beneficiary_id"])]
    not_kept = not_kept[~keys_in(not_kept, services.loc[services["line_number"] == 0, KEYS])]
    entries: list[tuple[str, str | None, str | None, int, int]] = [
        ("final_episode", str(period), None, len(part), int(part.sum()))
        for period, part in booked.loc[counted, "in_cents"].groupby(booked["in_period"])
    ]
    entries.append(("post_episode", None, None, int(later.notna().sum()), int(later.sum())))
    entries.append(("outside", None, "past_windows", len(rest), int(rest.sum())))
    lost = unused.loc[unused["not_final"].astype(bool), "full_cents"]
    entries.append(("not_final", None, None, len(lost), int(lost.sum())))
    left_out = unused[~unused["not_final"].astype(bool)]
    entries.extend(
        ("excluded", None, str(reason), len(part), int(part.sum()))
        for reason, part in left_out["full_cents"].groupby(left_out["excluded"])
    )
    amount = int(not_kept["standardized_cents"].fillna(0).sum())
    entries.append(("outside", None, "not_kept_stay", len(not_kept), amount))
    items, payable = totals.get(True, (0, 0))
    left = payable - sum(entry[4] for entry in entries)
    entries.append(("outside", None, None, items - len(booked) - len(not_kept), left))
    entries.append(("no_episode", None, None, *totals.get(False, (0, 0))))
    return pd.DataFrame(entries, columns=["destination", "period", "reason", "items", "cents"])


def totals_of(folder: Path, episodes: pd.DataFrame) -> dict[bool, tuple[int, int]]:
    """Payable items and cents of people with (true) and without candidates."""
    columns = [*KEYS, "standardized_cents"]
    whole = read(folder, "claims", columns, [("setting", "in", PAID_BY_CLAIM)])
    lines = read(folder, "lines", columns)
    lines = lines[~keys_in(lines, whole)]
    found = {True: (0, 0), False: (0, 0)}
    for items in (whole, lines):
        anchored = items["beneficiary_id"].isin(episodes["beneficiary_id"])
        for is_anchored, part in items["standardized_cents"].groupby(anchored):
            number, cents = found[bool(is_anchored)]
            found[bool(is_anchored)] = (number + len(part), cents + int(part.sum()))
    return found


def run(folder: Path, out: Path) -> dict[str, float]:
    """Do the job and write the three tables; returns the processor seconds of each step."""
    import time

    seconds: dict[str, float] = {}
    started = time.process_time()

    def done(step: str) -> None:
        nonlocal started
        now = time.process_time()
        seconds[step], started = now - started, now

    beneficiaries = read(folder, "beneficiaries", ["beneficiary_id", "death_date"])
    stays = stays_of(folder)
    legs = legs_of(stays)
    done("stays")
    candidates = candidates_of(folder, legs, beneficiaries)
    done("candidates")
    episodes = decided(judged(folder, candidates, beneficiaries))
    done("decided")
    services = services_of(folder, episodes, stays, legs)
    done("services")
    totals = totals_of(folder, episodes)
    done("totals")
    out.mkdir(parents=True, exist_ok=True)
    episodes_table(episodes, services).to_parquet(out / "episodes.parquet", compression="zstd", index=False)
    done("episodes")
    providers_table(services).to_parquet(out / "providers.parquet", compression="zstd", index=False)
    done("providers")
    balance = balance_table(services, stays, episodes, totals)
    balance.to_parquet(out / "balance.parquet", compression="zstd", index=False)
    done("balance")
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """The job as a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals.pandas_frames")
    parser.add_argument("claims", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    import pyarrow as pa

    pa.set_cpu_count(given.threads)
    run(given.claims, given.out)


if __name__ == "__main__":
    main()
