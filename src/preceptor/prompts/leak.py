"""The leak test: no user and no text of one part of the data is in another, read off the artifacts themselves."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from preceptor.errors import UserError
from preceptor.prompts.texts import normal_text, text_hash
from preceptor.records import Prompt, read_artifact


def check_leak(paths: Sequence[Path]) -> Mapping[str, int]:
    """Number of users in each split, over all artifacts; that none is in two is made sure.

    Raises:
        UserError: a user or a text is in two splits, or an artifact was changed after it was written.
    """
    users: dict[str, str] = {}
    texts: dict[int, str] = {}
    for path in paths:
        for row in read_artifact(path, Prompt).rows:
            if row.user is not None and users.setdefault(row.user, row.split) != row.split:
                raise _leak(path, f"user {row.user}", users[row.user], row.split)
            text = text_hash(normal_text([message.model_dump() for message in row.messages]))
            if texts.setdefault(text, row.split) != row.split:
                raise _leak(path, f"the text of prompt {row.id}", texts[text], row.split)
    counts: dict[str, int] = defaultdict(int)
    for split in users.values():
        counts[split] += 1
    return dict(sorted(counts.items()))


def _leak(path: Path, what: str, first: str, second: str) -> UserError:
    return UserError(
        f"{what} is both in {first} and in {second}",
        file=path,
        remedy="keep `prompts.build.exact` on, and bring all prompts in by `preceptor prompts add`",
    )
