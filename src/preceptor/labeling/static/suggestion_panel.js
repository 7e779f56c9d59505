/** A model's suggestion beside what one writes: shown, taken at the cursor or not, and when is noted. */

import { _ } from "./i18n.js";
import { bind } from "./keys.js";
import { formatted } from "./preview.js";

export class SuggestionPanel {
  #shown = null;
  #drawn = Promise.resolve();
  #shownAt = 0;

  /**
   * @param area what one writes in; its name is the field that a preview shows
   * @param when whether there can be a suggestion now
   * @param isRepeatable whether another one can be asked for
   */
  constructor(task, area, { when = () => true, isRepeatable = false } = {}) {
    Object.assign(this, { task, area, when, isRepeatable });
    this.ask = task.form.querySelector("#ask");
    this.panel = task.form.querySelector("#suggestion");
    this.text = this.panel.querySelector(".prose");
    this.ask.addEventListener("click", () => this.suggest());
    bind("ask", "a", _("Suggest a response"), () => this.suggest(), () => !this.ask.hidden);
    this.panel.querySelector("#take").addEventListener("click", () => this.take());
    bind("take", "t", _("Put the suggestion into the text"), () => this.take(), () => this.#canTake);
    // Who copies from the suggestion takes it, too.
    this.text.addEventListener("copy", () => this.#note());
    task.onReplace(() => this.show());
    task.onConflict({ suggestion: { title: _("Suggestion"), show: (suggestion) => suggestion?.text ?? _("none") } });
    this.show();
  }

  async suggest() {
    this.#wait(true);
    this.task.say(_("Waiting for the model"));
    await this.task.act({ do: "suggest" });
    this.#wait(false);
    await this.#drawn;
    if (this.panel.hidden) return;
    this.task.say(_("A suggestion is there"));
    this.text.focus();
  }

  show() {
    const { suggestion } = this.task.content;
    this.panel.hidden = !suggestion;
    this.ask.hidden = !this.when() || Boolean(suggestion && !this.isRepeatable);
    if (!suggestion || this.#shown === suggestion.text) return;
    this.#shown = suggestion.text;
    this.#shownAt = performance.now();
    this.#drawn = this.#draw(suggestion.text);
  }

  async #draw(text) {
    const html = await formatted(this.task, { ...this.task.content, [this.area.name]: text });
    if (html === null) this.text.textContent = text;
    else this.text.innerHTML = html;
  }

  /** Another suggestion is on its way: the one that is there goes, and cannot be taken any more. */
  #wait(isWaiting) {
    this.ask.disabled = isWaiting;
    this.panel.querySelector("#take").disabled = isWaiting;
  }

  get #canTake() {
    return !this.panel.hidden && !this.ask.disabled;
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
