"""How well few labels teach what a prompt asks for: `python -m benchmarks.prompts.use_cases SELF_INSTRUCT`.

Of self-instruct's 175 seed tasks its authors said which are classification. That is one use case against all others,
and no more labels than a small team makes in an afternoon.
"""

import argparse
import json
from pathlib import Path

from preceptor.prompts.labeled import Labeled
from preceptor.prompts.use_cases import CrossValidated, cross_validate


def seed_tasks(folder: Path) -> list[Labeled]:
    """The seed tasks of a self-instruct folder, each with its first case; never its held-out tasks."""
    lines = (folder / "data" / "seed_tasks.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Labeled(
            task["id"], f"{task['instruction']}\n{task['instances'][0]['input']}", None,
            properties={"classification": task["is_classification"]}, num_labelers=1,
        )
        for task in map(json.loads, lines)
    ]  # fmt: skip


def figures(folder: Path, seed: int = 0) -> CrossValidated:
    """What is measured on them."""
    return cross_validate(seed_tasks(folder), seed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder of self-instruct")
    print(figures(parser.parse_args().folder).tables()[1].markdown())


if __name__ == "__main__":
    main()
