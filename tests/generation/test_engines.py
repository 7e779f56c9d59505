"""vLLM and servers elsewhere: the native sampler's words from the same weights, and the RL loop over each.

One vLLM server serves the whole file: as the engine of a recipe, and as the server that somebody else has started.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml
from transformers import CodeGenConfig

from preceptor.config import load_config
from preceptor.errors import UserError
from preceptor.generation import native
from preceptor.generation.base import Generate, Sampled
from preceptor.generation.config import RemoteConfig, VLLMConfig
from preceptor.generation.engines import open_engine
from preceptor.generation.vllm import VLLM
from preceptor.models.heads import RewardModel
from preceptor.models.load import new_reward_model
from preceptor.models.policy import Policy
from preceptor.pipeline.project import ENGINE_LOG, Project
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.stages import candidates_stage
from preceptor.records import Message, Sampling
from preceptor.runs.run import Run
from preceptor.runs.seeding import generator
from preceptor.text.batches import pack, rollout_from
from preceptor.training.algorithms.ppo import PPO
from preceptor.training.optim import OptimConfig
from preceptor.training.rl import train_rl
from preceptor.training.rl_config import RLConfig
from preceptor.training.rl_parts import Actors
from tests.conftest import ROOT
from tests.generation.forwarding import Forwarding, forwarding
from tests.planted import demonstrations, load, prompts, write_planted_model
from tests.tiny import write_model

PYTHON = ROOT / ".venv-vllm" / "bin" / "python"
PLAIN, GREEDY = Sampling(max_tokens=12), Sampling(max_tokens=12, temperature=0)
NUM = 10
ENGINES = ("vllm", "remote")


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted model, with heads as wide as vLLM takes them on a CPU; embeddings and head are one matrix."""
    return write_planted_model(tmp_path_factory.mktemp("planted") / "model", width=64)


@pytest.fixture(scope="module")
def taught_path(model_path: Path) -> Path:
    """The same after some lessons, so that it speaks in words and ends its responses."""
    policy, path = load(model_path), model_path.with_name("taught")
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    rows = [
        policy.chat.conversation([*row.prompt.messages, Message(role="assistant", content=row.response)])
        for row in demonstrations(64)
    ]
    batch = pack(rows, max_tokens=64)
    for _ in range(60):
        total_nll, count = policy.nll(batch)
        (total_nll / count).backward()
        optimizer.step()
        optimizer.zero_grad()
    policy.model.save_pretrained(path)
    policy.chat.tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose recipe asks for vLLM."""
    assert PYTHON.is_file(), "this test needs vLLM: `make vllm` installs it"
    folder = tmp_path_factory.mktemp("project")
    line = {"type": "vllm", "python": str(PYTHON), "precision": "float32", "cache_gib": 0.25}
    sizes = {"candidates": {"max_tokens": 12}, "labels": {"responses_per_prompt": 3}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"generation": line, **sizes}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        with Project(folder, load_config(Recipe, folder / "recipe.yaml"), lambda text: None) as project:
            yield project


@pytest.fixture(scope="module")
def vllm(project: Project) -> VLLM:
    """The project's engine."""
    assert isinstance(project.generate, VLLM)
    return project.generate


@pytest.fixture(scope="module")
def server(vllm: VLLM, model_path: Path) -> Iterator[Forwarding]:
    """The same server at a URL, as somebody else's."""
    vllm(load(model_path), [[5]], Sampling(max_tokens=1), [0], 1)
    with forwarding(server_folder(vllm) / "socket") as found:
        yield found


def server_folder(vllm: VLLM) -> Path:
    """What the server shares with its engine."""
    command = command_of(vllm.process_id or 0).split("\0")
    return Path(command[command.index("--uds") + 1]).parent


def shared_memory(processes: set[int]) -> set[Path]:
    """Files in memory that processes have open, whose names still stand in their folder."""
    lines = {line for pid in processes for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}
    found = {Path(line.split(maxsplit=5)[5]) for line in lines if "/dev/shm/" in line}
    return {path for path in found if path.exists()}


@pytest.fixture(params=ENGINES)
def generate(request: pytest.FixtureRequest, vllm: VLLM, server: Forwarding) -> Iterator[Generate]:
    if request.param == "vllm":
        yield vllm
    else:
        with open_engine(RemoteConfig(url=server.url), Path("unused")) as engine:
            yield engine


@pytest.fixture
def remote(server: Forwarding) -> Iterator[Callable[..., Generate]]:
    """Opens engines over the server that was started elsewhere."""
    opened = []

    def open_remote(**settings: object) -> Generate:
        context = open_engine(RemoteConfig(url=server.url, **settings), Path("unused"))
        opened.append(context)
        return context.__enter__()

    yield open_remote
    for context in opened:
        context.__exit__(None, None, None)
    server.key, server.failures, server.unheeded = None, [], ()


def asked(policy: Policy, num: int = NUM) -> list[list[int]]:
    return [policy.chat.prompt(prompt.messages) for prompt in prompts(num)]


def said(generate: Generate, policy: Policy, sampling: Sampling, first_seed: int = 0) -> list[Sampled]:
    return generate(policy, asked(policy), sampling, range(first_seed, first_seed + NUM), batch_size=NUM)


def assert_same(some: list[Sampled], others: list[Sampled]) -> None:
    for one, other in zip(some, others, strict=True):
        assert (one.tokens, one.finished) == (other.tokens, other.finished)
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def tokens_of(sampled: list[Sampled]) -> list[tuple[int, ...]]:
    return [one.tokens for one in sampled]


# ── the same words from the same weights ────────────────────────────────────────────────────────────────────────────


def test_greedy_words_are_the_native_sampler_s(generate: Generate, model_path: Path, taught_path: Path) -> None:
    """Once more with new weights: it answers from those, and no longer from the old ones."""
    policy, taught = load(model_path), load(taught_path)
    before, after = said(generate, policy, GREEDY), said(generate, taught, GREEDY)
    assert_same(before, said(native.generate, policy, GREEDY))
    assert_same(after, said(native.generate, taught, GREEDY))
    assert all(one.tokens != other.tokens for one, other in zip(before, after, strict=True))
    assert not any(one.finished for one in before)
    assert all(one.finished for one in after)
    with torch.no_grad():
        for weight in taught.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
    moved = said(generate, taught, GREEDY)
    assert_same(moved, said(native.generate, taught, GREEDY))
    assert tokens_of(moved) != tokens_of(after)


@pytest.mark.parametrize(
    "sampling", [PLAIN, Sampling(max_tokens=12, temperature=0.6), Sampling(max_tokens=12, top_p=0.7)]
)
def test_logprobs_are_the_policy_s(generate: Generate, taught_path: Path, sampling: Sampling) -> None:
    policy = load(taught_path)
    sampled = said(generate, policy, sampling)
    rollout = rollout_from([""] * NUM, asked(policy), sampled, pad_id=policy.chat.pad_id)
    with torch.no_grad():
        own_BT, _ = policy.logprobs(rollout, sampling.temperature)
        wrong_BT, _ = policy.logprobs(rollout, sampling.temperature + 0.1)
    torch.testing.assert_close(rollout.old_logprobs_BT, own_BT, rtol=0, atol=1e-3)
    assert not torch.allclose(rollout.old_logprobs_BT, wrong_BT, atol=1e-2), "the control: another temperature"


def test_seeds_decide(generate: Generate, model_path: Path) -> None:
    policy = load(model_path)
    one = said(generate, policy, PLAIN)
    assert tokens_of(said(generate, policy, PLAIN)) == tokens_of(one)
    others = said(generate, policy, PLAIN, first_seed=100)
    assert all(mine.tokens != theirs.tokens for mine, theirs in zip(one, others, strict=True))
    told: list[int] = []
    again = generate(policy, asked(policy)[3:6], PLAIN, range(3, 6), 2, told.append)
    assert tokens_of(again) == tokens_of(one)[3:6]
    assert sum(told) == 3
    assert generate(policy, [], PLAIN, [], 1) == []


def test_a_stop_string_ends_a_response(generate: Generate, taught_path: Path) -> None:
    policy, seeds = load(taught_path), list(range(NUM))
    free = generate(policy, asked(policy), GREEDY, seeds, NUM)
    stop = next(text for one in free for text in policy.chat.text_of(one.tokens).split() if len(text) > 2)
    stopping = GREEDY.model_copy(update={"stop": (stop,)})
    stopped = generate(policy, asked(policy), stopping, seeds, NUM)
    expected = native.generate(policy, asked(policy), stopping, seeds, NUM)
    assert [one.tokens for one in stopped] == [one.tokens for one in expected]
    assert [one.finished for one in stopped] == [one.finished for one in expected]
    assert any(len(one.tokens) < len(whole.tokens) for one, whole in zip(stopped, free, strict=True))


def test_a_prompt_longer_than_the_context(generate: Generate, model_path: Path) -> None:
    with pytest.raises(UserError, match=r"prompt 0 has 63 tokens; with 12 .* more than the model's context of 64"):
        generate(load(model_path), [[5] * 63], PLAIN, [0], 1)


# ── the RL loop over each ───────────────────────────────────────────────────────────────────────────────────────────


def settings(**changes: object) -> RLConfig:
    fast = OptimConfig(learning_rate=3e-3, schedule="constant")
    values = {
        "num_steps": 3, "batch_size": 16, "precision": "float32", "sampling": PLAIN,
        "algorithm": PPO.Config(minibatch_size=16), "ema_decay": 0.5, "optim": fast, "value_optim": fast,
    }  # fmt: skip
    return RLConfig(**(values | changes))


def actors(path: Path) -> Actors:
    def reward_model() -> RewardModel:
        return new_reward_model(path, generator(0, "head")).to("cpu")

    return Actors(load(path), load(path), reward_model(), reward_model())


def new_run(folder: Path) -> Run:
    return Run(folder, seed=0, config={}, progress=False, tensorboard=False)


def test_the_loop_learns_from_what_the_present_policy_said(
    generate: Generate, taught_path: Path, tmp_path: Path
) -> None:
    """Before a step's one update the ratio new / old is 1 exactly where the sampler's weights are the policy's."""
    run, four = new_run(tmp_path / "run"), actors(taught_path)
    start = {name: weight.clone() for name, weight in four.policy.state_dict().items()}
    train_rl(settings(), run, four, prompts(32), generate=generate)
    findings = json.loads((run.directory / "health.json").read_text())
    assert len(findings) >= 6
    assert all(finding["ok"] for finding in findings)
    for row in run.metrics():
        assert row["ppo/ratio_mean"] == pytest.approx(1, abs=1e-4)
        assert row["kl/old"] == pytest.approx(0, abs=1e-6)
    assert run.metrics()[-1]["kl/reference"] != pytest.approx(0, abs=1e-3), "the policy has moved"
    assert all(not torch.equal(weight, start[name]) for name, weight in four.policy.state_dict().items())


class Interrupted(Exception):
    """Stands in for a crash."""


def test_an_interrupted_run_goes_on(vllm: VLLM, taught_path: Path, tmp_path: Path) -> None:
    def crash(policy: Policy, step: int) -> dict[str, float]:
        if step == 2:
            raise Interrupted
        return {}

    config = settings(save_every=1, eval_every=1)
    first = new_run(tmp_path / "run")
    with pytest.raises(Interrupted):
        train_rl(config, first, actors(taught_path), prompts(32), evaluate=crash, generate=vllm)
    first.close()
    run = new_run(tmp_path / "run")
    train_rl(config, run, actors(taught_path), prompts(32), evaluate=lambda policy, step: {}, generate=vllm)
    assert [row["step"] for row in run.metrics()] == [1, 2, 3]
    assert all(row["ppo/ratio_mean"] == pytest.approx(1, abs=1e-4) for row in run.metrics())


def test_the_pipeline_samples_over_the_recipe_s_engine(project: Project, vllm: VLLM, taught_path: Path) -> None:
    asked_for = project.keep("prompts", prompts(3), "prompts")
    found = candidates_stage(project, {"sft": taught_path}, asked_for, "candidates").rows
    chat = load(taught_path).chat
    assert [len(row.responses) for row in found] == [3, 3, 3]
    for response in (response for row in found for response in row.responses):
        assert response.finished
        assert response.text == chat.text_of(response.tokens or ())
        assert response.text.startswith(("dear", "fool")), "it says what it was taught"
    assert (project.directory / ENGINE_LOG).stat().st_size > 0


# ── servers elsewhere ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_with_other_weights_is_found(
    remote: Callable[..., Generate], model_path: Path, taught_path: Path
) -> None:
    """It is told to load none, so it keeps those that it had."""
    said(remote(), load(model_path), PLAIN)
    deaf = remote(reload={})
    assert said(deaf, load(model_path), PLAIN)
    with pytest.raises(
        UserError, match=r"does not sample from the policy: its log-probabilities are .* nats per token"
    ):
        said(deaf, load(taught_path), PLAIN)


def test_the_loop_stops_when_the_server_stays_behind(
    remote: Callable[..., Generate], taught_path: Path, tmp_path: Path
) -> None:
    said(remote(), load(taught_path), PLAIN)
    fast = OptimConfig(learning_rate=5e-2, schedule="constant")
    run = new_run(tmp_path / "run")
    with pytest.raises(UserError, match="does not sample from the policy"):
        train_rl(settings(optim=fast), run, actors(taught_path), prompts(32), generate=remote(reload={}))
    assert len(run.metrics()) == 1


def test_a_server_that_cannot_load_weights_says_so(remote: Callable[..., Generate], model_path: Path) -> None:
    with pytest.raises(UserError, match="refuses /no_such_path: status 404 Not Found"):
        said(remote(reload={"/no_such_path": {}}), load(model_path), PLAIN)


def test_text_without_token_ids(
    server: Forwarding, remote: Callable[..., Generate], model_path: Path, taught_path: Path
) -> None:
    """Words become the tokens that they were; what no tokenizer would write in these tokens is refused."""
    taught, with_ids = load(taught_path), said(remote(), load(taught_path), GREEDY)
    server.unheeded = ("return_token_ids",)
    assert_same(said(remote(), taught, GREEDY), with_ids)
    with pytest.raises(UserError, match=r"\d+ of 10 responses came as text that is written in other tokens"):
        said(remote(), load(model_path), PLAIN)


def test_a_server_without_logprobs_is_refused(
    server: Forwarding, remote: Callable[..., Generate], taught_path: Path
) -> None:
    server.unheeded = ("logprobs",)
    with pytest.raises(UserError, match="gives no response with log-probabilities"):
        said(remote(), load(taught_path), PLAIN)


def test_a_key(
    server: Forwarding, remote: Callable[..., Generate], taught_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sesame"
    monkeypatch.delenv("MODEL_KEY", raising=False)
    with pytest.raises(UserError, match=r"wants another key than that of \$MODEL_KEY"):
        said(remote(key_variable="MODEL_KEY"), load(taught_path), GREEDY)
    monkeypatch.setenv("MODEL_KEY", "sesame")
    assert said(remote(key_variable="MODEL_KEY"), load(taught_path), GREEDY)


def test_a_busy_server_is_asked_again(server: Forwarding, remote: Callable[..., Generate], taught_path: Path) -> None:
    policy = load(taught_path)
    calm = said(remote(), policy, PLAIN)
    server.failures = [503]
    assert tokens_of(said(remote(num_retries=1), policy, PLAIN)) == tokens_of(calm)
    server.failures = [503]
    with pytest.raises(UserError, match=r"no server of models answers at .*: status 503 overloaded"):
        said(remote(num_retries=0), policy, PLAIN)


def test_a_folder_that_both_can_read(remote: Callable[..., Generate], taught_path: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    assert said(remote(folder=shared), load(taught_path), GREEDY)
    assert list(shared.iterdir()) == [], "weights are gone once they are loaded"


def test_nobody_at_the_url(taught_path: Path) -> None:
    config = RemoteConfig(url="http://127.0.0.1:9/v1", num_retries=0)
    with open_engine(config, Path("unused")) as engine, pytest.raises(UserError, match="no server of models answers"):
        said(engine, load(taught_path), GREEDY)


def test_openai_s_own_client_hears_the_same(server: Forwarding, vllm: VLLM, taught_path: Path) -> None:
    """It is the API that everybody speaks, not one that only our client understands."""
    policy = load(taught_path)
    here = said(vllm, policy, GREEDY)
    code = (
        "import json, sys; from openai import OpenAI; url, prompt, end = json.load(sys.stdin)\n"
        "reply = OpenAI(base_url=url, api_key='none').completions.create(\n"
        "    model='policy', prompt=prompt, max_tokens=12, temperature=0, extra_body={'stop_token_ids': [end]})\n"
        "print(json.dumps(reply.choices[0].text))"
    )
    request = json.dumps([server.url, asked(policy)[0], policy.chat.end_id])
    reply = subprocess.run([PYTHON, "-c", code], input=request, capture_output=True, text=True, check=True)
    assert json.loads(reply.stdout) == policy.chat.text_of(here[0].tokens)


# ── beginnings and ends ─────────────────────────────────────────────────────────────────────────────────────────────


def vllm_config(python: Path = PYTHON) -> VLLMConfig:
    return VLLMConfig(python=python, precision="float32", cache_gib=0.25)


def test_a_python_without_vllm(model_path: Path, tmp_path: Path) -> None:
    for python, problem in ((Path(sys.executable), "No module named 'vllm'"), (tmp_path / "none", "no Python to run")):
        with open_engine(vllm_config(python), tmp_path / "log") as engine, pytest.raises(UserError, match=problem):
            said(engine, load(model_path), GREEDY)


def test_a_model_that_vllm_cannot_take(tmp_path: Path) -> None:
    architecture = CodeGenConfig(
        vocab_size=340, n_positions=128, n_ctx=128, n_embd=32, n_layer=1, n_head=2, rotary_dim=4
    )
    policy = load(write_model(tmp_path / "model", "codegen", config=architecture))
    with open_engine(vllm_config(), tmp_path / "log") as engine:
        with pytest.raises(UserError, match=r"log.*vLLM did not start .*'CodeGenForCausalLM'\] are not supported"):
            engine(policy, [[5]], GREEDY, [0], 1)
        assert members(engine.process_id) == set()


def members(group: int | None) -> set[int]:
    """Processes of a group that are alive."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            found.add(int(path.parent.name))
    return found


def test_a_server_ends_when_whoever_started_it_is_killed(model_path: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.generation.test_engines import *\n"
        "with open_engine(vllm_config(), Path(sys.argv[2])) as engine: said(engine, load(Path(sys.argv[1])), GREEDY)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, model_path, tmp_path / "log"], cwd=ROOT)
    wait_until(lambda: servers_of(starter.pid))
    (group,) = servers_of(starter.pid)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_until(lambda: not members(group))


def servers_of(starter: int) -> list[int]:
    """Servers that a process has started."""
    children = Path(f"/proc/{starter}/task/{starter}/children").read_text().split()
    return [int(pid) for pid in children if "serve_vllm" in command_of(int(pid))]


def command_of(pid: int) -> str:
    """What a process was started with, between zeros; nothing where it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def wait_until(is_so: Callable[[], object]) -> None:
    """The test's own time limit ends what waits in vain."""
    while not is_so():
        time.sleep(0.05)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpcore2's, of a refused connection
def test_a_server_that_is_killed_is_one_error_and_leaves_nothing(vllm: VLLM, taught_path: Path) -> None:
    """The last test of the file: it ends the server that the others use."""
    policy, group = load(taught_path), vllm.process_id
    assert said(vllm, policy, GREEDY)
    assert group is not None
    assert len(members(group)) > 1, "the server has processes of its own"
    shared = [server_folder(vllm), *shared_memory(members(group))]
    assert len(shared) > 1
    assert all(path.exists() for path in shared)
    (worker,) = (pid for pid in members(group) if "Worker" in command_of(pid))
    os.kill(worker, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(UserError, match=rf"{ENGINE_LOG}.*vLLM has died \(exit code") as error:
            said(vllm, policy, GREEDY)
        assert error.value.remedy.startswith("docs/generation.md")
    vllm.__exit__()
    wait_until(lambda: not members(group))
    wait_until(lambda: not any(path.exists() for path in shared))
