"""Headless Chromium: what a person sees on a page, and what axe-core and the console say about it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from harness.processes import require, wait_until

PAGE_SECONDS = 20.0
# Contrast, names, roles, order: WCAG 2.2 A and AA, and axe's own best practices.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Browser:
    """A browser with a profile of its own, under `directory`."""

    def __init__(self, directory: Path) -> None:
        require("chromium", "chromedriver")
        options = ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        # As root there is no sandbox, and /dev/shm may be small.
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={directory}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(PAGE_SECONDS)

    def stop(self) -> None:
        self.driver.quit()

    def open(self, url: str, width: int = 1280, scheme: str = "light") -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.driver.get(url)

    def element(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """What is visible in an element; nothing while there is no such element."""
        return self.driver.execute_script(
            "const found = document.querySelector(arguments[0]); return found ? found.innerText : ''", selector)

    def wait_for(self, selector: str, *words: str) -> str:
        """Waits until an element shows all the words; returns what it shows."""

        def shown() -> str | None:
            text = self.text(selector)
            return text if all(word in text for word in words) else None

        try:
            return wait_until(shown, f"{words} in {selector}", PAGE_SECONDS)
        except TimeoutError as late:
            raise AssertionError(f"{late}; it shows: {self.text(selector)!r}") from None

    def is_visible(self, selector: str) -> bool:
        return self.element(selector).is_displayed()

    def click(self, selector: str) -> None:
        self.element(selector).click()

    def console(self) -> list[str]:
        """Warnings and errors of the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")

    def violations(self) -> list[str]:
        """What axe-core finds, with the elements."""
        package = find_spec("axe_playwright_python")
        assert package and package.submodule_search_locations
        self.driver.execute_script(Path(package.submodule_search_locations[0], "axe.min.js").read_text())
        found: list[dict[str, Any]] = self.driver.execute_async_script(
            "const done = arguments[1]; axe.run(document, {runOnly: arguments[0]}).then((r) => done(r.violations), (e) => done([{id: String(e), nodes: []}]))",
            AXE_TAGS)
        return [f"{rule['id']}: {json.dumps([node['html'][:200] for node in rule['nodes']])}" for rule in found]
