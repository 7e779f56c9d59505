/** Have a conversation: each turn is said on the server, which also asks the model. */

import { _ } from "../i18n.js";
import { bind } from "../keys.js";
import { formatted } from "../preview.js";
import { SuggestionPanel } from "../suggestion_panel.js";

export function mount(task) {
  const dialogue = new Dialogue(task);
  task.onReplace(() => dialogue.show());
  const words = (turns) => turns.map(({ role, text }) => `${role}: ${text}`).join("\n");
  task.onConflict({ turns: { title: _("Conversation"), show: words }, model: { with: "turns" } });
}

class Dialogue {
  #said;

  constructor(task) {
    this.task = task;
    this.#said = task.content.turns.map(key);
    this.area = this.#place("text");
    this.buttons = { say: this.#place("say"), respond: this.#place("respond"), "take-back": this.#place("take-back") };
    this.buttons.say.addEventListener("click", () => this.say());
    this.buttons.respond.addEventListener("click", () => this.respond());
    this.buttons["take-back"].addEventListener("click", () => this.takeBack());
    this.area.addEventListener("keydown", (event) => {
      const isSaid = event.key === "Enter" && (event.ctrlKey || event.metaKey) && this.area.value.trim();
      if (!isSaid) return;
      event.preventDefault(); // with something written it would submit
      this.say();
    });
    bind("write", "w", _("Write"), () => this.area.focus());
    bind("respond", "r", _("Let the model respond"), () => this.respond(), () => !this.buttons.respond.hidden);
    bind("take-back", "b", _("Take back the last turn"), () => this.takeBack(), () => !this.buttons["take-back"].hidden);
    if (task.view.suggestions) {
      new SuggestionPanel(task, this.area, { when: () => this.next === "assistant", isRepeatable: true });
    }
    this.show();
  }

  /** Who speaks next. */
  get next() {
    const last = this.task.content.turns.at(-1) ?? this.task.view.opening.at(-1);
    return last?.role === "user" ? "assistant" : "user";
  }

  /** Whether the labeler speaks next. */
  get isMine() {
    return this.next === "user" || this.task.view.assistant === "labeler";
  }

  say() {
    return this.#act("say");
  }

  respond() {
    return this.#act("respond");
  }

  takeBack() {
    return this.#act("take_back");
  }

  /** Shows what is said and who speaks next. */
  show() {
    const { turns } = this.task.content;
    const speaker = { user: _("You speak as the user"), assistant: _("You speak as the assistant") };
    this.#place("speaker").textContent = this.isMine ? speaker[this.next] : _("The model speaks next");
    this.area.readOnly = !this.isMine;
    this.buttons.say.hidden = !this.isMine;
    this.buttons.respond.hidden = this.isMine;
    this.buttons["take-back"].hidden = turns.length === 0;
    return this.#showTurns(turns);
  }

  /** Keeps the turns that are there already, and shows the others formatted by the server. */
  async #showTurns(turns) {
    const keys = turns.map(key);
    if (keys.join() === this.#said.join()) return;
    const changed = keys.findIndex((one, place) => one !== this.#said[place]);
    const kept = changed === -1 ? keys.length : changed;
    this.#said = keys;
    const list = this.#place("turns");
    for (const turn of [...list.children].slice(kept)) turn.remove();
    const added = turns.slice(kept);
    const htmls = await Promise.all(added.map(({ text }) => formatted(this.task, { ...this.task.content, text })));
    if (this.#said !== keys) return; // another change came in between and shows itself
    for (const [place, turn] of added.entries()) list.append(this.#element(turn, htmls[place]));
    if (added.length > 0) this.#place("composer").scrollIntoView({ block: "nearest" });
  }

  #element({ role, text, is_model: isModel }, html) {
    const turn = this.#place(isModel ? "turn-model" : `turn-${role}`).content.firstElementChild.cloneNode(true);
    const prose = turn.querySelector(".prose");
    if (html === null) prose.textContent = text;
    else prose.innerHTML = html;
    return turn;
  }

  async #act(action) {
    const isAsked = action === "respond" || (action === "say" && this.task.view.assistant === "model");
    this.#wait(true, isAsked ? _("The model is writing…") : "");
    await this.task.act({ do: action });
    this.#wait(false, "");
    this.area.focus();
  }

  #wait(isWaiting, words) {
    this.area.readOnly = isWaiting || !this.isMine;
    for (const button of Object.values(this.buttons)) button.disabled = isWaiting;
    this.#place("waiting").textContent = words;
  }

  #place(id) {
    return this.task.form.querySelector(`#${id}`);
  }
}

function key(turn) {
  return JSON.stringify([turn.role, turn.text]);
}
