"""The one renderer, against token lists written by hand."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from preceptor.errors import UserError
from preceptor.records import Message
from preceptor.text.chat import Chat
from tests.tiny import CHATML, FORGETFUL, LLAMA2, byte_tokenizer, prepending_tokenizer


def user(text: str) -> Message:
    return Message(role="user", content=text)


def assistant(text: str) -> Message:
    return Message(role="assistant", content=text)


QUESTION = [user("What is a moon?")]
DIALOGUE = [user("What is a moon?"), assistant("A planet."), user("No!"), assistant("A moon goes around.")]
TEXTS = ["A moon.", " two spaces first", "\n\nlines\n", "", "naïve 🌙", "1. Eggs\n2. Toast"]

TOKENIZERS = {
    "chatml": lambda: byte_tokenizer(CHATML, eos_token="<|im_end|>"),
    "bytes without a template": lambda: byte_tokenizer(None),
    "prepending without a template": lambda: prepending_tokenizer(None),
    "llama 2": lambda: prepending_tokenizer(LLAMA2),
}


@pytest.fixture(params=TOKENIZERS, scope="module")
def chat(request: pytest.FixtureRequest) -> Chat:
    return Chat(TOKENIZERS[request.param]())


def words(chat: Chat, tokens: list[int]) -> list[str]:
    return chat.tokenizer.convert_ids_to_tokens(tokens)


def test_exact_supervised_tokens_of_chatml() -> None:
    chat = Chat(byte_tokenizer(CHATML))
    encode = chat.tokenizer.encode
    tokens, mask = chat.conversation(DIALOGUE)
    expected = [
        (encode("<|im_start|>user\nWhat is a moon?<|im_end|>\n<|im_start|>assistant\n"), False),
        (encode("A planet.<|im_end|>"), True),
        (encode("\n<|im_start|>user\nNo!<|im_end|>\n<|im_start|>assistant\n"), False),
        (encode("A moon goes around.<|im_end|>"), True),
    ]
    assert tokens == [token for piece, _ in expected for token in piece]
    assert mask == [is_learned for piece, is_learned in expected for _ in piece]
    assert chat.end_id == chat.tokenizer.convert_tokens_to_ids("<|im_end|>") != chat.pad_id


def test_exact_tokens_of_the_plain_template() -> None:
    chat = Chat(byte_tokenizer(None))
    assert chat.tokenizer.decode(chat.prompt(DIALOGUE[:3])) == (
        "User: What is a moon?\nAssistant: A planet.<|endoftext|>\nUser: No!\nAssistant:"
    )
    assert chat.response("A moon.") == [*chat.tokenizer.encode(" A moon."), chat.tokenizer.eos_token_id]
    assert any("no chat template" in note for note in chat.notes)


def test_a_prepended_space_is_not_doubled() -> None:
    chat = Chat(prepending_tokenizer(None))
    assert "".join(words(chat, chat.response("A moon."))) == "▁A▁moon.</s>"
    assert "".join(words(chat, chat.prompt(QUESTION))) == "<s>▁User:▁What▁is▁a▁moon?\nAssistant:"


def test_the_tail_of_a_template_belongs_to_the_turn() -> None:
    chat = Chat(prepending_tokenizer(LLAMA2))
    assert "".join(words(chat, chat.response("A moon."))) == "▁A▁moon.▁</s>"
    assert chat.text_of(chat.response("A moon.")) == "A moon."


def test_prompt_is_a_prefix_of_prompt_and_response(chat: Chat) -> None:
    tokens, mask = chat.conversation(DIALOGUE)
    prompt, response = chat.prompt(DIALOGUE[:3]), chat.response(DIALOGUE[3].content)
    assert tokens == prompt + response
    assert tokens[: len(chat.prompt(DIALOGUE[:1]))] == chat.prompt(DIALOGUE[:1])
    assert mask[-len(response) :] == [True] * len(response)
    learned = [token for token, is_learned in zip(tokens, mask, strict=True) if is_learned]
    assert learned == chat.response("A planet.") + response


def test_rendering_decodes_to_the_template_s_text(chat: Chat) -> None:
    turns = [message.model_dump() for message in DIALOGUE[:3]]
    text = chat.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert chat.tokenizer.decode(chat.prompt(DIALOGUE[:3])).replace("<s> ", "<s>") == text


@pytest.mark.parametrize("text", TEXTS)
def test_text_round_trip(chat: Chat, text: str) -> None:
    tokens = chat.response(text)
    assert chat.text_of(tokens) == text
    assert chat.text_of([*tokens, chat.pad_id, chat.pad_id]) == text
    assert chat.text_of(tokens[:-1]) == text  # cut off before its end
    assert tokens.count(chat.end_id) == 1
    assert tokens[-1] == chat.end_id


def test_exactly_one_bos() -> None:
    for template in (None, LLAMA2):
        chat = Chat(prepending_tokenizer(template))
        tokens, _ = chat.conversation(DIALOGUE)
        assert tokens.count(chat.tokenizer.bos_token_id) == 1
        assert tokens[0] == chat.tokenizer.bos_token_id
    with pytest.raises(UserError, match="occurs 2 times"):
        Chat(prepending_tokenizer("{{ bos_token }}" + LLAMA2)).prompt(QUESTION)


def test_words_of_a_response_never_become_special_tokens(chat: Chat) -> None:
    hostile = f"end {chat.tokenizer.convert_ids_to_tokens(chat.end_id)} more"
    tokens = chat.response(hostile)
    assert tokens.count(chat.end_id) == 1
    assert chat.text_of(tokens) == hostile


def test_an_unstable_template_is_refused() -> None:
    chat = Chat(byte_tokenizer(FORGETFUL))
    assert chat.prompt(QUESTION)
    with pytest.raises(UserError, match="not prefix-stable"):
        chat.prompt(DIALOGUE[:3])


def test_a_template_that_refuses_says_why() -> None:
    refusal = "{{ raise_exception('System role not supported') }}"
    template = CHATML + "{% if messages[0]['role'] == 'system' %}" + refusal + "{% endif %}"
    chat = Chat(byte_tokenizer(template))
    with pytest.raises(UserError, match="System role not supported"):
        chat.prompt([Message(role="system", content="Be nice."), *QUESTION])


def test_a_missing_end_is_refused_and_a_missing_pad_supplied() -> None:
    with pytest.raises(UserError, match="no end-of-text token"):
        Chat(byte_tokenizer(None, eos_token=None))
    assert Chat(byte_tokenizer(CHATML, eos_token=None)).end_id > 0  # the template brings one
    for special in ({"pad_token": None}, {"pad_token": "<|endoftext|>"}):
        chat = Chat(byte_tokenizer(None, **special))
        assert chat.pad_id not in (chat.end_id, chat.tokenizer.eos_token_id)
        assert any("pad token" in note for note in chat.notes)
    assert not Chat(byte_tokenizer(CHATML)).notes


def test_an_existing_pad_token_is_used_before_a_new_one() -> None:
    tokenizer = byte_tokenizer(None, pad_token=None)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<pad>"]})
    assert Chat(tokenizer).pad_id == tokenizer.convert_tokens_to_ids("<pad>")
    new = prepending_tokenizer(None)
    before = len(new)
    assert Chat(new).pad_id == before


def test_the_end_is_put_where_the_template_puts_none() -> None:
    template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    template += "{% if add_generation_prompt %}assistant:{% endif %}"
    chat = Chat(byte_tokenizer(template))
    assert chat.response("Hi")[-1] == chat.tokenizer.eos_token_id
    assert chat.tokenizer.decode(chat.conversation(DIALOGUE)[0]) == (
        "user: What is a moon?\nassistant: A planet.<|endoftext|>\n"
        "user: No!\nassistant: A moon goes around.<|endoftext|>"
    )


def test_shorten_drops_turns_then_examples_then_lines_and_tells(chat: Chat) -> None:
    long = user("Translate.\n\none = eins\n\ntwo = zwei\n\nthree =\nfour =")
    whole = [Message(role="system", content="Be nice.")] if chat.tokenizer.chat_template != LLAMA2 else []
    whole += [user("Hello"), assistant("Hi"), long]
    size = len(chat.prompt(whole))
    assert chat.shorten(whole, size) == (tuple(whole), False)
    without_turn = [*whole[:-3], long]
    assert chat.shorten(whole, size - 1) == (tuple(without_turn), True)
    kept, was_cut = chat.shorten(whole, len(chat.prompt(without_turn)) - 1)
    assert was_cut
    assert kept[-1].content == "Translate.\n\ntwo = zwei\n\nthree =\nfour ="
    kept, _ = chat.shorten(whole, len(chat.prompt([*whole[:-3], user("Translate.\n\nthree =")])))
    assert kept[-1].content == "Translate.\n\nthree ="
    with pytest.raises(UserError, match="no newline"):
        chat.shorten([user("word " * 50)], 20)


def test_documents_end_with_the_end_of_text() -> None:
    chat = Chat(byte_tokenizer(CHATML))
    assert chat.document("A moon.") == [*chat.tokenizer.encode("A moon."), chat.tokenizer.eos_token_id]
    other = Chat(prepending_tokenizer(None))
    assert other.document("A moon.")[0] == other.tokenizer.bos_token_id


def test_the_fingerprint_covers_the_template() -> None:
    assert Chat(byte_tokenizer(CHATML)).fingerprint == Chat(byte_tokenizer(CHATML)).fingerprint
    assert Chat(byte_tokenizer(CHATML)).fingerprint != Chat(byte_tokenizer(CHATML + "{# #}")).fingerprint


def test_real_pretrained_tokenizer(shared_data: Path) -> None:
    chat = Chat(AutoTokenizer.from_pretrained(shared_data / "stories260k" / "hf"))
    assert chat.pad_id == 512
    tokens, mask = chat.conversation([user("Tell me a story."), assistant("Once upon a time.")])
    assert chat.tokenizer.decode(tokens) == "<s> User: Tell me a story.\nAssistant: Once upon a time.</s>"
    assert chat.text_of([t for t, m in zip(tokens, mask, strict=True) if m]) == "Once upon a time."
