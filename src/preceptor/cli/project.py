"""The commands of the loop, and of a project as a whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from preceptor.cli.base import CHANGED, Commands, ForceOption, ProjectOption, SetOption, StoreOption, open_project

if TYPE_CHECKING:
    from preceptor.reporting.data import ReportData

app = typer.Typer(
    cls=Commands,
    help="Turn a language model into an assistant with human feedback.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Folder to make.")],
    recipe: Annotated[
        str, typer.Option(help="Shipped recipe to start from: laptop, quickstart, instructgpt.")
    ] = "laptop",
) -> None:
    """Make a project folder with one commented recipe."""
    from preceptor.pipeline.project import create_project

    path = create_project(directory, recipe)
    typer.echo(f"{path}\nNext: edit it, then, in {directory}: `preceptor import FILE`, `preceptor run`.")


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files to import.")],
    project: ProjectOption = Path("."),
    format: Annotated[str, typer.Option(help="Format; 'auto' looks at the file.")] = "auto",
    name: Annotated[str | None, typer.Option(help="Name of the artifact in data/; the file's name by default.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Option of the format: KEY=VALUE (repeatable).")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option(help="Count and drop malformed rows instead of stopping at the first.")
    ] = False,
) -> None:
    """Bring prompts, demonstrations, rankings, ratings or documents into the project."""
    from preceptor.importers import import_into

    typer.echo(import_into(project, files, format=format, name=name, options=option or [], skip_bad=skip_bad))


@app.command()
def run(project: ProjectOption = Path("."), set_: SetOption = None, force: ForceOption = None) -> None:
    """Run the whole pipeline: what is done is not done again, what was interrupted goes on."""
    from preceptor.pipeline.run import run_pipeline

    with open_project(project, set_) as opened:
        _report(run_pipeline(opened, force=force), project)


@app.command()
def sft(project: ProjectOption = Path("."), set_: SetOption = None) -> None:
    """Fine-tune the base model on the project's demonstrations."""
    from preceptor.pipeline.single import run_sft

    with open_project(project, set_) as opened:
        run_sft(opened)


@app.command()
def reward(
    project: ProjectOption = Path("."),
    set_: SetOption = None,
    cross_validate: Annotated[
        bool, typer.Option(help="5-fold over labeler groups instead (InstructGPT, section 4.1).")
    ] = False,
) -> None:
    """Train a reward model on the project's rankings and measure it beside its baselines."""
    from preceptor.pipeline.single import cross_validate_reward, run_reward

    with open_project(project, set_) as opened:
        cross_validate_reward(opened) if cross_validate else run_reward(opened)


@app.command()
def rl(project: ProjectOption = Path("."), set_: SetOption = None, force: ForceOption = None) -> None:
    """Optimise the SFT model against the reward model."""
    from preceptor.pipeline.single import run_rl

    with open_project(project, set_) as opened:
        run_rl(opened, force=force)


@app.command()
def label(
    project: ProjectOption = Path("."),
    store: StoreOption = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8000,
    root_path: Annotated[str, typer.Option(help="Path under which a proxy serves the pages, such as /labels.")] = "",
    model: Annotated[
        str | None, typer.Option(help="Model to talk with: a directory, or with --model-url its name there.")
    ] = None,
    model_url: Annotated[
        str | None, typer.Option(help="Server of the model, if it speaks OpenAI's API: http://localhost:8000/v1.")
    ] = None,
) -> None:
    """Serve the labelling room: people write, rank and rate there what the project needs."""
    from preceptor.labeling.intake import Watch
    from preceptor.labeling.model import model_to_talk_with
    from preceptor.labeling.server import Address, open_room, serve
    from preceptor.pipeline.labels import plan_of

    room = open_room(project, store, root_path, model_to_talk_with(model, model_url))
    watch = Watch(room.database, project / "todo", plan_of(project), typer.echo)
    serve(room, Address(host, port, root_path), typer.echo, [watch])


@app.command()
def quickstart(
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 0,
    directory: Annotated[Path, typer.Option(help="Project folder to make or to go on in.")] = Path("quickstart"),
    through_server: Annotated[
        bool, typer.Option("--through-server", help="The simulated labelers work in the labelling room, over HTTP.")
    ] = False,
    set_: SetOption = None,
) -> None:
    """The whole story on the bundled model with simulated labelers, in minutes."""
    from preceptor.quickstart import run_quickstart

    overrides = [*(["labels.through_server=true"] if through_server else []), *(set_ or [])]
    _report(run_quickstart(directory, seed, overrides), directory)


@app.command()
def lineage(
    name: Annotated[str, typer.Argument(metavar="ARTIFACT|MODEL", help="Place, stage or beginning of a hash.")],
    project: ProjectOption = Path("."),
    svg: Annotated[Path | None, typer.Option(help="Also draw it into this file.")] = None,
    names: Annotated[
        bool, typer.Option("--names", help="List the labelers' pseudonyms, not only their number.")
    ] = False,
) -> None:
    """Show what an artifact or a model was made from, and what was made from it."""
    from rich.console import Console

    from preceptor.pipeline.lineage import family_of
    from preceptor.pipeline.memory import Memory
    from preceptor.reporting import family

    memory = Memory.of(project)
    found = family_of(memory, memory.find(name), with_names=names)
    Console(highlight=False).print(family.tree(found))
    if svg is not None:
        svg.write_text(family.svg(found), encoding="utf-8")
        typer.echo(f"drawing: {svg}")


@app.command()
def verify(project: ProjectOption = Path("."), store: StoreOption = None) -> None:
    """Hash all artifacts and models again, look through the store, and name what was changed or lost."""
    from preceptor.pipeline.verifying import verify as verify_project

    verified = verify_project(project, store)
    typer.echo("\n".join(verified.lines()))
    if verified.findings:
        raise typer.Exit(CHANGED)


@app.command()
def withdraw(
    project: ProjectOption = Path("."),
    user: Annotated[str | None, typer.Option(help="A user, by the id that came with the data.")] = None,
    labeler: Annotated[
        str | None, typer.Option(help="A labeler: account's number, pseudonym, or id in the data (room:7, data:7).")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Keep what somebody wrote out of all that is made from now on, and list what has it in it."""
    from preceptor.pipeline.withdrawing import withdraw as withdraw_from

    typer.echo("\n".join(withdraw_from(project, store, user=user, labeler=labeler).lines()))


@app.command()
def pretrain(
    directory: Annotated[Path, typer.Argument(help="Where the model goes.")],
    set_: SetOption = None,
) -> None:
    """Pre-train the bundled base model again from the closed world's corpus."""
    from preceptor.config import load_config
    from preceptor.simulation.base_model import PretrainConfig
    from preceptor.simulation.base_model import pretrain as run_pretraining

    run_pretraining(directory, load_config(PretrainConfig, None, set_ or []))


def _report(data: "ReportData", directory: Path) -> None:
    from preceptor.reporting.terminal import print_summary

    print_summary(data)
    typer.echo(f"\nreport: {directory / 'report.html'}\nfigures: {directory / 'summary.json'}")
