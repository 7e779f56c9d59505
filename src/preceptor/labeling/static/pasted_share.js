/**
 * Which share of a text was pasted from outside of the page. Each character weighs 1 when it was pasted and 0 when it
 * was typed; what was there before weighs the share that is known of it. Only the share leaves this page.
 */

const BROUGHT = new Set(["insertFromPaste", "insertFromDrop", "insertFromYank"]);
const BROUGHT_BACK = new Set(["historyUndo", "historyRedo"]);
/** Pieces of the page's own text that are remembered for when they come back. */
const MAX_KNOWN = 50;

/** What was put where: {start, removed, added}, both pieces as texts. */
export function change(before, after) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  return { start, removed: before.slice(start, before.length - end), added: after.slice(start, after.length - end) };
}

export class PastedShare {
  #area;
  #text;
  #weights;
  #known = new Map();

  constructor(area, share) {
    this.#area = area;
    this.reset(share);
    area.addEventListener("input", (event) => this.#note(event.inputType));
    // What is copied from this page is not from outside of it.
    for (const type of ["copy", "cut", "dragstart"]) document.addEventListener(type, () => this.#remember());
  }

  /** Begins anew with the text that is there, of which this share was pasted. */
  reset(share) {
    this.#text = this.#area.value;
    this.#weights = Array(this.#text.length).fill(share);
  }

  get share() {
    return mean(this.#weights);
  }

  #note(inputType) {
    const { start, removed, added } = change(this.#text, this.#area.value);
    const end = start + removed.length;
    this.#know(removed, mean(this.#weights.slice(start, end)));
    const put = Array(added.length).fill(this.#weightOf(added, inputType));
    this.#weights = [...this.#weights.slice(0, start), ...put, ...this.#weights.slice(end)];
    this.#text = this.#area.value;
  }

  #remember() {
    if (document.activeElement !== this.#area) return this.#know(String(document.getSelection()), 0);
    const { selectionStart: start, selectionEnd: end } = this.#area;
    this.#know(this.#text.slice(start, end), mean(this.#weights.slice(start, end)));
  }

  #know(text, weight) {
    if (text === "") return;
    this.#known.set(plain(text), weight);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value);
  }

  #weightOf(text, inputType) {
    if (!BROUGHT.has(inputType) && !BROUGHT_BACK.has(inputType)) return 0;
    return this.#known.get(plain(text)) ?? (BROUGHT.has(inputType) ? 1 : 0);
  }
}

function mean(weights) {
  return weights.length === 0 ? 0 : weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
}

/** A text as it can be known again: on its way through the clipboard spaces and lines change. */
function plain(text) {
  return text.replace(/\s+/g, "");
}
