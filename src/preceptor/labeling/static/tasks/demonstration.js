/** Write a demonstration: a preview, the share that was pasted, and where the stage has it a model's suggestion. */

import { _ } from "../i18n.js";
import { bind } from "../keys.js";
import { PastedShare } from "../pasted_share.js";
import { previewIn } from "../preview.js";
import { SuggestionPanel } from "../suggestion_panel.js";

export function mount(task) {
  const area = task.form.querySelector("#response");
  const pasted = new PastedShare(area, task.content.pasted_share);
  area.addEventListener("input", () => {
    task.change((content) => {
      content.pasted_share = Number(pasted.share.toFixed(4));
    });
  });
  task.onReplace((content) => pasted.reset(content.pasted_share));
  task.onConflict({ pasted_share: { with: "response" }, model: { with: "suggestion" } });
  previewIn(task, task.form.querySelector("#preview"));
  bind("write", "w", _("Write"), () => area.focus());
  if (task.view.suggestions) new SuggestionPanel(task, area);
}
