/** Label a prompt: a digit chooses the use case, a letter ticks a property. */

import { bind } from "../keys.js";

const DIGITS = "1234567890";
const LETTERS = "qwertyuiopl";

export function mount(task) {
  const fields = [...task.form.querySelectorAll(".choice input")];
  const radios = fields.filter((field) => field.type === "radio");
  const boxes = fields.filter((field) => field.type === "checkbox");
  radios.forEach((radio, place) => bindField(radio, `use-case-${radio.value}`, DIGITS[place]));
  boxes.forEach((box, place) => bindField(box, box.value, LETTERS[place]));
}

function bindField(field, name, key) {
  bind(name, key, field.labels[0].querySelector("span").firstChild.textContent, () => {
    field.click();
    field.focus();
  });
}
