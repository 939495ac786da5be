"""A whole visit without a mouse: every step is a key, and what has the focus can always be seen."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.every_page import Found, mail_of
from tests.browser.watched import Watched, ready, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_TABS = 200
# The element with the focus: what it says, whether it can be seen, and whether the focus on it can.
# A player's own buttons, and a date's, are drawn by the browser inside of the element that we see.
FOCUSED = """() => {
  const one = document.activeElement;
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const before = window.focusedBefore;
  const follows = !before || !before.isConnected || before === one
    || Boolean(before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
  window.focusedBefore = one;
  return {
    words: (one.ariaLabel || one.innerText || one.labels?.[0]?.innerText || one.title || "")
      .replace(/\\s+/g, " ").trim(),
    html: one.outerHTML.slice(0, 100),
    is_body: one === document.body,
    shown: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    outlined: outlined || one.matches("video, audio") || !one.matches(":focus"),
    follows,
  };
}"""


class Keys:
    """Somebody who only has keys."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def tab(self) -> dict:
        """One step on; what has the focus then must show it, and come later on the page."""
        self.page.keyboard.press("Tab")
        found = self.page.evaluate(FOCUSED)
        if not found["is_body"]:
            assert found["shown"], f"has the focus out of sight: {found['html']}"
            assert found["outlined"], f"does not show that it has the focus: {found['html']}"
            assert found["follows"], f"the focus went back to {found['html']}"
        return found

    def tab_to(self, words: str) -> dict:
        """Steps on until what has the focus begins with these words."""
        for _ in range(MOST_TABS):
            found = self.tab()
            if found["words"].startswith(words):
                return found
        raise AssertionError(f"no Tab leads to {words!r}")

    def press(self, key: str) -> None:
        """A key on what has the focus."""
        self.page.keyboard.press(key)

    def follow(self, words: str) -> None:
        """Steps to a link and follows it."""
        self.tab_to(words)
        with self.page.expect_navigation():
            self.press("Enter")


@pytest.fixture
def watched(browser: Browser, site: Site, every_page: list[Found]) -> Iterator[Watched]:
    """A browser at the site's first page; afterwards nothing may have gone wrong in it."""
    watched = Watched(browser, site)
    watched.page.goto("/")
    yield watched
    watched.context.close()
    assert watched.troubles == []


def log_in(keys: Keys, password: str) -> None:
    # The log-in page begins in its first field.
    expect(keys.page.get_by_label("E-mail")).to_be_focused()
    keys.page.keyboard.type(mail_of("instructor"))
    keys.tab_to("Password")
    keys.page.keyboard.type(password)
    with keys.page.expect_navigation():
        keys.press("Enter")


def test_a_visit_from_log_in_to_log_out(watched: Watched) -> None:
    page, keys = watched.page, Keys(watched.page)
    log_in(keys, watched.site.password)
    keys.follow("Marine biology")
    keys.follow("Lesson 1")
    keys.follow("Report")
    ready(page)

    # The export menu opens on Enter, and Escape closes it and gives the focus back.
    keys.tab_to("Export")
    keys.press("Enter")
    menu = page.locator("details.menu--export")
    expect(menu).to_have_attribute("open", "")
    keys.tab()
    keys.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()

    # Labelling is unfolded; its strip of windows is one stop, and arrow keys move in it.
    keys.tab_to("Label windows")
    keys.press("Enter")
    keys.tab_to("U Can't tell")
    first = keys.tab()["html"]
    assert "strip__window" in first
    for key, moved in (("ArrowRight", True), ("ArrowLeft", False)):
        keys.press(key)
        assert (page.evaluate(FOCUSED)["html"] != first) is moved

    # Arrow keys move through the recording, and the video follows.
    found = keys.tab_to("Position in the recording")
    assert 'role="slider"' in found["html"]
    before = float(page.locator("#scrubber").get_attribute("aria-valuenow") or 0)
    for _ in range(3):
        keys.press("ArrowRight")
    after = float(page.locator("#scrubber").get_attribute("aria-valuenow") or 0)
    assert after > before
    wait_until(page, f"Math.abs(document.getElementById('video').currentTime - {after}) < 1.5")

    # A table behind a chart unfolds, and its region scrolls by key.
    keys.tab_to("Emotions as a table")
    keys.press("Enter")
    keys.tab_to("Emotions as a table")
    region = page.get_by_role("region", name="Emotions as a table")
    expect(region).to_be_focused()
    keys.press("PageDown")
    wait_until(page, "document.activeElement.scrollTop > 0")

    # Back to the start of the page by the skip link's neighbour, and out.
    page.keyboard.press("Control+Home")
    page.evaluate("document.activeElement.blur(); window.focusedBefore = null")
    page.goto(page.url)
    keys.tab_to("Log out")
    with page.expect_navigation():
        keys.press("Enter")
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_first_stop_skips_to_the_content(watched: Watched) -> None:
    page, keys = watched.page, Keys(watched.page)
    log_in(keys, watched.site.password)
    page.goto("/")
    assert keys.tab()["words"] == "Skip to the content"
    keys.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    # The next stop lies inside of the content, not in the head of the page.
    keys.tab()
    assert page.evaluate("document.getElementById('content').contains(document.activeElement)")
