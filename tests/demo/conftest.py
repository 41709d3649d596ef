"""A browser for each file, and somebody who visits a demo with it: their own, or the file's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from bot.demo.run import ENDED
from tests.demo.staged import Staged
from tests.demo.visitor import WIDE, Demo, Visitor, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def size() -> ViewportSize:
    return WIDE


@pytest.fixture
def address() -> Iterator[str]:
    """Of a demo for one test; a file whose tests share one has a fixture of its own."""
    with Demo("--port", "0") as demo:
        yield demo.address()
        assert demo.end() == (0, f"{ENDED}\n", "")


@pytest.fixture
def visitor(browser: Browser, address: str, size: ViewportSize) -> Iterator[Visitor]:
    context = browser.new_context(viewport=size, locale="en-GB")
    someone = Visitor(context, address)
    yield someone
    context.close()
    assert someone.complaints == []


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.visit()


@pytest.fixture
def context(browser: Browser, demo: Staged, size: ViewportSize) -> Iterator[BrowserContext]:
    """A browser that is closed before the file's own fixture `demo` ends."""
    context = browser.new_context(viewport=size, locale="en-GB")
    yield context
    context.close()
