"""Errors of the library: what is wrong, how many, which names, the likely cause, what to do.

No message carries a cell value or an identifier of a person or a claim: claims are private.
Every error a user can cause derives from `EpisodesError`, so that the command line can turn it into
one readable paragraph and exit code 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EpisodesError(Exception):
    """Base of all errors that a user of the library can cause and mend."""


class LayoutError(EpisodesError):
    """A file as a whole is not what its layout says: missing column, wrong delimiter, truncated, empty."""


class ContractError(EpisodesError):
    """A table given as a frame lacks a required column, or has one of an impossible type."""


class QuarantineError(EpisodesError):
    """More rows broke the contract than the run tolerates."""


class ProgramError(EpisodesError):
    """A programme file, an override or a name in it is not usable."""


class BasisError(EpisodesError):
    """Amounts of the basis the programme asks for are absent, or two bases were mixed."""


class PriceError(EpisodesError):
    """Target prices do not fit the episodes they are to be reconciled with."""


class RiskError(EpisodesError):
    """A risk model cannot be fitted on the rows given, or does not fit those it is to be used on."""


class MixedBasisError(PriceError, BasisError):
    """Amounts of two bases were about to be compared."""


class ArgumentError(EpisodesError, ValueError):
    """A number or a name given to a function is not usable."""


class BalanceError(EpisodesError):
    """A cent of the input was lost or counted twice. Always a fault of the library: please report it."""


class RunFolderError(EpisodesError):
    """A run folder exists, is incomplete, or belongs to another run."""


def unknown_name(kind: str, asked: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not known: says what was asked, the nearest and all known names.

    >>> unknown_name("programme", "teem", ["team", "cjr"])
    "Unknown programme 'teem'. Did you mean 'team'? Known: cjr, team."
    """
    names = sorted(known)
    near = get_close_matches(asked, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"Unknown {kind} {asked!r}.{hint} Known: {', '.join(names)}."


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun in the right number.

    >>> count_of(1, "row"), count_of(1200, "row")
    ('1 row', '1,200 rows')
    """
    noun = singular if number == 1 else (plural or f"{singular}s")
    return f"{number:,} {noun}"
