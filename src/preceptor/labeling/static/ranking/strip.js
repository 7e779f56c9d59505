/** The board on the page: cards on slots from best to worst, to be dragged, clicked, or moved by keys. */

import { element } from "../dialogs.js";
import { _, list } from "../i18n.js";
import { groupsOf, rankOf, tiedWith } from "./board.js";

/** A pointer that moved less than this has clicked. */
const DRAG_PX = 6;

export class Strip {
  /**
   * @param root where the board is drawn
   * @param on {select(letter), drop(letter, {slot}|{gap}|{tray})}
   */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    root.addEventListener("click", (event) => {
      const card = event.target.closest(".card");
      if (card) on.select(card.dataset.letter);
    });
    root.addEventListener("pointerdown", (event) => this.#press(event));
  }

  /** Draws a board, or, while rating, the cards in the order in which they are shown. */
  draw({ letters, board, likert, current, isRanking }) {
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.letter : null;
    const card = (letter) => this.#card(letter, { board, likert, current, isRanking });
    const ranked = board.flat();
    const waiting = isRanking ? letters.filter((letter) => !ranked.includes(letter)) : letters;
    const tray = element("ul", { class: "tray" }, ...waiting.map((letter) => element("li", {}, card(letter))));
    const label = element("span", { class: "hint" }, _("To rank"));
    this.root.replaceChildren(
      ...(isRanking ? [slots(board, card), ...(waiting.length > 0 ? [label] : [])] : []),
      ...(waiting.length > 0 ? [tray] : []),
    );
    if (focused) this.root.querySelector(`[data-letter="${focused}"]`)?.focus();
  }

  #card(letter, { board, likert, current, isRanking }) {
    const rating = likert[letter] ?? "–";
    const words = isRanking ? describe(board, letter) : _("Response {letter}", { letter });
    const rated = likert[letter] ? _("rated {points}", { points: likert[letter] }) : _("not rated");
    return element(
      "button",
      {
        type: "button", class: "card", "data-letter": letter,
        "aria-pressed": String(letter === current), "aria-label": `${words}, ${rated}`,
      },
      element("span", { class: "letter" }, letter),
      element("span", { class: "rating" }, String(rating)),
    );
  }

  #press(event) {
    const card = event.target.closest(".card");
    if (!card || event.button !== 0 || !this.root.querySelector(".slots")) return;
    const start = { x: event.clientX, y: event.clientY };
    let ghost = null;
    let target = null;
    const move = (moved) => {
      const [x, y] = [moved.clientX - start.x, moved.clientY - start.y];
      if (!ghost && Math.hypot(x, y) < DRAG_PX) return;
      ghost ??= lift(card);
      ghost.style.translate = `${x}px ${y}px`;
      target = this.#targetAt(moved.clientX, moved.clientY);
      this.#show(target);
    };
    const end = (ended) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      this.#show(null);
      if (!ghost) return;
      ghost.remove();
      card.classList.remove("lifted");
      // A drag is no click on what lies under the pointer when it ends.
      const swallow = (click) => click.stopPropagation();
      addEventListener("click", swallow, { capture: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }));
      if (target && ended.type === "pointerup") this.on.drop(card.dataset.letter, target);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }

  /** What a card would be dropped on: a slot, the gap beside one, or the tray. */
  #targetAt(x, y) {
    const under = document.elementFromPoint(x, y);
    if (under?.closest(".tray")) return { tray: true };
    const slot = under?.closest(".slot");
    if (!slot || !this.root.contains(slot)) return null;
    const place = Number(slot.dataset.slot);
    const { left, width } = slot.getBoundingClientRect();
    const share = (x - left) / width;
    if (!slot.querySelector(".card") || (share > 0.25 && share < 0.75)) return { slot: place };
    return { gap: share <= 0.25 ? place : place + 1 };
  }

  #show(target) {
    for (const slot of this.root.querySelectorAll(".slot")) {
      const place = Number(slot.dataset.slot);
      slot.classList.toggle("onto", target?.slot === place);
      slot.classList.toggle("before", target?.gap === place);
      slot.classList.toggle("after", target?.gap === place + 1);
    }
  }
}

/** "B: rank 2 of 4, tied with D". */
export function describe(board, letter) {
  const rank = rankOf(board, letter);
  if (rank === null) return _("{letter}: not ranked", { letter });
  const values = { letter, rank, ranks: groupsOf(board).length, others: list(tiedWith(board, letter)) };
  if (tiedWith(board, letter).length === 0) return _("{letter}: rank {rank} of {ranks}", values);
  return _("{letter}: rank {rank} of {ranks}, tied with {others}", values);
}

function slots(board, card) {
  const made = board.map((there, slot) =>
    element(
      "li",
      { class: there.length > 0 ? "slot" : "slot empty", "data-slot": slot },
      element("span", { class: "number", "aria-hidden": "true" }, String(slot + 1)),
      ...there.map(card),
    ),
  );
  return element("div", { class: "line" },
    element("span", { class: "hint" }, _("Best")),
    element("ol", { class: "slots", "aria-label": _("Ranks") }, ...made),
    element("span", { class: "hint" }, _("Worst")),
  );
}

function lift(card) {
  const { left, top, width, height } = card.getBoundingClientRect();
  const ghost = card.cloneNode(true);
  ghost.classList.add("ghost");
  ghost.removeAttribute("data-letter");
  Object.assign(ghost.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  card.classList.add("lifted");
  document.body.append(ghost);
  return ghost;
}
