"""The papers tell the truth: what they name exists, and what exists they name."""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from typer.main import get_command

from bot import __version__, check, errors, lnd
from bot.cli import app
from bot.config import KEYS
from bot.demo.node import SimNode
from bot.demo.telegram import SimTelegram

ROOT = Path(__file__).parent.parent
PAPERS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(
    str(file.relative_to(ROOT)) for file in (ROOT / "docs").glob("*.md")
))  # fmt: skip
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GENERATED = {"lnrpc"}


def read(paper: str) -> str:
    return (ROOT / paper).read_text()


def section(paper: str, heading: str) -> str:
    """The text under a heading, up to the next one that is as high."""
    level = heading.partition(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)",
        read(paper),
        re.DOTALL | re.MULTILINE,
    )
    assert found, f"{paper} has no {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables, without their heads."""
    tables = re.findall(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


@functools.cache
def spoken() -> tuple[str, ...]:
    """Every text in the product's source; a … stands where a value is put in."""
    files = [file for file in (ROOT / "bot").rglob("*.py") if file.parent.name not in GENERATED]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    return tuple(" ".join(text.split()) for node in nodes if (text := _text(node)))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


# every paper


@pytest.mark.parametrize("paper", PAPERS)
def test_links_lead_to_files_and_headings_of_the_project(paper: str) -> None:
    text = read(paper)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        assert "://" not in link
        name, _, anchor = link.partition("#")
        file = (ROOT / paper).parent / name if name else ROOT / paper
        assert file.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("paper", PAPERS)
def test_files_that_are_named_exist(paper: str) -> None:
    pattern = r"(?:bot|tests|docs|protos|requirements|\.ci)/[\w./*]*|[\w.]+\.(?:py|proto|md|yaml)"
    # its own made-up name, in an example
    named = set(code(read(paper))) - {"tests/test_new.py"}
    for name in [name for name in named if re.fullmatch(pattern, name)]:
        places = (ROOT, ROOT / "tests", ROOT / "docs")
        assert any(list(place.glob(name.rstrip("/"))) for place in places), name


@pytest.mark.parametrize("paper", PAPERS)
def test_make_targets_that_are_named_exist(paper: str) -> None:
    text = read(paper)
    targets = set(re.findall(r"^([a-z]+):.*##", read("Makefile"), re.MULTILINE))
    named = re.findall(r"^ +make ([a-z]+)", text, re.MULTILINE)
    named += [
        target for span in code(text) for target in re.findall(r"^(?:\S+=\S+ )?make (\w+)", span)
    ]
    assert set(named) <= targets


# the README

COMMAND_LINE = section("README.md", "## At the command line")

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_stands_in_the_readme(name: str) -> None:
    assert f"\nExample: invoice-bot {name} " in COMMANDS[name].help
    told = re.findall(rf"^    invoice-bot {name}\b(.*)", COMMAND_LINE, re.MULTILINE)
    assert told
    assert set(re.findall(r"--\w+", " ".join(told))) <= options(name)


def test_options_that_the_readme_names_exist() -> None:
    named = {found for span in code(COMMAND_LINE) for found in re.findall(r"--\w+", span)}
    assert named - {"--help"} <= {option for name in COMMANDS for option in options(name)}


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts}


def test_the_macaroon_is_baked_by_one_and_the_same_line() -> None:
    for paper, comment in (("README.md", ""), ("config.example.toml", "#")):
        lines = [line.removeprefix(comment).strip() for line in read(paper).splitlines()]
        assert check.BAKE in re.sub(r"\\? +|\\", " ", " ".join(lines)).replace("  ", " ")


def test_the_example_has_every_setting_and_no_other() -> None:
    text = read("config.example.toml")
    shown = re.sub(r"^#\s?(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    found = {name: set(keys) for name, keys in tomllib.loads(shown).items()}
    assert found == {name: set(keys) for name, keys in KEYS.items()}


def test_settings_that_the_readme_names_exist() -> None:
    keys = {key for keys in KEYS.values() for key in keys}
    text = read("README.md")
    assert set(re.findall(r"INVOICE_BOT_([A-Z_]+?)__([A-Z_]+)", text)) <= {
        (name.upper(), key.upper()) for name, keys in KEYS.items() for key in keys
    }
    named = [span.partition(" = ")[0] for span in code(text) if re.fullmatch(r"[a-z_]+ = .*", span)]
    assert named
    assert set(named) <= keys
    assert {name for span in code(text) for name in re.findall(r"^\[([a-z]+)\]$", span)} <= set(
        KEYS
    )


TROUBLES = [cells[0] for cells in rows(section("README.md", "## When something is wrong"))]


@pytest.mark.parametrize("sentence", TROUBLES)
def test_the_readme_quotes_sentences_that_are_really_said(sentence: str) -> None:
    pattern = re.compile(".*".join(map(re.escape, sentence.split("…"))))
    assert any(pattern.search(text) for text in spoken())


def leaves(kind: type[errors.InvoiceBotError]) -> Iterator[type[errors.InvoiceBotError]]:
    for below in kind.__subclasses__():
        yield from leaves(below) if below.__subclasses__() else (below,)


def test_the_readme_has_a_cure_for_every_sentence_of_the_nodes_and_of_the_start() -> None:
    sentences = {
        kind().sentence
        for group in (errors.NodePassing, errors.NodeSetting)
        for kind in leaves(group)
    }
    sentences |= {sentence for _, sentence in lnd._TLS_FAILURES}
    sentences |= {sentence for _, _, sentence in lnd._TEXTS if sentence}
    sentences |= {errors.TokenRefused().sentence, errors.DatabaseTooNew().sentence}
    assert sentences <= set(TROUBLES)


# the house


def test_the_architecture_names_every_module() -> None:
    house = section("docs/architecture.md", "## The house")
    named = set(re.findall(r"\w+", house))
    modules = {file.stem for file in (ROOT / "bot").glob("*.py")}
    modules |= {file.name for file in (ROOT / "bot").iterdir() if (file / "__init__.py").exists()}
    assert modules - {"__init__"} <= named


def test_the_architecture_names_every_package_of_the_demo() -> None:
    listed = [cells[0] for cells in rows(section("docs/architecture.md", "### The demo"))]
    packages = (ROOT / "bot" / "demo").rglob("__init__.py")
    there = [".".join(file.parent.relative_to(ROOT / "bot").parts) for file in packages]
    assert sorted(listed) == sorted(there)


@pytest.mark.parametrize(
    ("heading", "simulator"),
    [("### A fault of the node", SimNode), ("### A fault of Telegram", SimTelegram)],
)
def test_the_faults_that_are_named_exist(heading: str, simulator: type) -> None:
    kind, *named = code(section("CONTRIBUTING.md", heading).partition(" and more")[0])
    assert kind == simulator.__name__
    assert named
    assert not [name for name in named if not hasattr(simulator, name)]


def test_every_promise_names_a_rule_and_a_test_that_there_are() -> None:
    text = section("docs/architecture.md", "## The rules")
    rules = re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))
    promises = rows(read("docs/promises.md"))
    assert len(promises) > 15
    for promise, rule, tried in promises:
        for named in rule.split("; "):
            assert named in rules or not named[0].isupper(), (promise, named)
        for name in code(tried):
            assert f"def {name}(" in tests or name == "make storm", (promise, name)


def test_the_architectures_levels_are_those_that_are_enforced() -> None:
    contract = PYPROJECT["tool"]["importlinter"]["contracts"][0]
    enforced = [set(re.findall(r"bot\.(\w+)", layer)) for layer in reversed(contract["layers"])]
    told: dict[int, set[str]] = {}
    house = section("docs/architecture.md", "## The house").partition("### The demo")[0]
    for level, module, _ in rows(house):
        told.setdefault(int(level), set()).add(module)
    assert [told[level] for level in sorted(told)] == enforced


# the node


NODE_ERRORS = rows(section("docs/node.md", "## What any call can meet"))


@pytest.mark.parametrize(("code_name", "text", "when", "error"), NODE_ERRORS)
def test_the_nodes_errors_are_explained_as_the_paper_says(
    code_name: str, text: str, when: str, error: str
) -> None:
    failure = grpc.aio.AioRpcError(
        grpc.StatusCode[code_name], grpc.aio.Metadata(), grpc.aio.Metadata(), text.strip("`")
    )
    assert type(lnd.explain(failure)).__name__ == error


def test_the_nodes_paper_names_every_call_and_what_it_needs() -> None:
    needs = {
        name: permission
        for names, permission in rows(section("docs/node.md", "## Permissions"))
        for name in names.split(", ")
    }
    del needs["GetState"]
    assert needs == {
        right.method.rpartition("/")[2]: f"{right.entity}:{right.action}" for right in check.RIGHTS
    }


# the changes


def test_the_changelog_has_this_version() -> None:
    assert re.search(
        rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$",
        read("CHANGELOG.md"),
        re.MULTILINE,
    )
