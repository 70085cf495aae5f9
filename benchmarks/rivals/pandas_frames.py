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

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PERIOD = ("2022-01-01", "2026-12-31")
KEYS = ["beneficiary_id", "claim_id"]
ITEM = [*KEYS, "line_number"]
PAID_BY_CLAIM = ["inpatient", "snf", "home_health", "hospice"]
PAID_BY_LINE = ["outpatient", "professional", "dme", "drug"]
ACUTE_TYPES = ["acute", "cah", "cancer", "emergency", "veteran"]
EMERGENCY_CENTERS = ["0450", "0451", "0452", "0456", "0459", "0981"]
ASSISTANTS = frozenset({"80", "81", "82", "AS"})
ONE_DAY = "1D"


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
    legs = legs[~_keys_in(legs, enclosing)].copy()
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


def _keys_in(frame: pd.DataFrame, others: pd.DataFrame, keys: list[str] = KEYS) -> Any:
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
    order = ["beneficiary_id", "anchor_start", "anchor_setting", "anchor_end", "anchor_claim_id", "anchor_line_number"]
    episodes = episodes.sort_values(order, ignore_index=True)
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


ROW_COLUMNS = ["episode", "alone", *ITEM, "status", "period", "reason", "full_cents", "cents", "carries_over",
               "service", "rendering_npi", "operating_npi", "attending_npi", "ccn"]  # fmt: skip


def services_of(folder: Path, episodes: pd.DataFrame, stays: pd.DataFrame, legs: pd.DataFrame) -> pd.DataFrame:
    """Every payable item in the windows of every candidate: period, reason, cents, category."""
    import pandas as pd

    people = [("beneficiary_id", "in", list(episodes["beneficiary_id"].unique()))]
    columns = ["setting", "from_date", "thru_date", "admission_date", "discharge_date", "standardized_cents",
               "primary_payer_paid_cents", "operating_npi", "attending_npi", "ccn"]  # fmt: skip
    claims = read(folder, "claims", [*KEYS, *columns], [*people, ("setting", "!=", "inpatient")])
    windows = episodes[
        ["episode", "beneficiary_id", "alone", "status", "anchor_setting", "anchor_claim_id", "anchor_line_number",
         "anchor_end", "episode_start", "episode_end", "post_episode_end", "chain", "operating_npi"]
    ].rename(columns={"operating_npi": "anchor_operating_npi"})  # fmt: skip
    whole = _whole_rows(windows, stays, legs, claims[claims["setting"].isin(PAID_BY_CLAIM)])
    headers = claims.loc[
        claims["setting"].isin(PAID_BY_LINE), [*KEYS, "setting", "from_date", "operating_npi", "attending_npi", "ccn"]
    ]
    del claims
    columns = ["service_date", "hcpcs", "modifiers", "revenue_center", "place_of_service", "status_indicator",
               "rendering_npi", "standardized_cents", "primary_payer_paid_cents"]  # fmt: skip
    lines = read(folder, "lines", [*ITEM, *columns], people)
    lines = lines.merge(headers, on=KEYS)
    lines["first_day"] = lines["service_date"].fillna(lines["from_date"])
    rows = lines.merge(windows.drop(columns="chain"), on="beneficiary_id")
    del lines
    rows = rows[(rows["first_day"] >= rows["episode_start"]) & (rows["first_day"] <= rows["post_episode_end"])]
    return pd.concat([whole[ROW_COLUMNS], _line_rows(rows.copy(), whole)], ignore_index=True)


def _whole_rows(windows: pd.DataFrame, stays: pd.DataFrame, legs: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    inpatient = stays.merge(legs[[*KEYS, "chain"]].rename(columns={"chain": "leg_of"}), on=KEYS, how="left")
    inpatient["setting"] = "inpatient"
    is_snf = others["setting"] == "snf"
    first = others["admission_date"].fillna(others["from_date"]).where(is_snf, others["from_date"])
    last = others["discharge_date"].fillna(others["thru_date"]).where(is_snf, others["thru_date"])
    others = others.assign(
        first_day=first, last_day=last.where(last >= first, first), kept=True, kind=None, stay_exclusion=None
    )
    rows = pd.concat([inpatient, others], ignore_index=True).merge(windows, on="beneficiary_id")
    rows = rows[(rows["first_day"] >= rows["episode_start"]) & (rows["first_day"] <= rows["post_episode_end"])]
    own = (rows["chain"] == rows["leg_of"]).fillna(False).astype(bool)
    rows = rows.assign(own=own)[own | rows["kept"].astype(bool)]
    own, outpatient = rows["own"], rows["anchor_setting"] == "outpatient"
    at_end = rows["first_day"] == rows["anchor_end"]
    period = chosen(
        [
            (own | (rows["first_day"] < rows["anchor_end"]) | (at_end & outpatient), "anchor"),
            (rows["first_day"] <= rows["episode_end"], "post"),
        ],
        "post_episode",
    )
    after = outpatient | (rows["first_day"] >= rows["anchor_end"])
    reason = chosen(
        [
            (own, None),
            (rows["standardized_cents"].isna(), "no_amount_on_basis"),
            (rows["primary_payer_paid_cents"] > 0, "other_payer"),
            (after, rows["stay_exclusion"].astype(object).where(rows["stay_exclusion"].notna(), None)),
        ],
        None,
    )
    included = pd.isna(reason)
    boundary = rows["episode_end"].where(period != "post_episode", rows["post_episode_end"])
    splits = included & ~own & (rows["last_day"] > boundary)
    full = rows["standardized_cents"].fillna(0).astype("int64")
    inside = ((boundary - rows["first_day"]).dt.days + 1).clip(lower=0)
    days = (rows["last_day"] - rows["first_day"]).dt.days + 1
    share = (2 * full * inside + days) // (2 * days)
    cents = np.where(included, np.where(splits, share, full), 0)
    return rows.assign(
        period=period,
        reason=reason,
        full_cents=full,
        cents=cents,
        carries_over=splits & (period != "post_episode") & (rows["post_episode_end"] > rows["episode_end"]),
        service=chosen(
            [
                (own, "anchor_facility"),
                (rows["kind"].isin(["ltch", "irf", "ipf"]), rows["kind"]),
                (rows["setting"] == "inpatient", "readmission"),
            ],
            rows["setting"].to_numpy(dtype=object),
        ),
        line_number=0,
        rendering_npi=None,
        excludes=np.isin(reason.astype(str), ["excluded_readmission_drg", "excluded_readmission_mdc"]),
    )


def _line_rows(rows: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    import numpy as np

    setting, hcpcs = rows["setting"], rows["hcpcs"]
    outpatient_line, professional = setting == "outpatient", setting == "professional"
    outpatient = rows["anchor_setting"] == "outpatient"
    same_claim = rows["claim_id"] == rows["anchor_claim_id"]
    own = outpatient & same_claim & (rows["line_number"] == rows["anchor_line_number"])
    at_end = rows["first_day"] == rows["anchor_end"]
    in_hospital = professional & rows["place_of_service"].isin(["21", "23"])
    is_anchor = own | (rows["first_day"] < rows["anchor_end"]) | (at_end & (outpatient | in_hospital))
    rows["period"] = chosen([(is_anchor, "anchor"), (rows["first_day"] <= rows["episode_end"], "post")], "post_episode")
    reason = chosen(
        [
            (own, None),
            (setting == "drug", "setting_not_covered"),
            (rows["standardized_cents"].isna(), "no_amount_on_basis"),
            (rows["primary_payer_paid_cents"] > 0, "other_payer"),
            (hcpcs.isin(codes.clotting_factors()), "clotting_factor"),
            (hcpcs.isin(codes.excluded_drugs()), "excluded_part_b_drug"),
            (outpatient_line & (rows["status_indicator"] == "H"), "device_pass_through"),
        ],
        None,
    )
    rows["place"] = np.arange(len(rows))
    tested = rows.loc[professional & ~is_anchor & np.equal(reason, None), ["episode", "first_day", "place"]]
    stays = whole.loc[whole["excludes"], ["episode", "first_day", "last_day"]]
    pairs = tested.merge(stays, on="episode", suffixes=("", "_stay"))
    inside = (pairs["first_day_stay"] <= pairs["first_day"]) & (pairs["first_day"] <= pairs["last_day"])
    reason[pairs.loc[inside, "place"].unique()] = "professional_in_excluded_stay"
    has_modifiers = rows["modifiers"].notna().to_numpy()
    assistant = np.zeros(len(rows), dtype=bool)
    assistant[has_modifiers] = [not ASSISTANTS.isdisjoint(listed) for listed in rows["modifiers"][has_modifiers]]
    drugs = (setting == "drug") | hcpcs.str.startswith("J").fillna(False) | (rows["revenue_center"] == "0636")
    service = chosen(
        [
            (own | (outpatient & outpatient_line & same_claim & is_anchor), "anchor_facility"),
            (setting == "dme", "dme"),
            (drugs, "drugs"),
            (outpatient_line & rows["revenue_center"].isin(EMERGENCY_CENTERS), "emergency"),
            (outpatient_line, "outpatient"),
            ((hcpcs >= "00100") & (hcpcs <= "01999"), "anesthesia"),
            (assistant, "assistant"),
            (is_anchor & (rows["rendering_npi"] == rows["anchor_operating_npi"]), "surgeon"),
        ],
        "professional",
    )
    full = rows["standardized_cents"].fillna(0).astype("int64")
    return rows.assign(
        reason=reason, full_cents=full, cents=full.where(np.equal(reason, None), 0), carries_over=False, service=service
    )[ROW_COLUMNS]


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
    not_kept = not_kept[~_keys_in(not_kept, services.loc[services["line_number"] == 0, KEYS])]
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
    lines = lines[~_keys_in(lines, whole)]
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
