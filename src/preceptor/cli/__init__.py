"""The command line: each command loads a config, opens a project and calls one function. Rooms are imported lazily."""

from preceptor.cli.project import app
from preceptor.cli.prompts import prompts_app
from preceptor.cli.store import labels_app, store_app
from preceptor.process import tune_process

app.add_typer(prompts_app, name="prompts")
app.add_typer(labels_app, name="labels")
app.add_typer(store_app, name="store")


def main() -> None:
    """Entry point."""
    tune_process()
    app()
