"""Browsers at the pages of a room, labelers at work in them, and work that is worth looking at. See `conftest.py`."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect
from sqlalchemy import select

from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks import Work, kinds
from preceptor.records import Candidates, Labeler, Message, Prompt, Record, Response
from preceptor.store.tables import Answer, Table
from tests.labeling.people import PEOPLE
from tests.labeling.rooms import Server

PATIENCE_MS = 60_000
"""Longest wait for anything; a busy machine is slow, and no reason to fail."""

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
"""Options of a browser's context."""
KEY = "item-1"
"""Of the only item of a stage that `Visits.begin` makes."""

expect.set_options(timeout=PATIENCE_MS)

RowT = TypeVar("RowT", bound=Table)

TEXTS = (
    "First mix the **flour** with the water. Then wait for twenty minutes, and knead it well.",
    "First mix the **flour** with the water. Then wait for thirty minutes, and knead it not at all.",
    "I cannot help with that.",
    "Buy it.\n\n- at the baker's\n- at the market",
)
LONG = (
    "\n\n".join(f"Paragraph {number} of a long response that goes on and on. " * 3 for number in range(30)) + "\n\nEnd."
)


@dataclass(frozen=True)
class AtWork:
    """A page, and who works at it."""

    server: Server
    page: Page
    stage_id: int
    kind: str
    item: Record

    def open(self) -> None:
        """Open the next item, or the same one again."""
        self.page.goto(f"{self.server.url}{path_of(self.stage_id)}")
        self.page.wait_for_selector("#task[data-ready]")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def tab_to(self, selector: str) -> None:
        """Press Tab until something has the focus, as one does who has no mouse."""
        wanted = self.page.locator(selector)
        for _ in range(80):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never comes to {selector}")

    def submit(self) -> None:
        """Submit with the keyboard; when something is asked before, submit nevertheless. Waits for the next page."""
        self.page.keyboard.press("Control+Enter")
        self.sent()

    def sent(self) -> None:
        """Go on past what is asked before submitting, to the page where there is nothing more to do."""
        asked = self.page.locator('dialog button[value="submit"]')
        expect(asked.or_(self.page.locator("main:not(:has(form#task))"))).to_be_visible()
        if asked.is_visible():
            asked.press("Enter")
        expect(self.page).to_have_url(re.compile(r"/stages/\d+/next$"))

    def answer(self) -> Answer:
        """What the store has."""
        with self.server.room.database.read() as session:
            return session.scalars(select(Answer).where(Answer.stage_id == self.stage_id)).one()

    def records(self) -> list[Record]:
        """What an export makes of it."""
        task, answer = kinds()[self.kind], self.answer()
        shown, labeler = task.Shown.model_validate(answer.shown), Labeler(id="l1", group=answer.group)
        return task.to_records(Work(KEY, self.item, shown, task.Answer.model_validate(answer.content), labeler))


class Visits:
    """Contexts of one browser, each somebody's, and everything that their pages complained of."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.server = server
        self.browser = browser
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    def context(self, name: str | None, **options: Any) -> BrowserContext:
        """A browser of somebody's own; of nobody's for None."""
        context = self.browser.new_context(**{"reduced_motion": "reduce", **options})
        self._contexts.append(context)
        context.on("console", self._heed)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._check)
        if name is not None:
            self.server.sign_in(context, name)
        return context

    def open(self, context: BrowserContext, path: str) -> Page:
        """A page of the room; at a task once its script is ready."""
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        self.go(page, path)
        return page

    def go(self, page: Page, path: str) -> None:
        """On to a page of the room; at a task until its script is ready."""
        page.goto(self.server.url + path)
        if page.locator("#task").count():
            page.wait_for_selector("#task[data-ready]")

    def begin(
        self, kind: str, item: Record, *, name: str = "anna", settings: Mapping[str, Any] | None = None, **options: Any
    ) -> AtWork:
        """A labeler at the only item of a new stage; `options` are of the browser's context."""
        traits = {"group": PEOPLE[name].get("group", "training"), "is_screening": "standing" in PEOPLE[name]}
        with self.server.room.database.write() as session:
            stage = add_stage(session, kind, kind, settings=settings, now=0.0, **traits)
            add_items(session, stage, [NewItem(KEY, item)], now=0.0)
            stage_id = stage.id
        return AtWork(self.server, self.at_task(name, path_of(stage_id), **options), stage_id, kind, item)

    def at_task(self, name: str = "anna", path: str = "/stages/1/next", **options: Any) -> Page:
        """The page of somebody's next item."""
        return self.open(self.context(name, **options), path)

    def close(self) -> None:
        """Leave all pages, whatever is not saved."""
        for context in self._contexts:
            context.close()

    def rows(self, table: type[RowT]) -> list[RowT]:
        """What is in the store."""
        with self.server.room.database.read() as session:
            return list(session.scalars(select(table)))

    def _heed(self, message: ConsoleMessage) -> None:
        # The browser notes every reply that is no success; what scripts make of 401 and 409 is tested.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _check(self, request: Request) -> None:
        if not request.url.startswith(self.server.url):
            self.complaints.append(f"asked for {request.url}")


def path_of(stage_id: int) -> str:
    """Where the next item of a stage is."""
    return f"/stages/{stage_id}/next"


def add_rankings(
    server: Server, texts: Sequence[str] = TEXTS, *, num_items: int = 3, prompt: str = "How do I bake bread?",
    **traits: Any,
) -> None:  # fmt: skip
    """A stage of items that all have the same responses, in another order for each labeler."""
    asked = Prompt(id="bread", messages=(Message(role="user", content=prompt),))
    responses = tuple(
        Response(id=f"secret-{place}", text=text, model=f"model-{place}") for place, text in enumerate(texts)
    )
    items = [
        NewItem(f"bread-{number}", Candidates(id=f"bread-{number}", prompt=asked, responses=responses))
        for number in range(num_items)
    ]
    settings = {"empty_board_share": 0.0, **traits.pop("settings", {})}
    with server.room.database.write() as session:
        stage = add_stage(
            session, "rankings", "ranking", **{"group": None, "now": time.time(), "overlap": 9, **traits},
            settings=settings,
        )  # fmt: skip
        add_items(session, stage, items, now=time.time())


def letters_of(page: Page, texts: Sequence[str] = TEXTS) -> list[str]:
    """The letter that each text has on this page."""
    shown = page.locator("article.response").evaluate_all(
        "all => all.map(one => [one.dataset.letter, one.querySelector('.source pre').textContent])"
    )
    return [next(letter for letter, written in shown if written == text) for text in texts]
