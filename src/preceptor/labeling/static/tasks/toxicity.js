/** Rate toxicity: all texts can be opened or covered at once. */

import { _ } from "../i18n.js";
import { bind } from "../keys.js";

export function mount(task) {
  const covers = [...task.form.querySelectorAll("details.cover")];
  const toggle = () => {
    const isOpen = covers.every((cover) => cover.open);
    for (const cover of covers) cover.open = !isOpen;
    task.say(isOpen ? _("All texts are covered") : _("All texts are open"));
  };
  task.form.querySelector("#uncover").addEventListener("click", toggle);
  bind("uncover", "o", _("Open or cover all texts"), toggle);
}
