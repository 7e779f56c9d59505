/** What to do when one is signed out in the middle of work: the work stays on the page while one signs in elsewhere. */

import { element, paragraph } from "./dialogs.js";
import { _ } from "./i18n.js";

function address(name) {
  return document.querySelector(`meta[name="${name}"]`).content;
}

/** Whether somebody is signed in; takes over the new token that proves that requests come from our pages. */
async function isSignedIn() {
  const reply = await fetch(address("session"), { credentials: "same-origin" }).catch(() => null);
  if (!reply?.ok) return false;
  document.querySelector('meta[name="csrf-token"]').content = (await reply.json()).csrf;
  return true;
}

/** Asks to sign in in another tab, unless that was done already; resolves when somebody is signed in. */
export async function signInAgain() {
  if (await isSignedIn()) return;
  await dialog();
}

function dialog() {
  const link = element("a", { href: address("login"), target: "_blank", class: "button" }, _("Sign in in a new tab"));
  const again = element("button", { type: "button", class: "button quiet" }, _("I have signed in"));
  const note = element("p", { role: "status" });
  const box = element(
    "dialog",
    { "aria-labelledby": "signed-out" },
    element("h2", { id: "signed-out" }, _("You are signed out")),
    paragraph(_("Your work is still on this page. Sign in in a new tab, then come back here: it will be saved.")),
    note,
    element("div", { class: "row" }, link, again),
  );
  document.body.append(box);
  box.addEventListener("cancel", (event) => event.preventDefault());
  box.showModal();
  return new Promise((resolve) => {
    const check = async (isAsked) => {
      if (await isSignedIn()) {
        removeEventListener("focus", onFocus);
        box.remove();
        resolve();
      } else if (isAsked) note.textContent = _("Not yet: you are still signed out.");
    };
    const onFocus = () => check(false);
    addEventListener("focus", onFocus);
    again.addEventListener("click", () => check(true));
  });
}
