"""The demo's page in many tabs of one browser, and a server that keeps silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.demo.staged import Call, Json, Staged, staged
from tests.demo.visitor import BROWSER_IS_MISSING, WAIT_MS, Visitor, say

pytestmark = pytest.mark.browser

TABS = 8  # a browser has six connections to one server
expect.set_options(timeout=WAIT_MS)

if BROWSER_IS_MISSING:
    pytest.skip(BROWSER_IS_MISSING, allow_module_level=True)


async def silent(_: Call, __: Json) -> None:
    """A bot that says nothing."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Staged]:
    with staged(tmp_path, silent) as demo:
        yield demo


@pytest.fixture
def visitor(context: BrowserContext, demo: Staged) -> Iterator[Visitor]:
    visitor = Visitor(context, demo.address)
    yield visitor
    assert visitor.complaints == []


def expect_said(page: Page, words: str) -> None:
    expect(page.locator("article", has_text=words)).to_have_count(1)


def test_eight_tabs_of_one_browser_all_load_and_hear_of_everything(visitor: Visitor) -> None:
    tabs = [visitor.visit() for _ in range(TABS)]
    say(tabs[-1], "from the eighth")
    say(tabs[0], "from the first")
    for tab in tabs:
        expect_said(tab, "from the eighth")
        expect_said(tab, "from the first")


def test_a_tab_that_is_opened_late_has_what_was_said_before_it(visitor: Visitor) -> None:
    early = visitor.visit()
    say(early, "before the other came")
    expect_said(early, "before the other came")
    late = visitor.visit()
    expect_said(late, "before the other came")
    early.close()
    say(late, "when the other was gone")
    expect_said(late, "when the other was gone")
    expect_said(visitor.visit(), "when the other was gone")


def test_a_browser_without_shared_workers_hears_of_everything(visitor: Visitor) -> None:
    visitor.context.add_init_script("delete window.SharedWorker")
    one, other = visitor.visit(), visitor.visit()
    say(one, "without a worker")
    expect_said(one, "without a worker")
    expect_said(other, "without a worker")
