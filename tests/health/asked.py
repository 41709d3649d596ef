"""What a process answers by HTTP, and where."""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def said(self) -> Any:
        """One line of JSON."""
        assert self.text.count("\n") == 1
        assert self.text.endswith("\n")
        return json.loads(self.text)

    def number(self, name: str, **labels: str) -> float:
        """What a metric shows."""
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                if sample.name == f"invoice_bot_{name}" and sample.labels == labels:
                    return sample.value
        raise AssertionError(f"no {name} with {labels}")


def free_address() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


async def got(address: str, path: str) -> Answer:
    """The answer at a path."""
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as answer:
        return Answer(answer.status, await answer.text())
