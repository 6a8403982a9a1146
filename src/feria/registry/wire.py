"""What a model says of itself: on the shelf, over HTTP, and inside its own ONNX file."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator


def _model_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError(
            "a model name is 1 to 64 letters, digits, '.', '_' or '-', and begins with a letter or digit"
        )
    return name


ModelName = Annotated[str, AfterValidator(_model_name)]


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True)


class Column(Wire):
    """One feature of a row. A `number` travels as float32, a `text` as a string."""

    name: str
    kind: Literal["number", "text"]
    nullable: bool = Field(default=True, description="Whether null is an answer the model knows.")


class TabularInput(Wire):
    """Rows of named columns.

    The graph takes the number columns, in this order, as float32 `[rows, numbers]` under the name
    `numbers_input`, and the text columns as string `[rows, texts]` under `texts_input`. A missing
    number is NaN there, a missing text the empty string.
    """

    type: Literal["tabular"] = "tabular"
    columns: tuple[Column, ...]
    numbers_input: str | None = None
    texts_input: str | None = None


class ImageInput(Wire):
    """A picture, as the network wants it: `(pixel - mean) * scale`, pixels from 0 to 255."""

    type: Literal["image"] = "image"
    input: str
    width: int = Field(ge=1, le=8192)
    height: int = Field(ge=1, le=8192)
    channels: Literal["RGB", "BGR", "GRAY"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[float, ...] = Field(default=(0.0,), description="One value, or one a channel.")
    scale: tuple[float, ...] = Field(default=(1 / 255,), description="One value, or one a channel.")
    fit: Literal["stretch", "crop", "pad"] = Field(
        default="stretch",
        description="stretch: both sides; crop: fill and cut the middle; pad: fit and repeat the edge.",
    )

    @model_validator(mode="after")
    def _a_value_or_one_a_channel(self) -> Self:
        allowed = {1, 1 if self.channels == "GRAY" else 3}
        if len(self.mean) not in allowed or len(self.scale) not in allowed:
            raise ValueError("`mean` and `scale` hold one value, or one a channel")
        return self


class TensorInput(Wire):
    """Inputs this node cannot name: served as plain nested lists, one list an input."""

    type: Literal["tensor"] = "tensor"
    tensors: dict[str, tuple[str, tuple[int | None, ...]]] = Field(
        description="Element type and shape of each input; null is any size."
    )


ModelInput = Annotated[TabularInput | ImageInput | TensorInput, Field(discriminator="type")]

Label = str | int | float


class ModelOutput(Wire):
    """Which of the graph's outputs mean what. `labels` are the classes in column order."""

    task: Literal["classification", "regression", "tensor"]
    labels: tuple[Label, ...] | None = None
    value: str | None = Field(default=None, description="Output with the label or the number.")
    probabilities: str | None = Field(default=None, description="Output with a column a class.")
    embedding: str | None = Field(default=None, description="Output with a vector for similarity.")
    tensors: tuple[str, ...] = Field(default=(), description="All outputs, in the graph's order.")
    unsure_below: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="For pictures that may be of no class: where the best class has less than this "
        "probability, the answer says that it is unsure. Without it no answer says either.",
    )


class State(StrEnum):
    ready = "ready"
    deprecated = "deprecated"
    deleted = "deleted"


class Model(Wire):
    """One version on the shelf: a small row that travels, beside a file named by its digest."""

    name: ModelName
    version: int = Field(ge=1)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="sha256 of the ONNX file.")
    size: int = Field(ge=0, description="Bytes of the ONNX file.")
    kind: str = Field(description="How it was made, such as `mlp`, or `onnx` when brought along.")
    input: ModelInput
    output: ModelOutput
    metrics: dict[str, JsonValue] = Field(
        default_factory=dict, description="Measured on rows the model has not seen."
    )
    trained_from: dict[str, JsonValue] = Field(
        default_factory=dict, description="Data, split, seed, settings, software: what made it."
    )
    card: str = Field(default="", max_length=65536, description="Model card, Markdown.")
    state: State = State.ready
    state_reason: str = ""
    published_at: datetime
    owner: str = Field(
        default="local",
        description="Who published this name first; only they may change it. What is `feria`'s came with "
        "the program: the first to publish a version of their own has the name.",
    )

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.version}"


class ShelvedModel(Model):
    """A version as the node that answers has it."""

    here: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="How much of its file is on this node; the rest comes when the model is used.",
    )


class ModelList(Wire):
    models: tuple[ShelvedModel, ...]


class Description(Wire):
    """What a publisher may say about a file; everything left out is read from the file itself."""

    kind: str = "onnx"
    input: ModelInput | None = None
    output: ModelOutput | None = None
    labels: tuple[Label, ...] | None = None
    unsure_below: float | None = Field(
        default=None, ge=0, le=1, description="Probability of the best class below which an answer is unsure."
    )
    metrics: dict[str, JsonValue] = Field(default_factory=dict)
    trained_from: dict[str, JsonValue] = Field(default_factory=dict)
    card: str = Field(default="", max_length=65536)


class StateChange(Wire):
    """Takes a version off `latest` (deprecated) or puts it back (ready)."""

    state: Literal[State.ready, State.deprecated]
    reason: str = Field(default="", max_length=1000)


METADATA_KEY = "feria"
"""Key in an ONNX file's `metadata_props` under which it carries `FileMetadata` as JSON."""


class FileMetadata(Wire):
    """Carried inside the ONNX file, so that a file alone is enough to serve it."""

    kind: str
    input: ModelInput
    output: ModelOutput
