"""Sentences about a plan that commands share."""

from collections.abc import Mapping
from typing import Any


def list_sentence(kind: str, facts: Mapping[str, Any]) -> str:
    """Say in one line how a suppression list, or a hold, fares."""
    size = f"{kind} {facts['list']}: {facts['entries']:,} entries"
    return size if facts["matches"] else f"{size}; warning: nobody in this source stands in it"


def match_sentence(facts: Mapping[str, Any]) -> str:
    """Say in one line how the match fares at a destination."""
    size = f"match: {facts['contacts']:,} contacts for {facts['destination']}"
    return size if facts["matches"] else f"{size}; warning: nobody in this source is among them"
