"""Models from Hugging Face directories: fp32 weights, dropout off, every problem named."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GenerationConfig,
)

from preceptor.errors import UserError
from preceptor.models.checks import check_directory, read_json
from preceptor.models.heads import RewardModel, head_of, init_head
from preceptor.models.policy import Policy
from preceptor.models.precision import default_device
from preceptor.models.quiet import quiet
from preceptor.text.chat import Chat


def load_policy(path: str | Path) -> Policy:
    """A causal LM with its tokenizer, from a directory or by its name on the Hugging Face hub.

    Raises:
        UserError: the directory is missing or damaged, or holds no causal LM.
    """
    model, chat = _load(AutoModelForCausalLM, path)
    return Policy(model, chat).to(default_device())


def load_reward_model(path: str | Path) -> RewardModel:
    """A reward model (sequence classification with one label) with its tokenizer.

    Raises:
        UserError: the directory is missing or damaged, or holds no model with one score.
    """
    model, chat = _load(AutoModelForSequenceClassification, path)
    if model.config.num_labels != 1:
        raise UserError(
            f"this classifier has {model.config.num_labels} labels; a reward model has one",
            file=path,
            field="num_labels",
            remedy="give a reward model: `preceptor reward` makes one from an SFT model",
        )
    return RewardModel(model, chat).to(default_device())


def load_chat(path: str | Path) -> tuple[Chat, int | None]:
    """A model's chat and the most tokens that it takes (None: no limit), without its weights.

    Raises:
        UserError: as `load_policy`.
    """
    local = Path(path).expanduser()
    if local.is_dir():
        read_json(local / "config.json", missing="not a Hugging Face model directory: config.json is missing")
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(local) if local.is_dir() else str(path))
            config = AutoConfig.from_pretrained(str(local) if local.is_dir() else str(path))
    except Exception as error:  # transformers raises many kinds; each means that this directory does not load
        raise _cannot_load(path, local, error) from error
    return _chat(tokenizer, path), getattr(config.get_text_config(), "max_position_embeddings", None)


def new_reward_model(policy_path: str | Path, generator: torch.Generator) -> RewardModel:
    """A reward model with a policy's body and a fresh head, w ~ N(0, 1/√(d+1)), b = 0 (Stiennon et al. 2020).

    Raises:
        UserError: as `load_policy`, or the architecture has no form with a score.
    """
    policy = load_policy(policy_path)
    config = type(policy.model.config).from_dict(policy.model.config.to_dict())
    config.num_labels = 1
    try:
        with quiet():
            model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").float()
        model.base_model.load_state_dict(policy.model.base_model.state_dict())
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"a {config.model_type} model cannot become a reward model: {str(error).splitlines()[0]}",
            file=policy_path,
            remedy="use an architecture for which transformers has AutoModelForSequenceClassification",
        ) from None
    init_head(head_of(model), generator)
    set_dropout(model, 0.0)
    return RewardModel(model.eval(), policy.chat).to(policy.device)


def set_dropout(model: nn.Module, dropout: float) -> int:
    """Set residual dropout and turn all other dropout off; returns how many places of the architecture have it.

    Attention and embedding dropout stay 0. Architectures such as Llama have no residual dropout: 0 is returned.
    """
    count = 0
    for name, module in model.named_modules():
        if isinstance(module, nn.Dropout):
            leaf = name.rpartition(".")[2]
            is_residual = not any(word in leaf for word in ("attn_drop", "attention_drop", "emb"))
            is_residual = is_residual and name.count(".") > 1  # a dropout beside the layers is the embeddings'
            module.p = dropout if is_residual else 0.0
            count += is_residual
        for attribute in ("attention_dropout", "attn_dropout", "dropout", "hidden_dropout", "activation_dropout"):
            if isinstance(getattr(module, attribute, None), float):
                setattr(module, attribute, 0.0)
    return count


def _load(auto: Any, path: str | Path) -> tuple[Any, Chat]:
    """A model by one of transformers' Auto classes, and its chat."""
    local = Path(path).expanduser()
    if local.is_dir():
        check_directory(local)
    elif local.exists():
        raise UserError("this is a file; a model is a directory", file=path, remedy="give the directory around it")
    source = str(local) if local.is_dir() else str(path)
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model, report = auto.from_pretrained(
                source,
                dtype=torch.float32,
                use_safetensors=True,
                attn_implementation="eager",
                output_loading_info=True,
            )
    except UserError:
        raise
    except Exception as error:  # transformers raises many kinds; each means that this directory does not load
        raise _cannot_load(path, local, error) from error
    if missing := sorted(report["missing_keys"]):
        raise UserError(
            f"{len(missing)} weights are missing, the first is {missing[0]}",
            file=path,
            field=missing[0],
            remedy="this directory holds another kind of model, or not all of it: "
            "a policy needs a causal LM, a reward model a sequence classifier",
        )
    chat = _chat(tokenizer, path)
    _fit(model, chat)
    _align(model)
    set_dropout(model, 0.0)
    return model.eval(), chat


def _chat(tokenizer: Any, path: str | Path) -> Chat:
    """The chat of a tokenizer; what is wrong with it is said with its place."""
    try:
        return Chat(tokenizer)
    except UserError as error:
        raise UserError(error.problem, remedy=error.remedy, file=path, field=error.field) from None


def _cannot_load(path: str | Path, local: Path, error: Exception) -> UserError:
    reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if local.is_dir():
        return UserError(
            f"transformers cannot load this model: {reason}",
            file=path,
            remedy="check that config.json fits the weights and that the architecture is one of transformers' own",
        )
    return UserError(
        f"no such model directory, and not a model that the Hugging Face hub has or can be asked for: {reason}",
        file=path,
        remedy="check the path, or the name and the network",
    )


def _fit(model: Any, chat: Chat) -> None:
    """Make room for tokens that the chat added, and tell the model's config about padding and the end."""
    num_old, num_tokens = model.get_input_embeddings().num_embeddings, len(chat.tokenizer)
    if num_tokens > num_old:
        with quiet():
            model.resize_token_embeddings(num_tokens, mean_resizing=False)
        _fill_new_rows(model, num_old)
    model.get_input_embeddings().padding_idx = None  # else the token that served as padding so far never trains
    model.config.get_text_config().pad_token_id = model.config.pad_token_id = chat.pad_id
    if getattr(model, "generation_config", None) is not None:
        try:
            model.generation_config.validate(strict=True)
        except ValueError:  # as many published ones are: transformers reads them, and then refuses to write them
            model.generation_config = GenerationConfig(bos_token_id=chat.tokenizer.bos_token_id)
        model.generation_config.pad_token_id = chat.pad_id
        model.generation_config.eos_token_id = chat.end_id


def _align(model: nn.Module) -> None:
    """Weights begin on a cache line: products of a matrix that does not may differ in the last bit."""
    for parameter in model.parameters():
        if parameter.data_ptr() % 64:
            parameter.data = parameter.data.clone()


@torch.no_grad()
def _fill_new_rows(model: Any, num_old: int) -> None:
    """New embeddings become the mean of the old ones: a token never used then has an ordinary, low logit."""
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        for table in (getattr(layer, "weight", None), getattr(layer, "bias", None)):
            if table is not None:
                table[num_old:] = table[:num_old].mean(dim=0)
