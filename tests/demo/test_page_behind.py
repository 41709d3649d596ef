"""The page's parts behind the chats, in a real browser: the bot's process, the money, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from bot.core.invoice import Face
from tests.demo.audit import violations
from tests.demo.visitor import (
    BROWSER_IS_MISSING,
    WAIT_MS,
    Visitor,
    ask,
    card,
    expect_payable,
    focused,
    open_wallet,
    press_until,
    say,
    shared,
    speak_as,
)
from tests.faces import headline

pytestmark = pytest.mark.browser

COLUMNS = ViewportSize(width=1440, height=900)
PHONE = {"width": 390, "height": 844}
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with shared() as address:
        yield address


@pytest.fixture
def size() -> ViewportSize:
    return COLUMNS


def pay(asked: Locator, sats: str) -> None:
    wallet = open_wallet(asked)
    wallet.get_by_role("button", name=f"Pay {sats}").click()
    expect(wallet.locator(".amount")).to_have_text(f"Paid {sats}")
    asked.page.keyboard.press("Escape")
    expect(wallet).to_have_count(0)


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"[data-figure={name}]")


def received(page: Page) -> int:
    """What the node has received, as a screen reader is told."""
    return int(re.sub(r"\D", "", page.locator("#received-said").inner_text()) or 0)


def test_the_bot_is_killed_ben_pays_and_once_it_is_started_the_card_is_paid(page: Page) -> None:
    asked = ask(page, "/invoice 2100", "pizza for a dead bot")
    page.wait_for_function("() => document.querySelector('[data-figure=cards]').innerText >= 1")
    page.get_by_role("button", name="Kill the bot").click()
    expect(page.locator("#bot-chip")).to_have_text("Bot killed")
    expect(page.locator("#bot-says")).to_contain_text("Killed")
    speak_as(page, "Ben")
    pay(asked, "2,100 sats")
    expect(asked).to_contain_text(headline(Face.OPEN, 2100))  # it still asks for money
    expect(page.locator("#line .gap")).to_have_count(1)
    expect(page.locator("#line .in-gap")).to_contain_text("Ben’s wallet")

    start = page.get_by_role("button", name="Start the bot")
    start.click()
    paid = page.locator("article.by-bot").filter(has_text=headline(Face.PAID, 2100))
    expect(paid.first).to_be_visible()
    expect(page.locator("#bot-chip")).to_be_hidden()
    expect(page.locator("#bot-says")).to_contain_text("Running")
    expect(page.locator("#line .gap")).to_contain_text("No bot for")
    expect(figure(page, "lost")).to_have_text("0")
    expect(figure(page, "twice")).to_have_text("0")


def test_money_arrives_at_the_owners_node(page: Page) -> None:
    before = received(page)
    asked = ask(page, "/invoice 1234", "money that arrives")
    expect(page.locator("#money-name")).to_have_text("Ada's node")
    expect(page.locator("#money-more")).to_contain_text("open, 1,234 sats")
    pay(asked, "1,234 sats")
    expect(page.locator("#received-said")).to_have_text(f"{before + 1234:,} sats received")
    expect(page.locator("#received")).to_have_text(f"{before + 1234:,} sats")


def test_the_sum_counts_up_and_with_reduced_motion_it_is_there_at_once(page: Page) -> None:
    watch = """() => { window.sums = []; new MutationObserver(() => window.sums.push(
        document.getElementById('received').textContent)).observe(
        document.getElementById('received'), {childList: true, characterData: true}); }"""
    page.evaluate(watch)
    before = received(page)
    pay(ask(page, "/invoice 5000", "counted up"), "5,000 sats")
    expect(page.locator("#received")).to_have_text(f"{before + 5000:,} sats")
    assert len(page.evaluate("window.sums")) > 2

    page.emulate_media(reduced_motion="reduce")
    page.evaluate("window.sums = []")
    pay(ask(page, "/invoice 6000", "there at once"), "6,000 sats")
    expect(page.locator("#received")).to_have_text(f"{before + 11_000:,} sats")
    sums = page.evaluate("window.sums")
    assert set(sums) <= {f"{before + 5000:,} sats", f"{before + 11_000:,} sats"}


def test_the_time_line_follows_the_newest_command_and_grows_as_it_happens(page: Page) -> None:
    asked = ask(page, "/invoice 410", "soup on a line")
    expect(page.locator("#line-title")).to_have_text("/invoice 410 soup on a line")
    ways = page.locator("#line .way")
    expect(ways.last).to_have_text("Bot → Telegram")
    pay(asked, "410 sats")
    expect(ways.filter(has_text="wallet → node")).to_have_count(1)
    expect(ways.filter(has_text="Node → bot")).to_have_count(1)
    expect(page.locator("#line li").last).to_contain_text("Received 410 sats")
    expect(page.locator("#line time").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))


def test_only_the_first_step_of_a_time_line_has_the_time_of_a_clock(page: Page) -> None:
    # what a dead bot is asked and the time without it begin in the same moment
    page.get_by_role("button", name="Kill the bot").click()
    expect(page.locator("#bot-chip")).to_have_text("Bot killed")
    say(page, "/invoice 413 asked of a dead bot")
    expect(page.locator("#line-title")).to_have_text("/invoice 413 asked of a dead bot")
    expect(page.locator("#line .gap")).to_have_count(1)
    page.get_by_role("button", name="Start the bot").click()
    expect_payable(card(page, "asked of a dead bot"))
    expect(page.locator("#line .way").last).to_have_text("Bot → Telegram")
    times = page.locator("#line time").all_inner_texts()
    assert re.fullmatch(r"\d\d:\d\d:\d\d", times[0])
    assert [each for each in times[1:] if not re.fullmatch(r"\+[\d.,]+ s", each)] == []


#: How many steps of the time line are in sight whole.
IN_SIGHT = """() => {
    const { top, bottom } = document.getElementById("line").getBoundingClientRect();
    return [...document.querySelectorAll("#line li")].map((it) => it.getBoundingClientRect())
      .filter((it) => it.top >= top - 1 && it.bottom <= bottom + 1).length; }"""


def test_six_steps_of_a_time_line_are_in_sight_beside_the_faults(page: Page) -> None:
    asked = ask(page, "/invoice 412", "soup beside faults")
    pay(asked, "412 sats")
    expect(page.locator("#line li").last).to_contain_text("Received 412 sats")
    page.locator("#faults-part summary").click()
    expect(page.get_by_role("heading", name="Telegram is slow")).to_be_in_viewport(ratio=1)
    for end in ("0", "it.scrollHeight"):
        page.locator("#line").evaluate(f"(it) => {{ it.scrollTop = {end}; }}")
        assert page.evaluate(IN_SIGHT) >= 6
    last = page.locator(".fault").last.get_by_role("button")
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)


def test_a_card_is_chosen_for_the_time_line_until_the_newest_is_wanted_again(page: Page) -> None:
    first = ask(page, "/invoice 420", "chosen tea")
    ask(page, "/invoice 421", "later tea")
    title = page.locator("#line-title")
    expect(title).to_have_text("/invoice 421 later tea")
    first.hover()
    first.get_by_role("button", name="Time line of this card").click()
    expect(title).to_have_text("/invoice 420 chosen tea")
    ask(page, "/invoice 422", "even later tea")
    expect(title).to_have_text("/invoice 420 chosen tea")
    page.get_by_role("button", name="Follow the newest").click()
    expect(title).to_have_text("/invoice 422 even later tea")


def test_on_a_phone_the_time_line_is_a_sheet_that_escape_closes(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(viewport=PHONE, locale="en-GB")
    someone = Visitor(context, address)
    page = someone.visit()
    asked = ask(page, "/invoice 430", "tea on a phone")
    sheet = page.get_by_role("complementary", name="Time line, score and faults")
    expect(sheet).to_be_hidden()
    asked.get_by_role("button", name="Time line of this card").click()
    expect(sheet).to_be_visible()
    expect(page.locator("#line-title")).to_have_text("/invoice 430 tea on a phone")
    assert focused(page) == "Close"
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert focused(page) == "Time line of this card"
    page.locator("#back").click()
    page.get_by_role("button", name="Time line, score and faults").click()
    expect(figure(page, "lost")).to_be_visible()
    # no chat is open: it is what was touched last in any
    expect(page.locator("#line-title")).to_have_text("/invoice 430 tea on a phone")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(sheet).to_be_hidden()
    assert focused(page) == "Time line, score and faults"
    page.get_by_role("link", name=re.compile("^Friday dinner")).click()
    say(page, "/split 86k/4 a bill on a phone")
    board = page.locator("article.by-bot").filter(has_text="a bill on a phone")
    line = board.get_by_role("button", name="Time line of this board")
    line.click()
    expect(page.locator("#line-title")).to_have_text("/split 86k/4 a bill on a phone")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    assert focused(page) == "Time line of this board"
    expect(line).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    context.close()
    assert someone.complaints == []


def test_on_a_phone_the_faults_come_in_sight_and_nothing_is_below_the_sheets_key(
    page: Page,
) -> None:
    page.set_viewport_size(ViewportSize(width=PHONE["width"], height=PHONE["height"]))
    page.locator("#back").click()
    page.get_by_role("button", name="Time line, score and faults").click()
    sheet, head = page.locator("#behind"), page.locator(".behind-head")
    page.locator("#faults-part summary").click()
    for title in ("Telegram is slow", "Too many requests"):
        fault = page.locator(".fault", has_text=title)
        expect(fault.get_by_role("button")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("heading", name="Faults")).to_be_in_viewport(ratio=1)
    # what is scrolled to the top is behind a bar as wide as the sheet
    sheet.evaluate("(it) => it.scrollBy(0, 100)")
    for what in (head, sheet):
        assert what.evaluate("(it) => getComputedStyle(it).backgroundColor") == sheet.evaluate(
            "(it) => getComputedStyle(document.querySelector('.side')).backgroundColor"
        )
    bar, close = head.bounding_box(), page.locator("#behind-close").bounding_box()
    assert bar is not None
    assert close is not None
    assert (bar["x"], bar["width"]) == (0, PHONE["width"])
    assert bar["y"] <= close["y"]
    assert close["y"] + close["height"] <= bar["y"] + bar["height"]
    expect(page.get_by_role("heading", name="Faults")).not_to_be_in_viewport(ratio=0.5)


def test_a_fault_says_what_will_happen_and_then_what_did(page: Page) -> None:
    page.locator("#faults-part summary").click()
    lost = page.locator(".fault", has_text="An answer of Telegram’s is lost")
    expect(lost).to_contain_text("may be a duplicate")
    twice = lost.get_by_text("It can't be paid twice")
    expect(twice).to_have_count(0)
    lost.get_by_role("button", name="Let it happen").click()
    expect(lost.locator(".came")).to_contain_text("ask for one")
    expect(page.locator("#faults-on")).to_have_text("1 under way")
    say(page, "/invoice 440 figs twice")
    expect(lost.locator(".came")).to_contain_text("says so on it")
    expect(twice).to_have_count(1)  # what to do about it is said once
    expect(page.locator("#faults-on")).to_be_hidden()
    expect(page.locator("article.by-bot").filter(has_text="figs twice")).to_have_count(2)
    expect(card(page, "figs twice")).to_contain_text("This may be a duplicate")
    expect(page.locator("#repeated")).to_contain_text("came again")
    expect(figure(page, "twice")).to_have_text("0")
    # what it says of the first card is so
    first = page.locator("article.by-bot").filter(has_text="figs twice").first
    number = first.get_attribute("data-id")
    pay(card(page, "figs twice"), "440 sats")
    first = page.locator(f'article[data-id="{number}"]')
    expect(page.locator("article.by-bot").last).to_contain_text("Received 440 sats")
    expect(first).to_contain_text(headline(Face.OPEN, 440))
    first.get_by_role("button", name="Cancel", exact=True).click()
    expect(first).to_contain_text(headline(Face.PAID, 440))


def test_a_toast_lies_over_no_message(page: Page) -> None:
    page.get_by_role("button", name="End the tour").click()
    for size in (COLUMNS, PHONE, {"width": 844, "height": 390}):
        page.set_viewport_size(ViewportSize(width=size["width"], height=size["height"]))
        page.evaluate("import('/page/toast.js').then(({ toast }) => toast('One hour later.'))")
        arrived = "(it) => Promise.all(it.getAnimations().map((each) => each.finished))"
        page.locator(".toast").evaluate(arrived)
        toast, log = page.locator(".toast").bounding_box(), page.locator("#log").bounding_box()
        assert toast is not None
        assert log is not None
        assert toast["y"] >= 0
        assert toast["y"] + toast["height"] <= log["y"]


def test_on_a_phone_a_toast_lies_over_no_name_and_moves_no_message(page: Page) -> None:
    for number in range(10):
        say(page, f"line {number}")
    expect(page.locator("#log")).to_contain_text("line 9")
    page.set_viewport_size(ViewportSize(width=PHONE["width"], height=PHONE["height"]))
    page.get_by_role("button", name="End the tour").click()
    page.wait_for_function(
        """() => { document.getElementById("log").scrollTop = 100;
        return !document.getElementById("newest").hidden; }"""
    )
    there = page.locator("article", has_text="line 5").last
    top = "(it) => it.getBoundingClientRect().top"
    before = there.evaluate(top)
    page.evaluate("import('/page/toast.js').then(({ toast }) => toast('One hour later.'))")
    toast = page.locator(".toast").bounding_box()
    assert toast is not None
    for above in ("#back", "#room-title", "#room-people"):
        box = page.locator(above).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= toast["y"]
    assert abs(there.evaluate(top) - before) < 1
    page.evaluate("import('/page/toast.js').then(({ endToast }) => endToast())")
    expect(page.locator(".toast")).to_have_count(0)
    assert abs(there.evaluate(top) - before) < 1
    # over the list there is no chat's name
    page.locator("#back").click()
    page.evaluate("import('/page/toast.js').then(({ toast }) => toast('One hour later.'))")
    expect(page.locator(".toast")).to_be_visible()


def test_who_has_blocked_the_bot_reads_so_in_their_chat(page: Page) -> None:
    page.locator("#faults-part summary").click()
    blocks = page.locator(".fault", has_text="Ben blocks the bot")
    blocks.get_by_role("button").click()
    page.get_by_role("link", name=re.compile("^Ben Okafor")).click()
    expect(page.locator("#blocked")).to_contain_text("Ben has blocked the bot")
    blocks.get_by_role("button", name="Unblock it").click()
    expect(page.locator("#blocked")).to_be_hidden()
    expect(blocks.locator(".came")).to_contain_text("Ben has unblocked the bot.")


def test_the_payments_of_the_node_before_are_named_beside_another_one(page: Page) -> None:
    pay(ask(page, "/invoice 445", "for the first node"), "445 sats")
    elsewhere = page.locator("#money-elsewhere")
    expect(elsewhere).to_be_hidden()
    page.locator("#faults-part summary").click()
    other = page.locator(".fault", has_text="Another node answers")
    other.get_by_role("button").click()
    expect(elsewhere).to_contain_text("went to another node")
    other.get_by_role("button", name="The first one again").click()
    expect(elsewhere).to_be_hidden()


def test_the_nodes_panel_says_what_a_fault_makes_of_it(page: Page) -> None:
    says = page.locator("#node-says")
    expect(says).to_have_text("It answers the bot.")
    page.locator("#faults-part summary").click()
    for title, way_back, so in (
        ("The bot’s macaroon is revoked", "Bake a new one", "It rejects every call: "),
        ("Another node answers", "The first one again", "Another node answers the bot"),
    ):
        fault = page.locator(".fault", has_text=title)
        fault.get_by_role("button", name="Let it happen").click()
        expect(says).to_contain_text(so)
        fault.get_by_role("button", name=way_back).click()
        expect(says).to_have_text("It answers the bot.")


def test_the_line_of_the_open_chat_is_in_sight_whole(page: Page) -> None:
    for size in (COLUMNS, ViewportSize(width=844, height=390)):
        page.set_viewport_size(size)
        page.evaluate("location.hash = document.querySelector('#chats li:last-child a').hash")
        expect(page.locator("#chats [aria-current]")).to_be_in_viewport(ratio=1)
        frame = page.locator(".chats").bounding_box()
        line = page.locator("#chats [aria-current]").bounding_box()
        assert frame is not None
        assert line is not None
        assert line["y"] + line["height"] <= frame["y"] + frame["height"]
        page.evaluate("location.hash = document.querySelector('#chats a').hash")


def test_a_fault_with_a_way_back_is_ended_by_the_same_key(page: Page) -> None:
    page.locator("#faults-part summary").click()
    slow = page.locator(".fault", has_text="Telegram is slow")
    slow.get_by_role("button", name="Let it happen").click()
    slow.get_by_role("button", name="Fast again").click()
    expect(slow.get_by_role("button", name="Let it happen")).to_be_focused()
    expect(page.locator("#faults-on")).to_be_hidden()


def test_a_storm_is_stopped_and_the_zeros_stay(page: Page) -> None:
    page.get_by_role("button", name="Let it storm for 30 s").click()
    expect(page.locator("#storm-says")).to_contain_text("s left.")
    page.get_by_role("link", name="Look on").click()
    expect(page.locator("#room-title")).to_have_text("The storm")
    expect(page.locator("article.by-bot").first).to_be_visible()
    page.get_by_role("button", name="Stop the storm").click()
    expect(page.locator("#storm-end")).to_contain_text(
        "Nothing lost, nothing twice.", timeout=3 * WAIT_MS
    )
    expect(page.get_by_role("button", name="Let it storm for 30 s")).to_be_enabled()


def test_all_of_it_is_in_reach_of_the_keyboard(visitor: Visitor) -> None:
    page = visitor.visit()
    page.reload()
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    press_until(page, "Tab", "^Time line$")
    press_until(page, "Tab", "^Let it storm")
    press_until(page, "Tab", "(?i)^.*faults")
    page.keyboard.press("Enter")
    press_until(page, "Tab", "^Let it happen")


def test_a_group_that_becomes_a_supergroup_stays_open_where_it_was(page: Page) -> None:
    page.locator("#faults-part summary").click()
    lost = page.locator(".fault", has_text="An answer of Telegram’s is lost")
    lost.get_by_role("button", name="Let it happen").click()
    expect(page.locator("#faults-on")).to_have_text("1 under way")
    say(page, "/invoice 450 before the move")
    expect(page.locator("article.by-bot").filter(has_text="before the move")).to_have_count(2)
    expect(lost.locator(".came")).to_contain_text("says so on it")
    expect(page.locator("#repeated")).to_be_visible()
    again = page.locator("#repeated").inner_text()
    chats = page.locator("#chats .chat-name")
    names = chats.all_inner_texts()
    assert names[:2] == ["Friday dinner", "Allotment"]
    colour = page.locator("#room-avatar .avatar").get_attribute("class") or ""
    moves = page.locator(".fault", has_text="The group becomes a supergroup")
    moves.get_by_role("button", name="Let it happen").click()
    expect(page.locator("#log")).to_contain_text("The group became a supergroup")
    expect(page.locator("#room-title")).to_have_text("Friday dinner")
    expect(page.locator("#room-avatar .avatar")).to_have_class(colour)
    expect(chats).to_have_text(names)
    ask(page, "/invoice 451", "after the move")
    expect(figure(page, "twice")).to_have_text("0")
    expect(page.locator("#repeated")).to_have_text(again)
    page.reload()
    expect(chats).to_have_text(names)
    expect(page.locator("#repeated")).to_have_text(again)
    page.locator("#faults-part summary").click()
    expect(moves.get_by_role("button", name="It stays one")).to_be_disabled()


SIZES = (
    {"width": 320, "height": 256},
    {"width": 320, "height": 640},
    {"width": 1000, "height": 720},
    COLUMNS,
)


def wrong(page: Page, state: str) -> list[str]:
    """What axe-core finds in this state, in each size and all colours."""
    found = []
    for size in SIZES:
        page.set_viewport_size(size)
        if size["width"] < 1200:
            page.evaluate("document.getElementById('behind').setAttribute('data-open', '')")
        for mode in ("light", "dark", "forced"):
            page.emulate_media(
                color_scheme="dark" if mode == "dark" else "light",
                forced_colors="active" if mode == "forced" else "none",
            )
            where = f"{state}, {mode}, {size['width']} px"
            found += [f"{where}: {each}" for each in violations(page)]
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], where
        page.evaluate("document.getElementById('behind').removeAttribute('data-open')")
    page.emulate_media(color_scheme="light", forced_colors="none")
    page.set_viewport_size(COLUMNS)
    return found


@pytest.mark.timeout(120)
def test_axe_finds_nothing_wrong_with_what_is_behind_the_chats(page: Page) -> None:
    asked = ask(page, "/invoice 460", "for axe")
    found = wrong(page, "a time line")
    page.locator("#faults-part summary").click()
    slow = page.locator(".fault", has_text="Telegram is slow")
    slow.get_by_role("button", name="Let it happen").click()
    expect(slow.locator(".came")).to_be_visible()
    found += wrong(page, "a fault is under way")
    slow.get_by_role("button", name="Fast again").click()
    page.get_by_role("button", name="Kill the bot").click()
    expect(page.locator("#bot-chip")).to_have_text("Bot killed")
    pay(asked, "460 sats")
    expect(page.locator("#line .in-gap")).to_have_count(1)
    found += wrong(page, "the bot is killed")
    show_ended(page)
    expect(page.locator("#bot-words pre")).to_be_visible()
    found += wrong(page, "the bot has ended")
    page.reload()
    page.get_by_role("button", name="Start the bot").click()
    expect(page.locator("#bot-chip")).to_be_hidden()
    assert found == []


def show_ended(page: Page) -> None:
    """As the server would say it."""
    page.evaluate(
        """async () => {
          const { changes } = await import("/page/store.js");
          const words = ["It is <b>broken</b>."];
          changes.process({ state: "ended", pid: null, exit_code: 2, words });
        }"""
    )


def test_a_bot_that_ends_by_itself_is_said_with_its_last_words(
    page: Page, visitor: Visitor
) -> None:
    """The server says so; here only what the page makes of it."""
    show_ended(page)
    expect(page.locator("#bot-chip")).to_have_text("Bot ended")
    expect(page.locator("#bot-says")).to_contain_text("exit code 2")
    expect(page.locator("#bot-words pre")).to_have_text("It is <b>broken</b>.")
    expect(page.get_by_role("button", name="Start the bot")).to_be_visible()
