"""`make screenshots`: the pictures of the guides, taken anew in Chromium from the demo shop.

The demo is played from its fixed seeds on a platform of its own in a temporary folder, which is removed at the end.
Days and hours in the pictures are those of the run. Sizes are fixed, each page is cut at the height that is given, and
each picture is reduced to a palette so that it stays small.

    python scripts/screenshots.py [name ...]                      only the pictures whose names begin so
    python scripts/screenshots.py --running http://127.0.0.1:8000 [name ...]    of the demo that runs here already
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COLOURS = 128
WIDE, NARROW = 1100, 375
DEMO_SECONDS, WRITING_SECONDS = 900, 180
FEED = """\
sku,title,price,currency,material,stock
WM-NEW-1,Harbour Lantern,39.00,USD,glass,8
WM-NEW-2,Rope Basket,24.50,,,
WM-NEW-3,Ferry Clock,soon,USD,brass,2
"""


@dataclass(frozen=True)
class Shot:
    """One picture. `then` are selectors to click on the way, `wait` one to wait for, `feed` a file to look at first."""

    name: str
    role: str
    path: str
    then: tuple[str, ...] = ()
    language: str = "en"
    width: int = WIDE
    height: int = 760
    scheme: Any = "light"
    wait: str = ""
    feed: str = ""


DETAIL = "/campaigns/warm-hands/"
RESULT = ("a[href*='/experiments/warm-hands--commuters/']",)
WRITE = ("form[action$='/generate/'] button",)
WRITTEN = "#studio-progress .badge.good"
FIRST_COPY = ("a[href^='/review/']:not([href='/review/']):not([href*='?'])",)
SHOTS = (
    Shot("home", "marketer", "/"),
    Shot("import", "marketer", "/products/import/", feed=FEED),
    Shot("brief", "marketer", "/campaigns/new/", then=("main form button.primary",)),
    Shot("audience", "marketer", "/audiences/loyal_customers/"),
    Shot("plan", "marketer", "/campaigns/ferry-backpack/plan/"),
    Shot("queue", "approver", "/review/"),
    Shot("review", "approver", "/review/", then=FIRST_COPY),
    Shot("review-phone", "approver", "/review/", then=FIRST_COPY, width=NARROW, height=700, scheme="dark"),
    Shot("running", "marketer", "/campaigns/wool-blanket-zh/"),
    Shot("result", "analyst", DETAIL, then=RESULT, height=980),
    Shot("planner", "analyst", "/experiments/plan/"),
    Shot("api-keys", "admin", "/settings/api-keys/"),
    Shot("zh-home", "marketer", "/", language="zh-hans"),
    Shot("zh-brief", "marketer", "/campaigns/new/", then=("main form button.primary",), language="zh-hans"),
    Shot("zh-campaign", "marketer", "/campaigns/wool-blanket-zh/", language="zh-hans"),
    Shot("zh-review", "approver", "/review/", then=FIRST_COPY, language="zh-hans"),
    Shot("zh-result", "analyst", DETAIL, then=RESULT, language="zh-hans", height=980),
    # Last: it makes candidates, which stay in the studio.
    Shot("studio", "marketer", "/campaigns/ferry-backpack/studio/", then=WRITE, wait=WRITTEN, height=980),
)


# --- the platform ---------------------------------------------------------------------------------------------------
@contextmanager
def demo() -> Iterator[tuple[str, dict[str, Any]]]:
    """A platform of its own with the demo played to its end; yields the address and what load_demo left."""
    folder = Path(tempfile.mkdtemp(prefix="cl-shots-"))
    var, address = folder / "var", f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, str(ROOT / "manage.py"), "launch", "--no-browser", "--port", address.rpartition(":")[2]]
    with (folder / "launch.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"COPYLIFT_VAR": str(var)}, stdout=log, stderr=log
        )
        try:
            wait_for(f"{address}/readyz", process)
            yield address, json.loads((var / "demo.json").read_text(encoding="utf-8"))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(address: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The platform that runs from this folder already."""
    var = Path(os.environ.get("COPYLIFT_VAR") or ROOT / "var")
    yield address.rstrip("/"), json.loads((var / "demo.json").read_text(encoding="utf-8"))


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until the platform is ready."""
    until = time.monotonic() + 180
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    sys.exit("The platform did not start.")


# --- the pictures ---------------------------------------------------------------------------------------------------
def context_of(browser: Browser, shot: Shot, address: str, left: dict[str, Any]) -> BrowserContext:
    """A window of the shot's size, signed in, in its language."""
    size: Any = {"width": shot.width, "height": shot.height}
    context = browser.new_context(viewport=size, color_scheme=shot.scheme, locale="en-GB", timezone_id="UTC")
    page = context.new_page()
    page.goto(f"{address}/login/")
    page.get_by_label("E-mail address").fill(f"{shot.role}@demo.shop")
    page.get_by_label("Password").fill(left["password"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()
    page.locator(f"footer button[value='{shot.language}']").click()
    page.wait_for_load_state()
    page.close()
    return context


def open_page(page: Page, shot: Shot, address: str) -> bool:
    """Go where the shot is taken; False where there is no such page."""
    answer = page.goto(f"{address}{shot.path}")
    if answer is None or not answer.ok:
        return False
    if shot.feed:
        file: Any = {"name": "feed.csv", "mimeType": "text/csv", "buffer": shot.feed.encode()}
        page.locator("input[type=file]").set_input_files(file)
        page.locator("main form button.primary").click()
    for selector in shot.then:
        page.locator(selector).first.click()
    page.wait_for_load_state()
    if shot.wait:
        page.locator(shot.wait).first.wait_for(timeout=WRITING_SECONDS * 1000)
        page.reload()
    page.wait_for_timeout(400)
    return True


def take(browser: Browser, shot: Shot, address: str, left: dict[str, Any]) -> None:
    """One picture, reduced to a palette."""
    context = context_of(browser, shot, address, left)
    page = context.new_page()
    if open_page(page, shot, address):
        raw = Image.open(BytesIO(page.screenshot(animations="disabled", caret="hide")))
        path = IMAGES / f"{shot.name}.png"
        raw.convert("RGB").quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path.relative_to(ROOT)}  {raw.width} x {raw.height}, {path.stat().st_size / 1e3:.0f} kB", flush=True)
    else:
        print(f"{shot.name}: {shot.path} is not there", flush=True)
    context.close()


def until_set_up(browser: Browser, address: str, left: dict[str, Any]) -> None:
    """Wait until the home page no longer says that the demo is being set up."""
    page = context_of(browser, SHOTS[0], address, left).new_page()
    page.goto(address)
    page.locator(".setting-up").wait_for(state="detached", timeout=DEMO_SECONDS * 1000)
    page.context.close()


def main() -> int:
    """0 where every picture was taken."""
    options = argparse.ArgumentParser(description="The pictures of the guides, from the demo shop.")
    options.add_argument("--running", metavar="ADDRESS", help="take them from this platform of this folder")
    options.add_argument("names", nargs="*", help="only pictures whose names begin so")
    asked = options.parse_args()
    wanted = [shot for shot in SHOTS if not asked.names or shot.name.startswith(tuple(asked.names))]
    chromium = os.environ.get("COPYLIFT_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        sys.exit("No Chromium found (apt-get install chromium, or set COPYLIFT_CHROMIUM).")
    IMAGES.mkdir(exist_ok=True)
    with running(asked.running) if asked.running else demo() as (address, left), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        until_set_up(browser, address, left)
        for shot in wanted:
            take(browser, shot, address, left)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
