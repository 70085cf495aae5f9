"""The outcomes of episodes: every measure of every episode as one table, a pure function of one bucket of people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import polars as pl

from episodes.outcomes.complication_measures import complication_measures
from episodes.outcomes.emergency import first_emergency_returns
from episodes.outcomes.gathering import gathered
from episodes.outcomes.home import days_at_home
from episodes.outcomes.index_stays import DayOne
from episodes.outcomes.mortality import mortality_starts
from episodes.outcomes.outcome_rows import OUTCOME_SCHEMA, Material, rows
from episodes.outcomes.readmission_measures import discharged_by, readmission_measures
from episodes.outcomes.rules import OutcomeRules


def outcomes_of(
    episodes: pl.DataFrame,
    claims: pl.DataFrame,
    lines: pl.DataFrame,
    beneficiaries: pl.DataFrame,
    *,
    day_one: DayOne = "anchor_end",
    complete_through: dt.date | None = None,
    rules: OutcomeRules | None = None,
) -> pl.DataFrame:
    """The outcome measures of episodes.

    Args:
        episodes: candidate episodes with the columns of `built.episodes`; those that do not count are measured too.
        claims, lines, beneficiaries: canonical tables, of the same people or more.
        day_one: the first day of the programme's window: the day of discharge (`anchor_end`), or the
            day after (`day_after_anchor_end`). It bounds `readmission_window` and `days_at_home`.
        complete_through: the last day that the claims are known of: a window that ends later, of a person who is not
            known to have died in it, gives no event (`follow_up_incomplete`). None: the claims are complete.
        rules: windows, tables and conventions; default: `outcome_rules()`.

    Returns:
        One row an episode and measure that is asked of it, in the order of the episodes (`OUTCOME_SCHEMA`):

        - measure: `readmission_30`, `readmission_90`, `readmission_window`; `complication_any` and one a kind (of hip
          and knee replacement only); `mortality_30`, `mortality_90`; `emergency_return_30`; `length_of_stay`,
          `days_at_home`.
        - event: whether there is one that counts; null where that cannot be said, with the reason. A planned
          readmission does not count: event is false, planned true, its date and claim are shown.
        - value: days, of `length_of_stay` and `days_at_home`.
        - event_date, event_claim_id, days: of the event; days from the discharge (readmissions, emergency returns),
          from the admission (complications, mortality) or the operation (mortality after bypass).
        - planned: of readmissions, as `is_planned` has it.
        - reason: why there is an event or none, or why that cannot be said.
        - attributed_ccn, attributed_npi: who answers for it; of physicians who operated, else who attended.

    Raises:
        ContractError: `episodes` lacks columns.
        ArgumentError: `day_one` is not one of the two.

    Source: docs/outcomes.md; rule by rule in `outcome_rules().rule_list()`.

    Example:
        >>> import episodes as ep
        >>> claims = ep.read_claims(ep.synthetic.bundled_folder())
        >>> built = ep.build_episodes(claims, ep.load_program("team", performance_year=1))
        >>> tables = [claims.table(name).collect() for name in ("claims", "lines", "beneficiaries")]
        >>> outcomes = ep.outcomes.outcomes_of(built.final(), *tables)
        >>> outcomes["measure"].n_unique()
        17
    """
    material = gathered(
        episodes, claims, lines, beneficiaries, day_one=day_one, complete_through=complete_through, rules=rules
    )
    parts = [
        *readmission_measures(material),
        *complication_measures(material),
        *_mortality(material),
        _emergency_return(material),
        rows(material.index.with_columns(value="length_of_stay"), "length_of_stay"),
        _days_at_home(material),
    ]
    order = episodes.select("episode_id").with_row_index("_episode")
    measured = pl.concat([part.with_columns(_measure=pl.lit(number)) for number, part in enumerate(parts)])
    return measured.join(order, on="episode_id", how="left").sort("_episode", "_measure").select(list(OUTCOME_SCHEMA))


def _mortality(material: Material) -> Iterator[pl.DataFrame]:
    """Deaths from the admission, or the operation; a death that is recorded before the anchor is ignored."""
    starts = mortality_starts(material.index, material.stays, material.rules)
    counted = material.index.drop("ccn").join(starts, on="index_id", how="left", maintain_order="left")
    since = (pl.col("death_date") - pl.col("start")).dt.total_days().cast(pl.Int32)
    for measure, last_day in material.rules.mortality.days.value.items():
        unknown = material.unknown_until(pl.col("start").dt.offset_by(f"{last_day}d"))
        died = since.is_between(0, last_day).fill_null(False)
        measured = counted.with_columns(
            event=pl.when(~unknown).then(died),
            event_date=pl.when(~unknown & died).then("death_date"),
            days=pl.when(~unknown & died).then(since),
            reason=pl.when(unknown)
            .then(pl.lit("follow_up_incomplete"))
            .when("death_before_anchor")
            .then(pl.lit("death_before_anchor"))
            .otherwise("start_reason"),
            attributed_ccn="ccn",
            attributed_npi="npi",
        )
        yield rows(measured, measure)


def _emergency_return(material: Material) -> pl.DataFrame:
    rule = material.rules.emergency
    found = first_emergency_returns(
        material.index, material.inpatient, material.claims, material.lines, material.rules
    ).rename({"claim_id": "event_claim_id", "visit": "event_date"})
    last_day = pl.col("discharge").dt.offset_by(f"{rule.last_day.value}d")
    # Who left against advice can come back like everybody else: only the dead cannot.
    died = material.why_not_followed(last_day).replace({"left_against_advice": None})
    unknown = pl.when(material.unknown_until(last_day)).then(pl.lit("follow_up_incomplete"))
    asked = pl.col("reason").is_null()
    measured = (
        discharged_by(material)
        .with_columns(reason=pl.coalesce(died, unknown))
        .join(found, on="index_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(asked).then(pl.col("event_date", "event_claim_id", "days")),
            event=pl.when(asked).then(pl.col("event_date").is_not_null()),
        )
    )
    return rows(measured, f"emergency_return_{rule.last_day.value}")


def _days_at_home(material: Material) -> pl.DataFrame:
    windows = material.index.select(
        "index_id", "beneficiary_id", "window_start", "death_date", window_end="scheduled_end"
    )
    counted = days_at_home(windows, material.inpatient, material.claims, material.lines, material.rules)
    unknown = material.unknown_until(pl.col("scheduled_end"))
    measured = material.index.join(
        counted.rename({"days": "value"}), on="index_id", how="left", maintain_order="left"
    ).with_columns(value=pl.when(~unknown).then("value"), reason=pl.when(unknown).then(pl.lit("follow_up_incomplete")))
    return rows(measured, "days_at_home")
