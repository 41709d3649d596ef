"""A browser for each file, and somebody who visits a demo of their own with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.demo.visitor import WIDE, Demo, Visitor, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def size() -> ViewportSize:
    return WIDE


@pytest.fixture
def visitor(browser: Browser, size: ViewportSize) -> Iterator[Visitor]:
    context = browser.new_context(viewport=size, locale="en-GB")
    with Demo("--port", "0") as demo:
        someone = Visitor(context, demo.address())
        yield someone
        context.close()
        assert demo.end() == (0, "", "")
    assert someone.complaints == []


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.visit()
