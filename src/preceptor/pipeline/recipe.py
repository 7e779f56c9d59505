"""The recipe: one typed tree for a whole project."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from preceptor.config import BaseConfig
from preceptor.generation.config import EngineConfig, NativeConfig
from preceptor.pipeline.labels import LabelsConfig
from preceptor.prompts.config import BuildConfig
from preceptor.records import Sampling
from preceptor.training.reward_model import RewardModelConfig
from preceptor.training.rl_config import RLConfig
from preceptor.training.sft import SFTConfig

BUNDLED = "bundled"


class PromptsConfig(BaseConfig):
    """How many prompts each stage gets. With human feedback these are upper bounds on what `data/` holds."""

    num_sft: int = Field(default=12_725, ge=2)
    """Prompts to write demonstrations for (Ouyang et al. 2022, Table 6)."""
    num_reward: int = Field(default=33_207, ge=2)
    """Prompts whose responses are ranked, each round."""
    num_rl: int = Field(default=31_144, ge=1)
    """Prompts that the policy practises on."""
    num_test: int = Field(default=3_196, ge=2)
    """Prompts of held-out users, for the final evaluation."""
    num_documents: int = Field(default=20_000, ge=0)
    """Pretraining texts for the mix, and a tenth as many again to measure the alignment tax."""
    num_few_shot: int = Field(default=1, ge=1)
    """Datapoints of the SFT set that one few-shot prompt gives, each with other examples of it (appendix A.3, which
    prints no number); 1 takes it as it is."""
    max_tokens: int = Field(default=1024, ge=1)
    """Longest prompt that is trained on (appendix C); longer ones stay in `data/`. A few-shot prompt loses examples
    until it fits."""
    build: BuildConfig = BuildConfig()
    """How `preceptor prompts build` makes prompts out of raw ones."""


class EvaluationConfig(BaseConfig):
    """The final comparison of all policies."""

    sampling: Sampling = Sampling()
    """How every policy answers the test prompts."""
    num_prefixes: int = Field(default=8, ge=1)
    """Few-shot prefixes that compete, by reward-model score, to prompt the base model."""
    num_shots: int = Field(default=3, ge=1)
    """Demonstrations in a prefix."""
    num_curve_prompts: int = Field(default=64, ge=1)
    """Held-out prompts answered at each point of the over-optimisation curve."""


class Recipe(BaseConfig):
    """A whole project: from the base model to the report."""

    seed: int = 0
    """Decides everything random."""
    base_model: str = BUNDLED
    """Directory (or hub name) of a causal language model; 'bundled' is the small one of the closed world."""
    feedback: Literal["simulated", "human"] = "human"
    """Who labels: people, through imported labels; or simulated labelers of the closed world."""
    rounds: int = Field(default=1, ge=1)
    """Times that candidates are sampled, ranked and trained on."""
    tracker: Literal["none", "wandb", "mlflow"] = "none"
    """Where metrics also go; TensorBoard files are always written."""
    num_threads: int | None = Field(default=None, ge=1)
    """Threads of PyTorch; None takes one per core. Bit-for-bit repetition holds for equal numbers."""
    prompts: PromptsConfig = PromptsConfig()
    """Sizes of the prompt sets."""
    labels: LabelsConfig = LabelsConfig()
    """Labelers and labels."""
    generation: EngineConfig = NativeConfig()
    """What samples responses, wherever any are sampled; `generation: vllm` is short for `generation: {type: vllm}`."""
    candidates: Sampling = Sampling()
    """How the responses that labelers rank are drawn."""
    sft: SFTConfig = SFTConfig()
    """Supervised fine-tuning."""
    reward_model: RewardModelConfig = RewardModelConfig()
    """Reward model."""
    rl: dict[str, RLConfig] = Field(default_factory=lambda: {"ppo": RLConfig()})
    """Policies to train against the reward model, by name. The last one is shipped and samples the next round."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """Final comparison."""

    @field_validator("generation", mode="before")
    @classmethod
    def _type_alone(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _policies_have_their_own_names(self) -> "Recipe":
        if taken := sorted({"base", "base_prompted", "sft"} & set(self.rl)):
            raise ValueError(f"'{taken[0]}' is another policy's name in the report; call the RL policy otherwise")
        if not self.rl:
            raise ValueError("at least one RL policy is needed")
        return self
