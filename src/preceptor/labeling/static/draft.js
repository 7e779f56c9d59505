/**
 * What a labeler has so far, kept on the server while it is made. Each save names the revision that it was made from,
 * so that two tabs or devices never overwrite each other: what differs is merged, and asked where both changed the same.
 * What the server does not have yet is kept in the browser, too.
 */

import { forget, keep, kept } from "./kept.js";
import { isEqual, merge } from "./merge.js";
import { Unreachable, isSignedOut, send } from "./server.js";

const PAUSE_MS = 500;
const RETRY_MS = [1000, 2000, 5000, 10000];
/** Browsers let so much be sent while a page is being left. */
const MAX_KEEPALIVE = 60_000;

export class Draft {
  #base;
  #revision;
  #running = null;
  #timer;
  #failures = 0;

  /**
   * @param address where drafts are put
   * @param content what is on the page; edited in place through `change`
   * @param revision of the draft that the page was made from, 0 for none
   * @param activeTime gives the seconds that are stored along
   * @param on {status(name, words), replaced(content), conflict(conflicts, merged) → content, signedOut() → promise}
   */
  constructor({ address, content, revision, activeTime, on }) {
    Object.assign(this, { address, content, activeTime, on });
    this.#base = structuredClone(content);
    this.#revision = revision;
    addEventListener("online", () => this.save());
    document.addEventListener("visibilitychange", () => document.hidden && this.save());
    addEventListener("beforeunload", (event) => {
      if (this.isSaved) return;
      this.save();
      event.preventDefault();
    });
  }

  get isSaved() {
    return isEqual(this.content, this.#base);
  }

  get revision() {
    return this.#revision;
  }

  /** Edits the content and saves it in a moment. */
  change(mutate) {
    mutate(this.content);
    this.#mirror();
    if (this.isSaved) return;
    if (this.#failures === 0) this.on.status("changed");
    this.#saveIn(PAUSE_MS);
  }

  /** Takes up what an earlier page of this browser could not save, as if it came from another tab. */
  async recover() {
    const found = kept(this.address);
    if (found === null) return;
    const theirs = { content: this.content, revision: this.#revision };
    [this.content, this.#base] = [found.content, found.base];
    await this.#alone(this.#merge(theirs));
    this.save();
  }

  /**
   * Lets the server change what is saved: `ask(content, revision)` gives its reply. Nothing is saved until it is there,
   * and what is written in the meantime stays.
   */
  async act(ask) {
    if (!(await this.save())) return;
    await this.#alone(this.#act(ask));
    await this.save();
  }

  /**
   * Hands in what is saved: `ask(content, revision)` gives its reply. Where another tab or device was faster, what came
   * from there is brought together with what is here, and nothing is handed in.
   */
  async submit(ask) {
    if (!(await this.save())) return null;
    let reply;
    const work = async () => {
      reply = await ask(structuredClone(this.content), this.#revision);
      if (reply?.status === 409) await this.#merge(reply.body);
      return this.isSaved;
    };
    await this.#alone(work());
    if (reply?.status === 409) await this.save();
    return reply;
  }

  /** Forgets what is not saved, so that the page can be left. */
  abandon() {
    clearTimeout(this.#timer);
    this.#base = structuredClone(this.content);
    this.#mirror();
  }

  /** Saves until nothing is left to save; whether that succeeded. */
  save() {
    clearTimeout(this.#timer);
    return this.#running ?? this.#alone(this.#saveAll());
  }

  /** While this is on its way, nothing else is sent. */
  #alone(work) {
    this.#running = work.finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #act(ask) {
    let reply;
    do {
      reply = await ask(structuredClone(this.content), this.#revision);
      if ([200, 409].includes(reply?.status)) await this.#merge(reply.body);
    } while (reply?.status === 409);
    return this.isSaved;
  }

  #saveIn(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), milliseconds);
  }

  async #saveAll() {
    while (!this.isSaved) {
      const sent = structuredClone(this.content);
      const reply = await this.#put(sent);
      if (reply === null) return false;
      if (reply.status === 200) {
        this.#base = sent;
        this.#revision = reply.body.revision;
      } else if (reply.status === 409) {
        await this.#merge(reply.body);
      } else if (isSignedOut(reply)) {
        this.on.status("signed_out");
        await this.on.signedOut();
      } else {
        this.on.status("refused", reply.body?.error);
        return false;
      }
    }
    this.#mirror();
    this.on.status("saved");
    return true;
  }

  /** The server's reply; null when it cannot be reached, and then it is tried again later. */
  async #put(content) {
    const body = { content, revision: this.#revision, active_s: this.activeTime.seconds };
    try {
      const reply = await send("PUT", this.address, body, {
        keepalive: JSON.stringify(body).length < MAX_KEEPALIVE,
      });
      if (reply.status === 429) throw new Unreachable("429"); // a proxy's limit: it will take the same later
      this.#failures = 0;
      return reply;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.on.status("offline");
      this.#saveIn(RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)]);
      this.#failures += 1;
      return null;
    }
  }

  async #merge({ content: theirs, revision }) {
    const base = Object.keys(theirs).length === 0 ? theirs : this.#base; // where nothing is kept, nobody took anything away
    const { merged, conflicts } = merge(base, this.content, theirs);
    const chosen = conflicts.length > 0 ? await this.on.conflict(conflicts, merged) : merged;
    this.content = structuredClone(chosen);
    this.#base = theirs;
    this.#revision = revision;
    this.#mirror();
    this.on.replaced(this.content);
  }

  /** Keeps in the browser what the server does not have. */
  #mirror() {
    if (this.isSaved) forget(this.address);
    else keep(this.address, { content: this.content, base: this.#base });
  }
}
