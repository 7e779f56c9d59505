"""The summary for the terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from preceptor.reporting.data import MAIN_FLAGS, Estimate, PolicyRow, ReportData
from preceptor.reporting.verdict import verdict
from preceptor.reporting.words import percent, two_digits, whole_percent

SHORT = {"fails_instruction": "Fails", "satisfies_constraint": "Constr.", "hallucination": "Halluc.",
         "harmful_advice": "Harm"}  # fmt: skip


def print_summary(data: ReportData, console: Console | None = None) -> None:
    """The main table in two parts that fit 80 columns, the reward model in a line, and the verdict."""
    console = console or Console()
    console.print(judged_table(data))
    console.print(measured_table(data))
    console.print(Text(_reward_line(data), style="dim"))
    found = verdict(data)
    console.print(Text(found.headline, style="bold green" if found.kind == "better" else "bold yellow"))
    for sentence in found.sentences:
        console.print(Text(sentence))


def print_table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[str]], console: Console | None = None
) -> None:  # fmt: skip
    """Cells under a head; all but the first column are numbers."""
    table = _ruled(title)
    for name in head:
        table.add_column(name, justify="right" if name != head[0] else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    (console or Console()).print(table)


def judged_table(data: ReportData) -> Table:
    """What labelers said; simulated ones are called so."""
    by = {"simulated": "simulated labelers", "mixed": "labelers, some simulated"}.get(data.origin, "labelers")
    flags = [flag for flag in MAIN_FLAGS if any(flag in row.flags for row in data.policies)]
    title = f"{data.num_prompts:,} held-out prompts, judged by {data.num_labelers} held-out {by}"
    columns = [f"vs {data.baseline.upper()}", "Likert", *(SHORT[flag] for flag in flags)]
    rows = {}
    for row in data.policies:
        shares = [whole_percent(row.flags[flag].value) if flag in row.flags else "–" for flag in flags]
        rows[row.name] = [_win(row, data.baseline), _value(row.likert), *shares]
    return _table(data, title, columns, rows)


def measured_table(data: ReportData) -> Table:
    """What was measured without labelers."""
    columns = ["Gold utility", "KL to SFT", "Tokens", "Pretraining loss"]
    rows = {}
    for row in data.policies:
        loss = "–" if row.pretraining_loss is None else two_digits(row.pretraining_loss)
        rows[row.name] = [_value(row.gold_utility), _one(row.kl_to_sft), _one(row.mean_length), loss]
    return _table(data, "Measured on the same responses", columns, rows)


def _ruled(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)


def _table(data: ReportData, title: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Table:
    table = _ruled(title)
    table.add_column("Policy", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in data.policies:
        table.add_row(row.title, *rows[row.name], style="bold" if row.name in data.aligned else "")
    return table


def _win(row: PolicyRow, baseline: str) -> str:
    rate = row.win_rate_vs_sft
    if row.name == baseline or rate is None:
        return "baseline" if row.name == baseline else "–"
    bounds = "" if rate.bounds is None else f" ({100 * rate.bounds[0]:.0f}–{100 * rate.bounds[1]:.0f})"
    return percent(rate.value) + bounds


def _value(estimate: Estimate | None) -> str:
    return "–" if estimate is None else two_digits(estimate.value)


def _one(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _reward_line(data: ReportData) -> str:
    model = data.reward_model
    line = f"Reward model: {percent(model.heldout_accuracy.value)} of held-out pairs"
    if model.heldout_accuracy.bounds:
        low, high = model.heldout_accuracy.bounds
        line += f" ({100 * low:.1f}–{percent(high)})"
    line += f"; length alone {percent(model.length.value)}, TF-IDF {percent(model.tfidf.value)}"
    if model.ceiling is not None and model.share_of_ceiling is not None:
        line += f"; ceiling {percent(model.ceiling)}, of which {whole_percent(model.share_of_ceiling)} is reached"
    return line + "."
