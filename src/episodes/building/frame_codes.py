"""The codes of a bucket whose claims and lines are frames: arrays are made of them when they are asked for.

Text becomes places in dictionaries as early as it is read (`Coder`): from there on it is moved and sorted as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from episodes.building.arrays import Array, frozen
from episodes.building.codes import Codes
from episodes.building.stays import stay_start
from episodes.claims.codes_sidecar import NULL_CENTS, NULL_DAY, offsets_of_counts
from episodes.claims.store import claim_order
from episodes.errors import ContractError, count_of

IDS = ("beneficiary_id", "claim_id")


class Coder:
    """Dictionaries of text that grow as rows come; one for all buckets of a build."""

    def __init__(self) -> None:
        self._categories: dict[str, pl.Categories] = {}
        self._kept: list[pl.Series] = []

    def expressions(self, table: str, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
        """The columns of a table but its ids, text as places in a dictionary."""
        return [
            self._coded(f"{table}.{name}", name, dtype).alias(name) for name, dtype in schema.items() if name not in IDS
        ]

    def _coded(self, key: str, name: str, dtype: pl.DataType) -> pl.Expr:
        inner = pl.Series(dtype=dtype.inner).dtype if isinstance(dtype, pl.List) else dtype
        if inner != pl.String and not isinstance(inner, pl.Enum):
            return pl.col(name)
        if key not in self._categories:
            self._categories[key] = pl.Categories.random()
            # A dictionary lives as long as some column of its type does.
            self._kept.append(pl.Series([], dtype=pl.Categorical(self._categories[key])))
        coded = pl.Categorical(self._categories[key])
        if isinstance(dtype, pl.List):
            return pl.col(name).cast(pl.List(pl.String)).cast(pl.List(coded)).to_physical()
        return pl.col(name).cast(pl.String).cast(coded).to_physical()

    def dictionaries(self) -> dict[str, pl.Series]:
        """By table and column, the text of each place; to be asked for when every row has come."""
        return {key: categories.to_series() for key, categories in self._categories.items()}


class FrameCodes(Codes):
    """The codes of one bucket, from frames in any order.

    Args:
        people: ids of the people of the bucket, in order.
        first_person: the ordinal of the first of them.
        claims: rows with `person` (ordinal), claim_id, and columns from `Coder.expressions`.
        lines: likewise.
        dictionaries: of the coder.

    Raises:
        ContractError: a line has no claim, or a claim is there twice.
    """

    def __init__(
        self,
        people: pl.Series,
        first_person: int,
        claims: pl.DataFrame,
        lines: pl.DataFrame,
        dictionaries: Mapping[str, pl.Series],
    ) -> None:
        self._people = people
        self._first_person = first_person
        self._frames = {"claims": claims, "lines": lines}
        self._dictionaries = dictionaries
        self._read: dict[str, pl.Series] = {}
        self._made: dict[str, Array] = {}
        self._order: dict[str, Array] = {}
        self._put_claims_in_order()
        self._put_lines_in_order()

    def array(self, name: str) -> Array:
        """An array by its name, made of the frames when it is first asked for."""
        if name not in self._made:
            table, _, column = name.partition(".")
            self._make(f"{table}.{column.removesuffix('.offsets').removesuffix('.elements')}")
        return self._made[name]

    def dictionary(self, name: str) -> pl.Series:
        """The sorted values of this bucket that the codes of a column point to."""
        if name not in self._read:
            self.array(name)
        return self._read[name]

    def ids(self, name: str, rows: Array) -> pl.Series:
        """The text of some ids."""
        return (self._people if name == "beneficiary_id" else self._claim_ids).gather(pl.Series(rows))

    def _put_claims_in_order(self) -> None:
        claims = self._frames["claims"]
        days = claims.select(stay_start().to_physical()).to_series()
        by_day = _person_and_day(claims["person"], days)
        order = np.argsort(by_day, kind="stable")
        again = by_day[order][1:] == by_day[order][:-1]
        # Claim ids are compared only where a person has several claims of one day.
        tied = np.flatnonzero(np.append(again, False) | np.insert(again, 0, False))
        compared = claims.select("claim_id", by_day=pl.Series(by_day))[order[tied]]
        order[tied] = order[tied][compared.select(pl.arg_sort_by("by_day", *claim_order())).to_series().to_numpy()]
        self._order["claims"] = order
        self._claim_ids = claims["claim_id"].gather(order)
        self._person_of_claim = claims["person"].gather(order)
        self._made["person_claims"] = self._firsts_of_people(self._person_of_claim.to_numpy())

    def _put_lines_in_order(self) -> None:
        lines = self._frames["lines"]
        of_line = self._claims_of_lines(lines)
        by_claim = of_line.astype(np.int64) * (1 << 32) + lines["line_number"].to_numpy()
        by_day = _person_and_day(lines["person"], lines["service_date"].to_physical())
        order = np.argsort(by_claim, kind="stable")
        order = order[np.argsort(by_day[order], kind="stable")]
        self._order["lines"] = order
        self._made["line_claim"] = claim_of_line = frozen(of_line[order])
        self._made["person_lines"] = self._firsts_of_people(lines["person"].to_numpy()[order])
        self._made["claim_lines"] = frozen(offsets_of_counts(claim_of_line, self._claim_ids.len()))
        self._made["lines_by_claim"] = frozen(np.argsort(claim_of_line, kind="stable").astype(np.int64))

    def _claims_of_lines(self, lines: pl.DataFrame) -> Array:
        """By line the ordinal of its claim. Lines mostly come claim by claim: each run of them is looked up once."""
        keys = ["person", "claim_id"]
        ids = lines.select(keys).rechunk()
        begins = ids.select(pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys))
        heads = ids.filter(begins.to_series())
        numbered = pl.DataFrame({"person": self._person_of_claim, "claim_id": self._claim_ids}).with_row_index("claim")
        try:
            of_run = heads.join(numbered, on=keys, how="left", maintain_order="left", validate="m:1")["claim"]
        except pl.exceptions.ComputeError:
            twice = numbered.height - numbered.n_unique(keys)
            raise ContractError(
                f"{count_of(twice, 'claim')} of a person and claim_id that another claim has: which one is a line's? "
                "Read the claims with validate='full', which sets repeats aside."
            ) from None
        if of_run.null_count():
            alone = ids.join(numbered, on=keys, how="anti").height
            raise ContractError(
                f"{count_of(alone, 'line')} without a claim: neither setting nor dates are known. Read the claims with "
                "validate='full', which sets such lines aside with a reason."
            )
        run_of_line = np.cumsum(begins.to_series().to_numpy()) - 1
        claims: Array = of_run.to_numpy().astype(np.int32)[run_of_line]
        return claims

    def _firsts_of_people(self, sorted_people: Array) -> Array:
        """Offsets from person to rows that are sorted by person."""
        ordinals = self._first_person + np.arange(self._people.len() + 1)
        return frozen(np.searchsorted(sorted_people, ordinals).astype(np.int64))

    def _make(self, name: str) -> None:
        """The arrays of a column in the order of its table."""
        table, _, column = name.partition(".")
        values, order = self._frames[table][column], self._order[table]
        if isinstance(values.dtype, pl.List):
            lengths = values.list.len().fill_null(0).cast(pl.Int64).to_numpy()
            ends, in_order = np.cumsum(lengths), np.cumsum(lengths[order])
            elements = self._numbers(name, f"{name}.elements", values.explode(empty_as_null=False, keep_nulls=False))
            moved = np.repeat((ends - lengths)[order] - (in_order - lengths[order]), lengths[order])
            self._made[f"{name}.offsets"] = frozen(np.concatenate(([0], in_order)).astype(np.int64))
            self._made[f"{name}.elements"] = frozen(elements[moved + np.arange(moved.size)])
        else:
            self._made[name] = frozen(self._numbers(name, name, values)[order])

    def _numbers(self, key: str, name: str, values: pl.Series) -> Array:
        if key in self._dictionaries:
            return self._places(key, name, values)
        if values.dtype == pl.Date:
            return values.to_physical().fill_null(NULL_DAY).to_numpy()
        if values.dtype == pl.Boolean:
            return values.cast(pl.Int8).fill_null(-1).to_numpy()
        if values.dtype == pl.Float64:
            return values.fill_null(float("nan")).to_numpy()
        return values.cast(pl.Int64).fill_null(NULL_CENTS).to_numpy()

    def _places(self, key: str, name: str, values: pl.Series) -> Array:
        """Places in the sorted dictionary of the values that are there (-1 = null)."""
        text = self._dictionaries[key]
        found = values.fill_null(text.len()).to_numpy()
        used = np.zeros(text.len() + 1, np.bool_)
        used[found] = True
        places = np.flatnonzero(used[:-1])
        dictionary = text.gather(places)
        in_order = dictionary.arg_sort().to_numpy()
        ranks = np.full(text.len() + 1, -1, np.int32)
        ranks[places[in_order]] = np.arange(places.size, dtype=np.int32)
        self._read[name] = dictionary.gather(in_order)
        places_of_rows: Array = ranks[found]
        return places_of_rows


def _person_and_day(people: pl.Series, days: pl.Series) -> Array:
    """One number to sort by person, then by day, no day first."""
    days_or_none = days.fill_null(NULL_DAY).to_numpy().astype(np.int64)
    return people.to_numpy().astype(np.int64) * (1 << 32) + days_or_none
