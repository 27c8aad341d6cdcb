"""``python -m tests.e2e.screenshots``: the pages as they are today, into docs/images/, from their own `livedash up`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from livedash_core.local.sample import NOT_FOUND_ID
from livedash_core.settings import PROJECT
from tests.e2e.conftest import Stack, free_port, start
from tests.e2e.test_page import expect_the_sample, log_in, open_pages, visiting

IMAGES = PROJECT / "docs" / "images"


def take(stack: Stack, browser: Browser, directory: Path) -> None:
    """Each page in Airflow's frame, light; the Pipeline page in the dark and on a phone, too."""
    with visiting(browser, stack, color_scheme="light", viewport={"width": 1280, "height": 860}) as visitor:
        page = visitor.page
        log_in(visitor, stack)
        frame = open_pages(page)
        expect_the_sample(frame)
        page.screenshot(path=directory / "pipeline.png")
        for name in ("Failures", "Costs", "Insights", "Sessions"):
            frame.get_by_role("navigation", name="LiveDash").get_by_role("link", name=name).click()
            expect(frame.get_by_role("heading", name=name, level=1)).to_be_visible()
            page.screenshot(path=directory / f"{name.lower()}.png")
        for name, session in (("session", "LV-0003"), ("session-failed", NOT_FOUND_ID)):
            frame.get_by_label("Session id").fill(session)
            frame.get_by_label("Session id").press("Enter")
            expect(frame.get_by_role("heading", name=session)).to_be_visible()
            page.screenshot(path=directory / f"{name}.png")
            frame.get_by_role("navigation", name="LiveDash").get_by_role("link", name="Sessions").click()
            expect(frame.get_by_role("heading", name="Sessions", level=1)).to_be_visible()
    with visiting(browser, stack, color_scheme="dark", viewport={"width": 1280, "height": 860}) as visitor:
        log_in(visitor, stack)
        expect_the_sample(open_pages(visitor.page))
        visitor.page.screenshot(path=directory / "pipeline-dark.png")
    with visiting(browser, stack, viewport={"width": 390, "height": 800}) as visitor:
        log_in(visitor, stack, "/livedash/")
        expect_the_sample(visitor.page)
        visitor.page.screenshot(path=directory / "pipeline-phone.png")


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("no browser: install Debian's chromium (apt-get install chromium)", file=sys.stderr)
        return 1
    # Not on a person's own data: as root the server runs as another user, who must be able to reach the directory.
    with tempfile.TemporaryDirectory(prefix="livedash-images-", ignore_cleanup_errors=True) as home:
        stack = start(Path(home) / "home", free_port())
        try:
            expect.set_options(timeout=60_000)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                take(stack, browser, IMAGES)
                browser.close()
        finally:
            stack.stop()
    print(f"The pages are in {IMAGES}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
