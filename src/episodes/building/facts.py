"""What the claims of a run hold, as numbers of buckets that add up."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Facts:
    """What a bucket holds, as numbers that add up; `covered_people` are those seen to be covered, at least."""

    people: int = 0
    claims: int = 0
    lines: int = 0
    claims_processed_later: int = 0
    payable_items: int = 0
    payable_cents: int = 0
    coverage_intervals: int = 0
    covered_people: int = 0
    stays: int = 0
    stays_with_drg: int = 0
    stays_with_hospital: int = 0

    def __add__(self, other: Facts) -> Facts:
        return Facts(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})
