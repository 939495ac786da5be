"""One person's page in the browser, and waiting for what happens on it."""

import time

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Site


class Watched:
    """A page of one person that remembers what should never happen on it."""

    def __init__(self, browser: Browser, site: Site, **options: object) -> None:
        self.context: BrowserContext = browser.new_context(
            base_url=site.url, viewport={"width": 1280, "height": 900}, **options
        )
        self.page: Page = self.context.new_page()
        self.site = site
        self.troubles: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("request", self._on_request)

    def _on_console(self, message) -> None:
        if message.type in {"error", "warning"}:
            self.troubles.append(f"console: {message.text}")

    def _on_request(self, request) -> None:
        if not request.url.startswith((f"{self.site.url}/", "data:", "blob:")):
            self.troubles.append(f"request to another host: {request.url}")

    def log_in(self, email: str) -> None:
        self.page.goto("/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(self.site.password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Courses")).to_be_visible()


def wait_until(page: Page, expression: str, timeout_s: float = 30.0) -> None:
    """Asks until it is true; Playwright's own waiting needs `eval`, which the CSP forbids."""
    end = time.monotonic() + timeout_s
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"still not true: {expression}"
        page.wait_for_timeout(50)


def ready(page: Page) -> None:
    """Waits until the charts are drawn and the video can be moved."""
    expect(page.locator("#timeline[data-ready=true]")).to_be_visible(timeout=30_000)
    wait_until(page, "document.getElementById('video').readyState >= 1", 60)
