/** Time in which somebody worked: pauses count up to two minutes, because careful reading makes no events. */

const IDLE_S = 120;
const SIGNS = ["keydown", "pointerdown", "pointermove", "scroll", "input"];

export class ActiveTime {
  #seconds;
  #last;
  #clock;

  /** @param seconds what was worked before; @param clock gives the present time in seconds */
  constructor(seconds, clock = () => performance.now() / 1000) {
    this.#seconds = seconds;
    this.#clock = clock;
    this.#last = clock();
  }

  /** Begins to listen for signs of work; hidden pages are not worked on. */
  listen() {
    for (const sign of SIGNS) addEventListener(sign, () => this.note(), { passive: true, capture: true });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : this.resume()));
    return this;
  }

  note() {
    if (this.#last === null) return;
    this.#seconds += this.#sinceLast();
    this.#last = this.#clock();
  }

  pause() {
    this.note();
    this.#last = null;
  }

  resume() {
    this.#last = this.#clock();
  }

  /** Seconds worked so far, to a tenth. */
  get seconds() {
    return Math.round((this.#seconds + this.#sinceLast()) * 10) / 10;
  }

  /** Seconds since the last sign of work; endless while the page is hidden. */
  get idle() {
    return this.#last === null ? Infinity : this.#clock() - this.#last;
  }

  #sinceLast() {
    return Math.min(this.idle, this.#last === null ? 0 : IDLE_S);
  }
}
