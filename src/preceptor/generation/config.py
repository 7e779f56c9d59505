"""Which engine samples responses, and its settings: one line of the recipe."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from preceptor.config import BaseConfig
from preceptor.models.precision import Precision

FOLDER = "{folder}"
"""Stands in `reload` for the folder that the weights were handed over in."""


VLLM_RELOAD: dict[str, Any] = {
    "/collective_rpc": {"method": "reload_weights", "kwargs": {"weights_path": FOLDER}},
    "/reset_prefix_cache": {},
}
"""How vLLM's server is told to load weights; it has these paths with VLLM_SERVER_DEV_MODE=1 in its environment."""


class NativeConfig(BaseConfig):
    """In this process, with any model that transformers loads."""

    type: Literal["native"] = "native"
    """Which engine this is."""


class VLLMConfig(BaseConfig):
    """A vLLM server of our own, on the GPU where there is one; it ends with the command that started it."""

    type: Literal["vllm"] = "vllm"
    """Which engine this is."""
    python: Path | None = None
    """Python of the environment that vLLM is installed in, such as `.venv-vllm/bin/python`. None: this one."""
    precision: Precision = "auto"
    """Arithmetic of vLLM, its weights included: float32, bfloat16, or auto."""
    cache_gib: float = Field(default=4.0, gt=0)
    """Memory for the keys and values of all responses that are sampled together, in GiB."""
    is_compiled: bool | None = None
    """Compile the model and capture graphs, which takes half a minute and more at the start. None: on a GPU."""
    arguments: tuple[str, ...] = ()
    """Further arguments of `vllm serve`, such as `["--tensor-parallel-size", "2"]`."""


class RemoteConfig(BaseConfig):
    """Any server that speaks OpenAI's API, takes prompts as token ids and can be told to load weights from a folder."""

    type: Literal["remote"] = "remote"
    """Which engine this is."""
    url: str = Field(default="http://localhost:8000/v1", pattern="^https?://")
    """Where the API is."""
    model: str | None = None
    """Name of the model there. None: the first one that the server lists."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the server's key; none is sent when it is not set."""
    folder: Path | None = None
    """Folder that the server can read, too, for handing over the weights. None: memory of this machine."""
    reload: dict[str, dict[str, JsonValue]] = Field(default=VLLM_RELOAD)
    """What is posted, path by path and in this order, when new weights lie in `{folder}`. The default is vLLM's way."""
    tolerance: float = Field(default=0.1, gt=0)
    """How far the server's log-probabilities may be from the policy's, on average, in nats per token."""
    timeout_s: float = Field(default=600, gt=0)
    """Seconds to wait for one response."""
    num_retries: int = Field(default=4, ge=0)
    """How often a request is made again while the server is busy or away; each wait is twice the last, from 1 s on."""


EngineConfig = Annotated[NativeConfig | VLLMConfig | RemoteConfig, Field(discriminator="type")]
