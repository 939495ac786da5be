"""What a script writes of a time is what the page itself writes of it."""

from collections.abc import Sequence

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Site
from webapp.reports.templatetags.report_format import clock

pytestmark = pytest.mark.browser

MOMENTS: Sequence[float | None] = (
    None, 0, 0.4, 0.999, 1, 9.5, 29.97, 30, 59.4, 59.5, 59.6, 59.95, 59.99, 59.9999999, 60, 60.4,
    65.4, 119.5, 599.5, 600, 3599, 3599.5, 3599.7, 3599.9999999, 3600, 3600.5, 3659.6, 3725,
    35_999.7, 36_000, 86_400.25, -0.3, -5, 0.1 + 0.2, 0.7 + 0.2 + 0.1,
)  # fmt: skip


def test_scripts_and_pages_write_the_same_times(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    page.goto(f"{site.url}/accounts/login/")
    # A quarter of a second apart over two minutes, too: each side's rounding has its own ways.
    moments = [*MOMENTS, *(number / 4 for number in range(480))]
    written = page.evaluate(
        """async (moments) => {
          const { clock } = await import("/static/js/times.js");
          return moments.map((one) => clock(one));
        }""",
        moments,
    )
    page.close()
    assert dict(zip(moments, written, strict=True)) == {one: clock(one) for one in moments}


def test_a_second_counts_when_it_is_over() -> None:
    said = [clock(one) for one in (0.4, 59.6, 59.95, 3599.7, 3600)]
    assert said == ["0:00", "0:59", "0:59", "59:59", "1:00:00"]
