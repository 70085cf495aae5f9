"""Background claims and lines, made as arrays kind by kind, put together as frames of the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from episodes.claims.contract import SETTINGS, empty_table
from episodes.synthetic.background_payments import MISSING
from episodes.synthetic.background_tools import CareTools
from episodes.synthetic.bulk_draws import Flags, Ints, unfold
from episodes.synthetic.claim_book import CLAIM_NUMBERS_A_PERSON, SCENARIO_CLAIMS

Array = npt.NDArray[Any]

_AMOUNTS = ("allowed", "paid", "standardized", "primary_payer_paid")
_ADD_ONS = ("outlier", "ime", "dsh", "uncompensated_care")
_CLAIM_DEFAULTS: dict[str, Any] = {
    "facility": 0,
    "attending": 0,
    "operating": 0,
    "diagnosis": 0,
    "besides": 0,
    "status": 0,
    "bill": 0,
    "drg": 0,
    "mdc": 0,
    "first_procedure": 0,
    "second_procedure": 0,
    "low_utilization": 0,
    "standardized_outlier": MISSING,
    **dict.fromkeys((*_AMOUNTS, *_ADD_ONS), 0),
}
"""Numbers of codes and providers (0: null) and cents; `low_utilization` is 0 null, 1 no, 2 yes."""
_LINE_DEFAULTS: dict[str, Any] = {
    "bill_row": 0,
    "units": 1.0,
    "diagnosis": 0,
    "allowed": MISSING,
    "paid": MISSING,
    "standardized": MISSING,
    "primary_payer_paid": 0,
}
_DAY_BITS = 20


@dataclass(frozen=True)
class Batch:
    """Claims of one kind with their lines: arrays, or one value for all.

    Claims have at least `person`, `start` and `end`; lines at least `claim` (a position among the claims, in
    ascending order), `day`, `service` and `charge`. Days are counted from 1970.
    """

    setting: str
    claims: Mapping[str, Any]
    lines: Mapping[str, Any]

    @property
    def line_paid(self) -> bool:
        """Whether the lines carry the amounts."""
        return self.setting in ("professional", "outpatient", "dme", "drug")


def assemble(tools: CareTools, batches: Sequence[Batch]) -> dict[str, pl.DataFrame]:
    """The frames `claims` and `lines` of all batches, sorted by their keys."""
    people = np.concatenate([batch.claims["person"] for batch in batches])
    starts = np.concatenate([batch.claims["start"] for batch in batches])
    sizes = [len(batch.claims["person"]) for batch in batches]
    number = np.repeat(np.arange(len(batches)), sizes)
    order = _order(people, starts, number)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    places = _parts(place, sizes)

    line_counts = [
        np.bincount(batch.lines["claim"], minlength=size) for batch, size in zip(batches, sizes, strict=True)
    ]
    counts = _scattered(places, line_counts, np.int64)
    first = np.cumsum(counts) - counts
    line_places = [
        first[where][batch.lines["claim"]] + unfold(own)[1]
        for batch, where, own in zip(batches, places, line_counts, strict=True)
    ]
    claim_columns = [
        {**batch.claims, **_totals(batch, own)} if batch.line_paid else batch.claims
        for batch, own in zip(batches, line_counts, strict=True)
    ]
    claims = _Columns(claim_columns, places, _CLAIM_DEFAULTS)
    person = people[order]
    settings = np.array([SETTINGS.index(batch.setting) for batch in batches], dtype=np.int64)[number[order]]
    claim_ids = _claim_ids(tools.people.number[person], _sequence(person))
    claim_frame = _claim_frame(tools, claims, person, settings, claim_ids)
    lines = _Columns([batch.lines for batch in batches], line_places, _LINE_DEFAULTS)
    claim_of, position = unfold(counts)
    keys = claim_frame.select("beneficiary_id", "claim_id")[claim_of]
    return {"claims": claim_frame, "lines": _line_frame(tools, lines, keys, position)}


def _parts(values: Array, sizes: Sequence[int]) -> list[Array]:
    """Consecutive parts of these sizes."""
    ends = np.cumsum(sizes)
    return [values[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _scattered(places: Sequence[Ints], parts: Sequence[Any], dtype: Any, default: Any = 0) -> Array:
    """One column of the parts' values, each at its place; None stands for the default."""
    column = np.full(sum(len(where) for where in places), default, dtype=dtype)
    for where, values in zip(places, parts, strict=True):
        if values is not None:
            column[where] = values
    return column


class _Columns:
    """Columns of all batches in their final order, made when asked for."""

    def __init__(self, parts: Sequence[Mapping[str, Any]], places: Sequence[Ints], defaults: Mapping[str, Any]) -> None:
        self._parts, self._places, self._defaults = parts, places, defaults

    def __getitem__(self, name: str) -> Array:
        default = self._defaults.get(name, 0)
        dtype = np.float64 if isinstance(default, float) else np.int64
        return _scattered(self._places, [part.get(name) for part in self._parts], dtype, default)


def _totals(batch: Batch, counts: Ints) -> dict[str, Ints]:
    """Sums of the lines for the headers of claims paid by line, for information."""
    if not len(counts):
        return {}
    first = np.cumsum(counts) - counts
    return {name: np.add.reduceat(batch.lines[name], first) for name in _AMOUNTS if name in batch.lines}


def _order(person: Ints, start: Ints, batch: Ints) -> Ints:
    """Claims by person, first day and kind."""
    batch_bits = int(batch.max(initial=0)).bit_length()
    key = (person << (_DAY_BITS + batch_bits)) | (start << batch_bits) | batch
    return np.argsort(key, kind="stable")


def _sequence(person: Ints) -> Ints:
    """Running numbers of claims within each person."""
    _, position = unfold(np.bincount(person))
    sequence = position + SCENARIO_CLAIMS
    most = int(sequence.max(initial=0))
    if most >= CLAIM_NUMBERS_A_PERSON:
        raise ValueError(
            f"a person has {most - SCENARIO_CLAIMS + 1} background claims; claim numbers leave room for "
            f"{CLAIM_NUMBERS_A_PERSON - SCENARIO_CLAIMS}: ask for fewer years or lower the rates"
        )
    return sequence


def _claim_ids(number: Ints, sequence: Ints) -> pl.Series:
    digits = pl.Series("claim_id", number * CLAIM_NUMBERS_A_PERSON + sequence + 10**10).cast(pl.String)
    return digits.to_frame().select("C" + pl.col("claim_id").str.slice(1)).to_series()


def _claim_frame(
    tools: CareTools, claims: _Columns, person: Ints, settings: Ints, claim_ids: pl.Series
) -> pl.DataFrame:
    schema = empty_table("claims").schema
    codes, start, end = tools.codes.series(), claims["start"], claims["end"]
    diagnoses, indicators = _diagnoses(tools, claims, person, codes, settings)
    procedures, procedure_dates = _procedures(claims, start, codes)
    admitted = np.isin(settings, [SETTINGS.index("inpatient"), SETTINGS.index("snf")])
    columns: dict[str, pl.Series] = {
        "beneficiary_id": tools.people.beneficiary_id.gather(person),
        "claim_id": claim_ids,
        "setting": pl.Series(SETTINGS, dtype=schema["setting"]).gather(settings),
        "from_date": _dates(start),
        "thru_date": _dates(end),
        "admission_date": _nullable(start.astype(np.int32), ~admitted).cast(pl.Date),
        "discharge_date": _nullable(end.astype(np.int32), ~admitted).cast(pl.Date),
        "discharge_status": codes.gather(claims["status"]),
        "ms_drg": codes.gather(claims["drg"]),
        "mdc": codes.gather(claims["mdc"]),
        "attending_npi": tools.providers.npis.gather(claims["attending"]),
        "operating_npi": tools.providers.npis.gather(claims["operating"]),
        "diagnoses": diagnoses,
        "present_on_admission": indicators,
        "procedures": procedures,
        "procedure_dates": procedure_dates,
        "low_utilization": pl.Series([None, False, True]).gather(claims["low_utilization"]),
        "bill_type": codes.gather(claims["bill"]),
        "process_date": _dates(end + tools.process_lags(len(end))),
        "new_technology_cents": pl.zeros(len(end), dtype=pl.Int64, eager=True),
        "clotting_factor_cents": pl.zeros(len(end), dtype=pl.Int64, eager=True),
    }
    columns |= {f"{name}_cents": _cents(claims[name]) for name in (*_AMOUNTS, *_ADD_ONS, "standardized_outlier")}
    columns |= tools.providers.facilities[claims["facility"]].to_dict()
    return _in_contract(columns, schema)


def _line_frame(tools: CareTools, lines: _Columns, keys: pl.DataFrame, position: Ints) -> pl.DataFrame:
    day = _dates(lines["day"])
    columns = {
        **keys.to_dict(),
        "line_number": pl.Series((position + 1).astype(np.int32)),
        "service_date": day,
        "service_thru": day,
        "units": pl.Series(lines["units"]),
        "charge_cents": pl.Series(lines["charge"]),
        "diagnosis": tools.codes.series().gather(lines["diagnosis"]),
        **{f"{name}_cents": _cents(lines[name]) for name in _AMOUNTS},
        **tools.services.frame()[lines["service"]].to_dict(),
        **tools.providers.bills[lines["bill_row"]].to_dict(),
    }
    return _in_contract(columns, empty_table("lines").schema)


def _in_contract(columns: Mapping[str, pl.Series], schema: Mapping[str, Any]) -> pl.DataFrame:
    """All columns of a table in its order; absent ones are null."""
    height = len(next(iter(columns.values())))
    return pl.DataFrame(
        {
            name: columns[name].cast(dtype)
            if name in columns
            else pl.Series([None], dtype=dtype).new_from_index(0, height)
            for name, dtype in schema.items()
        }
    )


def _dates(days: Ints) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def _cents(amounts: Ints) -> pl.Series:
    """Cents, missing ones null."""
    return _nullable(amounts, amounts == MISSING)


def _nullable(values: Array, missing: Flags) -> pl.Series:
    import pyarrow as pa

    return pl.Series(pl.from_arrow(pa.array(values, mask=missing)))


def _diagnoses(
    tools: CareTools, claims: _Columns, person: Ints, codes: pl.Series, settings: Ints
) -> tuple[pl.Series, pl.Series]:
    """The principal diagnosis, then the person's conditions; and the indicators of those of hospital stays."""
    all_principal = claims["diagnosis"]
    given = all_principal > 0
    principal, besides = all_principal[given], claims["besides"][given].astype(np.int8)
    table = np.empty((len(principal), 1 + tools.conditions.shape[1]), dtype=np.int32)
    table[:, 0], table[:, 1:] = principal, tools.conditions.astype(np.int32)[person[given]]
    wanted = table > 0
    others = wanted[:, 1:]
    # A condition that is the principal diagnosis leaves its place to the next.
    others &= table[:, 1:] != table[:, :1]
    others &= np.cumsum(others, axis=1, dtype=np.int8) <= besides[:, None]
    counts = np.zeros(len(given), dtype=np.int64)
    counts[given] = wanted.sum(axis=1)
    lists = ragged(codes.gather(table[wanted]), counts, given)
    stay = given & (settings == SETTINGS.index("inpatient"))
    stay_counts = np.where(stay, counts, 0)
    indicators = ragged(pl.repeat("Y", int(stay_counts.sum()), dtype=pl.String, eager=True), stay_counts, stay)
    return lists, indicators


def _procedures(claims: _Columns, start: Ints, codes: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Procedures of operations, done on the first day, and their dates."""
    table = np.column_stack([claims["first_procedure"], claims["second_procedure"]])
    wanted = table > 0
    counts = wanted.sum(axis=1)
    days = np.repeat(start, counts)
    return ragged(codes.gather(table[wanted]), counts, counts > 0), ragged(_dates(days), counts, counts > 0)


def ragged(values: pl.Series, counts: Ints, known: Flags) -> pl.Series:
    """A list column: so many values for each row, in their order; null where not known."""
    import pyarrow as pa

    offsets = pa.array(np.concatenate(([0], np.cumsum(counts))), pa.int64())
    lists = pa.LargeListArray.from_arrays(offsets, values.to_arrow(), mask=pa.array(~known))
    return pl.Series(pl.from_arrow(lists), dtype=pl.List(values.dtype))
