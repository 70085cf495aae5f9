"""Whose the cents of an episode are under a programme, as data: its own method of attribution."""

from __future__ import annotations

from typing import Literal

from episodes.programs.rule import Part, Rule

AttributionMethod = Literal[
    "hospital",
    "operating",
    "attending",
    "own_claims",
    "plurality_cost",
    "plurality_visits",
    "proportional",
    "bpci_precedence",
    "tenncare_quarterback",
    "controllable",
]
"""Methods of attribution, in the order of tables (docs/attribution.md)."""


class Attribution(Part):
    """Who answers for an episode."""

    method: Rule[AttributionMethod]
    """The programme's own method; a build makes its table by default, others on request."""
