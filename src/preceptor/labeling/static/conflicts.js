/** Two versions of the same field, shown side by side: the labeler says which one stays. */

import { ask, element, paragraph } from "./dialogs.js";
import { commonWords, wordsOf } from "./diff.js";
import { _ } from "./i18n.js";
import { replaced } from "./merge.js";

/** Asks for each conflict which version stays, and gives the content with the choices made. */
export async function settle(form, conflicts, merged) {
  const sets = conflicts.map((conflict, place) => choice(form, conflict, place));
  await ask(
    _("Changed in two places"),
    [
      paragraph(_("This task is also open in another tab or on another device. Choose which version stays.")),
      ...sets.map((set) => set.shown),
    ],
    { keep: _("Keep these") },
  );
  return sets.reduce((content, set) => replaced(content, set.path, set.chosen()), merged);
}

function choice(form, { path, mine, theirs }, place) {
  const isText = typeof mine === "string" && typeof theirs === "string";
  const [left, right] = isText ? marked(mine, theirs) : [[words(mine)], [words(theirs)]];
  const versions = [
    { value: mine, title: _("On this page"), body: left },
    { value: theirs, title: _("In the other place"), body: right },
  ];
  if (isText) versions.push({ value: `${mine}\n\n${theirs}`, title: _("Both, one after the other"), body: [] });
  const inputs = versions.map((version, index) =>
    element("input", { type: "radio", name: `version-${place}`, value: index, checked: index === 0 }),
  );
  const shown = element(
    "fieldset",
    { class: "versions" },
    element("legend", {}, nameOf(form, path)),
    ...versions.map(({ title, body }, index) =>
      element("label", {}, inputs[index], " ", element("strong", {}, title), element("div", { class: "text" }, ...body)),
    ),
  );
  return { path, shown, chosen: () => versions[inputs.findIndex((input) => input.checked)].value };
}

/** Two texts with a mark on every word that only one of them has. */
function marked(mine, theirs) {
  const [left, right] = [wordsOf(mine), wordsOf(theirs)];
  const common = commonWords(left.map(({ word }) => word), right.map(({ word }) => word));
  if (common === null) return [[mine], [theirs]];
  return [parts(mine, left, common.left), parts(theirs, right, common.right)];
}

function parts(text, found, isCommon) {
  let end = 0;
  const made = found.flatMap(({ word, start }, index) => {
    const gap = text.slice(end, start);
    end = start + word.length;
    return [gap, isCommon[index] ? word : element("mark", {}, word)];
  });
  return [...made, text.slice(end)];
}

function words(value) {
  return value === undefined ? _("nothing") : JSON.stringify(value);
}

/** What the page calls a field; the last step of its path when it has no label. */
function nameOf(form, path) {
  const field = form.elements[path.join(".")];
  const one = field instanceof RadioNodeList ? field[0] : field;
  return one?.closest("fieldset")?.querySelector("legend")?.textContent ?? one?.labels?.[0]?.textContent ?? path.at(-1);
}
