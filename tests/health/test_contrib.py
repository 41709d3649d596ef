"""The dashboard and the alerts ask for numbers that there are, and leave none out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot.health import Readings
from bot.health.exposition import Exposition
from bot.metrics import Meter

CONTRIB = Path(__file__).parents[2] / "contrib"

#: What no panel shows: what comes with the process's own numbers.
LEFT_OUT = re.compile(r"process_(virtual_memory_bytes|start_time_seconds|open_fds|max_fds)")


def there() -> list[Metric]:
    text = Exposition(Readings(meter=Meter())).text().decode()
    return list(text_string_to_metric_families(text))


def names(metric: Metric) -> set[str]:
    return {sample.name for sample in metric.samples}


def asked_of_grafana() -> list[str]:
    dashboard = json.loads((CONTRIB / "grafana-dashboard.json").read_text())
    queries = [each["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    return [
        *queries,
        *(target["expr"] for panel in dashboard["panels"] for target in panel["targets"]),
    ]


def loaded(text: str) -> dict[str, Any]:
    """YAML as far as the rules need it: maps and lists by indentation, and plain or quoted text.

    Raises ValueError for anything else, such as a tab or text that begins with a sign of YAML's.
    """
    lines = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            if "\t" in line:
                raise ValueError(line)
            depth = len(line) - len(line.lstrip(" "))
            rest = line.strip()
            while rest.startswith("- "):
                lines.append((depth, "-"))
                rest, depth = rest[2:], depth + 2
            lines.append((depth, rest))
    value, end = _block(lines, 0)
    if end != len(lines) or not isinstance(value, dict):
        raise ValueError(lines[end])
    return value


def _block(lines: list[tuple[int, str]], at: int) -> tuple[Any, int]:
    depth = lines[at][0]
    made: Any = [] if lines[at][1] == "-" else {}
    while at < len(lines) and lines[at][0] == depth:
        said = lines[at][1]
        if said == "-":
            value, at = _block(lines, at + 1)
            made.append(value)
            continue
        match = re.fullmatch(r"(\w+):(?: (.+))?", said)
        if match is None or match[1] in made:
            raise ValueError(said)
        if match[2] is None:
            made[match[1]], at = _block(lines, at + 1)
        else:
            made[match[1]], at = _scalar(match[2]), at + 1
    if at < len(lines) and lines[at][0] > depth:
        raise ValueError(lines[at])
    return made, at


def _scalar(said: str) -> str:
    if said.startswith('"'):
        text: str = json.loads(said)
        return text
    if said[0] in "-?:,[]{}#&*!|>'%@`" or re.search(r": |:$| #", said):
        raise ValueError(said)
    return said


def rules() -> list[dict[str, Any]]:
    alerts = loaded((CONTRIB / "prometheus-alerts.yaml").read_text())
    return [rule for group in alerts["groups"] for rule in group["rules"]]


def asked_of_prometheus() -> list[str]:
    return [rule["expr"] for rule in rules()]


def test_what_is_no_yaml_of_this_kind_is_refused() -> None:
    for odd in ("a: b: c", "a: 'b'", "\ta: b", "a: b\na: c", "a: b\n  c: d", "- a", "a: {b: c}"):
        with pytest.raises(ValueError, match=r".*"):
            loaded(odd)
    assert loaded('a:\n  - b: "x"\n    c: y\n  - b: z') == {"a": [{"b": "x", "c": "y"}, {"b": "z"}]}


@pytest.mark.parametrize("expression", [*asked_of_grafana(), *asked_of_prometheus()])
def test_what_is_asked_for_is_there(expression: str) -> None:
    every = set().union(*map(names, there()))
    asked = set(re.findall(r"\b(?:invoice_bot|process)_\w+", expression))
    assert asked
    assert asked <= every
    assert expression.count("(") == expression.count(")")


@pytest.mark.parametrize("expression", [*asked_of_grafana(), *asked_of_prometheus()])
def test_labels_that_are_asked_for_are_there(expression: str) -> None:
    said = {
        pair for metric in there() for sample in metric.samples for pair in sample.labels.items()
    }
    for label, value in re.findall(r'(\w+)="([^"]*)"', expression):
        assert (label, value) in said or (label, value) == ("job", "$job")


def test_the_dashboard_shows_every_number() -> None:
    asked = " ".join(asked_of_grafana())
    hidden = {metric.name for metric in there() if not any(name in asked for name in names(metric))}
    assert {name for name in hidden if not LEFT_OUT.fullmatch(name)} == set()


def test_panels_have_places_and_numbers_of_their_own() -> None:
    panels = json.loads((CONTRIB / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["targets"] for panel in panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        cells = set(_cells(**panel["gridPos"]))
        assert not cells & taken
        taken |= cells


def _cells(*, x: int, y: int, w: int, h: int) -> Iterator[tuple[int, int]]:
    assert 0 <= x <= x + w <= 24
    for column in range(x, x + w):
        for row in range(y, y + h):
            yield column, row


def test_a_panel_of_what_is_now_shows_nothing_of_earlier() -> None:
    panels = json.loads((CONTRIB / "grafana-dashboard.json").read_text())["panels"]
    now = [panel for panel in panels if panel["type"] in ("stat", "table")]
    assert len(now) >= 5
    for panel in now:  # the latest of a range would be what a process said before it was gone
        assert all(target["instant"] and not target["range"] for target in panel["targets"])


def test_no_alert_is_of_one_error_and_each_ends_soon_after_what_it_is_about() -> None:
    for rule in rules():
        counted = re.findall(r"(?:increase|rate)\(\w+(?:\{.*?\})?\[(\d+)m\]", rule["expr"])
        assert all(int(minutes) <= 5 for minutes in counted)
        if "increase(" in rule["expr"]:
            (more_than,) = re.findall(r"> (\d+)$", rule["expr"])
            assert int(more_than) >= 2
        else:  # with a scrape a minute, a takeover can look like nobody or two for as long
            assert re.fullmatch(r"([2-9]|\d\d)m", rule["for"])


def test_what_comes_and_goes_between_two_scrapes_is_told_as_well() -> None:
    told = [rule["expr"] for rule in rules() if re.search(r"_(ready|missing)\b", rule["expr"])]
    assert len(told) == 2
    # one bad scrape of three is a blink, half of them are none
    for expression in told:
        of = re.fullmatch(r"avg_over_time\(\w+(?:\{.*?\})?\[[35]m\]\) ([<>]) (0\.\d)", expression)
        assert of is not None
        bad = float(of[2]) if of[1] == ">" else 1 - float(of[2])
        assert 1 / 3 < bad < 1 / 2


def test_a_number_of_each_process_says_which_in_its_alert() -> None:
    for rule in rules():
        is_of_each = (
            "by (job" not in rule["expr"].partition(" and ")[0] and "absent" not in rule["expr"]
        )
        assert ("{{ $labels.instance }}" in rule["annotations"]["summary"]) is is_of_each


def test_each_alert_says_what_it_means_and_what_to_do() -> None:
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found) >= 8
    for rule in found:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[ms]", rule["for"])
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "action"}
