"""axe-core looks at every page, as everybody who may read it, in both themes."""

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.every_page import READERS, STRANGER, Found, mail_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SEVERE = {"serious", "critical"}
# 24 px are asked for by WCAG 2.2, whose rule axe-core leaves off by default.
OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
# Menus that are all open lie over each other.
IN_MENUS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": False}}}
UNFOLD = """(which) => document.querySelectorAll(`details${which}`)
  .forEach((each) => { each.open = true; })"""
# Two frames later what had to be painted is, and what was to change its colour has begun to.
SETTLED = """async () => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  await Promise.allSettled(document.getAnimations().map((one) => one.finished));
}"""
#: For a look at more than fails: BROWSER_AXE=moderate lists lesser findings as failures, too.
ALSO = set(filter(None, os.environ.get("BROWSER_AXE", "").split(",")))


@pytest.fixture(params=READERS)
def reading(
    request: pytest.FixtureRequest, browser: Browser, site: Site, every_page: list[Found]
) -> Iterator[tuple[Page, list[Found]]]:
    """Somebody at their browser, and the pages that they may read."""
    reader = request.param
    context = browser.new_context(base_url=site.url, reduced_motion="reduce")
    page = context.new_page()
    if reader != STRANGER:
        log_in(page, mail_of(reader), site.password)
    yield page, [one for one in every_page if one.reader == reader]
    context.close()


def log_in(page: Page, email: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.locator("#id_username").fill(email)
    page.locator("#id_password").fill(password)
    page.locator("#id_password").press("Enter")
    expect(page.locator(".site-user")).to_be_visible()
    expect(page).not_to_have_url("/accounts/login/")


def test_no_page_has_a_serious_fault(reading: tuple[Page, list[Found]]) -> None:
    page, pages = reading
    assert pages
    faults = [line for one in pages for line in faults_of(page, one)]
    assert not faults, "\n" + "\n".join(faults)


def faults_of(page: Page, one: Found) -> list[str]:
    """What is wrong with a page, in words, with everything on it unfolded."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(one.path)
    page.evaluate(UNFOLD, ":not(.menu)")
    page.wait_for_timeout(200)
    faults = _in_both_themes(page, OPTIONS)
    if page.locator("details.menu:visible").count():
        # They open over the page, which is then half hidden: now for what is inside of them.
        page.evaluate(UNFOLD, ".menu")
        faults += _in_both_themes(page, IN_MENUS, "details.menu")
    return [f"{one.name} {one.path} as {one.reader}, {fault}" for fault in faults]


def _in_both_themes(page: Page, options: dict, context: str | None = None) -> list[str]:
    faults = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(SETTLED)
        for found in Axe().run(page, context=context, options=options).response["violations"]:
            if found["impact"] in SEVERE | ALSO:
                places = [_place(node) for node in found["nodes"][:4]]
                count = len(found["nodes"])
                faults.append(f"{theme}: {found['id']} ({count}): {' | '.join(places)}")
    return faults


def _place(node: dict) -> str:
    why = (node["failureSummary"] or "").split("\n")[1:2]
    return f"{node['target']} {node['html'][:120]} {' '.join(why).strip()[:160]}"
