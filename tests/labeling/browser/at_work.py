"""A labeler at a page of a task, in a real Chromium, and what the store has of it afterwards."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy import select

from preceptor.labeling.stages import NewItem, add_items, add_stage
from preceptor.labeling.tasks import Work, kinds
from preceptor.records import Labeler, Record
from preceptor.store.tables import Answer
from tests.labeling.browser.visits import Visits
from tests.labeling.people import PEOPLE
from tests.labeling.rooms import Server

KEY = "item-1"


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


@dataclass(frozen=True)
class Rooms:
    """Makes stages on a server and opens their pages."""

    visits: Visits

    def begin(
        self, kind: str, item: Record, *, name: str = "anna", settings: Mapping[str, Any] | None = None, **options: Any
    ) -> AtWork:
        """A labeler at the only item of a new stage; `options` are of the browser's context."""
        server = self.visits.server
        traits = {"group": PEOPLE[name].get("group", "training"), "is_screening": "standing" in PEOPLE[name]}
        with server.room.database.write() as session:
            stage = add_stage(session, kind, kind, settings=settings, now=0.0, **traits)
            add_items(session, stage, [NewItem(KEY, item)], now=0.0)
            stage_id = stage.id
        return AtWork(server, self.visits.at_task(name, path_of(stage_id), **options), stage_id, kind, item)


def path_of(stage_id: int) -> str:
    """Where the next item of a stage is."""
    return f"/stages/{stage_id}/next"
