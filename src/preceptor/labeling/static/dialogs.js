/** Questions that have to be answered before work goes on. */

/** An element with attributes and children: texts are texts, never HTML. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * Shows a dialog and gives the name of the button that closed it; null for Escape.
 * @param choices {name: words}, the first is the one that Enter takes
 */
export function ask(title, body, choices) {
  const heading = element("h2", { id: "dialog-title" }, title);
  const names = Object.keys(choices);
  const buttons = names.map((name, place) =>
    element("button", { value: name, class: place === 0 ? "button" : "button quiet" }, choices[name]),
  );
  const form = element("form", { method: "dialog" }, heading, ...body, element("div", { class: "row" }, ...buttons));
  const dialog = element("dialog", { "aria-labelledby": "dialog-title" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue || null);
    });
  });
}

/** A paragraph. */
export function paragraph(words) {
  return element("p", {}, words);
}
