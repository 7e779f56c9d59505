/**
 * Rate and rank: phase one is a form like any other, one response at a time; phase two is the board. The board's first
 * state and every move are kept, so that it can be measured how far the first sorting leads people.
 */

import { element } from "../dialogs.js";
import { _ } from "../i18n.js";
import { bind } from "../keys.js";
import * as boards from "../ranking/board.js";
import * as guide from "../ranking/insertion.js";
import { Reader } from "../ranking/reader.js";
import { Strip, describe } from "../ranking/strip.js";

const MAX_MOVES = 2000;
const SMALL = matchMedia("(max-width: 43.99rem) and (hover: none)");
const FLAG_KEYS = "qwertyuiopl";

export function mount(task) {
  new Ranking(task);
}

class Ranking {
  constructor(task) {
    this.task = task;
    this.root = task.form.querySelector("#ranking");
    this.letters = task.view.responses.map((response) => response.letter);
    this.reader = new Reader(this.root, this.#isBegun() ? task.content.unread : this.letters, () => {
      if (this.#isBegun()) this.#keep(() => {});
    });
    this.strip = new Strip(this.#at("board"), {
      select: (letter) => this.select(letter),
      drop: (letter, target) => this.drop(letter, target),
    });
    this.read();
    this.#listen();
    this.#bindKeys();
    task.onReplace(() => this.read());
    task.onConflict({
      groups: { title: _("Ranking"), show: (groups) => groups.map((group) => group.join(" = ")).join(" > ") },
      moves: { with: "groups" },
      initial_board: { with: "groups" },
      unread: { with: "groups" },
    });
  }

  /** Takes over what the draft says. */
  read() {
    this.board = boards.filled(this.task.content.groups, this.letters.length);
    this.opened = this.task.activeTime.seconds - (this.task.content.moves.at(-1)?.at_s ?? 0);
    this.history = [];
    this.guided = null;
    this.current = this.letters[0];
    this.touched = this.letters.slice(0, 2);
    this.setPhase(this.task.content.groups.length > 0 ? "rank" : "rate");
  }

  // ── phases and views ─────────────────────────────────────────────────────────────────────────────────────────────

  setPhase(phase) {
    this.phase = phase;
    this.root.dataset.phase = phase;
    if (phase === "rank") this.#openBoard();
    this.setView("read");
    // A board is hard to use on a phone: there it is questions, unless somebody prefers to move the responses.
    if (phase === "rank" && SMALL.matches && this.task.content.moves.length === 0) {
      this.root.querySelector(".prompt").open = false;
      this.startGuide();
    }
  }

  /** One response, two beside each other, or all. */
  setView(view) {
    this.view = view;
    this.root.dataset.view = view;
    if (view !== "compare") this.guided = null;
    this.draw();
    this.reader.toTop();
  }

  select(letter) {
    if (letter !== this.current) this.touched = [this.current, letter];
    this.current = letter;
    if (this.view === "read") this.setView("read");
    else this.draw();
  }

  step(by) {
    const place = this.letters.indexOf(this.current) + by;
    if (place >= this.letters.length) this.setPhase("rank");
    else if (place >= 0) this.select(this.letters[place]);
  }

  compare(left, right) {
    this.touched = [left, right];
    this.setView("compare");
  }

  /** Before its first move the board follows the ratings, unless it is to begin empty. */
  #openBoard() {
    const { moves, groups } = this.task.content;
    if (this.task.view.board === "empty" || moves.length > 0) return;
    const sorted = boards.boardOfRatings(this.letters, this.likert);
    if (boards.groupsOf(sorted).length === 0 && groups.length === 0) return;
    this.board = sorted;
    this.#keep((content) => {
      content.initial_board = boards.groupsOf(sorted);
    });
  }

  // ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────────

  drop(letter, { slot, gap }) {
    if (slot !== undefined) this.move(letter, boards.place(this.board, letter, slot), "pointer");
    else if (gap !== undefined) this.move(letter, boards.insert(this.board, letter, gap), "pointer");
    else this.move(letter, boards.remove(this.board, letter), "pointer");
  }

  /** Puts another board in the place of this one, and says what it means for the response that was moved. */
  move(letter, board, by, guided = null) {
    this.current = letter;
    if (JSON.stringify(board) === JSON.stringify(this.board)) {
      this.task.say(describe(board, letter));
      return this.draw();
    }
    this.history.push({ letter, board: this.board, guided: this.guided });
    this.guided = guided;
    this.#put(letter, board, by);
  }

  undo() {
    const before = this.history.pop();
    if (!before) return this.task.say(_("Nothing to undo"));
    this.guided = before.guided;
    if (this.guided) this.#ask();
    this.#put(before.letter, before.board, "undo");
  }

  #put(letter, board, by) {
    this.board = board;
    const at_s = Number(Math.max(0, this.task.activeTime.seconds - this.opened).toFixed(1));
    this.#keep((content) => {
      if (content.moves.length < MAX_MOVES) content.moves.push({ letter, board: boards.groupsOf(board), by, at_s });
    });
    this.task.say(describe(board, letter));
    this.draw();
  }

  #keep(mutate) {
    this.task.change((content) => {
      mutate(content);
      content.groups = boards.groupsOf(this.board);
      content.unread = this.reader.unread;
    });
  }

  /** Reading alone makes no draft. */
  #isBegun() {
    const ratings = Object.values(this.task.content.ratings);
    return ratings.some(({ likert, flags, note }) => likert || flags.length > 0 || note);
  }

  // ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** 'left' or 'right' is better, or it is a 'tie'. */
  judge(verdict) {
    const [left, right] = this.touched;
    if (this.guided) return this.#answer(verdict);
    this.move(verdict === "right" ? right : left, boards.compared(this.board, left, right, verdict), "compare");
  }

  /** Ranks everything by questions. */
  startGuide() {
    if (this.phase !== "rank") this.setPhase("rank");
    if (this.guided) return;
    const guided = guide.begin(this.letters);
    this.move(this.letters[0], boards.filled(guided.groups, this.letters.length), "guided", guided);
    this.guided = guided;
    this.#ask();
  }

  #answer(verdict) {
    const [letter] = guide.question(this.guided);
    const next = guide.answered(this.guided, { left: "better", right: "worse", tie: "tie" }[verdict]);
    const placed = boards.filled(next.groups, this.letters.length);
    if (JSON.stringify(placed) === JSON.stringify(this.board)) {
      this.history.push({ letter, board: this.board, guided: this.guided });
      this.guided = next;
    } else this.move(letter, placed, "guided", next);
    this.#ask();
  }

  #ask() {
    const pair = guide.question(this.guided);
    if (pair) return this.compare(...pair);
    this.setView("read");
    this.task.say(_("All responses are ranked."));
  }

  // ── drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────

  get likert() {
    const { ratings } = this.task.content;
    return Object.fromEntries(this.letters.map((letter) => [letter, ratings?.[letter]?.likert]));
  }

  draw() {
    const { letters, board, current, phase, view } = this;
    const isRanking = phase === "rank";
    const inView = { read: [current], compare: this.touched, all: this.#inOrder() }[view];
    this.reader.show(view, inView);
    this.reader.focus(current);
    this.strip.draw({ letters, board, likert: this.likert, current, isRanking });
    for (const pad of this.root.querySelectorAll(".pad")) pad.hidden = pad.dataset.letter !== current;
    for (const button of this.root.querySelectorAll("button[data-phase]")) {
      button.setAttribute("aria-pressed", String(button.dataset.phase === phase));
    }
    for (const button of this.root.querySelectorAll("[data-show]")) {
      button.setAttribute("aria-pressed", String(button.dataset.show === view));
    }
    this.#at("previous").disabled = current === letters[0];
    this.#drawTools(isRanking);
    this.#drawComparison(isRanking);
  }

  #inOrder() {
    if (this.phase === "rate") return this.letters;
    const ranked = boards.groupsOf(this.board).flat();
    return [...ranked, ...this.letters.filter((letter) => !ranked.includes(letter))];
  }

  #drawTools(isRanking) {
    const slot = boards.slotOf(this.board, this.current);
    this.#at("card-tools").hidden = !isRanking;
    this.#at("card-tools").setAttribute("aria-label", _("Move {letter}", { letter: this.current }));
    this.#at("rank").value = slot < 0 ? "" : String(slot);
    this.#at("undo").disabled = this.history.length === 0;
    const isLast = this.current === this.letters.at(-1);
    this.#at("next").firstElementChild.textContent = isLast ? _("Rank them") : _("Next");
  }

  #drawComparison(isRanking) {
    const isComparing = this.view === "compare";
    const [left, right] = this.touched;
    this.#at("verdict").hidden = !(isComparing && isRanking);
    this.#at("compare-tools").hidden = !isComparing;
    this.#at("stop-guide").hidden = !this.guided;
    this.root.toggleAttribute("data-guided", Boolean(this.guided));
    this.#at("guide").hidden = !isRanking || Boolean(this.guided);
    for (const name of ["left", "right"]) {
      this.#at(name).value = name === "left" ? left : right;
      this.#at(name).parentElement.hidden = Boolean(this.guided);
    }
    this.#verdict("left").textContent = _("{letter} is better", { letter: left });
    this.#verdict("right").textContent = _("{letter} is better", { letter: right });
    this.#at("question").textContent = this.guided
      ? _("Which is better? At most {left} more.", { left: guide.questionsLeft(this.guided) })
      : _("Which is better?");
  }

  #verdict(name) {
    return this.root.querySelector(`[data-verdict="${name}"] span`);
  }

  #at(id) {
    return this.root.querySelector(`#${id}`);
  }

  // ── what people do ───────────────────────────────────────────────────────────────────────────────────────────────

  #listen() {
    const option = (value, words) => element("option", { value }, words);
    for (const name of ["left", "right"]) {
      this.#at(name).append(...this.letters.map((letter) => option(letter, letter)));
      this.#at(name).addEventListener("change", () => this.#choosePair(name));
    }
    const ranks = this.letters.map((_letter, slot) => option(slot, String(slot + 1)));
    this.#at("rank").append(option("", "–"), ...ranks);
    this.#at("rank").addEventListener("change", (event) => this.#choose(event.target.value));
    this.root.addEventListener("click", (event) => this.#click(event));
    this.root.addEventListener("wanted", (event) => {
      this.setPhase("rate");
      this.select(event.target.closest(".pad").dataset.letter);
    });
    const pads = this.root.querySelector(".pads");
    pads.addEventListener("input", () => {
      this.#keep(() => {});
      this.draw();
    });
    pads.addEventListener("click", ({ target, detail }) => {
      // Who rates with the mouse and goes on with an arrow key must not change the rating by it.
      if (target.type === "radio" && detail > 0) target.blur();
    });
  }

  #choosePair(name) {
    const [left, right] = [this.#at("left").value, this.#at("right").value];
    const other = this.touched[name === "left" ? 1 : 0];
    // The same response on both sides would be no comparison: they change places.
    if (left === right) this.compare(...(name === "left" ? [left, this.touched[0]] : [other, right]));
    else this.compare(left, right);
  }

  #choose(slot) {
    const { board, current } = this;
    const chosen = slot === "" ? boards.remove(board, current) : boards.place(board, current, Number(slot));
    this.move(current, chosen, "pointer");
  }

  #click(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const by = event.detail === 0 ? "key" : "pointer"; // a button that a key pressed
    const { show, phase, verdict, move } = button.dataset;
    if (show) this.#toggle(show);
    else if (phase) this.setPhase(phase);
    else if (verdict) this.judge(verdict);
    else if (move) this.#moveBy(move, by);
    else this.#buttons[button.id]?.(button);
  }

  #buttons = {
    source: (button) => this.#toggleSource(button),
    undo: () => this.undo(),
    guide: () => this.startGuide(),
    "stop-guide": () => this.setView("read"),
    previous: () => this.step(-1),
    next: () => this.step(1),
  };

  #toggle(view) {
    this.setView(this.view === view ? "read" : view);
  }

  #toggleSource(button) {
    const isSource = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isSource));
    this.reader.showSource(isSource);
  }

  #moveBy(move, by) {
    const { board, current } = this;
    const after = {
      better: () => boards.better(board, current),
      worse: () => boards.worse(board, current),
      tie: () => boards.tieWithAbove(board, current),
      off: () => boards.remove(board, current),
    }[move]();
    this.move(current, after, by);
  }

  #bindKeys() {
    const { letters } = this;
    const rating = () => this.phase === "rate";
    const ranking = () => this.phase === "rank";
    const judging = () => ranking() && this.view === "compare";
    const field = (name, value) =>
      this.task.form.querySelector(`[name="ratings.${this.current}.${name}"][value="${value}"]`);
    const digits = [..."123456789"];
    const keys = letters.map((letter) => letter.toLowerCase());

    bind("likert", digits.slice(0, 7), _("Overall quality"), (place) => field("likert", place + 1).click(), rating);
    this.task.view.flags.forEach((flag, place) => {
      const words = field("flags[]", flag).parentElement.querySelector("span").textContent;
      bind(`flag-${flag}`, FLAG_KEYS[place], words, () => field("flags[]", flag).click(), rating);
    });
    bind("note", "n", _("Write a note"), () => this.#writeNote(), rating);

    bind("verdict-left", "ArrowLeft", _("The left one is better"), () => this.judge("left"), judging);
    bind("verdict-right", "ArrowRight", _("The right one is better"), () => this.judge("right"), judging);
    bind("verdict-tie", "=", _("Equally good"), () => this.judge("tie"), judging);
    bind("select", keys, _("Take a response"), (place) => this.select(letters[place]), ranking);
    bind("rank", digits.slice(0, letters.length), _("Its rank; the same rank is a tie"), (slot) => {
      this.move(this.current, boards.place(this.board, this.current, slot), "key");
    }, ranking);
    bind("better", "ArrowUp", _("One rank better"), () => this.#moveBy("better", "key"), ranking);
    bind("worse", "ArrowDown", _("One rank worse"), () => this.#moveBy("worse", "key"), ranking);
    bind("tie", "=", _("Tie with the one above"), () => this.#moveBy("tie", "key"), ranking);
    bind("off", "Backspace", _("Take off the board"), () => this.#moveBy("off", "key"), ranking);
    bind("undo", "z", _("Undo"), () => this.undo(), ranking);
    bind("guide", "k", _("Ask me two at a time"), () => this.startGuide());

    bind("previous", "ArrowLeft", _("Previous response"), () => this.step(-1), () => this.view !== "compare");
    bind("next", "ArrowRight", _("Next response"), () => this.step(1), () => this.view !== "compare");
    bind("compare", "x", _("Compare the last two"), () => this.#toggle("compare"));
    bind("all", "v", _("All beside each other"), () => this.#toggle("all"));
    bind("source", "j", _("As it was written, or formatted"), () => this.#toggleSource(this.#at("source")));
    bind("phase", "m", _("Rate, or rank"), () => this.setPhase(rating() ? "rank" : "rate"));
  }

  #writeNote() {
    const note = this.root.querySelector(".pad:not([hidden]) .note");
    note.open = true;
    note.querySelector("textarea").focus();
  }
}
