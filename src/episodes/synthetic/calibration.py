"""Calibration: published figures, and what the synthetic claims make of them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import polars as pl

from episodes.building.provider_types import provider_type_of
from episodes.claims.contract import CLAIM_PAID_SETTINGS
from episodes.errors import LayoutError
from episodes.synthetic.assumptions import Grade, Part
from episodes.synthetic.configuration import load_configuration
from episodes.tables import scan_parquet

_KEYS = ["beneficiary_id", "anchor_claim_id"]
_POST_ACUTE = ("snf", "irf", "ltch", "home_health", "hospice")
_DAYS_A_YEAR = 365.25


class Episodes(Part):
    """Which episodes a figure is taken over; what is not said is not asked."""

    category: str | None = None
    course: str | None = None
    operation: str | None = None
    setting: Literal["inpatient", "outpatient"] | None = None
    codes: tuple[str, ...] = ()


class Figure(Part):
    """A published figure, how good it is, and how ours is taken."""

    id: str
    what: str
    measure: str
    of: Episodes
    figure: float
    grade: Grade
    source: str
    days: int | None = None
    setting: str | None = None
    codes: tuple[str, ...] = ()
    why_not: str | None = None


Measure = Callable[[pl.DataFrame, Figure, Mapping[str, pl.LazyFrame]], float | None]
"""What takes a figure from the chosen episodes, or from the whole set; None where there is nothing to take it from."""


class Tolerance(Part):
    """How far ours may be from a figure: relative for means, absolute for shares."""

    mean: float
    share: float


class Calibration(Part):
    """All figures."""

    tolerance: Tolerance
    figures: tuple[Figure, ...]


@cache
def load_calibration() -> Calibration:
    """The packaged figures.

    >>> load_calibration().figures[0].figure
    29778.0
    """
    text = (files("episodes.synthetic") / "calibration.toml").read_text(encoding="utf-8")
    return Calibration.model_validate(tomllib.loads(text))


def calibration_report(tables: Mapping[str, pl.LazyFrame], truth: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Each published figure with ours beside it.

    Args:
        tables: canonical tables of a synthetic set: claims, lines, beneficiaries.
        truth: its tables `episodes`, `services` and `outcomes`.

    Returns:
        id, what, grade, source, figure, ours, n (episodes it was taken over), kind (mean or share), within (is ours as
        near as the tolerance asks), why_not.

    Source: calibration.toml beside this module, each figure with its own.

    Example:
        >>> import episodes as ep
        >>> made = ep.synthetic.synthesize(beneficiaries=60)
        >>> tables, truth = ({name: frame.lazy() for name, frame in part.items()} for part in (made, made.truth))
        >>> report = calibration_report(tables, truth)
        >>> report.columns[:3]
        ['id', 'what', 'grade']
    """
    calibration = load_calibration()
    facts = _facts(tables, truth)
    rows = []
    for figure in calibration.figures:
        of_figure = _chosen(facts, figure.of)
        ours = MEASURES[figure.measure](of_figure, figure, tables)
        is_mean = figure.measure in _MEANS
        allowed = calibration.tolerance.mean * figure.figure if is_mean else calibration.tolerance.share
        rows.append(
            {
                "id": figure.id,
                "what": figure.what,
                "grade": figure.grade,
                "source": figure.source,
                "figure": figure.figure,
                "ours": ours,
                "n": of_figure.height,
                "kind": "mean" if is_mean else "share",
                "within": None if ours is None else abs(ours - figure.figure) <= allowed,
                "why_not": figure.why_not,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def calibration_of(folder: str | Path) -> pl.DataFrame:
    """The calibration report of a synthetic set that was written in layout canonical.

    Raises:
        LayoutError: the folder holds no such set.
    """
    place = Path(folder)
    tables: dict[str, pl.LazyFrame] = {}
    truth: dict[str, pl.LazyFrame] = {}
    for parts, root, names in (
        (tables, place, ("claims", "lines", "beneficiaries")),
        (truth, place / "truth", ("episodes", "services", "outcomes")),
    ):
        for name in names:
            whole = root / f"{name}.parquet"
            if not whole.is_file() and not (root / name).is_dir():
                raise LayoutError(f"{place.name!r} is no synthetic set in layout canonical: it has no {name!r}.")
            parts[name] = scan_parquet(whole if whole.is_file() else root / name)
    return calibration_report(tables, truth)


def _facts(tables: Mapping[str, pl.LazyFrame], truth: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """One row a declared episode that counts: costs by part, care used, what happened, who it was."""
    courses = {name: procedure.course for name, procedure in load_configuration().anchors.procedures.items()}
    episodes = truth["episodes"].filter(pl.col("status") == "final", pl.col("event").is_null())
    costs = _costs(tables, truth)
    outcomes = (
        truth["outcomes"]
        .group_by(_KEYS)
        .agg(
            readmitted_after=pl.col("days_from_discharge").filter(pl.col("outcome") == "readmission").min(),
            died_after=pl.col("days_from_admission").filter(pl.col("outcome") == "death").min(),
            complicated=pl.col("outcome").str.starts_with("complication_").any(),
        )
    )
    people = tables["beneficiaries"].select("beneficiary_id", "birth_date", "sex")
    return (
        episodes.join(costs, on=_KEYS, how="left")
        .join(outcomes, on=_KEYS, how="left")
        .join(people, on="beneficiary_id", how="left")
        .with_columns(
            course=pl.col("operation").replace_strict(courses, default=None, return_dtype=pl.String),
            age=(pl.col("anchor_start") - pl.col("birth_date")).dt.total_days() / _DAYS_A_YEAR,
            complicated=pl.col("complicated").fill_null(False),
        )
        .collect()
    )


def _costs(tables: Mapping[str, pl.LazyFrame], truth: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Standardized cents of an episode by part, stays over its end by days; and the care used, by kind of provider."""
    claims = tables["claims"].with_columns(pl.col("setting").cast(pl.String))
    keys = ["beneficiary_id", "claim_id"]
    paid_whole = pl.col("setting").is_in(CLAIM_PAID_SETTINGS)
    item = ["line_number", *keys, "setting", "ccn", "from_date", "thru_date", "standardized_cents"]
    whole = claims.filter(paid_whole).with_columns(line_number=pl.lit(0, pl.Int32)).select(item)
    by_line = (
        tables["lines"]
        .join(claims.filter(~paid_whole).select(*keys, "setting", "ccn", "from_date", "thru_date"), on=keys)
        .select(item)
    )
    items = pl.concat([whole, by_line]).rename({"standardized_cents": "cents"})
    kinds = {ccn: provider_type_of(ccn) for ccn in claims.select("ccn").unique().collect()["ccn"].drop_nulls()}
    kind = (
        pl.when(pl.col("setting") == "inpatient")
        .then(pl.col("ccn").replace_strict(kinds, default=None, return_dtype=pl.String))
        .otherwise("setting")
    )
    services = (
        truth["services"]
        .filter(pl.col("left_out").is_null())
        .unique([*_KEYS, "claim_id", "line_number"], keep="first", maintain_order=True)
    )
    of_episodes = services.join(items, on=["beneficiary_id", "claim_id", "line_number"]).with_columns(kind=kind)
    length = (pl.col("thru_date") - pl.col("from_date")).dt.total_days() + 1
    within = (pl.col("episode_end") - pl.col("from_date")).dt.total_days() + 1
    inside_whole = (pl.col("line_number") > 0) | (pl.col("period") == "anchor") | (within >= length)
    of_episodes = of_episodes.join(truth["episodes"].select(*_KEYS, "episode_end"), on=_KEYS).with_columns(
        cents=pl.when(inside_whole).then("cents").otherwise(pl.col("cents") * within // length)
    )
    inside = pl.col("period") != "post_episode"
    anchor = (pl.col("period") == "anchor") & pl.col("kind").is_in(["acute", "cah", "outpatient"])
    return of_episodes.group_by(_KEYS).agg(
        cents=pl.col("cents").filter(inside).sum(),
        anchor_cents=pl.col("cents").filter(anchor).sum(),
        post_acute_cents=pl.col("cents").filter(inside & pl.col("kind").is_in(_POST_ACUTE)).sum(),
        used=pl.col("kind").unique(),
    )


def _chosen(facts: pl.DataFrame, of: Episodes) -> pl.DataFrame:
    tests = [
        pl.col("category") == of.category if of.category else None,
        pl.col("course") == of.course if of.course else None,
        pl.col("anchor_setting") == of.setting if of.setting else None,
        pl.col("operation") == of.operation if of.operation else None,
        pl.col("anchor_code").is_in(of.codes) if of.codes else None,
    ]
    return facts.filter(*(test for test in tests if test is not None))


def _mean(facts: pl.DataFrame, column: str, unit: int) -> float | None:
    return None if facts.is_empty() else float(facts.select(pl.col(column).sum() / pl.len() / unit).item())


def _mean_dollars(column: str) -> Measure:
    return lambda facts, _figure, _tables: _mean(facts, column, 100)


def _share_of_cost(column: str) -> Measure:
    share = pl.col(column).sum() / pl.col("cents").sum()
    return lambda facts, _figure, _tables: None if facts.is_empty() else float(facts.select(share).item())


def _share(test: Callable[[Figure], pl.Expr]) -> Measure:
    """The share of episodes for which a test holds; unknown counts as no."""
    return lambda facts, figure, _tables: (
        None if facts.is_empty() else float(facts.select(test(figure).fill_null(False).mean()).item())
    )


def _person_years(tables: Mapping[str, pl.LazyFrame]) -> float:
    """People times the years over which claims begin."""
    span = tables["claims"].select(first=pl.col("from_date").min(), last=pl.col("from_date").max()).collect().row(0)
    people = tables["beneficiaries"].select(pl.len()).collect().item()
    return float(people * ((span[1] - span[0]).days + 1) / _DAYS_A_YEAR)


def _lines_a_person_year(_facts: pl.DataFrame, _figure: Figure, tables: Mapping[str, pl.LazyFrame]) -> float:
    return float(tables["lines"].select(pl.len()).collect().item() / _person_years(tables))


def _anchors_a_person_year(facts: pl.DataFrame, _figure: Figure, tables: Mapping[str, pl.LazyFrame]) -> float:
    return facts.height / _person_years(tables)


MEASURES: dict[str, Measure] = {
    "mean_cost": _mean_dollars("cents"),
    "post_acute_share_of_cost": _share_of_cost("post_acute_cents"),
    "anchor_share_of_cost": _share_of_cost("anchor_cents"),
    "died_within": _share(lambda figure: pl.col("died_after") <= figure.days),
    "used": _share(lambda figure: pl.col("used").list.contains(figure.setting)),
    "readmitted_within": _share(lambda figure: pl.col("readmitted_after") <= figure.days),
    "complicated": _share(lambda _figure: pl.col("complicated")),
    "inpatient_share": _share(lambda _figure: pl.col("anchor_setting") == "inpatient"),
    "outpatient_share": _share(lambda _figure: pl.col("anchor_setting") == "outpatient"),
    "code_share": _share(lambda figure: pl.col("anchor_code").is_in(figure.codes)),
    "men": _share(lambda _figure: pl.col("sex") == "1"),
    "mean_age": lambda facts, _figure, _tables: _mean(facts, "age", 1),
    "lines_a_person_year": _lines_a_person_year,
    "anchors_a_person_year": _anchors_a_person_year,
}
_MEANS = {"mean_cost", "mean_age", "lines_a_person_year"}
