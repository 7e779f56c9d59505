"""`preceptor labels` and `preceptor store`: what people labeled, and the database that it lies in."""

from pathlib import Path
from typing import Annotated

import typer

from preceptor.cli.base import ProjectOption, StoreOption

labels_app = typer.Typer(help="Bring out what people labeled.", no_args_is_help=True)


@labels_app.command()
def export(
    project: ProjectOption = Path("."),
    store: StoreOption = None,
    format: Annotated[
        str, typer.Option(help="artifacts (into the project's data/), csv, or datasets (Hugging Face).")
    ] = "artifacts",
    to: Annotated[Path | None, typer.Option(help="New folder for csv or datasets.")] = None,
) -> None:
    """Write what people labeled into the project, where `preceptor run` finds it; or as tables, to --to."""
    from preceptor.labeling.export import export_from

    for line in export_from(project, store, format, to):
        typer.echo(line)


store_app = typer.Typer(help="Look after the database of the labels.", no_args_is_help=True)


@store_app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    project: ProjectOption = Path("."),
    store: StoreOption = None,
) -> None:
    """Copy the database of the labels to a file, also while it is being served."""
    from preceptor.labeling.project import store_url
    from preceptor.store.backup import back_up

    typer.echo(back_up(store_url(project, store), file))


@store_app.command()
def migrate(project: ProjectOption = Path("."), store: StoreOption = None) -> None:
    """Bring the database of the labels up to this version; `preceptor label` does so, too."""
    from preceptor.labeling.project import store_url
    from preceptor.store import Database

    database = Database.open(store_url(project, store), create=False)
    typer.echo(f"{database.url.render_as_string(hide_password=True)}: up to date")
    database.close()


@store_app.command()
def copy(
    to: Annotated[str, typer.Option(help="Empty database: postgresql://… or sqlite:///FILE.")],
    project: ProjectOption = Path("."),
    store: StoreOption = None,
) -> None:
    """Copy the database of the labels into another one, and compare them; from SQLite to PostgreSQL or back."""
    from preceptor.labeling.project import store_url
    from preceptor.store.copying import copy_store

    typer.echo(copy_store(store_url(project, store), to))
