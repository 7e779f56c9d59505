/**
 * Keyboard shortcuts: each belongs to something that can also be clicked, is off while one types, and can be changed or
 * switched off in the list that `?` opens (WCAG 2.2, 2.1.4).
 */

import { element } from "./dialogs.js";
import { _ } from "./i18n.js";

const STORE = "preceptor.keys";
const NAMES = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Enter: "⏎", " ": "␣",
};

const bindings = [];
let settings = readSettings();

/**
 * Adds a shortcut.
 * @param name under which a changed key is remembered
 * @param key as in `KeyboardEvent.key`, or a list of keys that cannot be changed; "Control+Enter" has a modifier
 * @param words what it does
 * @param run does it; is given the key's place in the list
 * @param when whether it is of use now; several bindings may share a key if only one is
 */
export function bind(name, key, words, run, when = () => true) {
  bindings.push({ name, key, words, run, when });
}

/** The key that a shortcut has now, as it is printed on a button; empty while shortcuts are off. */
export function keyName(name) {
  const binding = bindings.find((one) => one.name === name);
  return binding && settings.isOn ? printed(keyOf(binding)) : "";
}

/** Fills every `<kbd data-key="name">` of the page. */
export function printKeys() {
  for (const hint of document.querySelectorAll("kbd[data-key]")) {
    hint.textContent = keyName(hint.dataset.key);
    hint.hidden = hint.textContent === "";
  }
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
  const key = pressed(event);
  if (key !== "Control+Enter" && (!settings.isOn || isTaken(event.target, key))) return;
  const binding = bindings.find((one) => [keyOf(one)].flat().includes(key) && one.when());
  if (!binding) return;
  event.preventDefault();
  binding.run([keyOf(binding)].flat().indexOf(key));
});

/** Shows what the keys do, and lets one change them. */
export function showKeys() {
  const isOn = element("input", { type: "checkbox", checked: settings.isOn });
  isOn.addEventListener("change", () => store({ ...settings, isOn: isOn.checked }));
  const rows = bindings.map((binding) => row(binding));
  const reset = element("button", { type: "button", class: "button quiet" }, _("Back to the first keys"));
  const close = element("button", { class: "button" }, _("Close"));
  const dialog = element(
    "dialog",
    { "aria-labelledby": "keys-title", class: "keys" },
    element(
      "form",
      { method: "dialog" },
      element("h2", { id: "keys-title" }, _("Keyboard shortcuts")),
      element("label", { class: "check" }, isOn, " ", _("Use shortcuts of a single key")),
      element("p", { class: "hint" }, _("They are off while you type. Press a key’s button to give it another key.")),
      element("ul", {}, ...rows),
      element("div", { class: "row" }, close, reset),
    ),
  );
  reset.addEventListener("click", () => {
    store({ ...settings, keys: {} });
    for (const [place, binding] of bindings.entries()) rows[place].replaceWith((rows[place] = row(binding)));
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function row(binding) {
  const print = element("kbd", {}, printed(keyOf(binding)));
  if (Array.isArray(binding.key) || binding.key.includes("+")) return element("li", {}, print, " ", binding.words);
  const label = _("Change the key for: {what}", { what: binding.words });
  const button = element("button", { type: "button", "aria-label": label }, print);
  button.addEventListener("click", () => listenFor(button, binding));
  return element("li", {}, button, " ", binding.words);
}

/** The next key pressed becomes the binding's; Escape and Tab leave it as it is. */
function listenFor(button, binding) {
  button.replaceChildren(element("kbd", {}, "…"));
  const take = (event) => {
    if (["Shift", "Control", "Alt", "Meta", "AltGraph"].includes(event.key)) return;
    button.removeEventListener("keydown", take);
    if (event.key !== "Tab") event.preventDefault();
    if (!["Tab", "Escape"].includes(event.key)) {
      store({ ...settings, keys: { ...settings.keys, [binding.name]: pressed(event) } });
    }
    button.replaceChildren(element("kbd", {}, printed(keyOf(binding))));
  };
  button.addEventListener("keydown", take);
}

function keyOf(binding) {
  return settings.keys[binding.name] ?? binding.key;
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey) return `Control+${event.key}`;
  return event.altKey ? `Alt+${event.key}` : event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/** Whether the focused element needs this key itself. */
function isTaken(target, key) {
  if (target.isContentEditable || ["textarea", "select"].includes(target.localName)) return true;
  const isPressable = ["button", "a", "summary", "input"].includes(target.localName);
  if (target.localName === "input" && !["radio", "checkbox", "button"].includes(target.type)) return true;
  if (target.type === "radio" && key.startsWith("Arrow")) return true;
  return isPressable && ["Enter", " "].includes(key);
}

function printed(key) {
  if (Array.isArray(key)) return `${printed(key[0])} … ${printed(key.at(-1))}`;
  return key.split("+").map((part) => NAMES[part] ?? (part === "Control" ? "Ctrl" : part)).join(" + ");
}

function readSettings() {
  try {
    return { isOn: true, keys: {}, ...JSON.parse(localStorage.getItem(STORE)) };
  } catch {
    return { isOn: true, keys: {} };
  }
}

function store(changed) {
  settings = changed;
  localStorage.setItem(STORE, JSON.stringify(settings));
  printKeys();
}
