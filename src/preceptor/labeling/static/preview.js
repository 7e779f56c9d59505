/** What is being written, formatted by the server: through the one renderer that all others will see it through. */

import { Unreachable, send } from "./server.js";

const PAUSE_MS = 400;

/** Safe HTML of a content as its kind previews it; null when there is none to be had now. */
export async function formatted(task, content) {
  try {
    const { status, body } = await send("POST", `${task.form.dataset.address}/preview`, { content });
    return status === 200 ? body.html : null;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return null;
  }
}

/** Keeps an element showing what the content looks like, a moment after each change. */
export function previewIn(task, target) {
  let timer;
  let last = 0;
  const refresh = async () => {
    last += 1;
    const turn = last;
    const html = await formatted(task, task.content);
    if (html !== null && turn === last) target.innerHTML = html;
  };
  task.form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE_MS);
  });
  task.onReplace(refresh);
  refresh();
}
