"""The demo's page in a real browser: what a visitor does, and what they see then."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from bot import texts
from bot.core.invoice import Face
from bot.errors import NodeUnreachable
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    Visitor,
    ask,
    card,
    expect_payable,
    focused,
    go_in_messages,
    open_wallet,
    press_until,
    sats_left,
    say,
    shared,
    speak_as,
)
from tests.faces import headline

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with shared("[error]") as address:
        yield address


def test_a_visitor_asks_pays_with_the_wallet_and_sees_paid(page: Page) -> None:
    speak_as(page, "Ada")
    pizza = ask(page, "/invoice 2100", "pizza for the paid one")
    picture = pizza.locator(".photo img")
    open_picture = picture.get_attribute("src")
    expect(pizza.locator("code")).to_have_text(re.compile("^lnsb21u1"))

    speak_as(page, "Ben")
    wallet = open_wallet(pizza)
    expect(wallet.get_by_role("heading")).to_have_text("Ben’s wallet")
    expect(wallet.locator(".amount")).to_have_text("2,100 sats")
    expect(wallet.locator(".memo")).to_have_text("pizza for the paid one")
    before = sats_left(wallet)
    wallet.get_by_role("button", name="Pay 2,100 sats").click()
    expect(wallet.locator(".amount")).to_have_text("Paid 2,100 sats")
    expect(wallet.locator("#balance")).to_have_text(f"{before - 2100:,} sats")
    page.keyboard.press("Escape")
    expect(wallet).to_have_count(0)

    expect(pizza).to_contain_text(headline(Face.PAID, 2100))
    expect(pizza).not_to_contain_text("lnsb")
    expect(picture).not_to_have_attribute("src", open_picture or "")
    expect(pizza.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    told = page.locator("article.by-bot").last
    expect(told).to_contain_text("Received 2,100 sats")
    expect(told.locator(".quote")).to_contain_text("/invoice 2100 pizza for the paid one")


def test_a_closed_card_says_that_there_is_no_payment_code(page: Page) -> None:
    once = ask(page, "/invoice 70", "paid once only")
    wallet = open_wallet(once)
    wallet.get_by_role("button", name="Pay 70 sats").click()
    expect(wallet.locator(".amount")).to_have_text("Paid 70 sats")
    page.keyboard.press("Escape")
    expect(once).to_contain_text(headline(Face.PAID, 70))
    wallet = open_wallet(once)
    expect(wallet.get_by_role("alert")).to_have_text("There is no payment code in this picture.")


def test_a_card_is_cancelled_and_renewed(page: Page) -> None:
    speak_as(page, "Chloé")
    wine = ask(page, "/invoice 900", "wine to cancel")
    wine.get_by_role("button", name="Cancel", exact=True).click()
    cancelled = page.locator("article.by-bot").filter(has_text="wine to cancel").first
    expect(cancelled).to_contain_text("Cancelled: 900 sats")

    cancelled.get_by_role("button", name="Renew", exact=True).click()
    expect_payable(card(page, "wine to cancel"))
    expect(cancelled.get_by_role("button", name="Renew", exact=True)).to_have_count(0)
    wallet = open_wallet(card(page, "wine to cancel"))
    wallet.get_by_role("button", name="Pay 900 sats").click()
    page.keyboard.press("Escape")
    expect(card(page, "wine to cancel")).to_contain_text(headline(Face.PAID, 900))


def test_only_those_who_may_can_cancel(page: Page) -> None:
    speak_as(page, "Ben")
    bread = ask(page, "/invoice 300", "bread of Ben")
    speak_as(page, "Dmitri")
    bread.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text(texts.NOT_ALLOWED)).to_be_visible()
    expect(bread).to_contain_text(headline(Face.OPEN, 300))


def test_a_wallet_that_scanned_before_the_end_says_why_it_cannot_pay(visitor: Visitor) -> None:
    slow, quick = visitor.visit(), visitor.visit()
    rice = ask(quick, "/invoice 400", "rice cancelled meanwhile")
    slow.bring_to_front()
    wallet = open_wallet(card(slow, "rice cancelled meanwhile"))
    expect(wallet.locator(".amount")).to_have_text("400 sats")
    quick.bring_to_front()
    rice.get_by_role("button", name="Cancel", exact=True).click()
    expect(card(quick, "rice cancelled meanwhile")).to_contain_text("Cancelled: 400 sats")
    slow.bring_to_front()
    wallet.get_by_role("button", name="Pay 400 sats").click()
    expect(wallet.get_by_role("alert")).to_contain_text("was cancelled")


def test_nobody_pays_twice(visitor: Visitor) -> None:
    slow, quick = visitor.visit(), visitor.visit()
    beans = ask(quick, "/invoice 500", "beans paid meanwhile")
    slow.bring_to_front()
    late = open_wallet(card(slow, "beans paid meanwhile"))
    expect(late.locator(".amount")).to_have_text("500 sats")
    quick.bring_to_front()
    first = open_wallet(beans)
    first.get_by_role("button", name="Pay 500 sats").click()
    expect(first.locator(".amount")).to_have_text("Paid 500 sats")
    slow.bring_to_front()
    late.get_by_role("button", name="Pay 500 sats").click()
    expect(late.get_by_role("alert")).to_contain_text("already been paid")


def test_the_payer_chooses_the_amount_where_the_request_leaves_it_open(page: Page) -> None:
    tip = ask(page, "/invoice any", "a tip for the courier")
    wallet = open_wallet(tip)
    wallet.get_by_label("How many sats?").fill("123")
    page.keyboard.press("Enter")
    expect(wallet.locator(".amount")).to_have_text("Paid 123 sats")
    page.keyboard.press("Escape")
    expect(tip).to_contain_text(headline(Face.PAID, 123))


def test_the_bots_question_sets_the_composer_to_reply(page: Page) -> None:
    speak_as(page, "Dmitri")
    say(page, "/invoice")
    expect(page.locator("#replying")).to_contain_text("how many sats?")
    expect(page.get_by_label("Message", exact=True)).to_have_attribute("placeholder", "2100 pizza")
    speak_as(page, "Ben")
    expect(page.locator("#replying")).to_be_hidden()
    speak_as(page, "Dmitri")
    expect(page.locator("#replying")).to_be_visible()
    say(page, "640 olives after a question")
    expect(card(page, "olives after a question")).to_contain_text(headline(Face.OPEN, 640))
    expect(page.locator("#replying")).to_be_hidden()


def test_a_node_that_is_down_is_waited_for(page: Page) -> None:
    page.get_by_role("radio", name="Node down").check()
    expect(page.locator("#node-chip")).to_have_text("Node down")
    say(page, "/invoice 800 cheese while it is down")
    expect(page.locator("article.by-bot").last).to_contain_text(texts.why(NodeUnreachable()))
    page.get_by_role("radio", name="Running").check()
    expect(card(page, "cheese while it is down")).to_contain_text(headline(Face.OPEN, 800))
    expect(page.locator("#node-chip")).to_be_hidden()


def test_a_locked_node_is_named_and_a_wallet_says_that_it_is_away(page: Page) -> None:
    ham = ask(page, "/invoice 810", "ham before the lock")
    page.get_by_role("radio", name="Locked").check()
    expect(page.locator("#node-chip")).to_have_text("Node locked")
    wallet = open_wallet(ham)
    wallet.get_by_role("button", name="Pay 810 sats").click()
    expect(wallet.get_by_role("alert")).to_contain_text("can't be reached")
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Running").check()
    expect(page.locator("#node-chip")).to_be_hidden()
    wallet = open_wallet(ham)
    wallet.get_by_role("button", name="Pay 810 sats").click()
    expect(wallet.locator(".amount")).to_have_text("Paid 810 sats")


def test_an_hour_later_a_card_has_expired(page: Page) -> None:
    soup = ask(page, "/invoice 950", "soup that gets cold")
    expect(soup.locator("time[data-format=r]")).to_have_text(re.compile("in (59 minutes|1 hour)"))
    wallet = open_wallet(soup)
    expect(wallet.locator(".amount")).to_have_text("950 sats")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Skip an hour").click()
    expect(soup).to_contain_text(headline(Face.EXPIRED, 950))
    expect(soup.get_by_role("button", name="Renew", exact=True)).to_be_visible()


def test_what_people_write_never_becomes_markup(page: Page) -> None:
    evil = """<img src=x onerror="document.title='owned'"> <b>bold</b> &amp;"""
    written = ask(page, "/invoice 60", evil)
    expect(written.locator("blockquote")).to_have_text(evil)
    expect(page.locator(".mine .text").filter(has_text="onerror").last).to_contain_text(evil)
    wallet = open_wallet(written)
    expect(wallet.locator(".memo")).to_have_text(evil)
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "owned"


def test_the_page_takes_no_code_from_elsewhere(page: Page, address: str) -> None:
    answer = page.request.get(address)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    refused = page.request.post(
        f"{address}/api/clock", data="{}", headers={"Content-Type": "text/plain"}
    )
    assert refused.status == 415


def test_one_tap_copies_the_payment_request(page: Page, visitor: Visitor, address: str) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    copied = ask(page, "/invoice 61", "to be copied").locator("code")
    copied.click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == copied.inner_text()


def test_a_deleted_message_vanishes_and_what_quotes_it_says_so(page: Page) -> None:
    speak_as(page, "Ben")
    say(page, "a message to be deleted")
    target = page.locator("article.mine", has_text="a message to be deleted").first
    target.hover()
    target.get_by_role("button", name="Reply to Ben").click()
    say(page, "an answer that stays")
    answer = page.locator("article.mine", has_text="an answer that stays")
    expect(answer.locator(".quote-text")).to_have_text("a message to be deleted")
    # nobody can delete on the page: the change comes as the server would tell it
    page.evaluate(
        """async (id) => {
          const { changes, store } = await import("/page/store.js");
          const chat = [...store.chats.values()].find((each) => each.title === "Friday dinner");
          changes.gone({ chat: chat.id, id });
        }""",
        int(target.get_attribute("data-id") or 0),
    )
    expect(answer.locator(".quote")).to_have_text("Deleted message")
    expect(page.locator("article", has_text="a message to be deleted")).to_have_count(0)


def test_the_command_menu_is_the_bots_own(page: Page) -> None:
    page.get_by_label("Message", exact=True).press_sequentially("/inv")
    offered = page.get_by_role("option")
    expect(offered).to_have_count(2)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Message", exact=True)).to_have_value(re.compile(r"^/invoice@\w+ $"))


def test_a_second_page_follows_live_and_counts_what_is_unread(visitor: Visitor) -> None:
    here, there = visitor.visit("Ada Quist"), visitor.visit("Ada Quist")
    ask(here, "/invoice 62", "seen on both pages")
    expect(card(there, "seen on both pages")).to_contain_text(headline(Face.OPEN, 62))
    elsewhere = visitor.visit("Friday dinner")
    say(here, "/help")
    unread = elsewhere.get_by_role("link", name=re.compile("^Ada Quist"))
    expect(unread.locator(".badge")).to_be_visible()


def test_on_a_phone_list_and_chat_are_two_views(browser: Browser, address: str) -> None:
    context = browser.new_context(
        viewport=PHONE, has_touch=True, is_mobile=True, locale="en-GB", device_scale_factor=2
    )
    someone = Visitor(context, address)
    page = context.new_page()
    page.goto(address)
    room = page.locator("#room")
    chats = page.get_by_role("navigation")
    expect(room).to_be_visible()  # where the tour begins
    page.get_by_role("link", name="Back to the chats").tap()
    expect(chats).to_be_visible()
    expect(room).to_be_hidden()
    chats.get_by_role("link", name=re.compile("^Friday dinner")).tap()
    expect(room).to_be_visible()
    expect(chats).to_be_hidden()
    beer = ask(page, "/invoice 63", "beer from a phone")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate("document.documentElement.scrollHeight") == PHONE["height"]
    for part in (beer, page.locator("#composer"), page.locator(".room-head")):
        box = part.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
    wallet = open_wallet(beer)
    wallet.get_by_role("button", name="Pay 63 sats").tap()
    wallet.get_by_role("button", name="Back to the chat").tap()
    expect(beer).to_contain_text(headline(Face.PAID, 63))
    page.get_by_role("link", name="Back to the chats").tap()
    expect(chats).to_be_visible()
    expect(room).to_be_hidden()
    context.close()
    assert someone.complaints == []


def test_the_keyboard_alone_is_enough(visitor: Visitor) -> None:
    page = visitor.visit()
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("/invoice 64 first line")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("by keyboard alone")
    page.keyboard.press("Enter")
    keys = card(page, "by keyboard alone")
    expect(keys).to_contain_text(headline(Face.OPEN, 64))

    press_until(page, "Shift+Tab", "Ada$")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Ben")).to_be_focused()
    go_in_messages(page, "Open this picture in the wallet")
    page.keyboard.press("Enter")
    wallet = page.get_by_role("dialog")
    expect(wallet.get_by_role("heading")).to_have_text("Ben’s wallet")
    expect(wallet.get_by_role("button", name="Pay 64 sats")).to_be_focused()
    page.keyboard.press("Escape")
    expect(wallet).to_have_count(0)
    assert "wallet" in focused(page)
    page.keyboard.press("Enter")
    expect(wallet.get_by_role("button", name="Pay 64 sats")).to_be_focused()
    page.keyboard.press("Enter")
    expect(wallet.get_by_role("button", name="Back to the chat")).to_be_focused()
    page.keyboard.press("Enter")
    expect(keys).to_contain_text(headline(Face.PAID, 64))

    press_until(page, "Tab", "Message")
    page.keyboard.type("/invoice 65 to cancel by keyboard")
    page.keyboard.press("Enter")
    expect_payable(card(page, "to cancel by keyboard"))
    go_in_messages(page, "Cancel")
    page.keyboard.press("Space")
    expect(card(page, "to cancel by keyboard")).to_contain_text("Cancelled: 65 sats")


def test_a_topics_messages_stay_in_their_topic(visitor: Visitor) -> None:
    seeds = visitor.visit("Seeds")
    ask(seeds, "/invoice 66", "tomato seeds")
    general = visitor.visit("Allotment")
    say(general, "hello to everybody here")
    expect(general.locator("article").last).to_contain_text("hello to everybody here")
    expect(general.locator("article", has_text="tomato seeds")).to_have_count(0)
