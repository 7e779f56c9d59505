"""What is gathered for an export, beyond what `test_export.py` shows."""

from preceptor.labeling.gathering import Gathered, _split
from preceptor.records import Demonstration, Labeler, Message, Prompt


def prompt(number: int, user: str, source: str = "labeler") -> Prompt:
    return Prompt(
        id=f"p{number}", messages=(Message(role="user", content=f"Question {number}"),), source=source, user=user
    )


def test_written_prompts_keep_their_split_from_release_to_release_and_their_demonstrations_follow() -> None:
    releases = []
    for user in ("labeler-1", "labeler-2"):
        rows = [prompt(number, user) for number in range(60)]
        demonstrations = [Demonstration(id=row.id, prompt=row, response="r", labeler=Labeler(id=user)) for row in rows]
        heaps = [Gathered(rows=[*rows, prompt(99, "customer", "imported")]), Gathered(rows=[*demonstrations])]
        _split(heaps)
        splits = {row.id: row.split for row in heaps[0].rows if isinstance(row, Prompt)}
        assert {row.prompt.id: row.prompt.split for row in heaps[1].rows if isinstance(row, Demonstration)} == {
            name: split for name, split in splits.items() if name != "p99"
        }
        assert splits["p99"] == "train", "an imported prompt has its split already"
        releases.append(splits)
    assert releases[0] == releases[1]
    assert set(releases[0].values()) == {"train", "valid", "test"}
