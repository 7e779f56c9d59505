"""Conversations: round trip, what a turn may say of itself, and what training reads of them."""

import pytest
from pydantic import ValidationError

from preceptor.records import Conversation, Labeler, Message, Turn

TURNS = (
    Turn(role="user", content="Hello", origin="typed"),
    Turn(role="assistant", content="Hi!", origin="edited_suggestion", suggestion="Hi.", distance=0.5, model="m"),
)


def conversation(turns: tuple[Turn, ...] = TURNS) -> Conversation:
    opening = (Message(role="system", content="Be kind."),)
    return Conversation(id="c-1", opening=opening, turns=turns, labeler=Labeler(id="l-1"))


def test_round_trip() -> None:
    row = conversation()
    assert Conversation.model_validate_json(row.model_dump_json()) == row


def test_the_messages_are_the_opening_and_the_turns() -> None:
    assert [(one.role, one.content) for one in conversation().messages] == [
        ("system", "Be kind."),
        ("user", "Hello"),
        ("assistant", "Hi!"),
    ]


@pytest.mark.parametrize("change", [{"distance": None}, {"suggestion": None}])
def test_a_suggestion_and_its_distance_come_together(change: dict[str, None]) -> None:
    turn = TURNS[1].model_copy(update=change)
    with pytest.raises(ValidationError, match="a turn has a distance exactly where it has a suggestion"):
        conversation((TURNS[0], turn))


def test_a_conversation_has_turns() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        conversation(())
