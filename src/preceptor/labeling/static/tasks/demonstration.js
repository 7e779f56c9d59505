/** Write a demonstration: a preview, the share that was pasted, and where the stage has it a model's suggestion. */

import { _ } from "../i18n.js";
import { bind } from "../keys.js";
import { PastedShare } from "../pasted_share.js";
import { formatted, previewIn } from "../preview.js";

export function mount(task) {
  const area = task.form.querySelector("#response");
  const pasted = new PastedShare(area, task.content.pasted_share);
  area.addEventListener("input", () => {
    task.change((content) => {
      content.pasted_share = Number(pasted.share.toFixed(4));
    });
  });
  task.onReplace((content) => pasted.reset(content.pasted_share));
  task.onConflict({ pasted_share: { with: "response" } });
  previewIn(task, task.form.querySelector("#preview"));
  bind("write", "w", _("Write"), () => area.focus());
  if (task.view.suggestions) new SuggestionPanel(task, area);
}

class SuggestionPanel {
  #shownAt = null;

  constructor(task, area) {
    this.task = task;
    this.area = area;
    this.ask = task.form.querySelector("#ask");
    this.panel = task.form.querySelector("#suggestion");
    this.text = this.panel.querySelector(".prose");
    this.ask.addEventListener("click", () => this.suggest());
    this.panel.querySelector("#take").addEventListener("click", () => this.take());
    // Who copies from the suggestion takes it, too.
    this.text.addEventListener("copy", () => this.#note());
    task.onReplace(() => this.show());
    task.onConflict({ suggestion: { title: _("Suggestion"), show: (suggestion) => suggestion?.text ?? _("none") } });
    this.show();
  }

  async suggest() {
    this.ask.disabled = true;
    this.task.say(_("Waiting for the model"));
    await this.task.act({ do: "suggest" });
    this.ask.disabled = false;
    if (this.panel.hidden) return;
    this.task.say(_("A suggestion is there"));
    this.text.focus();
  }

  async show() {
    const { suggestion } = this.task.content;
    this.ask.hidden = Boolean(suggestion);
    this.panel.hidden = !suggestion;
    if (!suggestion || this.#shownAt !== null) return;
    this.#shownAt = performance.now();
    this.text.innerHTML = await formatted(this.task, { ...this.task.content, response: suggestion.text });
  }

  /** Puts the suggestion where the labeler writes: at the cursor, or after what is there. */
  take() {
    this.#note();
    const { text } = this.task.content.suggestion;
    const start = this.area.selectionEnd || this.area.value.length;
    this.area.setRangeText(text, start, start, "end");
    this.area.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertReplacementText" }));
    this.area.focus();
  }

  #note() {
    this.task.change(({ suggestion }) => {
      suggestion.taken_after_s ??= Number(((performance.now() - this.#shownAt) / 1000).toFixed(1));
    });
  }
}
