"""Named fields stand for paths into the content, both ways."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

Run = Callable[..., Any]

FORM = """
<form>
  <input name="text" value="a"><textarea name="ratings.A.note">b</textarea>
  <input type="number" name="count" data-type="number">
  <input type="radio" name="ratings.A.likert" value="1" data-type="number">
  <input type="radio" name="ratings.A.likert" value="10" data-type="number">
  <input type="checkbox" name="ratings.A.flags[]" value="x"><input type="checkbox" name="ratings.A.flags[]" value="y">
  <input type="checkbox" name="is_sure">
  <input type="radio" name="is_bad" value="true" data-type="boolean">
  <input type="radio" name="is_bad" value="false" data-type="boolean">
  <select name="kind"><option value="p">P</option><option value="q">Q</option></select>
  <input name="examples.0.given" value="one"><input name="examples.1.given" value="two">
  <input type="hidden" name="csrf" value="secret"><button name="go">Go</button>
</form>
"""
READ = "const content = argument; m.readFields(document.forms[0], content); return content"
WRITE = "m.writeFields(document.forms[0], argument); const c = {}; m.readFields(document.forms[0], c); return c"
FULL = {
    "text": "new", "count": 3, "ratings": {"A": {"note": "n", "likert": 10, "flags": ["y"]}},
    "is_sure": True, "is_bad": False,
    "kind": "q", "examples": [{"given": "1"}, {"given": "2"}],
}  # fmt: skip


def test_fields_become_content(page: Page, run: Run) -> None:
    page.locator("body").evaluate("(body, form) => { body.innerHTML = form }", FORM)
    assert run("fields.js", READ, {"other": 1, "count": 7, "ratings": {"B": {"likert": 2}}}) == {
        "other": 1, "text": "a", "ratings": {"A": {"note": "b", "flags": []}, "B": {"likert": 2}}, "is_sure": False,
        "kind": "p", "examples": [{"given": "one"}, {"given": "two"}],
    }  # fmt: skip


def test_content_fills_the_fields_and_comes_back(page: Page, run: Run) -> None:
    page.locator("body").evaluate("(body, form) => { body.innerHTML = form }", FORM)
    assert run("fields.js", WRITE, FULL) == FULL
    emptied = run("fields.js", WRITE, {})
    assert "count" not in emptied
    assert emptied["ratings"] == {"A": {"note": "", "flags": []}}
