"""Surgeons in hospitals: how much of what differs is the surgeon's, how much the hospital's, how much chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.attribution.mixed_model import Cells, fit
from episodes.attribution.variances import shrunken, variance_components
from episodes.checks import with_columns
from episodes.errors import ArgumentError, count_of

ONE_TO_ONE = "one_surgeon_one_hospital"
"""Every hospital has one surgeon, who works nowhere else."""
ONE_HOSPITAL = "one_hospital"
"""There is one hospital: its effect is part of the mean."""
ONLY_SURGEON = "only_surgeon_of_the_hospital"
"""This surgeon is alone at their only hospital: the two effects are divided by the variances, not by data."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SurgeonHospitalModel:
    """What a model of surgeons in hospitals says.

    Attributes:
        mean: mean of the parties, in the unit of the values.
        variances: component (`hospital`, `surgeon`, `residual`; `surgeon_and_hospital`, `residual` where the
            two cannot be separated), variance, share of the sum, share_low, share_high (by the curvature of the
            likelihood: rough with few hospitals, too short at a share near 0; null where not separated).
        surgeons: surgeon, hospitals (number), episodes, effect (difference from the mean, shrunken), effect_low,
            effect_high, reliability, separable, reason.
        hospitals: the same for hospitals, with surgeons (number).
        design: `nested` (every surgeon at one hospital), `crossed`, `one_to_one` or `one_hospital`.
        separable: whether the effects of surgeons and hospitals can be told apart at all.
        reason: why not; null: they can.
        left_out: episodes without surgeon, hospital or value, which the model does not see.
    """

    mean: float
    variances: pl.DataFrame
    surgeons: pl.DataFrame
    hospitals: pl.DataFrame
    design: str
    separable: bool
    reason: str | None
    left_out: int


def surgeon_and_hospital(
    episodes: pl.DataFrame,
    *,
    value: str = "ratio",
    surgeon: str = "operating_npi",
    hospital: str = "anchor_ccn",
    level: float = 0.95,
) -> SurgeonHospitalModel:
    """Separate the effects of surgeons and of the hospitals they work at.

    value = mean + hospital + surgeon + chance, with both effects random: surgeons in hospitals, or crossed with them
    where some work at several. Variances by restricted maximum likelihood (in balanced designs the analysis of
    variance); effects are the best linear unbiased predictions, with intervals from their prediction variance,
    widened for the variances being estimates (Kackar and Harville, J Am Stat Assoc 1984;79:853).

    Where every hospital has one surgeon who works nowhere else, nothing can tell the two apart: one joint effect is
    estimated and `reason` says `one_surgeon_one_hospital`. A surgeon who is alone at their only hospital has an effect
    that the model can only divide by the variances; their row says so.

    Args:
        episodes: one row an episode.
        value: column of the value, such as cost over expected cost.
        surgeon: column of the surgeon.
        hospital: column of the hospital.
        level: of the intervals, between 0 and 1.

    Raises:
        ArgumentError: fewer than two surgeons, or not more episodes than effects; a level out of range.

    Source: Searle, Casella and McCulloch, Variance Components, 1992; Henderson's mixed model equations.

    Example:
        >>> rows = pl.DataFrame(
        ...     {"operating_npi": list("aabbccdd"), "anchor_ccn": list("xxxxyyyy"), "ratio": [1, 2, 3, 4, 5, 6, 7, 9]}
        ... )
        >>> model = surgeon_and_hospital(rows)
        >>> model.design, model.separable, model.variances["component"].to_list()
        ('nested', True, ['hospital', 'surgeon', 'residual'])
    """
    from scipy import stats

    if not 0 < level < 1:
        raise ArgumentError("level must be between 0 and 1: 0.95 is a 95 % interval.")
    known = with_columns(episodes, "episodes", (surgeon, hospital, value)).select(
        surgeon=pl.col(surgeon).cast(pl.String),
        hospital=pl.col(hospital).cast(pl.String),
        value=pl.col(value).cast(pl.Float64),
    )
    rows = known.drop_nulls().filter(pl.col("value").is_finite()).sort("surgeon", "hospital", "value")
    cells = _cells(rows)
    surgeons, hospitals = cells["surgeon"].n_unique(), cells["hospital"].n_unique()
    apart = cells["component"].n_unique() < max(surgeons, hospitals) and hospitals > 1
    effects = surgeons + hospitals - cells["component"].n_unique() if apart else surgeons
    if surgeons < 2 or rows.height <= effects:
        raise ArgumentError(
            f"{count_of(rows.height, 'episode')} of {count_of(surgeons, 'surgeon')} at "
            f"{count_of(hospitals, 'hospital')}: the model needs two surgeons, and more episodes than effects."
        )
    z = float(stats.norm.ppf((1 + level) / 2))
    squares = float((rows["value"].to_numpy() ** 2).sum())
    left_out = known.height - rows.height
    return _apart(cells, squares, z, left_out) if apart else _together(cells, squares, z, left_out)


def _cells(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a surgeon and hospital: n, total; codes of both; the network of surgeons and hospitals it belongs to."""
    from scipy import sparse
    from scipy.sparse import csgraph

    cells = rows.group_by("surgeon", "hospital", maintain_order=True).agg(n=pl.len(), total=pl.col("value").sum())
    cells = cells.with_columns(
        _surgeon=pl.col("surgeon").rank("dense").cast(pl.Int64) - 1,
        _hospital=pl.col("hospital").rank("dense").cast(pl.Int64) - 1,
    )
    surgeons, hospitals = cells["surgeon"].n_unique(), cells["hospital"].n_unique()
    ends = (cells["_surgeon"].to_numpy(), surgeons + cells["_hospital"].to_numpy())
    graph = sparse.coo_array((np.ones(cells.height), ends), shape=(surgeons + hospitals, surgeons + hospitals))
    _, network = csgraph.connected_components(graph, directed=False)
    return cells.with_columns(component=pl.Series(network[ends[0]]))


def _apart(cells: pl.DataFrame, squares: float, z: float, left_out: int) -> SurgeonHospitalModel:
    """Both effects, by the mixed model."""
    found = fit(
        Cells(
            first=cells["_hospital"].to_numpy(),
            second=cells["_surgeon"].to_numpy(),
            n=cells["n"].to_numpy().astype(np.float64),
            total=cells["total"].to_numpy(),
            squares=squares,
        )
    )
    tables = []
    for number, (kind, other) in enumerate((("hospital", "surgeon"), ("surgeon", "hospital"))):
        variance, error = found.variances[number], found.errors[number]
        known = found.plain_errors[number]
        reliability = 1 - known**2 / variance if variance > 0 else np.zeros_like(known)
        tables.append(_parties(cells, kind, other, found.effects[number], error, reliability, z))
    return SurgeonHospitalModel(
        mean=found.mean,
        variances=_variances(["hospital", "surgeon", "residual"], list(found.variances), found.share_errors, z),
        surgeons=tables[1],
        hospitals=tables[0],
        design="nested" if cells.height == cells["surgeon"].n_unique() else "crossed",
        separable=True,
        reason=None,
        left_out=left_out,
    )


def _together(cells: pl.DataFrame, squares: float, z: float, left_out: int) -> SurgeonHospitalModel:
    """One effect for surgeon and hospital, where nothing tells them apart."""
    reason = ONE_HOSPITAL if cells["hospital"].n_unique() == 1 else ONE_TO_ONE
    by_surgeon = cells.sort("surgeon")
    n, total = by_surgeon["n"].to_numpy().astype(np.float64), by_surgeon["total"].to_numpy()
    components = variance_components(n, total / n, [max(squares - float((total**2 / n).sum()), 0.0)])
    drawn = shrunken(n, total / n, components)
    effect = drawn.estimate - components.grand_mean
    surgeons = _parties(cells, "surgeon", "hospital", effect, drawn.standard_error, drawn.reliability, z, reason)
    hospitals = surgeons.clear().rename({"surgeon": "hospital", "hospitals": "surgeons"})
    if reason == ONE_TO_ONE:
        named = dict(by_surgeon.select("surgeon", "hospital").iter_rows())
        hospitals = (
            surgeons.rename({"surgeon": "hospital", "hospitals": "surgeons"})
            .with_columns(pl.col("hospital").replace(named))
            .sort("hospital")
        )
    component = "surgeon" if reason == ONE_HOSPITAL else "surgeon_and_hospital"
    return SurgeonHospitalModel(
        mean=components.grand_mean,
        variances=_variances([component, "residual"], [components.between, components.within]),
        surgeons=surgeons,
        hospitals=hospitals,
        design="one_hospital" if reason == ONE_HOSPITAL else "one_to_one",
        separable=False,
        reason=reason,
        left_out=left_out,
    )


def _variances(
    names: list[str], variances: list[float], share_errors: tuple[float, ...] | None = None, z: float = 0.0
) -> pl.DataFrame:
    """component, variance, share; share_low and share_high where the errors of the shares are known."""
    whole = sum(variances)
    share = pl.Series([variance / whole if whole > 0 else None for variance in variances], dtype=pl.Float64)
    half = pl.Series(
        [None if share_errors is None else z * error for error in share_errors or variances], dtype=pl.Float64
    )
    return pl.DataFrame(
        {
            "component": names,
            "variance": variances,
            "share": share,
            "share_low": (share - half).clip(0, 1),
            "share_high": (share + half).clip(0, 1),
        }
    )


def _parties(
    cells: pl.DataFrame,
    kind: str,
    other: str,
    effect: Floats,
    error: Floats,
    reliability: Floats,
    z: float,
    reason: str | None = None,
) -> pl.DataFrame:
    """One row a party, in the order of their names: effect with interval, reliability, and what it is tied to."""
    alone = (pl.len().over("hospital") == 1) & (pl.len().over("surgeon") == 1)
    return (
        cells.with_columns(_alone=alone)
        .group_by(kind)
        .agg(
            pl.len().cast(pl.Int64).alias(f"{other}s"),
            pl.col("n").sum().cast(pl.Int64).alias("episodes"),
            pl.col("_alone").any(),
        )
        .sort(kind)
        .with_columns(
            effect=pl.Series(effect),
            effect_low=pl.Series(effect - z * error),
            effect_high=pl.Series(effect + z * error),
            reliability=pl.Series(reliability),
            separable=pl.lit(False) if reason else ~pl.col("_alone"),
            reason=pl.lit(reason, dtype=pl.String) if reason else pl.when("_alone").then(pl.lit(ONLY_SURGEON)),
        )
        .drop("_alone")
    )
