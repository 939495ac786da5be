"""Every page on a screen 360 pixels wide: nothing makes the page itself wider."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Site
from tests.browser.every_page import READERS, STRANGER, Found, mail_of
from tests.browser.test_accessibility import UNFOLD, log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTH = 360
# What reaches over the edge and is not inside something that scrolls by itself.
TOO_WIDE = """() => {
  const scrolls = (one) => {
    for (let at = one.parentElement; at; at = at.parentElement) {
      if (/auto|scroll|hidden|clip/.test(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 && !scrolls(one))
    .map((one) => one.outerHTML.slice(0, 90))
    .slice(0, 3);
}"""
# Regions that scroll sideways and that a keyboard cannot reach, or that have no name.
UNREACHABLE = """() => [...document.body.querySelectorAll("*")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
  .filter((one) => /auto|scroll/.test(getComputedStyle(one).overflowX))
  .filter((one) => one.tabIndex >= 0
    ? !(one.ariaLabel || one.getAttribute("aria-labelledby"))
    : !one.querySelector("a[href], button, input, select, textarea, summary, [tabindex='0']"))
  .filter((one) => !one.matches("pre, textarea, select, input"))
  .map((one) => one.outerHTML.slice(0, 90))
  .slice(0, 3)"""


@pytest.fixture(params=READERS)
def reading(
    request: pytest.FixtureRequest, browser: Browser, site: Site, every_page: list[Found]
) -> Iterator[tuple[Page, list[Found]]]:
    """Somebody at their phone, and the pages that they may read."""
    reader = request.param
    context = browser.new_context(base_url=site.url, viewport={"width": WIDTH, "height": 740})
    page = context.new_page()
    if reader != STRANGER:
        log_in(page, mail_of(reader), site.password)
    yield page, [one for one in every_page if one.reader == reader]
    context.close()


def test_no_page_scrolls_sideways(reading: tuple[Page, list[Found]]) -> None:
    page, pages = reading
    assert pages
    wide = [line for one in pages for line in faults_of(page, one)]
    assert not wide, "\n" + "\n".join(wide)


def faults_of(page: Page, one: Found) -> list[str]:
    """What is too wide on a page, in words, with everything on it unfolded."""
    page.goto(one.path)
    page.evaluate(UNFOLD, ":not(.menu)")
    page.wait_for_timeout(100)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    faults = []
    if width > WIDTH:
        places = page.evaluate(TOO_WIDE)
        faults.append(f"{one.name} {one.path} as {one.reader}: {width} px wide: {places}")
    if unreachable := page.evaluate(UNREACHABLE):
        faults.append(f"{one.name} {one.path} as {one.reader}: keys cannot scroll {unreachable}")
    return faults
