/** Two versions of the same field, shown side by side: the labeler says which one stays. */

import { ask, element, paragraph } from "./dialogs.js";
import { commonWords, wordsOf } from "./diff.js";
import { nameOf } from "./fields.js";
import { _ } from "./i18n.js";
import { replaced } from "./merge.js";

/**
 * Asks for each conflict which version stays, and gives the content with the choices made.
 * @param fields how to ask about what is no input, by path: {title, show(value)}, or {with: path}, which is not asked
 *   and goes with the choice made there
 */
export async function settle(form, conflicts, merged, fields) {
  const isAsked = ({ path }) => !fields[path.join(".")]?.with;
  const choices = conflicts.filter(isAsked).map((conflict, place) => choice(form, conflict, place, fields));
  const note = paragraph(_("This task is also open in another tab or on another device. Choose which version stays."));
  const shown = choices.map((one) => one.shown);
  if (choices.length > 0) await ask(_("Changed in two places"), [note, ...shown], { keep: _("Keep these") });
  const chosen = new Map(choices.map((one) => [one.path.join("."), one.chosen()]));
  return conflicts.reduce((content, { path, mine, theirs }) => {
    const place = chosen.get(path.join(".")) ?? chosen.get(fields[path.join(".")]?.with) ?? 0;
    const both = typeof mine === "string" ? `${mine}\n\n${theirs}` : mine;
    return replaced(content, path, [mine, theirs, both][place]);
  }, merged);
}

/** One question: `chosen` is 0 for mine, 1 for theirs, 2 for both texts, one after the other. */
function choice(form, { path, mine, theirs }, place, fields) {
  const { title = titleOf(form, path), show = words } = fields[path.join(".")] ?? {};
  const isText = typeof mine === "string" && typeof theirs === "string";
  const [left, right] = isText ? marked(mine, theirs) : [[show(mine)], [show(theirs)]];
  const versions = [[_("On this page"), left], [_("In the other place"), right]];
  if (isText) versions.push([_("Both, one after the other"), []]);
  const inputs = versions.map((_version, index) =>
    element("input", { type: "radio", name: `version-${place}`, value: index, checked: index === 0 }),
  );
  const labels = versions.map(([name, body], index) =>
    element("label", {}, inputs[index], " ", element("strong", {}, name), element("div", { class: "text" }, ...body)),
  );
  const shown = element("fieldset", { class: "versions" }, element("legend", {}, title), ...labels);
  return { path, shown, chosen: () => inputs.findIndex((input) => input.checked) };
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

/** What the page calls the field at a path; the last step of the path when there is none. */
function titleOf(form, path) {
  const field = form.elements[path.join(".")];
  return (field && nameOf(field instanceof RadioNodeList ? field[0] : field)) ?? path.at(-1);
}
