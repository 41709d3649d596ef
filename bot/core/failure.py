"""Why there is no invoice, as a key with values: stored as such, a sentence only in `bot.texts`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import NodeError, NodePassing, NodeRefused, Value


@dataclass(frozen=True)
class Failure:
    """An error's key, such as ``node-locked``, and the values that its sentence needs."""

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def is_of_the_request(self) -> bool:
        """Whether the node rejected what was asked for: it would again."""
        return self.key in _OF_THE_REQUEST

    @property
    def is_passing(self) -> bool:
        """Whether it may pass by itself."""
        return self.key in _PASSING

    @classmethod
    def of(cls, error: NodeError) -> Failure:
        """What is kept of an error."""
        return cls(error.key, error.values)


_OF_THE_REQUEST = frozenset(kind.key for kind in NodeRefused.family())
_PASSING = frozenset(kind.key for kind in NodePassing.family())


def packed(failure: Failure | None) -> str:
    """As the database keeps it, "" for none."""
    if failure is None:
        return ""
    values = json.dumps(failure.values, separators=(",", ":")) if failure.values else ""
    return f"{failure.key} {values}".strip()


def unpacked(text: str) -> Failure | None:
    """What `packed` made."""
    key, _, values = text.partition(" ")
    return Failure(key, json.loads(values) if values else {}) if key else None
