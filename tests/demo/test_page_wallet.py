"""The wallet on the demo's page when answers come late, and every way to close it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    ask,
    open_wallet,
    shared,
)

pytestmark = pytest.mark.browser

SCAN = "**/api/wallet/scan"
PAY = "**/api/wallet/pay"
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with shared() as address:
        yield address


def hold_first(page: Page, address: str) -> list[Route]:
    """Keep the first call to this address on its way; it is in the list once it was made."""
    held: list[Route] = []

    def handle(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(address, handle)
    return held


def let_go(page: Page, held: list[Route], address: str) -> None:
    """Let it arrive, and the page make of its answer what it will."""
    with page.expect_response(address):
        held[0].continue_()
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")


def wait_until_left(page: Page) -> None:
    """Wait until the history has gone back from the dialog that was closed."""
    page.evaluate(
        """new Promise((left) => requestAnimationFrame(function look() {
          if (history.state === null) left();
          else requestAnimationFrame(look);
        }))"""
    )


def two_cards(page: Page) -> tuple[Locator, Locator]:
    return ask(page, "/invoice 91", "the one"), ask(page, "/invoice 92", "the other")


def wallet_of_the_other(page: Page) -> tuple[Locator, list[Route]]:
    """The wallet of one card, and what it was asked of another one before, which is on its way."""
    one, other = two_cards(page)
    held = hold_first(page, SCAN)
    with page.expect_request(SCAN):
        open_wallet(one)
    page.keyboard.press("Escape")
    wallet = open_wallet(other)
    expect(wallet.locator(".amount")).to_have_text("92 sats")
    return wallet, held


def test_a_late_answer_about_one_card_leaves_the_wallet_of_another_alone(page: Page) -> None:
    wallet, held = wallet_of_the_other(page)
    let_go(page, held, SCAN)
    expect(wallet.locator(".amount")).to_have_text("92 sats")
    expect(wallet.get_by_role("button", name="Pay 92 sats")).to_be_focused()


def test_a_late_refusal_leaves_the_wallet_of_another_card_alone(page: Page) -> None:
    wallet, held = wallet_of_the_other(page)
    held[0].fulfill(json={"error": "That picture is gone."})
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")
    expect(wallet.locator(".amount")).to_have_text("92 sats")


def test_a_payment_that_ends_after_its_wallet_was_closed_is_told_beside_the_next(
    page: Page,
) -> None:
    one, other = two_cards(page)
    held = hold_first(page, PAY)
    with page.expect_request(PAY):
        open_wallet(one).get_by_role("button", name="Pay 91 sats").click()
    page.keyboard.press("Escape")
    wallet = open_wallet(other)
    expect(wallet.locator(".amount")).to_have_text("92 sats")
    let_go(page, held, PAY)
    expect(page.locator(".toast")).to_have_text("Paid 91 sats")
    expect(wallet.locator(".amount")).to_have_text("92 sats")
    wallet.get_by_role("button", name="Pay 92 sats").click()
    expect(wallet.locator(".amount")).to_have_text("Paid 92 sats")


def test_only_a_press_beside_the_wallet_closes_it(page: Page) -> None:
    wallet = open_wallet(ask(page, "/invoice 93", "with padding"))
    expect(wallet.locator(".amount")).to_have_text("93 sats")
    box = wallet.bounding_box()
    assert box is not None
    x, y = box["x"] + 4, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    expect(wallet).to_be_visible()
    # a press that begins or ends in it, as where a text is selected, does not close it either
    for start, end in (((x, y), (x - 60, y)), ((x - 60, y), (x, y))):
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end)
        page.mouse.up()
        expect(wallet).to_be_visible()
    page.mouse.click(x - 60, y)
    expect(wallet).to_have_count(0)


def test_back_closes_the_wallet_and_nothing_else(page: Page) -> None:
    title = page.locator("#room-title")
    page.get_by_role("link", name="Ada’s private chat").click()
    expect(title).to_have_text("Ada Quist")
    asked = ask(page, "/invoice 94", "to go back from")
    wallet = open_wallet(asked)
    expect(wallet).to_be_visible()
    page.go_back()
    expect(wallet).to_have_count(0)
    expect(title).to_have_text("Ada Quist")
    # closed by hand it leaves nothing to go back from
    wallet = open_wallet(asked)
    expect(wallet.get_by_role("button", name="Pay 94 sats")).to_be_focused()
    page.keyboard.press("Escape")
    expect(wallet).to_have_count(0)
    wait_until_left(page)
    page.go_back()
    expect(title).to_have_text("Friday dinner")


@pytest.mark.parametrize("kind", ["wallet", "alert"])
def test_no_dialog_stays_over_another_chat(page: Page, kind: str) -> None:
    title = page.locator("#room-title")
    group = page.url.partition("#")[2]
    asked = ask(page, "/invoice 95", f"not over another chat, {kind}")
    page.get_by_role("link", name="Ada’s private chat").click()
    page.get_by_role("link", name="Back to Friday dinner").click()
    if kind == "wallet":
        open_wallet(asked)
    else:
        page.evaluate("import('/page/toast.js').then(({ alertBox }) => alertBox('Look.'))")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("history.go(-2)")
    expect(title).to_have_text("Ada Quist")
    expect(page.get_by_role("dialog")).to_have_count(0)
    # an answer of the bot's can lead to another chat meanwhile
    page.evaluate("import('/page/toast.js').then(({ alertBox }) => alertBox('Look.'))")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate(f"import('/page/selection.js').then((it) => it.openRoom('{group}'))")
    expect(title).to_have_text("Friday dinner")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_back()
    expect(title).to_have_text("Ada Quist")


def test_a_link_that_is_pressed_as_the_wallet_closes_is_followed(page: Page) -> None:
    asked = ask(page, "/invoice 96", "closed in a hurry")
    expect(open_wallet(asked).get_by_role("button", name="Pay 96 sats")).to_be_focused()
    page.evaluate(
        """() => {
          document.querySelector('[aria-label="Close the wallet"]').click();
          return new Promise((closed) => document.querySelector("#wallet")
            .addEventListener("close", () => setTimeout(() => {
              document.querySelector(".door").click();
              closed();
            }), { once: true }));
        }"""
    )
    expect(page.locator("#room-title")).to_have_text("Ben Okafor")  # who pays, by the tour
    # nor does the history go back from there afterwards
    wait_until_left(page)
    page.go_back()
    expect(page.locator("#room-title")).to_have_text("Friday dinner")
