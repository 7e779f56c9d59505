/** What scripts say, in the reader's language: English words in, theirs out, with {name} filled in. */

const messages = JSON.parse(document.getElementById("messages")?.textContent ?? "{}");

export function _(words, values = {}) {
  return (messages[words] ?? words).replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
}

/** Letters as a person lists them: "A, B and C". */
export function list(letters) {
  return new Intl.ListFormat(document.documentElement.lang).format(letters);
}
