"""What all records share: frozen, known fields only, JSON-round-tripping."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable row; `model_dump_json` and `model_validate_json` are inverse to each other."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
