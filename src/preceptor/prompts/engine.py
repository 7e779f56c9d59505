"""Who does the work on the shards of raw prompts: this process, or the workers of a Ray cluster."""

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from preceptor.errors import UserError

JobT = TypeVar("JobT")
T = TypeVar("T")


class Engine(Protocol):
    """Does a piece of work on each job. What comes out does not depend on the engine."""

    def map(self, work: Callable[[JobT], T], jobs: Iterable[JobT]) -> Iterator[T]:
        """What the work makes of each job, in the jobs' order. Work and jobs can be pickled."""


class Local:
    """One job after the other in this process."""

    def map(self, work: Callable[[JobT], T], jobs: Iterable[JobT]) -> Iterator[T]:
        """As the protocol says."""
        return map(work, jobs)


class Ray:
    """The jobs as a dataset of Ray: on the cluster that `RAY_ADDRESS` names, or on the cores of this machine."""

    def __init__(self) -> None:
        """Connect to the cluster, or start one here.

        Raises:
            UserError: Ray is not installed.
        """
        try:
            import ray
            import ray.data
        except ImportError:
            raise UserError("Ray is not installed", remedy="`pip install 'preceptor[ray]'`") from None
        self._ray = ray
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # the build tells how far it is
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False

    def map(self, work: Callable[[JobT], T], jobs: Iterable[JobT]) -> Iterator[T]:
        """As the protocol says; each job is a block of its own."""
        waiting = [{"job": pickle.dumps(job)} for job in jobs]

        def done(row: dict[str, Any]) -> dict[str, bytes]:
            return {"made": pickle.dumps(work(pickle.loads(row["job"])))}

        data = self._ray.data.from_items(waiting, override_num_blocks=max(1, len(waiting)))
        for row in data.map(done).iter_rows():
            yield pickle.loads(row["made"])


ENGINES: dict[str, type[Engine]] = {"local": Local, "ray": Ray}


def engine_named(name: str) -> Engine:
    """The engine of a name.

    Raises:
        UserError: there is none of that name, or it is not installed.
    """
    if name not in ENGINES:
        raise UserError(f"no engine named '{name}'", remedy=f"choose one of: {', '.join(ENGINES)}")
    return ENGINES[name]()
