/** What the server does not have yet, kept in this browser: without a network, a reload or a crash loses nothing. */

import { meta } from "./server.js";

/** Work of one person is never taken for another's. */
function prefix() {
  return `unsaved ${meta("labeler")} `;
}

/** What was kept under an address; null for nothing. */
export function kept(address) {
  return JSON.parse(localStorage.getItem(prefix() + address));
}

export function keep(address, value) {
  try {
    localStorage.setItem(prefix() + address, JSON.stringify(value));
  } catch (error) {
    if (error.name !== "QuotaExceededError") throw error; // without room in the browser it is on the page alone
  }
}

export function forget(address) {
  localStorage.removeItem(prefix() + address);
}

/** Leaves nothing behind for the next person at this browser. */
export function forgetAll() {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(prefix()));
  for (const name of names) localStorage.removeItem(name);
}
