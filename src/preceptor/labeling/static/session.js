/**
 * What to do when one is signed out in the middle of work, or somebody else has signed in at this browser: the work stays
 * on the page while one signs in elsewhere.
 */

import { element, paragraph } from "./dialogs.js";
import { _ } from "./i18n.js";
import { meta } from "./server.js";

const SAME = "same";
const OTHER = "other";
const NOBODY = "nobody";

/** Who is signed in; of the same person it takes over the new token, which proves that requests come from our pages. */
async function whoIsIn() {
  const reply = await fetch(meta("session"), { credentials: "same-origin" }).catch(() => null);
  if (!reply?.ok) return NOBODY;
  const { csrf, labeler } = await reply.json();
  if (labeler !== meta("labeler")) return OTHER;
  document.querySelector('meta[name="csrf-token"]').content = csrf;
  return SAME;
}

/** Asks to sign in in another tab, unless that was done already; resolves when the person of this page is signed in. */
export async function signInAgain() {
  const who = await whoIsIn();
  if (who !== SAME) await dialog(who);
}

const WORDS = {
  [NOBODY]: () => ({
    title: _("You are signed out"),
    text: _("Your work is still on this page. Sign in in a new tab, then come back here: it will be saved."),
    link: _("Sign in in a new tab"),
    still: _("Not yet: you are still signed out."),
  }),
  [OTHER]: () => ({
    title: _("Somebody else is signed in"),
    text: _("Your work is still on this page. Sign out in a new tab and sign in as yourself, then come back here: it will be saved."),
    link: _("Open a new tab"),
    still: _("Not yet: somebody else is still signed in."),
  }),
};

function dialog(first) {
  const title = element("h2", { id: "signed-out" });
  const text = paragraph("");
  const link = element("a", { href: meta("login"), target: "_blank", class: "button" });
  const again = element("button", { type: "button", class: "button quiet" }, _("I have signed in"));
  const note = element("p", { role: "status" });
  const row = element("div", { class: "row" }, link, again);
  const box = element("dialog", { "aria-labelledby": "signed-out" }, title, text, note, row);
  const show = (who) => {
    const words = WORDS[who]();
    title.textContent = words.title;
    text.textContent = words.text;
    link.textContent = words.link;
    return words.still;
  };
  show(first);
  document.body.append(box);
  box.addEventListener("cancel", (event) => event.preventDefault());
  box.showModal();
  return new Promise((resolve) => {
    const check = async (isAsked) => {
      const who = await whoIsIn();
      if (who === SAME) {
        removeEventListener("focus", onFocus);
        box.remove();
        resolve();
        return;
      }
      const still = show(who);
      if (isAsked) note.textContent = still;
    };
    const onFocus = () => check(false);
    addEventListener("focus", onFocus);
    again.addEventListener("click", () => check(true));
  });
}
