"""Attribution as data: methods, cost centres, and the responsibility matrices that an arrangement chooses from."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from math import lcm
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError, model_validator

from episodes.errors import ArgumentError, unknown_name
from episodes.programs.attribution import AttributionMethod
from episodes.programs.rule import Count, NamedRule, Part, Rule, Share, Status, problems_of

Target = Literal["hospital", "surgeon", "other_physicians", "post_acute", "biller", "other"]
EVERY_CENTRE = "every_centre"
UNEXPLAINED = "not_in_services"
"""The cost centre of cents of an episode that no service row carries."""


class CostCentre(Part):
    """One cost centre: the categories (and periods) of services that are its own."""

    id: str
    categories: tuple[str, ...]
    periods: tuple[str, ...] = ()
    in_complication: bool = False


class Arrangement(Part):
    """A responsibility matrix: for each cost centre, who answers for which share of it."""

    title: str
    status: Status
    citation: str
    note: str | None = None
    shares: dict[str, dict[Target, Share]]

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Arrangement:
        for centre, row in self.shares.items():
            if sum(row.values()) != 1:
                raise ValueError(f"the shares of cost centre {centre!r} should sum to 1")
        return self

    def common_denominator(self) -> int:
        """The whole number that makes every share of the matrix a whole number of parts."""
        return lcm(*(Fraction(share).denominator for row in self.shares.values() for share in row.values()))

    def rows(self, centres: tuple[str, ...]) -> list[tuple[str, str, int]]:
        """Cost centre, target and parts (of the common denominator), for every share above zero."""
        whole = self.common_denominator()
        return [
            (centre, target, int(Fraction(share) * whole))
            for centre in centres
            for target, share in self.shares.get(centre, self.shares.get(EVERY_CENTRE, {})).items()
            if share
        ]


class Method(NamedRule):
    """A way to say whose an episode's cents are."""

    title: str
    expected: Literal["whole", "typical_part"]


class Settings(Part):
    """The named settings of attribution and of its scores."""

    plurality_cost_share: Rule[Share]
    plurality_visits_share: Rule[Share]
    proportional_share: Rule[Share]
    visit_codes: Rule[tuple[tuple[str, str], ...]]
    assistant_modifiers: Rule[tuple[str, ...]]
    quarterback_unit: Rule[Literal["physician", "group"]]
    minimum_episodes: Rule[Count]
    minimum_episodes_complications: Rule[Count]
    reliability_threshold: Rule[Share]
    false_discovery_rate: Rule[Share]


class AttributionRules(Part):
    """Everything that stands in `methods.toml`."""

    settings: Settings
    cost_centres: tuple[CostCentre, ...]
    arrangements: dict[str, Arrangement]
    methods: tuple[Method, ...]

    @model_validator(mode="after")
    def _every_centre_has_its_shares(self) -> AttributionRules:
        for name, arrangement in self.arrangements.items():
            check_centres(name, arrangement, self.centre_ids())
        return self

    def centre_ids(self) -> tuple[str, ...]:
        """The cost centres, in order."""
        return tuple(centre.id for centre in self.cost_centres)

    @property
    def fingerprint(self) -> str:
        """sha256 over the settings, cost centres, arrangements and methods."""
        document = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(document.encode()).hexdigest()

    def method(self, name: str) -> Method:
        """A method by its name."""
        return next(method for method in self.methods if method.id == name)


def check_centres(name: str, arrangement: Arrangement, centres: tuple[str, ...]) -> None:
    """Every cost centre has shares, and no other name has."""
    for named in arrangement.shares:
        if named not in centres and named != EVERY_CENTRE:
            raise ValueError(unknown_name("cost centre", named, [*centres, EVERY_CENTRE]))
    missing = [centre for centre in centres if centre not in arrangement.shares]
    if missing and EVERY_CENTRE not in arrangement.shares:
        raise ValueError(f"arrangement {name!r} says nothing of {', '.join(missing)}")


@cache
def attribution_rules() -> AttributionRules:
    """The packaged settings, cost centres, arrangements and methods.

    Returns:
        `.settings`, `.cost_centres`, `.arrangements` and `.methods`, each value with citation and status.

    Example:
        >>> rules = attribution_rules()
        >>> rules.settings.plurality_cost_share.value, rules.settings.plurality_cost_share.status
        (Decimal('0.30'), 'published')
        >>> sorted(rules.arrangements)[:2]
        ['controllable', 'controllable_hospital_orders']
    """
    text = (files("episodes.attribution") / "methods.toml").read_text(encoding="utf-8")
    return AttributionRules.model_validate(tomllib.loads(text, parse_float=Decimal))


METHODS: tuple[str, ...] = get_args(AttributionMethod)
"""Names of the attribution methods, in the order of tables."""


def load_arrangement(chosen: str | Path | Mapping[str, Any]) -> Arrangement:
    """A responsibility matrix: a packaged one by name, a file of your own, or its parts as a mapping.

    Args:
        chosen: a name in `attribution_rules().arrangements`; the path of a TOML file with title, status, citation and
            a table `shares`; or a mapping of the same form. Shares of a centre sum to 1; `every_centre` stands for
            all that are not named. Targets: hospital, surgeon, other_physicians, post_acute, biller, other.

    Raises:
        ArgumentError: an unknown name, shares that do not sum to one, an unknown cost centre or target.

    Example:
        >>> load_arrangement("controllable").shares["readmission"]
        {'hospital': Decimal('0.5'), 'surgeon': Decimal('0.5')}
    """
    rules = attribution_rules()
    if isinstance(chosen, str) and not chosen.endswith(".toml"):
        if chosen not in rules.arrangements:
            raise ArgumentError(
                unknown_name("arrangement", chosen, rules.arrangements) + " A file of your own ends in .toml."
            )
        return rules.arrangements[chosen]
    tree = chosen if isinstance(chosen, Mapping) else _read(Path(chosen))
    try:
        arrangement = Arrangement.model_validate(tree)
        check_centres("given", arrangement, rules.centre_ids())
    except ValidationError as error:
        raise ArgumentError(f"The arrangement is not usable: {'; '.join(problems_of(error, tree))}.") from None
    except ValueError as error:
        raise ArgumentError(f"The arrangement is not usable: {error}") from None
    return arrangement


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise ArgumentError(f"There is no arrangement file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ArgumentError(f"The arrangement file {path} cannot be read as TOML: {error}.") from None


TARGETS: tuple[str, ...] = get_args(Target)
"""Who can answer for a cost centre."""


def settings_with(changes: Mapping[str, Any] | None = None) -> Settings:
    """The named settings, some of them changed by the user (their status is then `overridden`).

    Raises:
        ArgumentError: an unknown setting, or a value out of its range.

    Example:
        >>> settings_with({"plurality_cost_share": 0.5}).plurality_cost_share.status
        'overridden'
    """
    settings = attribution_rules().settings
    if not changes:
        return settings
    tree = settings.model_dump()
    for name, value in changes.items():
        if name not in tree:
            raise ArgumentError(unknown_name("setting", name, tree))
        tree[name] = {**tree[name], "value": value, "status": "overridden"}
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ArgumentError(f"The settings are not usable: {'; '.join(problems_of(error, tree))}.") from None
