"""`preceptor prompts`: from raw prompts to prompt sets."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from preceptor.cli.base import ProjectOption, SetOption, StoreOption, open_project

prompts_app = typer.Typer(help="Make prompt sets out of raw prompts.", no_args_is_help=True)


@prompts_app.command("add")
def add_(
    files: Annotated[list[Path], typer.Argument(help="Files of prompts, conversations or request logs.")],
    project: ProjectOption = Path("."),
    store: StoreOption = None,
    format: Annotated[str, typer.Option(help="Format; 'auto' looks at the file.")] = "auto",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Option of the format: KEY=VALUE (repeatable).")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where they come from, such as labeler or customer.")] = None,
    skip_bad: Annotated[
        bool, typer.Option(help="Count and drop malformed rows instead of stopping at the first.")
    ] = False,
) -> None:
    """Add raw prompts to the project's store; what is there already is left alone."""
    from preceptor.pipeline.adding import add_files

    add_files(
        project, files, typer.echo,
        store=store, format=format, options=option or [], source=source, skip_bad=skip_bad,
    )  # fmt: skip


@prompts_app.command()
def build(
    project: ProjectOption = Path("."),
    store: StoreOption = None,
    engine: Annotated[
        str, typer.Option(help="local, or ray: on the cluster of RAY_ADDRESS, else all cores of this machine.")
    ] = "local",
    set_: SetOption = None,
) -> None:
    """Build the SFT, reward, RL and test sets out of the raw prompts, step by counted step."""
    from preceptor.pipeline.building import build_prompts
    from preceptor.reporting.terminal import print_table

    built = build_prompts(open_project(project, set_), store, engine)
    for table in built.tables:
        print_table(table.title, table.head, table.rows)
    typer.echo(f"report: {project / 'prompts.html'}\ndata card: {project / 'artifacts' / 'README.md'}")


@prompts_app.command()
def select(
    by: Annotated[
        Literal["uncertainty", "coverage", "random"],
        typer.Option(help="What the choice is made by; random is the control."),
    ],
    num: Annotated[int, typer.Option(help="Prompts to choose, with two responses to each.", min=1)],
    members: Annotated[int, typer.Option(help="Reward models that may disagree, for uncertainty.", min=2)] = 3,
    project: ProjectOption = Path("."),
    set_: SetOption = None,
) -> None:
    """Choose what labelers rank next, and put it into todo/."""
    from preceptor.pipeline.selecting import select_pairs

    with open_project(project, set_) as opened:
        for line in select_pairs(opened, by, num, members):
            typer.echo(line)
