"""A policy's weights for another process, by way of files that never touch a disk where the system has such."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from preceptor.models.adapters import merged_weights
from preceptor.models.policy import Policy
from preceptor.models.quiet import quiet
from preceptor.runs.disk import disk_errors

MEMORY = Path("/dev/shm")
"""Where Linux keeps files in memory."""


@contextmanager
def handed_over(policy: Policy, folder: Path | None = None) -> Iterator[Path]:
    """A new folder with the policy as it is now, in Hugging Face format, for as long as the block runs.

    It is made in `folder`, or else in memory where there is room, or else among the system's temporary files.

    Raises:
        UserError: there is no room for the weights.
    """
    parent = folder or roomy_folder(policy)
    with disk_errors(parent, "the policy's weights"):
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="preceptor-", dir=parent) as path:
            with quiet():
                _save(policy, Path(path))
            if folder is not None:
                Path(path).chmod(0o755)  # the server may run as another user
            yield Path(path)


def _save(policy: Policy, path: Path) -> None:
    """Write model and tokenizer; on a CPU with a head of its own where embeddings and head are one matrix.

    vLLM 0.32 keeps a copy of the head there that is laid out for its matrix products, and where the head comes with the
    embeddings it would not renew that copy: it would sample through the head of the first policy for ever.
    """
    model, weights = policy.model, merged_weights(policy)
    head = model.get_output_embeddings()
    is_untied = policy.device.type == "cpu" and head.weight is model.get_input_embeddings().weight
    if is_untied:
        name = next(name for name, module in model.named_modules() if module is head)
        weights[f"{name}.weight"] = head.weight.detach().clone()
    model.save_pretrained(path, state_dict=weights)
    policy.chat.tokenizer.save_pretrained(path)
    if is_untied:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        (path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}), encoding="utf-8")


def roomy_folder(policy: Policy) -> Path:
    """Memory where the policy's weights fit into it easily, else the folder of the system's temporary files."""
    num_bytes = sum(weight.nbytes for weight in policy.parameters())
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 2 * num_bytes
    return MEMORY if has_room else Path(tempfile.gettempdir())
