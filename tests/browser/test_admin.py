"""The admin pages at work: what their scripts open and add has names, and keys reach it."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Site
from tests.browser.every_page import Found, mail_of
from tests.browser.test_accessibility import OPTIONS, SETTLED, SEVERE, log_in
from tests.browser.test_keyboard import Keys
from tests.browser.watched import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

THEMES = ("light", "dark")


@pytest.fixture
def watched(browser: Browser, site: Site, every_page: list[Found]) -> Iterator[Watched]:
    """An admin at their browser; afterwards nothing may have gone wrong in it."""
    watched = Watched(browser, site, reduced_motion="reduce")
    watched.log_in(mail_of("admin"))
    yield watched
    watched.context.close()
    assert watched.troubles == []


def path_of(pages: list[Found], name: str) -> str:
    return next(one.path for one in pages if one.name == f"admin:{name}")


def faults(page: Page) -> list[str]:
    """What axe-core finds in both themes."""
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.evaluate(SETTLED)
        for one in Axe().run(page, options=OPTIONS).response["violations"]:
            if one["impact"] in SEVERE:
                found.append(f"{theme}: {one['id']} {one['nodes'][0]['html'][:160]}")
    return found


def test_a_row_is_added_and_its_person_chosen_by_key(
    watched: Watched, every_page: list[Found]
) -> None:
    page = watched.page
    page.goto(path_of(every_page, "courses_course_change"))
    page.get_by_role("button", name="Add another Enrolment").click()
    person = page.get_by_role("combobox", name="User, new row").last
    person.focus()
    person.press("Enter")
    search = page.get_by_role("searchbox", name="User, new row")
    expect(search).to_be_focused()
    page.keyboard.type("Instructor of the pages")
    chosen = page.locator(".select2-results__option--highlighted")
    expect(chosen).to_have_text("Instructor of the pages")
    page.keyboard.press("Enter")
    expect(person).to_have_text("Instructor of the pages")
    expect(person).to_have_accessible_name("User, new row")
    page.get_by_role("combobox", name="Role, new row").last.select_option("instructor")


@pytest.mark.parametrize("name", ["courses_course_changelist", "courses_lesson_change"])
def test_every_stop_of_the_keyboard_shows_itself(
    name: str, watched: Watched, every_page: list[Found]
) -> None:
    keys = Keys(watched.page)
    watched.page.goto(path_of(every_page, name))
    assert keys.tab()["words"] == "Skip to main content"
    keys.press("Enter")
    stops = 0
    # `tab` itself looks whether the focus is seen; a field with the focus on loading comes later.
    while not keys.tab()["is_body"] and stops < 60:
        stops += 1
    assert stops > 5


def test_what_is_open_has_no_serious_fault(
    browser: Browser, site: Site, every_page: list[Found]
) -> None:
    # Not a watched page: axe-core itself writes styles, which the policy refuses.
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    log_in(page, mail_of("admin"), site.password)
    page.goto(path_of(every_page, "courses_enrolment_add"))
    page.get_by_role("combobox", name="User").click()
    page.get_by_role("listbox", name="User").get_by_role("option").first.wait_for()
    assert faults(page) == []
    page.goto(path_of(every_page, "courses_lesson_change"))
    page.locator(".datetimeshortcuts a:has(.date-icon)").click()
    expect(page.locator(".calendarbox")).to_be_visible()
    assert faults(page) == []
    page.goto(path_of(every_page, "courses_course_changelist"))
    page.get_by_role("checkbox", name="Select all").check()
    page.get_by_role("combobox", name="Action").select_option("delete_selected")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="delete")).to_be_visible()
    assert faults(page) == []
    context.close()
