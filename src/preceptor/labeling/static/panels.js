/** The guideline and the questions beside a task. */

import { Unreachable, send } from "./server.js";

/** A guideline opens by itself until one has closed it: its version is part of the name that is remembered. */
export function openPanels() {
  for (const panel of document.querySelectorAll("details.panel")) {
    const { remember } = panel.dataset;
    if (remember) {
      panel.open = localStorage.getItem(remember) !== "closed";
      panel.addEventListener("toggle", () => localStorage.setItem(remember, panel.open ? "open" : "closed"));
    }
    panel.querySelector(".close").addEventListener("click", () => close(panel));
    panel.addEventListener("keydown", (event) => event.key === "Escape" && close(panel));
  }
}

/** Sends what is written to the researchers, and shows the thread as the server has it then. */
export function listenForComments(onProblem) {
  const form = document.getElementById("comment");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = form.querySelector("textarea");
    try {
      const { status, body } = await send("POST", form.dataset.address, { text: field.value });
      if (status !== 200) return onProblem(body?.error);
      field.value = "";
      await readThread();
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      onProblem();
    }
  });
}

async function readThread() {
  const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
  document.querySelector(".thread").replaceWith(page.querySelector(".thread"));
}

function close(panel) {
  panel.open = false;
  panel.querySelector("summary").focus();
}
