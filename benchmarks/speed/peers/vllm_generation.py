"""The peer's side of generation: vLLM on the same cores, compiled, in one process."""

from vllm import LLM, SamplingParams

from benchmarks.speed.turns import Turns
from benchmarks.speed.work import MODELS, prompts


def main() -> None:
    """Answer turns with generated batches."""
    turns = Turns()
    options = turns.options
    size, num, length = options["size"], options["batch_size"], 64
    engine = LLM(
        str(MODELS / size), dtype=options["dtype"], max_model_len=512, max_num_seqs=256, skip_tokenizer_init=True,
        enable_prefix_caching=False, block_size=128,
    )  # fmt: skip
    asked = [{"prompt_token_ids": row} for row in prompts(size, num, turn=0)]
    sampling = SamplingParams(temperature=1.0, top_k=0, top_p=1.0, max_tokens=length, ignore_eos=True, detokenize=False)
    for _ in turns:
        made = engine.generate(asked, sampling, use_tqdm=False)
        turns.facts["tokens"] = sum(len(one.outputs[0].token_ids) for one in made)


if __name__ == "__main__":
    main()
