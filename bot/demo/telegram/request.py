"""One request to the Bot API as it comes in: JSON, form or multipart. Knows no method."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

Json = dict[str, Any]

_DISPOSITION = re.compile(
    rb'content-disposition:[^\r\n]*?\bname="([^"\r\n]*)"(?:[^\r\n]*?\bfilename="([^"\r\n]*)")?',
    re.IGNORECASE,
)
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_DIGITS = re.compile(r"-?[0-9]+")


class Refusal(Exception):
    """The Bot API says no: the answer's code, description and parameters."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(reason: str) -> Refusal:
    """400, the reason written as the Bot API writes it: it begins with a small letter."""
    if len(reason) >= 2 and (reason[1] == "_" or reason[1].isupper()):
        return Refusal(400, f"Bad Request: {reason}")
    return Refusal(400, f"Bad Request: {reason[:1].lower()}{reason[1:]}")


def too_many(retry_after_s: int) -> Refusal:
    """429 with the seconds to wait."""
    text = f"Too Many Requests: retry after {retry_after_s}"
    return Refusal(429, text, retry_after=retry_after_s)


@dataclass(slots=True, frozen=True)
class Upload:
    """A file of a multipart request."""

    name: str
    data: bytes


@dataclass(slots=True)
class Query:
    """A request's parameters, all as text, and its files."""

    params: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The value, or an empty text."""
        return self.params.get(name, "")

    def flag(self, name: str) -> bool:
        """Whether it says true, yes or 1."""
        return self.text(name).strip().lower() in ("true", "yes", "1")

    def number(self, name: str, default: int = 0) -> int:
        """The number it begins with, or the default; like the real one it accepts anything."""
        found = _DIGITS.match(self.text(name))
        return int(found[0]) if found else default

    def decoded(self, name: str, complaint: str) -> Any:
        """The JSON it holds, None where it is missing. Refusal with the complaint."""
        value = self.params.get(name)
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(complaint) from None


def read_query(query_string: bytes, content_type: str, body: bytes) -> Query:
    """The parameters of the address and the body together. Refusal where they can't be read."""
    query = Query()
    try:
        if query_string:
            query.params.update(parse_qsl(query_string.decode(), keep_blank_values=True))
        if body:
            _read_body(query, content_type, body)
        for value in query.params.values():
            value.encode()
    except UnicodeError:
        raise bad_request("Strings must be encoded in UTF-8") from None
    return query


def _read_body(query: Query, content_type: str, body: bytes) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        _read_json(query, body)
    elif kind == "application/x-www-form-urlencoded":
        query.params.update(parse_qsl(body.decode(), keep_blank_values=True))
    elif kind == "multipart/form-data":
        _read_multipart(query, content_type, body)


def _read_json(query: Query, body: bytes) -> None:
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise bad_request("Can't parse request body as JSON object")
    for name, value in values.items():
        if value is not None:
            query.params[name] = value if isinstance(value, str) else json.dumps(value)


def _read_multipart(query: Query, content_type: str, body: bytes) -> None:
    found = _BOUNDARY.search(content_type)
    if not found:
        raise bad_request("Boundary not found in the multipart request")
    mark = b"--" + found[1].encode()
    for part in (b"\r\n" + body).split(b"\r\n" + mark)[1:-1]:
        head, gap, data = part.partition(b"\r\n\r\n")
        named = _DISPOSITION.search(head)
        if not gap or not named:
            raise bad_request("Wrong part of the multipart request")
        name = named[1].decode()
        if named[2] is None:
            query.params[name] = data.decode()
        else:
            query.files[name] = Upload(named[2].decode(), data)
