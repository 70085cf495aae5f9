"""Who may take part on which terms, as data: the tracks of a year and the hospitals they are open to."""

from __future__ import annotations

from collections.abc import Iterator

from episodes.programs.rule import Part, Rule


class TrackEligibility(Part):
    """Whom a track is open to. A hospital is in a track other than the default on an approved request only."""

    only: tuple[str, ...] | None = None
    """Kinds of hospital, one of which it must be; null = every hospital."""


class Participation(Part):
    """The tracks of a performance year."""

    hospital_kinds: Rule[tuple[str, ...]]
    """Flags of a hospital that rules may name."""
    only_while: Rule[dict[str, str]]
    """Kind of hospital to the flag without which it does not count."""
    eligibility: Rule[dict[str, TrackEligibility]]
    """Track to whom it is open; a track that is not listed is not available in the year."""


def wrong_participation(participation: Participation) -> Iterator[str]:
    """Kinds of hospital that nothing carries."""
    known = set(participation.hospital_kinds.value)
    used = {kind for terms in participation.eligibility.value.values() for kind in terms.only or ()}
    used |= set(participation.only_while.value)
    if strange := used - known:
        yield (
            f"participation.eligibility: no kind of hospital: {', '.join(sorted(strange))}; "
            f"kinds: {', '.join(sorted(known))}"
        )
