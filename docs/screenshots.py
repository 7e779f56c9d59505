"""`make screenshots`: takes the pictures of the labelling room in `docs/screenshots/`, in a real Chromium.

They are of the demonstration room, each light, dark and on a phone.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from preceptor.labeling.room import Room
from preceptor.store import Database
from tests.labeling.demo import seed, seed_screening, seed_work
from tests.labeling.rooms import SECRET, Server, serving

FOLDER = Path(__file__).parent / "screenshots"
LOOKS: dict[str, dict[str, Any]] = {
    "": {"viewport": {"width": 1200, "height": 760}},
    "-dark": {"viewport": {"width": 1200, "height": 760}, "color_scheme": "dark"},
    "-phone": {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True},
}
"""Ending of the file's name → options of the browser."""


class Model:
    """A model for the suggestions; what it says is not in the pictures."""

    name = "sft"

    def __call__(self, messages: Any, *, seed: int = 0) -> str:
        return "Mint, parsley and chives do well without much sun."


@dataclass(frozen=True)
class Picture:
    """A page, whose eyes see it, and what is done before the picture is taken."""

    name: str
    who: str
    path: str
    act: Callable[[Page], None] = lambda page: None


def take(picture: Picture, look: str, server: Server, browser: Browser) -> bytes:
    """One picture, as WebP."""
    context = browser.new_context(reduced_motion="reduce", locale="en", **LOOKS[look])
    server.sign_in(context, picture.who)
    page = context.new_page()
    page.set_default_timeout(5000)
    page.goto(server.url + picture.path)
    if page.locator("#task").count():
        page.wait_for_selector("#task[data-ready]")
    page.locator(".panel").evaluate_all("all => all.forEach(one => { one.open = false })")
    picture.act(page)
    page.evaluate("scrollTo(0, 0)")
    made = BytesIO()
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(made, "WEBP", lossless=True, quality=100, method=6)
    context.close()
    return made.getvalue()


def rate(page: Page) -> None:
    """Rate two responses, and look at the second."""
    for key in ("6", "ArrowRight", "3", "p"):
        page.keyboard.press(key)


def to_board(page: Page) -> None:
    """Rate all responses, and go on to the board."""
    rated = page.locator(".pad").count()
    for point in "6341"[:rated]:
        page.keyboard.press(point)
        page.keyboard.press("ArrowRight")


def compare(page: Page) -> None:
    """The two best beside each other."""
    to_board(page)
    if page.locator("#verdict").is_hidden():
        alike = [page.locator("article", has_text="feed").nth(place).get_attribute("data-letter") for place in (0, 1)]
        for letter in alike:
            page.keyboard.press(str(letter).lower())
        page.keyboard.press("x")


def to_evaluation_board(page: Page) -> None:
    """Rate all; two have their places."""
    to_board(page)
    if page.locator("#verdict").is_hidden():
        for key in ("b", "1", "a", "2"):
            page.keyboard.press(key)


def write(text: str) -> Callable[[Page], None]:
    """Write this into the first place there is."""

    def act(page: Page) -> None:
        page.locator("main textarea:visible").first.fill(text)

    return act


def talk(page: Page) -> None:
    """Two turns, and the beginning of a third."""
    for text in (
        "Which herbs grow on a balcony that faces north?",
        "Mint, parsley and chives do well without much sun. Give them a deep pot, and water them *often*.",
    ):
        page.locator("#text").fill(text)
        page.locator("#say").click()
        page.locator("#turns li", has_text=text[:20]).wait_for()
    page.locator("#text").fill("And is there a flower that likes it there?")


def choose(*values: str) -> Callable[[Page], None]:
    """Tick these."""

    def act(page: Page) -> None:
        for value in values:
            page.locator(f'main input[value="{value}"]').first.check(force=True)

    return act


def judge_toxicity(page: Page) -> None:
    """Uncover the texts, and judge the prompt."""
    page.locator("details.cover").evaluate_all("all => all.forEach(one => { one.open = true })")
    page.locator('[name="prompt_toxicity"][value="2"]').check(force=True)


def flag(page: Page) -> None:
    """Flag what there is."""
    for place, group in enumerate(page.locator("main fieldset:has([type=radio])").all()):
        group.locator("[type=radio]").nth(place % 2).check(force=True)


PICTURES = (
    Picture("home", "anna", "/"),
    Picture("demonstration", "anna", "/stages/1/next", write(
        "Imagine the sea as a blanket around the Earth. The moon **pulls** at it:\n\n"
        "- on the side of the moon the water is pulled most,\n- on the far side least, so it stays behind.\n\n"
        "Both sides bulge, and as the Earth turns once a day, you pass *two* bulges."
    )),
    Picture("dialogue", "anna", "/stages/2/next", talk),
    Picture("evaluation", "hana", "/stages/3/next", to_evaluation_board),
    Picture("prompt", "anna", "/stages/4/next", write(
        "I moor my boat at a jetty. How much slack must the rope have for a tide of three metres?"
    )),
    Picture("prompt-labels", "anna", "/stages/5/next", choose("rewrite", "other_explicit_constraints")),
    Picture("ranking-rate", "anna", "/stages/6/next", rate),
    Picture("ranking-board", "bert", "/stages/6/next", to_board),
    Picture("ranking-compare", "bert", "/stages/6/next", compare),
    Picture("screening", "anna", "/stages/7/next", flag),
    Picture("toxicity", "hana", "/stages/8/next", judge_toxicity),
    Picture("screening-decision", "ada", "/admin/screening"),
    Picture("stages", "ada", "/admin"),
    Picture("quality", "ada", "/admin/quality/12?origin=simulated&group=training"),
    Picture("disputes", "rosa", "/research/disputes/12?origin=simulated&group=training"),
    Picture("new-stage", "ada", "/admin/stages/new?kind=ranking", lambda page: page.locator("details summary").click()),
)  # fmt: skip
"""Stages are numbered as `tests/labeling/demo.py` makes them."""


def main() -> None:
    """Take all pictures anew."""
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for look in LOOKS:
            # A room for each look: what is drafted in one picture is not there in the next.
            store = Database.open(f"sqlite:///{made}/labels{look}.db")
            seed(store)
            seed_screening(store)
            seed_work(store)
            with serving(Room(store, SECRET, respond=Model())) as server:
                for picture in PICTURES:
                    (FOLDER / f"{picture.name}{look}.webp").write_bytes(take(picture, look, server, browser))
            store.close()
        browser.close()
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(PICTURES) * len(LOOKS)} pictures in {FOLDER}, {size / 1e6:.2f} MB, {time.process_time():.0f} s")


if __name__ == "__main__":
    main()
