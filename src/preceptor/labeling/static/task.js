/** A task page: keeps the draft, the lease and the time, submits and skips; a kind's own script mounts itself here. */

import { ActiveTime } from "./active_time.js";
import { settle } from "./conflicts.js";
import { ask, element, paragraph } from "./dialogs.js";
import { Draft } from "./draft.js";
import { firstMissing, nameOf, readFields, writeFields } from "./fields.js";
import { keepAlive } from "./heartbeat.js";
import { _ } from "./i18n.js";
import { bind, printKeys, showKeys } from "./keys.js";
import { listenForComments, openPanels } from "./panels.js";
import { Unreachable, isSignedOut, send } from "./server.js";
import { signInAgain } from "./session.js";

const form = document.getElementById("task");
const place = (id) => document.getElementById(id);
const address = form.dataset.address;
const activeTime = new ActiveTime(Number(form.dataset.activeS)).listen();
const redraws = [];
const conflictFields = {};
let hasSeenConcerns = false;

const UNREACHABLE = () => _("The server cannot be reached. Your work is kept on this page; try again in a moment.");
const CHANGED_ELSEWHERE = () =>
  _("Not submitted: this was also changed in another tab or on another device. Look at it once more, then submit.");
const STATUS = {
  changed: () => _("Not saved yet"),
  saving: () => _("Saving…"),
  saved: () => _("Saved"),
  offline: () => _("No connection: your work is kept on this page and saved when the server is back"),
  signed_out: () => _("Signed out"),
  refused: (words) => words ?? _("This task is no longer yours"),
};

// What the fields say when nothing is written belongs to what all tabs start from; else an empty field of one tab would
// be a change against what another tab wrote there.
const content = JSON.parse(form.dataset.content);
writeFields(form, content);
readFields(form, content);

const draft = new Draft({
  address: `${address}/draft`,
  content,
  revision: Number(form.dataset.revision),
  activeTime,
  on: {
    status(name, words) {
      place("draft-status").textContent = STATUS[name](words);
      place("draft-status").dataset.status = name;
    },
    replaced(content) {
      writeFields(form, content);
      for (const redraw of redraws) redraw(content);
    },
    conflict: (conflicts, merged) => settle(form, conflicts, merged, conflictFields),
    signedOut: signInAgain,
  },
});

/** What a kind's script works with. */
const task = {
  form,
  view: JSON.parse(form.dataset.view),
  activeTime,
  get content() {
    return draft.content;
  },
  /** Edits the content; it is saved by itself. */
  change(mutate) {
    draft.change(mutate);
  },
  /** Calls back with the content whenever it came from elsewhere. */
  onReplace(redraw) {
    redraws.push(redraw);
  },
  /** How fields that are no inputs are asked about when two places changed them: see `settle`. */
  onConflict(fields) {
    Object.assign(conflictFields, fields);
  },
  /** Says something to those who listen to the page. */
  say(words) {
    place("said").textContent = words;
  },
  /** Lets the server do something with the content. */
  act(action) {
    return draft.act(async (content, revision) => {
      const reply = await post("act", { action, content, revision });
      if (reply && ![200, 409].includes(reply.status)) complain(reply.body?.error);
      return reply;
    });
  },
};

/** Posts and gives the reply, after signing in again where that is needed; null without a connection. */
async function post(action, body) {
  try {
    const reply = await send("POST", `${address}/${action}`, body);
    if (!isSignedOut(reply)) return reply;
    await signInAgain();
    return await post(action, body);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    complain(UNREACHABLE());
    return null;
  }
}

function complain(words) {
  place("problem").textContent = words ?? _("This task is no longer yours");
}

/** Whether to go on in spite of what a careful colleague would ask; each task asks once. */
async function isSure() {
  if (hasSeenConcerns) return true;
  const reply = await post("check", { content: draft.content, active_s: activeTime.seconds });
  if (reply === null) return false;
  if (reply.status !== 200) {
    complain(reply.body?.error);
    return false;
  }
  if (reply.body.concerns.length === 0) return true;
  hasSeenConcerns = true;
  const points = element("ul", {}, ...reply.body.concerns.map((words) => element("li", {}, words)));
  const choices = { back: _("Look again"), submit: _("Submit as it is") };
  return (await ask(_("Before you submit"), [points], choices)) === "submit";
}

async function submit() {
  complain("");
  const missing = firstMissing(form);
  if (missing) {
    missing.dispatchEvent(new Event("wanted", { bubbles: true })); // a script that hides fields shows this one now
    missing.focus();
    return complain(_("Still to be answered: {what}", { what: nameOf(missing) }));
  }
  if (!(await draft.save())) return complain(_("Not submitted: it could not be saved yet."));
  if (!(await isSure())) return;
  const guideline = form.dataset.guidelineId ? Number(form.dataset.guidelineId) : null;
  const reply = await draft.submit((content, revision) =>
    post("submit", { content, revision, active_s: activeTime.seconds, guideline_id: guideline }),
  );
  if (reply?.status === 409) return complain(CHANGED_ELSEWHERE());
  leave(reply);
}

async function skip() {
  if (!draft.isSaved || draft.revision > 0) {
    const kept = paragraph(_("What you have so far is kept, and you can take the task up again."));
    const choices = { skip: _("Skip"), back: _("Go on with it") };
    if ((await ask(_("Skip this task?"), [kept], choices)) !== "skip") return;
  }
  await draft.save();
  leave(await post("skip", { reason: "" }));
}

function leave(reply) {
  if (reply === null) return;
  if (reply.status !== 200) return complain(reply.body?.error);
  draft.abandon();
  location.assign(form.dataset.next);
}

/** One thing at a time: a second click while the first is on its way does nothing. */
function once(action) {
  let running = null;
  return () => {
    running ??= action().finally(() => {
      running = null;
    });
  };
}

form.addEventListener("input", () => draft.change((content) => readFields(form, content)));
form.addEventListener("focusout", () => draft.save());
const submitOnce = once(submit);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submitOnce();
});
form.addEventListener("keydown", (event) => {
  const isPlain = !event.ctrlKey && !event.metaKey;
  if (event.key === "Enter" && isPlain && event.target.localName === "input") event.preventDefault(); // only Submit submits
});
const skipOnce = once(skip);
place("skip")?.addEventListener("click", skipOnce);
place("keys").addEventListener("click", showKeys);
bind("keys", "?", _("Show this list"), showKeys);
bind("submit", "Control+Enter", _("Submit"), () => form.requestSubmit());
if (place("skip")) bind("skip", "s", _("Skip this task"), skipOnce);

openPanels();
listenForComments((words) => complain(words ?? UNREACHABLE()));
keepAlive(`${address}/heartbeat`, activeTime, () => {
  place("late").hidden = false;
});
const showTime = () => {
  place("active-time").textContent = _("{minutes} min", { minutes: Math.floor(activeTime.seconds / 60) });
};
showTime();
setInterval(showTime, 10_000);
if (form.dataset.script) (await import(form.dataset.script)).mount(task);
await draft.recover();
printKeys();
form.dataset.ready = "";
