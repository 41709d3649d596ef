"""The docs are true: what they name exists, and they name what exists. They use plain words."""

from __future__ import annotations

import ast
import functools
import html
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from typer.main import get_command

from bot import __version__, errors, texts
from bot.cli import app
from bot.config import KEYS
from bot.core.invoice import State
from bot.core.notices import Kind, Notice
from bot.demo.node import SimNode
from bot.demo.telegram import SimTelegram
from bot.node.check import BAKE, BAKING, RIGHTS
from bot.node.explain import explain
from tests.rows import invoice
from tests.texts.test_texts_errors import VALUES
from tests.texts.test_texts_voice import SAID

ROOT = Path(__file__).parent.parent
DOCS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *sorted(
    str(file.relative_to(ROOT)) for file in (ROOT / "docs").glob("*.md")
))  # fmt: skip
#: What it says, each sentence with a cure.
MESSAGES = "docs/messages.md"
#: Files with comments that people read as docs.
COMMENTED = ("config.example.toml", "compose.yaml", "Dockerfile", "Makefile", "pyproject.toml")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GENERATED = {"lnrpc"}
#: Modules of the past: they quote what earlier versions said.
MIGRATIONS = {"versions"}


def read(doc: str) -> str:
    return (ROOT / doc).read_text()


def section(doc: str, heading: str) -> str:
    """The text under a heading, up to the next one that is as high."""
    level = heading.partition(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)",
        read(doc),
        re.DOTALL | re.MULTILINE,
    )
    assert found, f"{doc} has no {heading!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables, without their heads."""
    tables = re.findall(r"^\|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(text: str) -> list[str]:
    """What is between backticks."""
    return re.findall(r"`([^`]+)`", text)


def modules(*leave_out: set[str]) -> list[Path]:
    """The product's modules, but for the folders that are left out."""
    others = set[str]().union(*leave_out)
    return [file for file in (ROOT / "bot").rglob("*.py") if file.parent.name not in others]


# every document


@pytest.mark.parametrize("doc", DOCS)
def test_links_lead_to_files_and_headings_of_the_project(doc: str) -> None:
    text = read(doc)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        assert "://" not in link
        name, _, anchor = link.partition("#")
        file = (ROOT / doc).parent / name if name else ROOT / doc
        assert file.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("doc", DOCS)
def test_files_that_are_named_exist(doc: str) -> None:
    pattern = r"(?:bot|tests|docs|protos|requirements|\.ci)/[\w./*]*|[\w.]+\.(?:py|proto|md|yaml)"
    # its own made-up name, in an example
    named = set(code(read(doc))) - {"tests/test_new.py"}
    for name in [name for name in named if re.fullmatch(pattern, name)]:
        places = (ROOT, ROOT / "tests", ROOT / "docs")
        assert any(list(place.glob(name.rstrip("/"))) for place in places), name


@pytest.mark.parametrize("doc", DOCS)
def test_make_targets_that_are_named_exist(doc: str) -> None:
    text = read(doc)
    targets = set(re.findall(r"^([a-z-]+):.*##", read("Makefile"), re.MULTILINE))
    named = re.findall(r"^ +make ([a-z-]+)", text, re.MULTILINE)
    named += [
        target
        for span in code(text)
        for target in re.findall(r"^(?:\S+=\S+ )?make ([a-z-]+)", span)
    ]
    assert set(named) <= targets


@functools.cache
def every_test() -> frozenset[str]:
    """The names of all tests."""
    sources = [file.read_text() for file in (ROOT / "tests").rglob("*.py")]
    return frozenset(re.findall(r"\bdef (test_\w+)\(", "\n".join(sources)))


@pytest.mark.parametrize("doc", DOCS)
def test_tests_that_are_named_exist(doc: str) -> None:
    named = {span for span in code(read(doc)) if re.fullmatch(r"test_\w+", span)}
    assert named <= every_test()


# plain words

#: Words that are old, unclear or easily misread, each in every form that would be used.
AVOIDED = re.compile(
    r"\b(anew|shall|stands in(?! for)|may not|its owner|papers?|mend(?:s|ed|ing)?|any more|"
    r"foreign|strays?)\b",
    re.IGNORECASE,
)


def avoided(text: str) -> list[str]:
    return AVOIDED.findall(" ".join(text.split()))


def comments(source: str) -> Iterator[str]:
    """What a module says to its readers: comments and docstrings."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("#: ")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.mark.parametrize("doc", [*DOCS, *COMMENTED])
def test_docs_use_plain_words(doc: str) -> None:
    assert avoided(re.sub(r"\n *#", "\n", read(doc))) == []


def test_comments_and_docstrings_use_plain_words() -> None:
    sources = {str(file): file.read_text() for file in modules(GENERATED, MIGRATIONS)}
    prose = {name: " ".join(comments(source)) for name, source in sources.items()}
    assert sum(map(len, prose.values())) > 50_000
    assert {name: words for name, text in prose.items() if (words := avoided(text))} == {}


def test_the_search_for_words_finds_them_across_lines() -> None:
    source = (
        'def f():\n    """It may\n    not work."""\n    # any\n    # more\n    return 1  # Anew.\n'
    )
    assert avoided(" ".join(comments(source))) == ["any more", "Anew", "may not"]
    assert avoided("some more, pending, a newspaper") == []


# the README

COMMAND_LINE = section("README.md", "## At the command line")

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_is_in_the_readme(name: str) -> None:
    assert re.search(rf"\nExample: invoice-bot {name}\b", COMMANDS[name].help)
    listed = re.findall(rf"^    invoice-bot {name}\b(.*)", COMMAND_LINE, re.MULTILINE)
    assert listed
    assert set(re.findall(r"--\w+", " ".join(listed))) <= options(name)


def test_options_that_the_readme_names_exist() -> None:
    named = {found for span in code(COMMAND_LINE) for found in re.findall(r"--\w+", span)}
    assert named - {"--help"} <= {option for name in COMMANDS for option in options(name)}


def options(name: str) -> set[str]:
    return {option for parameter in COMMANDS[name].params for option in parameter.opts}


def test_the_readme_lists_every_command_of_the_chat() -> None:
    table = rows(section("README.md", "## Commands").partition("### Amounts")[0])
    listed = {name for cells in table for name in re.findall(r"`/(\w+)", cells[0])}
    assert listed == set(handled())
    menus = {name for menu in (texts.PRIVATE_COMMANDS, texts.GROUP_COMMANDS) for name, _ in menu}
    assert menus <= listed


def handled() -> Iterator[str]:
    """The commands that the families register."""
    for file in (ROOT / "bot" / "chat" / "commands").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "CommandHandler":
                names = ast.literal_eval(node.args[0])
                yield from [names] if isinstance(names, str) else names


def test_the_macaroon_is_baked_by_one_and_the_same_line() -> None:
    for doc, comment in (("README.md", ""), ("config.example.toml", "#")):
        lines = [line.removeprefix(comment).strip() for line in read(doc).splitlines()]
        assert BAKE in re.sub(r"\\? +|\\", " ", " ".join(lines)).replace("  ", " ")


def test_the_example_has_every_setting_and_no_other() -> None:
    text = read("config.example.toml")
    shown = re.sub(r"^#\s?(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    found = {name: set(keys) for name, keys in tomllib.loads(shown).items()}
    assert found == {name: set(keys) for name, keys in KEYS.items()}


@pytest.mark.parametrize("doc", ["README.md", "docs/boxes.md", "docs/servers.md", MESSAGES])
def test_settings_that_are_named_exist(doc: str) -> None:
    keys = {key for keys in KEYS.values() for key in keys}
    text = read(doc)
    assert set(re.findall(r"INVOICE_BOT_([A-Z_]+?)__([A-Z_]+)", text)) <= {
        (name.upper(), key.upper()) for name, keys in KEYS.items() for key in keys
    }
    named = [span.partition(" = ")[0] for span in code(text) if re.fullmatch(r"[a-z_]+ = .*", span)]
    assert named or doc != "README.md"
    assert set(named) <= keys
    assert {name for span in code(text) for name in re.findall(r"^\[([a-z]+)\]$", span)} <= set(
        KEYS
    )


# how it is kept running


def test_no_secret_is_in_the_containers_environment() -> None:
    named = set(re.findall(r"INVOICE_BOT_(\w+?)__(\w+):", read("compose.yaml")))
    assert named
    assert named <= {(name.upper(), key.upper()) for name, keys in KEYS.items() for key in keys}
    assert not named & {("TELEGRAM", "TOKEN"), ("LND", "LNDCONNECT")}


# the tables of sentences, each with a cure

IN_THE_CHAT = [cells[0] for cells in rows(section(MESSAGES, "## In the chat"))]
AT_THE_START = [cells[0] for cells in rows(section(MESSAGES, "## At the start"))]
IN_THE_LOG = [cells[0] for cells in rows(section(MESSAGES, "## In the log"))]


def begins(sentence: str, quoted: str) -> bool:
    """Whether the quoted part begins the sentence; a … is anything."""
    return re.match(".*".join(map(re.escape, quoted.split("…"))), sentence) is not None


def plain(markup: str) -> str:
    return html.unescape(re.sub("<[^>]*>", "", markup)).removeprefix("⚠️ ")


@functools.cache
def sentences(folder: str) -> tuple[str, ...]:
    """Every text in the sources there but for docstrings; a … is in the place of a value."""
    files = [file for file in modules(GENERATED, MIGRATIONS) if file.is_relative_to(ROOT / folder)]
    return tuple(text for file in files for text in written(ast.parse(file.read_text())))


def written(tree: ast.Module) -> Iterator[str]:
    docstrings = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if node not in docstrings and (text := " ".join(_text(node).split())):
            yield text


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "…" for part in node.values)
    return ""


@pytest.mark.parametrize("heading", ["## In the chat", "## At the start", "## In the log"])
def test_a_sentence_has_one_row_of_what_to_do(heading: str) -> None:
    quoted = [cells[0] for cells in rows(section(MESSAGES, heading))]
    assert [each for each in quoted if quoted.count(each) > 1] == []


@pytest.mark.parametrize("quoted", [*IN_THE_CHAT, *AT_THE_START])
def test_the_tables_quote_sentences_that_are_really_said(quoted: str) -> None:
    said = (*sentences("bot/texts"), *map(plain, SAID))
    assert any(begins(sentence, quoted) for sentence in said)


@pytest.mark.parametrize("quoted", IN_THE_LOG)
def test_the_tables_quote_lines_that_are_really_logged(quoted: str) -> None:
    assert any(begins(line, quoted) for line in sentences("bot"))


def family(kind: type[errors.InvoiceBotError]) -> Iterator[type[errors.InvoiceBotError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from family(each)


#: What the node can answer to the add of a command, so that a chat reads it.
OF_THE_NODE = [
    *family(errors.NodePassing),
    *family(errors.NodeSetting),
    errors.NodeRefused,
    errors.MemoTooLong,
    errors.AmountTooLarge,
    errors.ExpiryTooLong,
]
OF_THE_START = [kind for kind in family(errors.StartError) if kind is not errors.StartError]


@pytest.mark.parametrize("kind", OF_THE_NODE)
def test_there_is_a_cure_for_every_error_of_the_node(
    kind: type[errors.InvoiceBotError],
) -> None:
    assert texts.reason(kind()).what in IN_THE_CHAT


@pytest.mark.parametrize("kind", OF_THE_START)
def test_there_is_a_cure_for_every_error_of_the_start(
    kind: type[errors.InvoiceBotError],
) -> None:
    what = texts.reason(kind(**VALUES)).what
    assert any(begins(what, quoted) for quoted in AT_THE_START)


@pytest.mark.parametrize("kind", Kind)
def test_there_is_a_cure_for_every_notice_to_the_owners(kind: Kind) -> None:
    notice = plain(texts.owner_notice(Notice(kind, 7, "why", 2, invoice=invoice(State.OPEN))))
    assert any(begins(notice, quoted) for quoted in IN_THE_CHAT)


# the architecture

ROOMS = "## The rooms"


def test_the_architecture_names_every_package_and_module_at_the_top() -> None:
    named = set(re.findall(r"\w+", section("docs/architecture.md", ROOMS)))
    there = {file.stem for file in (ROOT / "bot").glob("*.py")}
    there |= {file.name for file in (ROOT / "bot").iterdir() if (file / "__init__.py").exists()}
    assert len(there) > 15
    assert there - {"__init__"} <= named


def test_the_architectures_floors_are_those_that_are_enforced() -> None:
    contract = PYPROJECT["tool"]["importlinter"]["contracts"][0]
    assert (contract["type"], contract["containers"]) == ("layers", ["bot"])
    enforced = [set(re.findall(r"\w+", layer)) for layer in reversed(contract["layers"])]
    floors: dict[int, set[str]] = {}
    table = section("docs/architecture.md", ROOMS).partition("\n### ")[0]
    for floor, package, *_ in rows(table):
        floors.setdefault(int(floor), set()).update(re.findall(r"\w+", package))
    assert [floors[floor] for floor in sorted(floors)] == enforced


INSIDE = rows(section("docs/architecture.md", "### Inside the rooms"))


@pytest.mark.parametrize(("package", "text"), INSIDE)
def test_the_architecture_names_every_module_inside_a_room(package: str, text: str) -> None:
    folder = ROOT / "bot" / package
    there = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    there |= {file.parent.name for file in folder.glob("*/__init__.py")}
    source = "".join(file.read_text() for file in folder.rglob("*.py"))
    defined = set(re.findall(r"^(?:async )?(?:def|class) (\w+)", source, re.MULTILINE))
    assert there <= set(code(text)) <= there | defined


def test_the_architecture_names_every_package_of_the_demo() -> None:
    table = rows(section("docs/architecture.md", "### The demo"))
    listed = [cells[0].strip("`") for cells in table]
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


# the promises

PROMISES = rows(read("docs/promises.md"))


def test_every_promise_names_a_rule() -> None:
    text = section("docs/architecture.md", "## The rules")
    rules = re.findall(r"^\*\*(.+?)\.\*\*", text, re.MULTILINE)
    assert len(PROMISES) > 15
    for promise, rule, _ in PROMISES:
        for named in rule.split("; "):
            assert named in rules or not named[0].isupper(), (promise, named)


def test_every_promise_names_a_test() -> None:
    for promise, _, tried in PROMISES:
        names = code(tried)
        assert names, promise
        for name in names:
            assert name in every_test() or name == "make storm", (promise, name)


# the node


NODE_ERRORS = rows(section("docs/node.md", "## What any call can meet"))


@pytest.mark.parametrize(("code_name", "text", "when", "error"), NODE_ERRORS)
def test_the_nodes_errors_are_explained_as_documented(
    code_name: str, text: str, when: str, error: str
) -> None:
    failure = grpc.aio.AioRpcError(
        grpc.StatusCode[code_name], grpc.aio.Metadata(), grpc.aio.Metadata(), text.strip("`")
    )
    assert type(explain(failure)).__name__ == error


def test_the_nodes_docs_name_every_call_and_what_it_needs() -> None:
    needs = {
        name: permission
        for names, permission in rows(section("docs/node.md", "## Permissions"))
        for name in names.split(", ")
    }
    del needs["GetState"]
    assert needs == {
        right.method.rpartition("/")[2]: f"{right.entity}:{right.action}"
        for right in (*RIGHTS, BAKING)
    }


# the changes


def test_the_changelog_has_this_version() -> None:
    assert re.search(
        rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$",
        read("CHANGELOG.md"),
        re.MULTILINE,
    )
