"""Runs: exact resume, metrics, randomness by key, lineage. The training side's only effects are here."""

from preceptor.runs.checkpoint import Checkpoint, CheckpointStore
from preceptor.runs.lineage import Lineage, code_commit, model_hash, read_lineage, write_lineage
from preceptor.runs.metrics import read_metrics
from preceptor.runs.progress import Progress
from preceptor.runs.run import Run
from preceptor.runs.seeding import generator, numpy_generator, row_seeds, seed_everything_for_step
from preceptor.runs.state import Part, State, flatten_state, unflatten_state
from preceptor.runs.trackers import TrackerName

__all__ = [
    "Checkpoint", "CheckpointStore", "Lineage", "Part", "Progress", "Run", "State", "TrackerName", "code_commit",
    "flatten_state", "generator", "model_hash", "numpy_generator", "read_lineage", "read_metrics", "row_seeds",
    "seed_everything_for_step", "unflatten_state", "write_lineage",
]  # fmt: skip
