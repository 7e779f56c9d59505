"""How prompt sets are built out of raw prompts: each step with its settings, as in Ouyang et al. 2022, section 3.2."""

from pydantic import Field

from preceptor.config import BaseConfig
from preceptor.errors import UserError
from preceptor.prompts.private import PrivacyConfig
from preceptor.prompts.unsafe import UnsafeConfig
from preceptor.records import Split


class PrefixConfig(BaseConfig):
    """Prompts that begin alike are one prompt: the paper's heuristic, whose threshold is unpublished."""

    is_on: bool = True
    """Whether to take this step."""
    num_words: int = Field(default=40, ge=1)
    """Words that have to be equal, up to case and space."""
    num_characters: int = Field(default=200, ge=1)
    """Or characters that have to be, likewise. A prompt with fewer than both is no long beginning of another."""


class NearConfig(BaseConfig):
    """Prompts that share most of their words in order are one prompt: found by MinHash, checked exactly."""

    is_on: bool = True
    """Whether to take this step."""
    threshold: float = Field(default=0.8, gt=0, le=1)
    """Least share of common shingles (Jaccard); below about 0.7 the search begins to miss some."""
    num_words: int = Field(default=3, ge=1)
    """Words in a shingle."""


class SplitShares(BaseConfig):
    """Shares of the users in each part; the paper's are unpublished."""

    valid: float = Field(default=0.1, ge=0, lt=1)
    """Share of the users whose prompts validate."""
    test: float = Field(default=0.1, ge=0, lt=1)
    """Share of the users whose prompts are for the final evaluation only."""

    def shares(self) -> dict[Split, float]:
        """Share of each split.

        Raises:
            UserError: nothing is left to train on.
        """
        if self.valid + self.test >= 1:
            raise UserError("valid and test leave nothing to train on", remedy="make their sum less than 1")
        return {"train": 1 - self.valid - self.test, "valid": self.valid, "test": self.test}


class BuildConfig(BaseConfig):
    """The steps from raw prompts to the prompt sets, in their order. A step that is off drops nothing."""

    exact: bool = True
    """Whether prompts that are equal up to case, space and the form of characters (NFKC) are one prompt."""
    prefix: PrefixConfig = PrefixConfig()
    """Long common prefixes."""
    near: NearConfig = NearConfig()
    """Near duplicates."""
    max_per_user: int | None = Field(default=200, ge=1)
    """Most prompts of one user (section 3.2); null is no limit."""
    split: SplitShares = SplitShares()
    """Train, valid and test parts, by user."""
    private: PrivacyConfig = PrivacyConfig()
    """Personal data in prompts of the train split (section 3.2); the other splits are not trained on."""
    languages: tuple[str, ...] = ()
    """Languages to keep, as ISO 639-1 codes such as `en`; none keeps all. Their shares are told either way."""
    unsafe: UnsafeConfig = UnsafeConfig()
    """The screen for unsafe content, which drops nothing."""
