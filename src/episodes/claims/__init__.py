"""What comes in: the claims contract, the layouts that are read into it, quarantine and counts."""

from __future__ import annotations

from episodes.claims.claims import Claims
from episodes.claims.contract import TABLES
from episodes.claims.ingesting import ingest
from episodes.claims.profile import profile
from episodes.claims.reading import read_claims
from episodes.claims.report import ReadingReport

__all__ = ["TABLES", "Claims", "ReadingReport", "ingest", "profile", "read_claims"]
