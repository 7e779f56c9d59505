/** The texts: one, two beside each other with their differences marked, or all. They are always whole. */

import { commonWords, wordsOf } from "../diff.js";
import { _ } from "../i18n.js";

export class Reader {
  #articles;
  #unread;

  /**
   * @param root the page's part with the texts
   * @param unread letters whose end was not in view yet
   * @param onRead is called when the end of another one has come into view
   */
  constructor(root, unread, onRead) {
    this.root = root;
    this.onRead = onRead;
    this.panes = root.querySelector("#panes");
    this.#articles = new Map([...this.panes.children].map((article) => [article.dataset.letter, article]));
    this.#unread = new Set(unread);
    this.#watchEnds();
    this.#scrollTogether();
    this.#checkbox("marks").addEventListener("change", () => this.#mark());
  }

  get unread() {
    return [...this.#unread].sort();
  }

  /** Shows these letters, in this order; two of them beside each other as 'compare'. */
  show(view, letters) {
    this.view = view;
    this.letters = letters;
    for (const [letter, article] of this.#articles) article.hidden = !letters.includes(letter);
    // Moving an article would lose the place to which it is scrolled, so the order is one of style alone.
    letters.forEach((letter, place) => (this.#articles.get(letter).style.order = place));
    this.#mark();
  }

  /** Marks the text that the rating beside it is about. */
  focus(letter) {
    for (const [other, article] of this.#articles) article.classList.toggle("current", other === letter);
  }

  /** From the top of what is shown. */
  toTop() {
    const { top } = this.root.getBoundingClientRect();
    if (top < 0 || this.view === "compare") this.root.scrollIntoView({ block: "start" });
    for (const letter of this.letters) this.#articles.get(letter).scrollTop = 0;
  }

  /** The texts as they were written, or formatted. */
  showSource(isSource) {
    for (const article of this.#articles.values()) {
      article.querySelector(".source").hidden = !isSource;
      article.querySelector(".rendered").hidden = isSource;
    }
    this.#mark();
  }

  #checkbox(name) {
    return this.root.querySelector(`#${name}`);
  }

  #watchEnds() {
    const seen = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          const { letter } = target.closest("article").dataset;
          if (isIntersecting && this.#unread.delete(letter)) this.onRead();
        }
      },
      { rootMargin: "0px 0px -60px 0px" }, // what lies under the strip is not in view
    );
    for (const end of this.panes.querySelectorAll(".end")) seen.observe(end);
  }

  /** In compare mode, both panes show the same part of their texts. */
  #scrollTogether() {
    let led = null; // the pane that is being scrolled; the other one's own scroll event must not answer
    const share = (pane) => pane.scrollTop / Math.max(pane.scrollHeight - pane.clientHeight, 1);
    const follow = (pane) => {
      if (this.view !== "compare" || !this.#checkbox("together").checked || (led && led !== pane)) return;
      led = pane;
      const other = this.letters.map((letter) => this.#articles.get(letter)).find((one) => one !== pane);
      other.scrollTop = share(pane) * (other.scrollHeight - other.clientHeight);
      requestAnimationFrame(() => requestAnimationFrame(() => (led = null)));
    };
    this.panes.addEventListener("scroll", (event) => follow(event.target), { capture: true, passive: true });
  }

  /** Marks the words that only one of two texts has, and dims what both say; the page itself stays as it is. */
  #mark() {
    const note = this.root.querySelector("#marks-note");
    note.textContent = "";
    CSS.highlights.clear();
    if (this.view !== "compare" || !this.#checkbox("marks").checked) return;
    const [left, right] = this.letters.map((letter) => placedWords(this.#articles.get(letter)));
    const common = commonWords(left.map(({ word }) => word), right.map(({ word }) => word));
    if (common === null) {
      note.textContent = _("These two have too little in common to mark what differs.");
      return;
    }
    const ranges = (isWanted) => [
      ...runs(left, common.left.map((is) => is === isWanted)),
      ...runs(right, common.right.map((is) => is === isWanted)),
    ];
    CSS.highlights.set("differs", new Highlight(...ranges(false)));
    CSS.highlights.set("same", new Highlight(...ranges(true)));
  }
}

/** The words of what an article shows, each with its text node. */
function placedWords(article) {
  const shown = article.querySelector(":scope > div:not([hidden])");
  const walker = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
  const words = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    for (const found of wordsOf(node.data)) words.push({ ...found, node });
  }
  return words;
}

/** A range for each run of wanted words within a text node. */
function runs(words, isWanted) {
  const ranges = [];
  words.forEach(({ word, start, node }, index) => {
    if (!isWanted[index]) return;
    const goesOn = isWanted[index - 1] && words[index - 1].node === node;
    const range = goesOn ? ranges.at(-1) : new Range();
    if (!goesOn) {
      range.setStart(node, start);
      ranges.push(range);
    }
    range.setEnd(node, start + word.length);
  });
  return ranges;
}
