"""invoice --expiry and --wait, lookup and cancel: what is printed, and how each ends."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

from bot import errors, texts
from bot.cli.waiting import CANCELLED, EXPIRED, INTERRUPTED
from bot.core.answers import NodeInvoice
from bot.core.ends import End
from bot.core.invoice import Face
from bot.demo.node import CANCELED, SETTLED, SimInvoice
from bot.node import sweep
from tests.test_cli import LIMIT_S, LOST, ended, node_env, ran, redirected, started
from tests.world import World

__all__ = ["node_env"]

HASH = bytes(range(32)).hex()
#: The example of BOLT11, of bitcoin's own network.
MAINNET = (
    "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4"
    "jsxqzpuaztrnwngzn3kdzw5hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudup"
    "q63nyw24cg27h2rspfj9srp"
)


async def waiting(*arguments: str, env: dict[str, str]) -> asyncio.subprocess.Process:
    """`invoice --wait`, once it waits."""
    process = await started("invoice", *arguments, "--wait", env=env)
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        assert (await process.stderr.readline()).decode() == texts.WAITING + "\n"
    return process


async def lines_of(process: asyncio.subprocess.Process, count: int) -> list[str]:
    """The next lines on its standard error."""
    assert process.stderr is not None
    async with asyncio.timeout(LIMIT_S):
        return [(await process.stderr.readline()).decode().rstrip("\n") for _ in range(count)]


def only(world: World) -> SimInvoice:
    (made,) = world.node.invoices.values()
    return made


# invoice


@pytest.mark.parametrize(("expiry", "seconds"), [("1d", 86_400), ("90s", 90), ("365d", 31_536_000)])
async def test_an_invoice_can_be_paid_for_as_long_as_was_asked(
    world: World, node_env: dict[str, str], expiry: str, seconds: int
) -> None:
    result = await ran("invoice", "5", "--expiry", expiry, env=node_env)
    assert (result.code, result.err) == (0, "")
    assert only(world).expiry_s == seconds


@pytest.mark.parametrize("expiry", ["", "0s", "soon", "60", "366d", "-1d", "1w"])
async def test_a_time_that_is_none_or_too_long_is_one_sentence(
    world: World, node_env: dict[str, str], expiry: str
) -> None:
    result = await ran("invoice", "5", f"--expiry={expiry}", env=node_env)
    sentence = texts.why(errors.ExpiryRefused(text=expiry))
    assert (result.code, result.out, result.lines) == (2, "", [sentence])
    assert not world.node.invoices


@pytest.mark.parametrize(
    ("words", "msat", "memo"),
    [
        (["2100", "pizza", "for", "two"], 2_100_000, "pizza for two"),
        (["21k"], 21_000_000, ""),
        (["any"], 0, ""),
        (["any amount", "a present"], 0, "a present"),
    ],
)
async def test_words_are_taken_as_in_the_chat(
    world: World, node_env: dict[str, str], words: list[str], msat: int, memo: str
) -> None:
    assert (await ran("invoice", *words, env=node_env)).code == 0
    assert (only(world).value_msat, only(world).memo) == (msat, memo)


async def test_to_wait_ends_with_0_once_it_is_paid(world: World, node_env: dict[str, str]) -> None:
    process = await waiting("2100", "pizza", env=node_env)
    world.node.pay(only(world).payment_request)
    result = await ended(process)
    assert result.code == 0
    assert only(world).payment_request in result.out
    assert result.out.splitlines()[-1] == texts.became(End.PAID, as_known(only(world)))


async def test_to_wait_ends_with_3_once_it_has_expired(
    world: World, node_env: dict[str, str]
) -> None:
    result = await ran("invoice", "5", "--expiry", "1s", "--wait", env=node_env)
    assert result.code == EXPIRED
    assert result.out.splitlines()[-1] == texts.became(End.EXPIRED, as_known(only(world)))


@pytest.mark.parametrize("is_deleted", [False, True], ids=["kept", "deleted"])
async def test_to_wait_ends_with_4_once_it_was_cancelled(
    world: World, node_env: dict[str, str], is_deleted: bool
) -> None:
    process = await waiting("5", env=node_env)
    made = only(world)
    world.node.cancel_invoice(made.payment_hash)
    if is_deleted:
        world.node.delete_invoice(made.payment_hash)
    result = await ended(process)
    assert result.code == CANCELLED
    assert result.out.splitlines()[-1] == texts.became(End.CANCELLED, as_known(made))


async def test_ctrl_c_ends_the_waiting_and_says_that_the_invoice_is_open(
    world: World, node_env: dict[str, str]
) -> None:
    process = await waiting("5", env=node_env)
    process.send_signal(signal.SIGINT)
    result = await ended(process)
    assert result.code == INTERRUPTED
    assert result.lines == [texts.still_open(as_known(only(world)), 0.0)]
    assert only(world).state not in (SETTLED, CANCELED)


ENDINGS = {
    signal.SIGINT: INTERRUPTED,
    signal.SIGTERM: -signal.SIGTERM,
    signal.SIGHUP: -signal.SIGHUP,
}


@pytest.mark.parametrize("number", ENDINGS)
async def test_an_invoice_that_is_under_way_at_an_end_is_named(
    world: World, node_env: dict[str, str], number: signal.Signals
) -> None:
    asking = world.node.stall("AddInvoice")
    process = await started("invoice", "5", env=node_env)
    await asking.reached()
    process.send_signal(number)
    result = await ended(process)
    asking.release()
    assert (result.code, result.out) == (ENDINGS[number], "")
    assert texts.perhaps_made(only(world).payment_hash) in result.lines


async def test_an_invoice_whose_answer_is_lost_is_named(
    world: World, node_env: dict[str, str]
) -> None:
    world.node.lose_answer("AddInvoice")
    result = await ran("invoice", "5", env=node_env)
    assert (result.code, result.out) == (1, "")
    assert result.lines[0] == texts.perhaps_made(only(world).payment_hash)


async def test_what_the_node_refused_is_not_named(world: World, node_env: dict[str, str]) -> None:
    world.node.fail("AddInvoice", text="memo too large: 700 bytes (maxsize=639)")
    result = await ran("invoice", "5", env=node_env)
    assert "invoice-bot cancel" not in result.err
    assert result.code != 0


async def test_a_node_that_goes_away_is_waited_through(
    world: World, node_env: dict[str, str]
) -> None:
    process = await waiting("5", env=node_env)
    await world.node.kill()
    (trouble,) = await lines_of(process, 1)
    assert trouble.startswith(texts.why(errors.NodeUnreachable()).removesuffix("."))
    await world.node.start()
    assert await lines_of(process, 1) == [texts.NODE_IS_BACK]
    world.node.pay(only(world).payment_request)
    result = await ended(process)
    assert (result.code, result.err) == (0, "")


async def waiting_with(
    world: World, node_env: dict[str, str], macaroon: str
) -> asyncio.subprocess.Process:
    """`invoice --wait` with this macaroon, once it has asked which node that is."""
    node_env["INVOICE_BOT_LND__MACAROON"] = str(world.node.folder / f"{macaroon}.macaroon")
    process = await waiting("5", env=node_env)
    await world.node.until(lambda: world.node.calls["GetInfo"] > 0)
    return process


@pytest.mark.parametrize("macaroon", ["invoice", "admin"])
async def test_what_another_node_does_not_know_is_waited_for_on(
    world: World, node_env: dict[str, str], macaroon: str
) -> None:
    """Whether the macaroon may say which node it is or not."""
    process = await waiting_with(world, node_env, macaroon)
    made = only(world)
    await world.node.stop()
    await lines_of(process, 1)
    was = world.node.become_other_node()
    await world.node.start()
    before = world.node.calls["LookupInvoice"]
    await world.node.until(lambda: world.node.calls["LookupInvoice"] >= before + 2, timeout_s=30)
    await world.node.stop()
    world.node.become_again(was)
    await world.node.start()
    assert await lines_of(process, 1) == [texts.NODE_IS_BACK]
    world.node.pay(made.payment_request)
    assert (await ended(process)).code == 0


@pytest.mark.parametrize("macaroon", ["invoice", "admin"])
async def test_what_its_own_node_forgot_is_closed(
    world: World, node_env: dict[str, str], macaroon: str
) -> None:
    process = await waiting_with(world, node_env, macaroon)
    world.node.cancel_invoice(only(world).payment_hash)
    world.node.delete_invoice(only(world).payment_hash)
    assert (await ended(process)).code == CANCELLED


async def test_to_wait_prints_a_second_object_at_the_end(
    world: World, node_env: dict[str, str]
) -> None:
    process = await waiting("5", "--json", env=node_env)
    world.node.pay(only(world).payment_request)
    result = await ended(process)
    first, end = json.JSONDecoder().raw_decode(result.out)
    second = json.loads(result.out[end:])
    assert first["r_hash"] == second["r_hash"] == only(world).payment_hash.hex()
    assert (second["state"], second["paid_msat"]) == ("settled", 5000)


# lookup


def as_known(made: SimInvoice) -> NodeInvoice:
    """What the product makes of it."""
    from bot.node import messages

    return messages.invoice(made.message())


@pytest.mark.parametrize("as_what", ["hash", "HASH", "request", "REQUEST", "link"])
async def test_an_invoice_is_found_by_its_hash_or_its_request(
    world: World, node_env: dict[str, str], as_what: str
) -> None:
    made = world.node.add_invoice(2_100_000, memo="pizza\x1b[2J\nPaid: 5 sats")
    names = {
        "hash": made.payment_hash.hex(),
        "HASH": made.payment_hash.hex().upper(),
        "request": made.payment_request,
        "REQUEST": made.payment_request.upper(),
        "link": f"lightning:{made.payment_request}",
    }
    result = await ran("lookup", names[as_what], env=node_env)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[0] == "Open: 2,100 sats"
    assert result.out.splitlines()[-1].endswith(made.payment_hash.hex())
    assert "\x1b" not in result.out
    assert "Paid" not in [line.partition(":")[0] for line in result.out.splitlines()]


async def test_what_became_of_an_invoice_is_looked_up(
    world: World, node_env: dict[str, str]
) -> None:
    made = world.node.add_invoice(5000)
    world.node.pay(made.payment_request, amount_msat=7000)
    result = await ran("lookup", made.payment_hash.hex(), "--json", env=node_env)
    found = json.loads(result.out)
    assert (found["state"], found["amount_msat"], found["paid_msat"]) == ("settled", 5000, 7000)
    assert found["settled_at"] > 0
    text = await ran("lookup", made.payment_hash.hex(), env=node_env)
    assert text.out.splitlines()[0] == "Paid: 7 sats, 5 sats requested"
    other = world.node.add_invoice(5000)
    world.node.cancel_invoice(other.payment_hash)
    assert (await ran("lookup", other.payment_hash.hex(), env=node_env)).out.startswith(
        "Cancelled: "
    )


@pytest.mark.parametrize("command", ["lookup", "cancel"])
@pytest.mark.parametrize(
    "name",
    ["", "pizza", HASH[:-1], HASH + "00", "me@example.com", "lnurl1dp68", "lno1pg"],
)
async def test_what_is_neither_hash_nor_request_is_one_sentence(
    world: World, node_env: dict[str, str], command: str, name: str
) -> None:
    result = await ran(command, name, env=node_env)
    assert (result.code, result.out) == (2, "")
    assert result.lines == [texts.why(errors.NotAnInvoice())]
    assert not world.node.calls


@pytest.mark.parametrize("command", ["lookup", "cancel"])
@pytest.mark.parametrize("name", ["lnbc1", "LNTB", "lnsb5u1", "lnbcrt5u1", MAINNET[:-1] + "q"])
async def test_what_begins_as_a_request_is_short_or_has_a_typo(
    world: World, node_env: dict[str, str], command: str, name: str
) -> None:
    result = await ran(command, name, env=node_env)
    assert (result.code, result.out) == (2, "")
    assert result.lines == [texts.why(errors.RequestCorrupt())]
    assert not world.node.calls


@pytest.mark.parametrize("command", ["lookup", "cancel"])
async def test_an_invoice_that_the_node_does_not_know_is_one_sentence(
    node_env: dict[str, str], command: str
) -> None:
    result = await ran(command, HASH, env=node_env)
    assert (result.code, result.out) == (1, "")
    assert result.lines == [texts.why_here(errors.InvoiceUnknown())]


@pytest.mark.parametrize("command", ["lookup", "cancel"])
async def test_a_request_of_another_network_is_one_sentence(
    world: World, node_env: dict[str, str], command: str
) -> None:
    node_env["INVOICE_BOT_LND__MACAROON"] = str(world.node.folder / "admin.macaroon")
    result = await ran(command, MAINNET, env=node_env)
    sentence = texts.why(errors.OtherNetwork(asked="mainnet", here="simnet"))
    assert (result.code, result.out, result.lines) == (2, "", [sentence])


async def test_without_permission_to_ask_for_the_network_a_request_is_unknown(
    node_env: dict[str, str],
) -> None:
    assert (await ran("lookup", MAINNET, env=node_env)).code == 1


# cancel


async def test_an_open_invoice_is_cancelled(world: World, node_env: dict[str, str]) -> None:
    made = world.node.add_invoice(2_100_000)
    result = await ran("cancel", made.payment_request, env=node_env)
    assert (result.code, result.err) == (0, "")
    assert result.out == texts.cancelled(as_known(made)) + "\n"
    assert made.state == CANCELED


async def test_a_paid_invoice_is_not_cancelled(world: World, node_env: dict[str, str]) -> None:
    made = world.node.add_invoice(2_100_000)
    world.node.pay(made.payment_request)
    result = await ran("cancel", made.payment_hash.hex(), env=node_env)
    assert (result.code, result.err) == (1, "")
    assert result.out == texts.not_cancelled(as_known(made), 0) + "\n"


async def test_a_payment_that_is_faster_than_a_cancellation_wins(
    world: World, node_env: dict[str, str]
) -> None:
    made = world.node.add_invoice(2_100_000)
    stall = world.node.stall("CancelInvoice", before=True)
    process = await started("cancel", made.payment_hash.hex(), env=node_env)
    await world.node.until(lambda: world.node.calls["CancelInvoice"] > 0)
    world.node.pay(made.payment_request)
    stall.release()
    result = await ended(process)
    assert result.code == 1
    assert result.out == texts.not_cancelled(as_known(made), 0) + "\n"


async def test_what_has_expired_or_was_cancelled_already_is_said(
    world: World, node_env: dict[str, str]
) -> None:
    made = world.node.add_invoice(2_100_000, expiry_s=3600)
    world.node.cancel_invoice(made.payment_hash)
    result = await ran("cancel", made.payment_hash.hex(), env=node_env)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Cancelled already: ")
    old = world.node.add_invoice(2_100_000, expiry_s=1)
    world.node.cancel_invoice(old.payment_hash)
    old.created_at -= 60
    result = await ran("cancel", old.payment_hash.hex(), env=node_env)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Expired or cancelled already: ")


async def test_a_running_bot_shows_what_was_cancelled_at_the_command_line(
    world: World, node_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SHORTEST_PAUSE_S", 0.1)
    monkeypatch.setattr(sweep, "ROUND_S", 0.1)
    await world.start_bot()
    chat = world.private(world.anna)
    card = await world.open_card(chat, world.anna, "/invoice 2100 pizza")
    result = await ran("cancel", world.request_in(card), env=node_env)
    assert result.code == 0
    await world.becomes(card, Face.CANCELLED, LIMIT_S)


@pytest.mark.parametrize("command", ["lookup", "cancel"])
async def test_output_that_is_lost_ends_with_1_and_a_sentence(
    world: World, node_env: dict[str, str], command: str
) -> None:
    made = world.node.add_invoice(5000)
    result = await redirected(">/dev/full", command, made.payment_hash.hex(), env=node_env)
    assert (result.code, result.lines) == (1, [texts.why(LOST)])
