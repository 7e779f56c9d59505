"""Rate and rank K responses to a prompt (Ouyang et al. 2022, Figure 12): first each alone, then all on a board."""

import random
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from preceptor.labeling.i18n import N_
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.tasks.base import Concern, Judgement, StageSettings, Task, Work, setting, shuffled
from preceptor.labeling.tasks.letters import LETTERS, MAX_RESPONSES, SOME_CANDIDATES, Board, Lettered, check_responses
from preceptor.records import FLAGS, Candidates, Flag, Ranking, Rating, Record

CONTRADICTION = 2
"""Likert points by which a rank may contradict the ratings before it is asked about."""

EMPTY_BOARDS = N_("Share of empty boards")
EMPTY_BOARDS_HINT = N_(
    "Share of items whose board begins empty, not sorted by the ratings: it shows how far the sorting leads people."
)


class RankingSettings(StageSettings):
    """Settings of a stage in which responses are rated and ranked."""

    empty_board_share: float = setting(0.1, EMPTY_BOARDS, EMPTY_BOARDS_HINT, ge=0, le=1)
    duplicate_share: float = setting(
        0.0, N_("Share of duplicates"),
        N_("Share of items in which one response is shown twice; the two must tie."), ge=0, le=1,
    )  # fmt: skip


class RankingShown(Lettered):
    """What was drawn for one labeler."""

    board: Literal["sorted", "empty"]
    """Whether the board began sorted by the ratings."""

    @property
    def duplicate(self) -> tuple[str, str] | None:
        """The letters of the response that is shown twice."""
        for place, name in enumerate(self.order):
            if name in self.order[:place]:
                return LETTERS[self.order.index(name)], LETTERS[place]
        return None


class ResponseRating(Record):
    """One response judged alone."""

    likert: int = Field(ge=1, le=7)
    """1 is worst, 7 is best."""
    flags: tuple[Flag, ...] = ()
    """What was ticked."""
    note: str = Field(default="", max_length=10_000)
    """Anything else, in the labeler's words."""


class Move(Record):
    """One change of the board."""

    letter: str
    """What was moved."""
    board: Board
    """How the board was then."""
    by: Literal["pointer", "key", "compare", "guided", "undo"]
    """With what."""
    at_s: float = Field(ge=0)
    """Seconds since the board was opened."""


class RankingAnswer(Record):
    """Ratings of all responses, and the board as it was left."""

    ratings: dict[str, ResponseRating]
    """By letter."""
    groups: Board
    """Best first."""
    initial_board: Board
    """As it was before the first move; empty on an empty board."""
    moves: tuple[Move, ...] = Field(default=(), max_length=2000)
    """Every change in between."""
    unread: tuple[str, ...] = ()
    """Letters of responses whose end was never on the screen."""
    note: str = Field(default="", max_length=10_000)
    """Anything else, in the labeler's words."""

    @model_validator(mode="after")
    def _no_letter_twice(self) -> Self:
        letters = [letter for group in self.groups for letter in group]
        if len(set(letters)) != len(letters):
            raise ValueError("a response is on the board twice")
        return self


class RankingTask(Task):
    """Rate each response, then rank them all; ties are welcome."""

    kind = "ranking"
    title = N_("Rate and rank responses")
    Item = Candidates
    example = SOME_CANDIDATES
    Answer = RankingAnswer
    Shown = RankingShown
    Settings = RankingSettings

    def check_item(self, item: Candidates) -> None:
        """Two to nine responses.

        Raises:
            Refused: there are fewer or more, or two share an id.
        """
        check_responses(item, 2)

    def show(self, item: Candidates, settings: RankingSettings, draw: random.Random) -> RankingShown:
        """A random order, on some items with a hidden duplicate or an empty board."""
        names = [response.id for response in item.responses]
        if draw.random() < settings.duplicate_share and len(names) < MAX_RESPONSES:
            names.append(draw.choice(names))
        board: Literal["sorted", "empty"] = "empty" if draw.random() < settings.empty_board_share else "sorted"
        return RankingShown(order=tuple(shuffled(names, draw)), board=board)

    def view(self, item: Candidates, shown: RankingShown, settings: Any) -> dict[str, Any]:
        """The conversation, the texts by letter; nothing about who wrote them."""
        messages = [message.model_dump() for message in item.prompt.messages]
        return {"messages": messages, "responses": shown.texts(item), "board": shown.board, "flags": list(FLAGS)}

    def start(self, item: Candidates, shown: RankingShown, settings: Any) -> dict[str, JsonValue]:
        """Nothing rated, nothing on the board."""
        return {"ratings": {}, "groups": [], "initial_board": [], "moves": [], "unread": [], "note": ""}

    def verify(self, item: Candidates, shown: RankingShown, answer: RankingAnswer) -> None:
        """All responses are rated and on the board, and nothing else is.

        Raises:
            Refused: one is missing, or was not shown.
        """
        letters = set(shown.letters)
        ranked = {letter for group in answer.groups for letter in group}
        named = [set(answer.ratings), ranked, {letter for group in answer.initial_board for letter in group}]
        if unknown := sorted(set().union(*named, answer.unread) - letters):
            raise Refused("There is no response {letter}.", letter=unknown[0])
        if missing := sorted(letters - set(answer.ratings)):
            raise Refused("Response {letter} is not rated yet.", letter=missing[0])
        if missing := sorted(letters - ranked):
            raise Refused("Response {letter} is not on the board yet.", letter=missing[0])

    def concerns(
        self, item: Candidates, shown: RankingShown, answer: RankingAnswer, *, settings: Any, active_s: float
    ) -> list[Concern]:
        """Order against ratings, everything tied, something unread, or the board left as it was in no time."""
        found = []
        likert = {letter: rating.likert for letter, rating in answer.ratings.items()}
        for place, worse in enumerate(answer.groups[1:], start=1):
            better = [letter for group in answer.groups[:place] for letter in group]
            low, high = min(better, key=likert.__getitem__), max(worse, key=likert.__getitem__)
            if likert[high] - likert[low] >= CONTRADICTION:
                found.append(
                    Concern("You rated {high} higher than {low}, and ranked it lower.", {"high": high, "low": low})
                )
        if len(answer.groups) == 1 and len(shown.order) > 1:
            found.append(Concern("All responses are tied."))
        for letter in sorted(set(answer.unread)):
            found.append(Concern("Response {letter} was not read to its end.", {"letter": letter}))
        if shown.board == "sorted" and not answer.moves and active_s < settings.min_active_s:
            found.append(Concern("You left the board as the ratings had sorted it."))
        return found

    def to_records(self, work: Work) -> list[Record]:
        """A ranking under the candidates' id, and a rating of each response; a duplicate counts once."""
        item, shown, answer = work.item, work.shown, work.answer
        names = shown.letters
        by_id = {response.id: response for response in item.responses}
        order = list(dict.fromkeys(shown.order))
        metadata = {**work.metadata, "board": shown.board, "num_moves": len(answer.moves)}
        ranking = Ranking(
            id=work.key, prompt=item.prompt, responses=tuple(by_id[name] for name in order),
            groups=groups_of(shown, answer.groups), labeler=work.labeler, metadata=metadata,
        )  # fmt: skip
        ratings = [
            Rating(
                id=f"{work.key}-{names[letter]}", prompt=item.prompt, response=by_id[names[letter]],
                likert=rating.likert, flags=frozenset(rating.flags), labeler=work.labeler,
                metadata={**work.metadata, **({"note": rating.note} if rating.note else {})},
            )
            for letter, rating in sorted(answer.ratings.items())
            if letter not in second(shown)
        ]  # fmt: skip
        return [ranking, *ratings]

    def judgements(self, item: Candidates, shown: RankingShown, answer: RankingAnswer) -> list[Judgement]:
        """The ranking, each Likert rating, the flags."""
        found = [Judgement("ranking", "ranking", "", groups_of(shown, answer.groups))]
        names, copies = shown.letters, second(shown)
        for letter, rating in sorted(answer.ratings.items()):
            if letter not in copies:
                found.append(Judgement("likert", "ordinal", names[letter], rating.likert))
                found.append(Judgement("flags", "flags", names[letter], rating.flags, FLAGS))
        return found

    def is_attentive(self, item: Candidates, shown: RankingShown, answer: RankingAnswer) -> bool | None:
        """Whether the two copies of a duplicate were tied."""
        if shown.duplicate is None:
            return None
        return any(set(shown.duplicate) <= set(group) for group in answer.groups)


def second(shown: RankingShown) -> tuple[str, ...]:
    """The letter of the copy of a duplicate, where there is one."""
    return shown.duplicate[1:] if shown.duplicate else ()


def groups_of(shown: RankingShown, board: Board) -> tuple[tuple[str, ...], ...]:
    """A board in response ids, without the copy of a duplicate."""
    names, copies = shown.letters, second(shown)
    groups = [tuple(sorted(names[letter] for letter in group if letter not in copies)) for group in board]
    return tuple(group for group in groups if group)
