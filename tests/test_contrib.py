"""The files for what stands in front of the bot: they fit each other, the bot and its docs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from bot.chat.webhook import AGAIN_S
from bot.config import KEYS, TelegramSettings
from bot.listener import MAX_BODY, nothing
from tests.test_docs import AVOIDED

ROOT = Path(__file__).parent.parent
CONTRIB = ROOT / "contrib"
FILES = ("Caddyfile", "nginx.conf", "compose.yaml")
LISTEN = TelegramSettings().listen
PORT = LISTEN.rpartition(":")[2]


def read(name: str) -> str:
    return (CONTRIB / name).read_text()


def settings_in(compose: str) -> dict[tuple[str, str], str]:
    """Section and key → what the compose file sets."""
    found = re.findall(r"^ +INVOICE_BOT_([A-Z]+)__([A-Z_]+): (.*)$", compose, re.MULTILINE)
    return {(section.lower(), key.lower()): value for section, key, value in found}


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_named_in_the_docs_and_uses_plain_words(name: str) -> None:
    assert f"(../contrib/{name})" in (ROOT / "docs" / "servers.md").read_text()
    assert not AVOIDED.findall(read(name))


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf"])
def test_a_proxy_passes_the_path_of_its_example_to_where_the_bot_listens(name: str) -> None:
    text = read(name)
    (address,) = re.findall(r'webhook = "(.*?)"', text)
    path = "/" + address.split("/", 3)[3]
    assert re.search(rf"^\s*(?:path|location =) {path}\b", text, re.MULTILINE)
    assert LISTEN in text


def test_nginx_keeps_the_path_and_has_balanced_blocks() -> None:
    lines = [line.partition("#")[0].strip() for line in read("nginx.conf").splitlines()]
    assert all(line[-1] in "{};" for line in lines if line)
    assert sum(line.count("{") - line.count("}") for line in lines) == 0
    (to,) = [line for line in lines if line.startswith("proxy_pass ")]
    assert re.fullmatch(r"proxy_pass http://[a-z_]+;", to)  # with a path it would replace the bot's


def words(name: str) -> dict[str, list[str]]:
    """Each line's first word → the rest of it; of the lines without their comments."""
    lines = (line.partition("#")[0].strip(" \t;{") for line in read(name).splitlines())
    return {first: rest for first, *rest in (line.split() for line in lines if line)}


def seconds(said: str) -> float:
    assert said.endswith("s")
    return float(said[:-1])


def test_caddy_passes_on_to_another_bot_what_one_does_not_take() -> None:
    said = words("Caddyfile")
    tries_s = seconds(said["lb_try_duration"][0])
    # a try that gets no answer leaves time for another one, and so does a bot that starts again
    assert seconds(said["response_header_timeout"][0]) < tries_s
    assert seconds(said["dial_timeout"][0]) < tries_s
    assert seconds(said["fail_duration"][0]) < tries_s
    assert said["method"] == ["POST"]  # else only GET is tried again
    retried = "`{rp.is_transport_error} || {rp.status_code} >= 500`"
    assert " ".join(said["expression"]) == retried
    assert said["unhealthy_status"] == ["5xx"]
    # without its body a call can't be made again
    assert said["request_buffers"] == said["max_size"] == [f"{MAX_BODY >> 20}MB"]
    # it answers so, whatever its database does: a bot that does not stands still
    assert said["health_status"] == [str(nothing().status)]


def test_nginx_passes_on_to_another_bot_what_one_does_not_take() -> None:
    said = words("nginx.conf")
    for wanted in ("error", "timeout", "http_500", "http_503", "non_idempotent"):
        assert wanted in said["proxy_next_upstream"]
    assert seconds(said["proxy_read_timeout"][0]) <= 5
    servers = re.findall(r"^ *(?:# )?server \S+:\d+(.*);$", read("nginx.conf"), re.MULTILINE)
    assert len(servers) == 2
    assert all("fail_timeout=2s" in server for server in servers)  # not ten, once all have failed
    assert said["client_max_body_size"] == [f"{MAX_BODY >> 20}m"]


def test_where_no_bot_takes_it_both_say_when_telegram_may_come_again() -> None:
    for name, word in (("Caddyfile", "header"), ("nginx.conf", "add_header")):
        assert words(name)[word][:2] == ["Retry-After", str(AGAIN_S)]


def test_the_compose_file_sets_what_the_bot_knows_and_no_secret() -> None:
    made = settings_in(read("compose.yaml"))
    # the password of a server's database is a setting of its own
    known = {(section, key) for section, keys in KEYS.items() for key in keys}
    assert made.keys() - {("database", "password_file")} <= known
    assert not made.keys() & {("telegram", "token"), ("lnd", "lndconnect")}
    assert made["telegram", "listen"] == f"0.0.0.0:{PORT}"
    assert re.fullmatch(r"postgresql://[a-z]+@database/[a-z]+", made["database", "url"])
    webhook = re.sub(r"\$\{.*?\}", "bot.example.org", made["telegram", "webhook"])
    assert TelegramSettings(webhook=webhook).webhook == webhook


def test_caddy_passes_calls_to_each_bot_of_the_compose_file() -> None:
    compose, caddy = read("compose.yaml"), read("Caddyfile")
    bots = re.findall(r"^  (bot-\d): \*bot$", compose, re.MULTILINE)
    assert len(bots) == 2
    (passed,) = re.findall(r"^ +BOTS: (.*)$", compose, re.MULTILINE)
    assert passed.split() == [f"{bot}:{PORT}" for bot in bots]
    assert set(re.findall(r"\{\$([A-Z]+)", caddy)) == {"NAME", "BOTS"}
    (path,) = re.findall(r"^ +INVOICE_BOT_TELEGRAM__WEBHOOK: .*\}(/.*)$", compose, re.MULTILINE)
    assert f"path {path}\n" in caddy


def test_each_variable_of_the_compose_file_is_explained_at_its_top() -> None:
    text = read("compose.yaml")
    head, _, rest = text.partition("x-bot:")
    explained = set(re.findall(r"^#   ([A-Z_]+)=", head, re.MULTILINE))
    assert explained == set(re.findall(r"\$\{([A-Z_]+)", rest))


def test_the_compose_file_is_yaml_with_services_that_have_what_they_name() -> None:
    text = read("compose.yaml")
    if importlib.util.find_spec("yaml") is None:  # no parser among the packages: by its shape
        assert "\t" not in text
        indents = [len(line) - len(line.lstrip()) for line in text.splitlines() if line.strip()]
        assert all(indent % 2 == 0 for indent in indents)
        return
    import yaml  # type: ignore[import-untyped]

    parsed: dict[str, Any] = yaml.safe_load(text)
    for service in parsed["services"].values():
        assert set(service.get("secrets", ())) <= parsed["secrets"].keys()
        assert set(service.get("depends_on", ())) <= parsed["services"].keys()
