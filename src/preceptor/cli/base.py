"""What all commands share: their errors and exit codes, the options that many have, and how a project is opened."""

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from preceptor.errors import UserError, Waiting

CHANGED = 1
"""Exit code when something in a project is not what it was."""
WAITING = 3
"""Exit code when people have to label before the pipeline can go on."""


class Commands(TyperGroup):
    """A mistake of the user is one message and exit code 2, an interrupt 130, waiting for people 3."""

    def invoke(self, ctx: typer.Context) -> object:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise _exit(f"error: {error}", 2) from None
        except Waiting as waiting:
            raise _exit(
                f"{waiting}\n  → {waiting.todo} holds the work; import the labels, then run this again", WAITING
            ) from None
        except KeyboardInterrupt:
            raise _exit("interrupted; the same command goes on where it stopped", 130) from None
        except OSError as error:
            raise _exit(f"error: {_system_error(error)}", 2) from None


def _system_error(error: OSError) -> UserError:
    """What the system refused, for errors that no part explained; one that is no matter of disks stays a traceback."""
    remedies = {
        errno.ENOSPC: "free some disk space and run the same command again: it goes on where it stopped",
        errno.EDQUOT: "free some disk space and run the same command again: it goes on where it stopped",
        errno.EFBIG: "raise the limit on file sizes and run the same command again: it goes on where it stopped",
        errno.EACCES: "make this place readable and writable, or choose another one",
        errno.EPERM: "make this place readable and writable, or choose another one",
        errno.EROFS: "choose a place that can be written to",
        errno.ENOTDIR: "choose another folder",
        errno.EISDIR: "choose a file, not a folder",
    }
    if error.errno not in remedies:
        raise error
    return UserError(error.strerror or str(error), file=error.filename, remedy=remedies[error.errno])


def _exit(message: str, code: int) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(code)


ProjectOption = Annotated[Path, typer.Option("--project", "-p", help="Project folder.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="Override a field of the recipe: --set rl.ppo.kl.coef=0.1 (repeatable)."),
]
ForceOption = Annotated[
    str | None,
    typer.Option("--force", help="Go past the closed gate; the reason is kept in the lineage."),
]

StoreOption = Annotated[
    str | None,
    typer.Option(help="Database of the labels: sqlite:///FILE or postgresql://…; a file in the project by default."),
]


def open_project(directory: Path, overrides: list[str] | None):
    """The project in a folder, with its recipe checked."""
    from rich.console import Console

    from preceptor.config import load_config
    from preceptor.pipeline.project import RECIPE, Project
    from preceptor.pipeline.recipe import Recipe

    recipe = load_config(Recipe, directory / RECIPE, overrides or [])
    return Project(directory, recipe, Console(stderr=True, highlight=False).print)
