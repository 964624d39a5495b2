"""The page in a real browser, where there is one: Debian's chromium, driven by playwright."""

import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.conftest import EVIL

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, client: httpx.Client) -> Iterator[Any]:
    """A page that fails the test for anything the browser complains of."""
    context = browser.new_context(base_url=str(client.base_url), reduced_motion="reduce")
    context.set_default_timeout(30_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text))
    page.on("pageerror", lambda one: complaints.append(str(one)))

    def dismissed(dialog: Any) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismissed)
    yield page
    context.close()
    assert complaints == []


def titles(page: Any) -> list[str]:
    return page.locator("#list .title").all_inner_texts()


def test_one_types_gives_stars_and_sees_another_list(page: Any) -> None:
    page.goto("/")
    before = titles(page)
    page.locator("#q").press_sequentially("film 5")
    page.locator("#found-5-5").click()
    page.locator("#mine-5-5").wait_for()
    after = titles(page)
    assert after != before
    page.wait_for_url("**/?r=5%3A5&variety=*")
    page.locator("#found-52-2").click()
    page.locator("#mine-52-2").wait_for()
    assert page.locator("input[name=r]").count() == 2
    page.locator("summary").click()
    page.locator("#genre").select_option("Comedy")
    page.wait_for_url("**genre=Comedy**")
    genres = page.locator("#list .genres").all_inner_texts()
    assert genres
    assert all("Comedy" in one for one in genres)
    page.reload()
    assert page.locator("input[name=r]").count() == 2


def test_the_keyboard_is_enough(page: Any) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the list"
    page.locator("#q").focus()
    page.keyboard.type("film 7")
    page.locator("#found-7-1").wait_for()
    page.keyboard.press("Tab")
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("id") == "found-7-4"
    page.keyboard.press("Enter")
    page.locator("#mine-7-4").wait_for()
    assert page.locator(":focus").get_attribute("id") == "found-7-4"


def test_a_title_that_bites_does_nothing(page: Any) -> None:
    page.goto("/")
    page.locator("#q").press_sequentially("script")
    page.locator("#found-60-5").click()
    page.locator("#mine-60-5").wait_for()
    assert page.locator("#found .title").first.inner_text() == EVIL


def test_without_scripts_and_on_a_phone(browser: Any, client: httpx.Client) -> None:
    context = browser.new_context(
        base_url=str(client.base_url),
        java_script_enabled=False,
        viewport={"width": 360, "height": 700},
    )
    page = context.new_page()
    page.goto("/")
    page.locator("#q").fill("film 5")
    page.locator("#q").press("Enter")
    page.locator("#found-5-5").click()
    page.locator("#mine-5-5").wait_for()
    assert len(titles(page)) == 20
    box = page.locator("#taste").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    last = page.locator(".list li").last.bounding_box()
    assert last["x"] + last["width"] <= 360
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_light_and_dark(browser: Any, client: httpx.Client, scheme: Any) -> None:
    context = browser.new_context(base_url=str(client.base_url), color_scheme=scheme)
    page = context.new_page()
    page.goto("/")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(one) for one in paper.strip("rgb()").split(","))
    assert (brightness > 600) is (scheme == "light")
    context.close()
