"""Numbers of reason codes, as the compiled loops use them."""

from __future__ import annotations

from episodes.building.context import Context

BARS = ("setting_not_covered", "no_amount_on_basis", "non_positive_amount", "other_payer")
"""Reasons that bar an item whatever the episode, in order of precedence."""

PAST_WINDOWS, NOT_KEPT, REMOVED, IN_EARLIER = (
    "past_windows",
    "not_kept_stay",
    "removed_hospital",
    "in_earlier_episode",
)
_NO_RULE = (IN_EARLIER, PAST_WINDOWS, NOT_KEPT, REMOVED)


def reason_codes(context: Context) -> tuple[str | None, ...]:
    """Reason codes of services by number; 0 stands for an included item. The last are of the balance alone."""
    services = context.program.rules.construction.services
    rules = [rule.id for rule in services.exclusions]
    inclusions = [rule.id for rule in services.inclusions]
    return (None, *BARS, *rules, *inclusions, *_NO_RULE)


def service_reasons(context: Context) -> tuple[str, ...]:
    """The reasons that a service row can have."""
    of_balance = (None, PAST_WINDOWS, NOT_KEPT, REMOVED)
    return tuple(str(reason) for reason in reason_codes(context) if reason not in of_balance)


def number_of(reason: str, context: Context) -> int:
    """The number of a reason code."""
    return reason_codes(context).index(reason)
