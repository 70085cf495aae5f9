"""Candidates of the benchmark's job in pandas: stays, anchors, windows, the ladder, overlap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.rivals import codes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PERIOD = ("2022-01-01", "2026-12-31")
KEYS = ["beneficiary_id", "claim_id"]
ITEM = [*KEYS, "line_number"]
PAID_BY_CLAIM = ["inpatient", "snf", "home_health", "hospice"]
PAID_BY_LINE = ["outpatient", "professional", "dme", "drug"]
ACUTE_TYPES = ["acute", "cah", "cancer", "emergency", "veteran"]


def read(folder: Path, table: str, columns: list[str], filters: Any = None) -> pd.DataFrame:
    """Columns of a table of a canonical folder, dates as `datetime64[s]`."""
    import pandas as pd

    place = folder / table if (folder / table).is_dir() else folder / f"{table}.parquet"
    frame = pd.read_parquet(place, columns=columns, filters=filters)
    dates = [name for name in columns if name.endswith("_date")]
    frame[dates] = frame[dates].astype("datetime64[s]")
    for name in ("standardized_cents", "primary_payer_paid_cents", "charge_cents"):
        if name in columns:
            frame[name] = frame[name].astype("Int64")
    return frame


def chosen(conditions: list[tuple[Any, Any]], default: Any) -> np.ndarray:
    """The value of the first condition that holds; an unknown condition does not."""
    import numpy as np

    tests = [np.asarray(test.fillna(False) if hasattr(test, "fillna") else test, dtype=bool) for test, _ in conditions]
    values = [np.asarray(value, dtype=object) if hasattr(value, "__len__") and not isinstance(value, str) else value
              for _, value in conditions]  # fmt: skip
    return np.select(tests, values, default=default)


def kinds_of(ccns: pd.Series, given: pd.Series) -> pd.Series:
    """The kind of provider: what the claim says, else what its CCN says."""
    by_ccn = {ccn: codes.kind_of_ccn(ccn) for ccn in ccns.dropna().unique()}
    return given.fillna(ccns.map(by_ccn)).fillna("other")


def stays_of(folder: Path) -> pd.DataFrame:
    """Inpatient stays with their days, DRG and the reason for which a readmission is not charged."""
    columns = ["admission_date", "from_date", "discharge_date", "thru_date", "ms_drg", "pricing_drg", "mdc", "ccn",
               "provider_type", "attending_npi", "operating_npi", "discharge_status", "process_date",
               "standardized_cents", "primary_payer_paid_cents", "keep_inner", "keep_inner_outer"]  # fmt: skip
    stays = read(folder, "claims", [*KEYS, *columns], [("setting", "==", "inpatient")])
    stays["first_day"] = stays["admission_date"].fillna(stays["from_date"])
    stays["last_day"] = stays["discharge_date"].fillna(stays["thru_date"])
    stays["last_day"] = stays["last_day"].where(stays["last_day"] >= stays["first_day"], stays["first_day"])
    stays["drg"] = stays["pricing_drg"].fillna(stays["ms_drg"])
    stays["kind"] = kinds_of(stays["ccn"], stays["provider_type"])
    stays["kept"] = stays["keep_inner_outer"].astype("boolean").fillna(True).astype(bool)
    stays["keep_inner"] = stays["keep_inner"].astype("boolean")
    mdc = stays["mdc"].fillna(stays["drg"].map(codes.mdc_by_drg()))
    stays["stay_exclusion"] = chosen(
        [
            (stays["drg"].isin(codes.excluded_drgs()), "excluded_readmission_drg"),
            (mdc.isin(codes.EXCLUDED_MDCS), "excluded_readmission_mdc"),
        ],
        None,
    )
    gone = ["admission_date", "from_date", "discharge_date", "thru_date", "ms_drg", "pricing_drg", "mdc"]
    return stays.drop(columns=[*gone, "provider_type", "keep_inner_outer"])


def legs_of(stays: pd.DataFrame) -> pd.DataFrame:
    """Stays that may start an episode, with `chain`: those that transfers join share a number."""
    outer = stays[stays["keep_inner"].isna() & stays["kind"].isin(["ltch", "irf", "ipf"])]
    inner = stays.loc[stays["kind"].isin(ACUTE_TYPES), ["beneficiary_id", "first_day", "last_day"]]
    pairs = outer[[*KEYS, "first_day", "last_day"]].merge(inner, on="beneficiary_id", suffixes=("", "_inner"))
    enclosing = pairs[(pairs["first_day"] <= pairs["first_day_inner"]) & (pairs["last_day_inner"] <= pairs["last_day"])]
    legs = stays[stays["keep_inner"].fillna(True).astype(bool)]
    legs = legs[~keys_in(legs, enclosing)].copy()
    legs["can_chain"] = legs["kind"].isin(ACUTE_TYPES)
    legs = legs.sort_values(
        ["can_chain", "beneficiary_id", "first_day", "last_day", "process_date", "ccn", "claim_id"],
        na_position="first",
    )
    before = legs.shift()
    other_hospital = (legs["ccn"] != before["ccn"]).fillna(True) & ~(legs["ccn"].isna() & before["ccn"].isna())
    joins_previous = (
        legs["can_chain"]
        & before["can_chain"].eq(True)
        & (legs["beneficiary_id"] == before["beneficiary_id"])
        & other_hospital
        & (legs["first_day"] == before["last_day"])
    ).fillna(False)
    legs["chain"] = (~joins_previous.astype(bool)).cumsum()
    return legs


def keys_in(frame: pd.DataFrame, others: pd.DataFrame, keys: list[str] = KEYS) -> Any:
    """Which rows have the keys of some row of the others."""
    marked = frame[keys].merge(others[keys].drop_duplicates(), on=keys, how="left", indicator=True)
    return (marked["_merge"] == "both").to_numpy()


ANCHOR_COLUMNS = ["beneficiary_id", "category", "anchor_setting", "anchor_claim_id", "anchor_line_number", "anchor_ccn",
                  "kind", "operating_npi", "attending_npi", "anchor_start", "anchor_end", "discharge_status",
                  "other_payer_cents", "chain"]  # fmt: skip


def candidates_of(folder: Path, legs: pd.DataFrame, beneficiaries: pd.DataFrame) -> pd.DataFrame:
    """Anchors of both settings with their windows, `episode` being their number."""
    import pandas as pd

    stay_codes = codes.anchor_codes("inpatient")
    first, last = legs.drop_duplicates("chain", keep="first"), legs.drop_duplicates("chain", keep="last")
    last = last[last["drg"].isin(list(stay_codes))]
    inpatient = (
        first[["chain", "beneficiary_id", "ccn", "kind", "operating_npi", "attending_npi", "first_day"]]
        .rename(columns={"ccn": "anchor_ccn", "first_day": "anchor_start"})
        .merge(last[["chain", "claim_id", "drg", "discharge_status", "last_day"]], on="chain")
        .rename(columns={"claim_id": "anchor_claim_id", "last_day": "anchor_end"})
    )
    payers = legs.groupby("chain")["primary_payer_paid_cents"].sum()
    inpatient = inpatient.assign(
        category=inpatient["drg"].map(stay_codes),
        anchor_setting="inpatient",
        anchor_line_number=0,
        other_payer_cents=inpatient["chain"].map(payers),
    )
    episodes = pd.concat([inpatient[ANCHOR_COLUMNS], _outpatient_anchors(folder)], ignore_index=True)
    episodes = episodes.merge(beneficiaries, on="beneficiary_id", how="left")
    episodes["scheduled_end"] = episodes["anchor_end"] + pd.Timedelta(days=89)
    episodes["died"] = episodes["death_date"].where(episodes["death_date"] >= episodes["anchor_start"])
    died, scheduled = episodes["died"], episodes["scheduled_end"]
    in_window = died <= scheduled
    at_death = died.where(died >= episodes["anchor_end"], episodes["anchor_end"])
    after = scheduled + pd.Timedelta(days=30)
    episodes["episode_start"] = episodes["anchor_start"]
    episodes["episode_end"] = scheduled.where(~in_window, at_death)
    episodes["post_episode_end"] = after.where(~(died < after), died).where(~in_window, at_death)
    episodes["tested_to"] = scheduled.where(~in_window, died)
    order = ["beneficiary_id", "anchor_start", "anchor_setting", "anchor_end"]
    order += ["anchor_ccn", "anchor_claim_id", "anchor_line_number"]
    episodes = episodes.sort_values(order, ignore_index=True, na_position="first")
    episodes["episode"] = episodes.index
    return episodes


def _outpatient_anchors(folder: Path) -> pd.DataFrame:
    import pandas as pd

    line_codes = codes.anchor_codes("outpatient")
    lines = read(
        folder,
        "lines",
        [*ITEM, "service_date", "hcpcs", "standardized_cents", "charge_cents", "primary_payer_paid_cents"],
        [("hcpcs", "in", list(line_codes))],
    ).dropna(subset="service_date")
    columns = ["ccn", "provider_type", "operating_npi", "attending_npi", "discharge_status", "process_date"]
    people = list(lines["beneficiary_id"].unique())
    headers = read(
        folder, "claims", [*KEYS, *columns], [("setting", "==", "outpatient"), ("beneficiary_id", "in", people)]
    )
    found = lines.merge(headers, on=KEYS)
    found = found.sort_values(
        ["beneficiary_id", "service_date", "standardized_cents", "process_date", "charge_cents", "claim_id",
         "line_number"],
        ascending=[True, True, False, False, False, True, True],
        na_position="last",
    ).drop_duplicates(["beneficiary_id", "service_date"])  # fmt: skip
    return found.assign(
        category=found["hcpcs"].map(line_codes),
        anchor_setting="outpatient",
        anchor_claim_id=found["claim_id"],
        anchor_line_number=found["line_number"],
        anchor_ccn=found["ccn"],
        kind=kinds_of(found["ccn"], found["provider_type"]),
        anchor_start=found["service_date"],
        anchor_end=found["service_date"],
        other_payer_cents=found["primary_payer_paid_cents"],
        chain=pd.Series(pd.NA, index=found.index, dtype="Int64"),
    )[ANCHOR_COLUMNS]


def judged(folder: Path, episodes: pd.DataFrame, beneficiaries: pd.DataFrame) -> pd.DataFrame:
    """Add `reasons`, those of the ladder, joined."""
    import numpy as np
    import pandas as pd

    people = list(episodes["beneficiary_id"].unique())
    coverage = read(
        folder,
        "coverage",
        ["beneficiary_id", "kind", "start_date", "end_date", "detail"],
        [("beneficiary_id", "in", people)],
    )
    known = set(beneficiaries["beneficiary_id"]) | set(coverage["beneficiary_id"])
    coverage["end_date"] = coverage["end_date"].fillna(pd.Timestamp("9999-12-30"))
    dates = episodes[["episode", "beneficiary_id", "episode_start", "tested_to"]]

    def covered(part: str) -> Any:
        unknown = (coverage["kind"] == "unknown") & (coverage["detail"].isna() | (coverage["detail"] == part))
        spells = coverage[(coverage["kind"] == part) | unknown.astype(bool)]
        spells = spells.sort_values(["beneficiary_id", "start_date", "end_date"])
        by_person = spells["end_date"].astype("int64").groupby(spells["beneficiary_id"])
        reached = by_person.cummax().groupby(spells["beneficiary_id"]).shift()
        gap = reached.isna() | (spells["start_date"].astype("int64") > reached + 86400)
        spells = spells.assign(spell=gap.cumsum()).groupby("spell", sort=False)
        spells = spells.agg({"beneficiary_id": "first", "start_date": "min", "end_date": "max"})
        rows = dates.merge(spells, on="beneficiary_id")
        rows = rows[(rows["start_date"] <= rows["episode_start"]) & (rows["end_date"] >= rows["tested_to"])]
        return episodes["episode"].isin(rows["episode"])

    met = dates.merge(coverage, on="beneficiary_id")
    met = met[(met["start_date"] <= met["tested_to"]) & (met["end_date"] >= met["episode_start"])]

    def meets(kind: str) -> Any:
        return episodes["episode"].isin(met.loc[met["kind"] == kind, "episode"])

    rungs = {
        "out_of_period": ~episodes["anchor_end"].between(*PERIOD),
        "not_acute_hospital": episodes["kind"] != "acute",
        "excluded_state": episodes["anchor_ccn"].str[:2].isin(codes.excluded_state_prefixes()),
        "no_enrolment_record": ~episodes["beneficiary_id"].isin(known),
        "not_in_part_a_and_b": ~(covered("part_a") & covered("part_b")),
        "coverage_unknown": meets("unknown"),
        "medicare_advantage": meets("medicare_advantage"),
        "esrd_entitlement": meets("esrd_entitlement"),
        "other_primary_payer": meets("other_primary_payer") | (episodes["other_payer_cents"] > 0),
        "death_in_anchor": (episodes["died"] <= episodes["anchor_end"]) | (episodes["discharge_status"] == "20"),
    }
    joined = np.full(len(episodes), "", dtype=object)
    for reason, holds in rungs.items():
        hit = np.asarray(holds.fillna(False), dtype=bool)
        joined[hit] = [f"{said};{reason}" if said else reason for said in joined[hit]]
    return episodes.assign(reasons=joined)


def decided(episodes: pd.DataFrame) -> pd.DataFrame:
    """Add `status`, and the reason of those that overlap; only people with several episodes are walked through."""
    competing = episodes.loc[
        episodes["reasons"] == "", ["episode", "beneficiary_id", "category", "episode_start", "episode_end"]
    ]
    several = competing[competing["beneficiary_id"].duplicated(keep=False)]
    lost: dict[int, str] = {}
    previous: Any = None
    for episode in several.itertuples(index=False):
        if (
            previous is None
            or previous.beneficiary_id != episode.beneficiary_id
            or episode.episode_start > previous.episode_end
        ):
            previous = episode
        elif previous.category == episode.category:
            lost[previous.episode] = "cancelled_by_later_episode"
            previous = episode
        else:
            lost[episode.episode] = "within_earlier_episode"
    overlapped = episodes["episode"].map(lost)
    return episodes.assign(
        status=chosen([(episodes["reasons"] != "", "excluded"), (overlapped.notna(), "overlapped")], "final"),
        reasons=overlapped.where(overlapped.notna(), episodes["reasons"]),
        alone=~episodes["beneficiary_id"].duplicated(keep=False),
    )
