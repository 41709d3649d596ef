"""The demo's page where much comes at once, or one message that is higher than the window."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from bot import demo as demo_package
from bot.demo.stage import Stage
from tests.demo.staged import Call, Json, Staged, staged
from tests.demo.visitor import BROWSER_IS_MISSING, WAIT_MS, Visitor, say

pytestmark = pytest.mark.browser

MANY = 200
CHAT_PAGE = Path(demo_package.__file__).parent / "page" / "chat.js"
LIMIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


async def handle(call: Call, update: Json) -> None:
    """A bot that says as many lines as it is told to."""
    message = update.get("message", {})
    words = message.get("text", "").split()
    if words[:1] == ["/lines"]:
        text = "\n".join(f"line {number}" for number in range(1, int(words[1]) + 1))
        await call("sendMessage", chat_id=message["chat"]["id"], text=text)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Staged]:
    with staged(tmp_path, handle) as demo:
        yield demo


@pytest.fixture
def page(context: BrowserContext, demo: Staged) -> Iterator[Page]:
    visitor = Visitor(context, demo.address)
    yield visitor.visit("Ada Quist")
    assert visitor.complaints == []


def timed(context: BrowserContext, demo: Staged) -> Page:
    """A page whose clock is the test's."""
    page = context.new_page()
    page.clock.install()
    page.goto(demo.address)
    expect(page.locator("#room-title")).to_have_text("Friday dinner")
    return page


def write(demo: Staged, *texts: str, chat: str = "Friday dinner", by: str = "Ben") -> None:
    """Somebody writes all this at once."""

    def act(stage: Stage) -> None:
        person = next(user for user in stage.telegram.users() if user.first_name == by)
        there = next(each for each in stage.telegram.chats() if each.title == chat)
        for text in texts:
            stage.telegram.say(there, person.id, text)

    demo.do(act)


def in_group(page: Page) -> Page:
    page.get_by_role("link", name="Back to Friday dinner").click()
    expect(page.locator("#room-title")).to_have_text("Friday dinner")
    return page


def record_announcements(page: Page) -> None:
    page.evaluate(
        """() => {
          window.announced = [];
          new MutationObserver((changes) => {
            for (const each of changes.flatMap((change) => [...change.addedNodes])) {
              window.announced.push([each.textContent, performance.now()]);
            }
          }).observe(document.querySelector("#announcer"), { childList: true });
        }"""
    )


def announced(page: Page) -> list[str]:
    lines: list[str] = page.evaluate("window.announced.map(([text]) => text)")
    return lines


def wait_for_announcements(page: Page, count: int) -> None:
    page.evaluate(
        """(count) => new Promise((heard) => requestAnimationFrame(function look() {
          if (window.announced.length >= count) heard();
          else requestAnimationFrame(look);
        }))""",
        count,
    )


def test_of_several_messages_at_once_each_is_announced_and_none_takes_anothers_place(
    page: Page, demo: Staged
) -> None:
    in_group(page)
    record_announcements(page)
    texts = [f"No. {number}" for number in range(5)]
    write(demo, *texts)
    wait_for_announcements(page, len(texts))
    assert announced(page) == [f"Ben Okafor: {text}" for text in texts]
    apart = page.evaluate(
        "window.announced.slice(1).map(([, at], place) => at - window.announced[place][1])"
    )
    assert min(apart) >= 300  # a line begins when the one before can have been heard


def test_of_a_crowd_the_first_are_announced_and_then_how_many_more(
    context: BrowserContext, demo: Staged
) -> None:
    page = timed(context, demo)
    record_announcements(page)
    page.evaluate(
        """async () => {
          const { announce } = await import("/page/toast.js");
          for (let number = 0; number < 60; number += 1) announce(`No. ${number}`);
        }"""
    )
    page.clock.run_for(60_000)
    said = announced(page)
    assert said[0] == "No. 0"
    assert 10 <= len(said) <= 20
    assert said[-1] == f"And {60 - (len(said) - 1)} more"
    page.evaluate("import('/page/toast.js').then((it) => it.announce('Later'))")
    assert announced(page)[-1] == "Later"


def test_what_comes_while_a_dialog_is_open_is_announced_after_it(page: Page, demo: Staged) -> None:
    in_group(page)
    record_announcements(page)
    page.evaluate("import('/page/toast.js').then(({ alertBox }) => alertBox('Look.'))")
    expect(page.get_by_role("dialog")).to_be_visible()
    write(demo, "behind the dialog")
    expect(page.locator("article", has_text="behind the dialog")).to_have_count(1)
    assert announced(page) == []
    page.keyboard.press("Escape")
    wait_for_announcements(page, 1)
    assert announced(page) == ["Ben Okafor: behind the dialog"]


def record_draws(page: Page) -> None:
    """How many messages each draw adds, on a clock that goes on by a millisecond a look."""
    page.evaluate(
        """() => {
          let now = 0;
          performance.now = () => (now += 1);
          window.drawn = [];
          new MutationObserver((changes) => {
            const added = changes.flatMap((change) => [...change.addedNodes]);
            window.drawn.push(added.filter((each) => each.matches?.("article")).length);
          }).observe(document.querySelector("#log"), { childList: true });
        }"""
    )


def test_of_two_hundred_messages_at_once_each_frame_draws_what_it_has_time_for(
    page: Page, demo: Staged
) -> None:
    """However long one takes: whoever types meanwhile waits for one frame, not for all of them."""
    in_group(page)
    write(demo, "warming up")
    expect(page.locator("article", has_text="warming up")).to_have_count(1)
    record_draws(page)
    write(demo, *(f"message {number} of a crowd" for number in range(MANY)))
    expect(page.locator("article", has_text="of a crowd")).to_have_count(MANY)
    drawn: list[int] = page.evaluate("window.drawn")
    assert sum(drawn) == MANY
    assert max(drawn) <= drawing_ms()
    assert len(drawn) >= MANY / drawing_ms()


def drawing_ms() -> int:
    """For how long a frame draws."""
    (found,) = re.findall(r"^const DRAWING_MS = (\d+);", CHAT_PAGE.read_text(), re.MULTILINE)
    return int(found)


def top_in_log(message: Locator) -> float:
    """How far below the upper edge of the messages it begins, in px."""
    top: float = message.evaluate(
        "(it) => it.getBoundingClientRect().top"
        " - document.querySelector('#log').getBoundingClientRect().top"
    )
    return top


def tall(page: Page, lines: int = 80) -> Locator:
    say(page, f"/lines {lines}")
    expect(page.locator("article.by-bot", has_text=f"line {lines}")).to_be_visible()
    number = page.locator("article.by-bot").last.get_attribute("data-id")
    return page.locator(f'article[data-id="{number}"]')


def change(page: Page, message: Locator, lines: int) -> None:
    """The bot edits its message into so many lines; the page hears of it as from the server."""
    page.evaluate(
        """async ([id, lines]) => {
          const { changes } = await import("/page/store.js");
          const { room } = await import("/page/selection.js");
          const text = Array.from({ length: lines }, (_, place) => `row ${place + 1}`).join("\\n");
          changes.message({ ...room().chat.messages.get(id), text });
        }""",
        [int(message.get_attribute("data-id") or 0), lines],
    )


def wait_for_frame(page: Page) -> None:
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)))")


def expect_from_its_top(message: Locator) -> None:
    expect(
        message.get_by_text("line 1").or_(message.get_by_text("row 1")).first
    ).to_be_in_viewport()
    assert 0 <= top_in_log(message) <= 60


def test_a_message_that_is_higher_than_the_window_is_shown_from_its_top(page: Page) -> None:
    message = tall(page)
    expect_from_its_top(message)
    page.reload()
    expect_from_its_top(message)
    # where the reader has gone on in it, what changes does not throw them back
    page.locator("#log").evaluate("(it) => it.scrollBy(0, 400)")
    wait_for_frame(page)
    at = top_in_log(message)
    change(page, message, 85)
    expect(message).to_contain_text("row 85")
    page.set_viewport_size({"width": 1280, "height": 880})
    wait_for_frame(page)
    assert top_in_log(message) == pytest.approx(at, abs=2)
    # the next one comes into sight all the same
    say(page, "on with it")
    expect(page.locator("article", has_text="on with it")).to_be_in_viewport()


def test_a_message_that_grows_higher_than_the_window_is_shown_from_its_top(page: Page) -> None:
    message = tall(page, 3)
    change(page, message, 80)
    expect(message).to_contain_text("row 80")
    expect_from_its_top(message)


def test_in_a_window_that_becomes_lower_the_newest_message_is_shown_from_its_top(
    page: Page,
) -> None:
    message = tall(page, 15)
    expect(message).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 430})
    wait_for_frame(page)
    expect_from_its_top(message)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_the_jump_to_a_quote_moves_only_for_those_who_want_it(page: Page, motion: str) -> None:
    page.emulate_media(reduced_motion="reduce" if motion == "reduce" else "no-preference")
    say(page, "far above")
    target = page.locator("article.mine", has=page.locator(".text", has_text="far above"))
    tall(page, 90)
    target.get_by_role("button", name="Reply to Ada").evaluate("(it) => it.click()")
    say(page, "look up there")
    answer = page.locator("article.mine", has_text="look up there")
    quote = answer.locator("button.quote")
    expect(quote).to_be_in_viewport()
    moved_at_once = quote.evaluate(
        """(it) => {
          const log = document.querySelector("#log");
          const before = log.scrollTop;
          it.click();
          return log.scrollTop !== before;
        }"""
    )
    assert moved_at_once == (motion == "reduce")
    expect(target).to_be_in_viewport()
    expect(target).to_be_focused()


def test_a_demo_that_does_not_answer_is_not_waited_for_without_end(
    context: BrowserContext, demo: Staged
) -> None:
    page = timed(context, demo)
    page.route("**/api/say", lambda _: None)  # taken, and never answered
    with page.expect_request("**/api/say"):
        say(page, "is anybody there?")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    page.clock.run_for(LIMIT_MS // 2)
    expect(page.locator(".toast")).to_have_count(0)
    page.clock.run_for(LIMIT_MS // 2 + 1000)
    expect(page.locator(".toast")).to_contain_text("did not answer within 15 seconds")
    # what was written is there to be sent again
    expect(page.get_by_label("Message", exact=True)).to_have_value("is anybody there?")
