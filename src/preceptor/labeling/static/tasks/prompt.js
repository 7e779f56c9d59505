/** Write a prompt: a preview, and for a few-shot prompt rows of examples. */

import { writeFields } from "../fields.js";
import { _ } from "../i18n.js";
import { bind } from "../keys.js";
import { previewIn } from "../preview.js";

const MAX_EXAMPLES = 50;
const BLANK = { prompt: "", response: "" };

export function mount(task) {
  if (task.view.kind === "few_shot") new Examples(task);
  bind("write", "w", _("Write"), () => task.form.querySelector("#text").focus());
  previewIn(task, task.form.querySelector("#preview"));
}

class Examples {
  #removed = null;

  constructor(task) {
    this.task = task;
    this.root = task.form.querySelector("#examples");
    this.template = task.form.querySelector("#example").content;
    this.adding = task.form.querySelector("#add");
    this.puttingBack = task.form.querySelector("#put-back");
    this.adding.addEventListener("click", () => this.add());
    bind("add", "a", _("Add an example"), () => this.add());
    this.puttingBack.addEventListener("click", () => this.putBack());
    task.form.addEventListener("input", () => this.name());
    task.onReplace(() => this.draw());
    task.onConflict({ examples: { title: _("Examples"), show: (examples) => examples.map(words).join(" · ") } });
    this.draw();
  }

  get examples() {
    return this.task.content.examples ?? [];
  }

  /** As many rows as there are examples; rows that stay keep the focus. */
  draw() {
    while (this.root.children.length > this.examples.length) this.root.lastElementChild.remove();
    while (this.root.children.length < this.examples.length) this.root.append(this.row(this.root.children.length));
    this.adding.disabled = this.examples.length >= MAX_EXAMPLES;
    this.puttingBack.hidden = this.#removed === null;
    writeFields(this.task.form, this.task.content);
    this.name();
  }

  row(place) {
    const row = this.template.cloneNode(true).firstElementChild;
    const number = place + 1;
    row.querySelector("legend").textContent = _("Example {number}", { number });
    for (const area of row.querySelectorAll("textarea")) area.name = `examples.${place}.${area.dataset.part}`;
    const removing = row.querySelector("button");
    removing.setAttribute("aria-label", _("Remove example {number}", { number }));
    removing.addEventListener("click", () => this.remove(place));
    return row;
  }

  /** The labels of the parts are what the labeler calls them. */
  name() {
    for (const area of this.root.querySelectorAll("textarea")) {
      const name = this.task.form.elements[`${area.dataset.part}_name`];
      area.labels[0].querySelector("span").textContent = name.value.trim() || name.labels[0].textContent.trim();
    }
  }

  add(place = this.examples.length, example = BLANK) {
    if (this.adding.disabled) return;
    this.change((examples) => examples.splice(place, 0, { ...example }));
    this.focus(place);
    this.task.say(_("Example {number} added", { number: place + 1 }));
  }

  remove(place) {
    const example = this.examples[place];
    if (example.prompt || example.response) this.#removed = { place, example };
    this.change((examples) => examples.splice(place, 1));
    this.focus(Math.min(place, this.examples.length - 1));
    this.task.say(_("Example {number} removed", { number: place + 1 }));
  }

  putBack() {
    const { place, example } = this.#removed;
    this.#removed = null;
    this.add(Math.min(place, this.examples.length), example);
  }

  change(mutate) {
    this.task.change((content) => mutate((content.examples ??= [])));
    this.draw();
    this.task.form.dispatchEvent(new Event("input")); // the preview looks again
  }

  focus(place) {
    (this.root.children[place]?.querySelector("textarea") ?? this.adding).focus();
  }
}

function words({ prompt, response }) {
  return `${prompt} → ${response}`;
}
