"""What axe-core finds wrong with a page for people who can't see it, or use it without a mouse.

The folder axe/ has its minified file as it is published, with its licences.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
#: Every rule that is no experiment, those that are off by default as well.
_RUN = """async () => {
  await Promise.allSettled(document.getAnimations().map((each) => each.finished));
  const others = ["experimental", "deprecated", "wcag2aaa"];
  const rules = Object.fromEntries(axe.getRules()
    .filter((rule) => !rule.tags.some((tag) => others.includes(tag)))
    .map((rule) => [rule.ruleId, { enabled: true }]));
  const found = await axe.run(document, { rules, resultTypes: ["violations"] });
  return found.violations.flatMap((each) => each.nodes.map((node) =>
    `${each.id}: ${node.target.join(" ")}: ${node.failureSummary.split("\\n")[1]?.trim()}`));
}"""


def violations(page: Page) -> list[str]:
    """What the page violates as it is now: the rule, where, and what is missing."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_AXE)
    found: list[str] = page.evaluate(_RUN)
    return found
