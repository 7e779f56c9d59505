"""Packing, ranking batches and rollouts: nothing lost in silence, nothing beside its place."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from preceptor.generation.base import Sampled
from preceptor.records import Labeler, Message, Prompt, Ranking, Response
from preceptor.text.batches import RankingBatch, pack, pad_right, rollout_from, token_parts
from preceptor.text.chat import Chat
from preceptor.text.packing import Layout
from tests.planted import rankings
from tests.tiny import byte_tokenizer


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat(byte_tokenizer())


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40), st.integers(8, 40))
@settings(max_examples=60, deadline=None)
def test_packing_puts_each_token_into_one_place(lengths: list[int], row_tokens: int) -> None:
    layout = Layout.packed(lengths, row_tokens)
    values_N = torch.arange(sum(lengths))
    assert list(layout.lengths) == lengths
    assert torch.equal(layout.take(layout.put(values_N, -1)), values_N)
    assert len(layout.place_N.unique()) == sum(lengths)
    assert layout.num_columns <= max(row_tokens, *lengths)
    assert layout.num_rows <= len(lengths)
    rows_of_documents = [len(set(rows)) for rows in _split((layout.place_N // layout.num_columns).tolist(), lengths)]
    assert rows_of_documents == [1] * len(lengths)


def _split(values: list[int], lengths: list[int]) -> list[list[int]]:
    values = list(values)
    return [[values.pop(0) for _ in range(length)] for length in lengths]


def test_first_fit_by_hand() -> None:
    layout = Layout.packed([3, 5, 2, 4], row_tokens=8)  # longest first: 5 | 4 → new row | 3 beside 5 | 2 beside 4
    assert layout.put(layout.place_N * 0 + torch.tensor([1] * 3 + [2] * 5 + [3] * 2 + [4] * 4), 0).tolist() == [
        [2, 2, 2, 2, 2, 1, 1, 1], [4, 4, 4, 4, 3, 3, 0, 0]
    ]  # fmt: skip
    assert layout.position_ids_RL.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2], [0, 1, 2, 3, 0, 1, 0, 0]]
    assert layout.is_packed
    assert not Layout.padded([3, 5]).is_packed


def test_document_mask_by_hand() -> None:
    mask_LL = Layout.packed([2, 1], row_tokens=4).attention_mask_R1LL[0, 0]
    assert mask_LL.int().tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    padded = Layout.padded([1, 2]).attention_mask_R1LL[0, 0]
    assert padded.int().tolist() == [[1, 0], [0, 1]]  # the gap sees itself only


def test_a_shared_prompt_stands_once_by_hand() -> None:
    # prompt [8, 9] of documents 0 and 2 with 1 and 2 tokens more; document 1 shares it with nobody
    layout = Layout.sharing([[8, 9], [8], [8, 9]], [3, 2, 4], row_tokens=7)
    assert layout.is_shared
    tokens_N = torch.tensor([8, 9, 1, 8, 2, 8, 9, 3, 4])
    assert layout.put(tokens_N, 0).tolist() == [[8, 9, 1, 3, 4, 8, 2]]
    assert layout.once(tokens_N).tolist() == [8, 9, 1, 3, 4, 8, 2]
    assert layout.position_ids_RL.tolist() == [[0, 1, 2, 2, 3, 0, 1]]
    assert torch.equal(layout.take(layout.put(tokens_N, 0)), tokens_N)
    assert layout.attention_mask_R1LL[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 1, 0, 0, 0],
        [1, 1, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 1],
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_sharing_gives_each_document_its_tokens(rows: list[tuple[int, int]]) -> None:
    prompts = [[kind] * (3 * kind + 1) for kind, _ in rows]
    documents = [prompt + [100 + b] * more for b, (prompt, (_, more)) in enumerate(zip(prompts, rows, strict=True))]
    layout = Layout.sharing(prompts, [len(document) for document in documents], row_tokens=24)
    tokens_N = torch.tensor([token for document in documents for token in document])
    tokens_RL = layout.put(tokens_N, -1)
    assert torch.equal(layout.take(tokens_RL), tokens_N)
    assert int((tokens_RL >= 0).sum()) == len(layout.places.place_N) == len(layout.once(tokens_N))
    assert len(layout.places.place_N) <= len(tokens_N)
    mask_RLL = layout.attention_mask_R1LL[:, 0]
    row_N, column_N = layout.place_N // layout.num_columns, layout.place_N % layout.num_columns
    start = 0
    for document in documents:  # each token sees its document's tokens up to itself and no other
        places = slice(start, start + len(document))
        for n in range(len(document)):
            seen = mask_RLL[row_N[start + n], column_N[start + n]].nonzero().flatten().tolist()
            assert seen == sorted(column_N[places][: n + 1].tolist())
        start += len(document)


def test_pack_counts_what_is_too_long_and_never_learns_a_first_token() -> None:
    rows = [([1, 2, 3], [True, True, True]), ([4] * 9, [True] * 9), ([5, 6], [False, True])]
    batch = pack(rows, max_tokens=5)
    assert batch.num_dropped == 1
    assert batch.lengths == [3, 2]
    assert batch.tokens_N.tolist() == [1, 2, 3, 5, 6]
    assert batch.is_learned_N.tolist() == [False, True, True, False, True]
    with pytest.raises(ValueError, match="none of 3"):
        pack(rows, max_tokens=1)


def ranking(texts: list[str], groups: tuple[tuple[str, ...], ...], **changes: object) -> Ranking:
    prompt = Prompt(id="p", messages=(Message(role="user", content="What is a moon?"),))
    responses = tuple(Response(id=str(i), text=text, **changes) for i, text in enumerate(texts))
    return Ranking(id="r", prompt=prompt, responses=responses, groups=groups, labeler=Labeler(id="l"))


def test_rankings_hold_each_response_once(chat: Chat) -> None:
    rankings = [ranking(["A.", "B.", "C."], (("2",), ("0", "1"))), ranking(["D.", "E."], (("0",), ("1",)))]
    batch, counts = RankingBatch.of(rankings, chat, max_tokens=100)
    assert batch.ranking_id_B.tolist() == [0, 0, 0, 1, 1]
    assert batch.rank_B.tolist() == [1, 1, 0, 0, 1]
    assert set(counts.values()) == {0}
    prompt = chat.prompt(rankings[0].prompt.messages)
    for b, text in enumerate(["A.", "B.", "C.", "D.", "E."]):
        assert batch.tokens_BL[b][batch.token_mask_BL[b]].tolist() == prompt + chat.response(text)
    assert batch.tokens_BL[~batch.token_mask_BL].unique().tolist() in ([], [chat.pad_id])


def test_identical_responses_are_merged_and_long_ones_counted(chat: Chat) -> None:
    longest = len(chat.prompt(ranking(["A"], (("0",),)).prompt.messages)) + len(chat.response("Short."))
    rankings = [
        ranking(["A.", "A.", "B."], (("0",), ("1",), ("2",))),
        ranking(["A.", "A."], (("0", "1"),)),
        ranking(["Short.", "Much longer than all of the others."], (("0",), ("1",))),
    ]
    batch, counts = RankingBatch.of(rankings, chat, max_tokens=longest)
    assert batch.rank_B.tolist() == [0, 2]
    assert counts == {
        "response longer than max_tokens": 1, "identical response merged": 2,
        "identical responses ranked apart": 1, "ranking with fewer than two responses": 2,
    }  # fmt: skip
    empty, _ = RankingBatch.of(rankings[1:], chat, max_tokens=longest)
    assert empty.tokens_BL.shape == (0, 0)


def test_a_response_that_was_cut_off_has_no_end_token(chat: Chat) -> None:
    for finished, has_end in ((False, False), (True, True), (None, True)):
        batch, _ = RankingBatch.of([ranking(["A.", "B."], (("0",), ("1",)), finished=finished)], chat, 100)
        last = batch.tokens_BL[0][batch.token_mask_BL[0]][-1]
        assert (int(last) == chat.end_id) is has_end


def test_rollout_pads_prompts_left_and_responses_right() -> None:
    sampled = [Sampled((7, 8), (-0.5, -0.25), True), Sampled((9,), (-2.0,), False)]
    rollout = rollout_from(["a", "b"], [[1], [2, 3]], sampled, pad_id=0)
    assert rollout.tokens_BL.tolist() == [[0, 1, 7, 8], [2, 3, 9, 0]]
    assert rollout.token_mask_BL.int().tolist() == [[0, 1, 1, 1], [1, 1, 1, 0]]
    assert rollout.response_mask_BT.int().tolist() == [[1, 1], [1, 0]]
    assert rollout.response_tokens_BT.tolist() == [[7, 8], [9, 0]]
    assert rollout.old_logprobs_BT.tolist() == [[-0.5, -0.25], [-2.0, 0.0]]
    assert rollout.finished_B.tolist() == [True, False]


def test_rollout_metrics_ignore_padding_by_hand() -> None:
    sampled = [Sampled((7, 8), (-0.5, -0.25), True), Sampled((9,), (-2.0,), False)]
    rollout = rollout_from(["a", "b"], [[1], [2, 3]], sampled, pad_id=0)
    rollout = rollout.add(
        ref_logprobs_BT=torch.tensor([[-1.0, -1.0], [-1.0, 77.0]]),
        scores_B=torch.tensor([1.0, 3.0]),
        rewards_BT=torch.tensor([[0.5, 1.0], [2.0, 99.0]]),
    )
    assert rollout.mean_kl() == pytest.approx((0.5 + 0.75 - 1.0) / 2)
    assert rollout.metrics() == pytest.approx({
        "rollout/length": 1.5, "rollout/end_rate": 0.5, "rollout/entropy": 2.75 / 3, "rollout/score": 2.0,
        "rollout/score_std": 1.0, "rollout/reward": 1.75, "kl/reference": 0.125,
    })  # fmt: skip


def test_ids_travel_with_rows_and_columns_are_set_once() -> None:
    ids = [str(i) for i in range(10)]
    sampled = [Sampled((i,), (-float(i),), True) for i in range(10)]
    rollout = rollout_from(ids, [[1]] * 10, sampled, pad_id=0).add(scores_B=torch.arange(10.0))
    seen = []
    for minibatch in rollout.minibatches(4, torch.Generator().manual_seed(1)):
        assert [float(i) for i in minibatch.prompt_ids] == minibatch.scores_B.tolist()
        assert minibatch.tokens_BL[:, 1].tolist() == [int(i) for i in minibatch.prompt_ids]
        assert minibatch.old_logprobs_BT[:, 0].tolist() == [-float(i) for i in minibatch.prompt_ids]
        seen += minibatch.prompt_ids
    assert sorted(seen) == ids
    assert seen != ids
    with pytest.raises(ValueError, match="already has"):
        rollout.add(scores_B=torch.zeros(10))


def test_pad_right() -> None:
    tokens_BL, mask_BL = pad_right([[1], [2, 3]], 9)
    assert tokens_BL.tolist() == [[1, 9], [2, 3]]
    assert mask_BL.tolist() == [[True, False], [True, True]]


def test_parts_by_tokens_by_hand() -> None:
    assert token_parts([4, 4, 9, 1, 2, 8], 8) == [[0, 1], [2], [3, 4], [5]]
    assert token_parts([], 8) == []


def test_rankings_chosen_out_of_a_batch(chat: Chat) -> None:
    rows = rankings(4)
    whole, _ = RankingBatch.of(rows, chat, 64)
    chosen, _ = RankingBatch.of([rows[2], rows[0]], chat, 64)
    selected = whole.select([2, 0])
    assert selected.sizes == [whole.sizes[2], whole.sizes[0]] == chosen.sizes
    for ranking in (0, 1):  # the rows of one ranking stand together in either, in the order of the whole
        ours, theirs = ([x[batch.ranking_id_B == ranking][:, :20] for x in (batch.tokens_BL, batch.rank_B[:, None])]
                        for batch in (selected, chosen))  # fmt: skip
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
