"""What one says to have clients make a model together."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, model_validator
from pydantic_core import PydanticSerializationError

from feria.learning.wire import TrainingOrder
from feria.registry.wire import ModelName

StrategyName = Literal[
    "fedavg", "fedprox", "fedadam", "fedyogi", "median", "trimmed_mean", "krum", "bulyan", "bagging"
]
MAX_ROUNDS = 1000
ROUNDS_SETTING = "num-server-rounds"
"""Where Flower's own templates have an app say how many rounds it does."""
APP_NAME = r"^[A-Za-z][A-Za-z0-9-]{0,63}$"
AppName = Annotated[str, Field(pattern=APP_NAME, description="Of a registered Flower app.")]


class AppParticipation(BaseModel):
    """Who takes part in a job whose rounds are its app's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    clients: tuple[str, ...] = Field(default=(), description="By name; all there are when left out.")
    deadline_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="Longest that a round waits for its clients' answers."
    )


class Participation(AppParticipation):
    """Who takes part in a job, and what is done about those who do not answer."""

    per_round: int | None = Field(
        default=None, ge=1, description="So many of them, drawn anew each round; all when left out."
    )
    min_replies: int | None = Field(
        default=None,
        ge=1,
        description="A round counts with so many good replies; when left out, with all that were asked.",
    )
    wait_seconds: float = Field(
        default=3600.0, ge=0, le=604_800, description="Longest that a round waits for enough clients."
    )
    otherwise: Literal["fail", "wait", "continue"] = Field(
        default="fail",
        description="Too few good replies: end the job, do the round again until there are enough or "
        "`wait_seconds` are over, or go on with the arrays as they were.",
    )
    retry_seconds: float = Field(default=5.0, ge=0, le=3600, description="Between two tries of a round.")


class PrivacySettings(BaseModel):
    """Central differential privacy: each client's update is clipped, and noise is added to their mean."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    noise_multiplier: float = Field(
        gt=0, le=1000, description="Noise's standard deviation in clipping norms."
    )
    clipping_norm: float = Field(gt=0, le=1e6, description="Longest that one client's update may be (L2).")
    delta: float = Field(default=1e-5, gt=0, lt=1, description="The δ for which the spent ε is told.")
    max_epsilon: float | None = Field(
        default=None, gt=0, description="The job ends before the round that would spend more."
    )


class PartsOfAnyOrder(BaseModel):
    """Said of every job, whatever its clients run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName = Field(description="Name under which the result is published.")
    participation: AppParticipation
    fit_seconds: float | None = Field(
        default=None,
        gt=0,
        le=86_400,
        description="Longest that one client may work on one message, where it runs in a process that can be "
        "ended; the round's deadline when left out.",
    )

    @model_validator(mode="after")
    def _can_be_written_down(self) -> Self:
        try:
            self.model_dump_json()
        except PydanticSerializationError:
            raise ValueError("half a character (a lone surrogate) is no text") from None
        return self


class TrainingJob(PartsOfAnyOrder, TrainingOrder):
    """Which model to make as in a training, from whose rows, and how they go about it together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "shop_ranker",
                    "kind": "logistic_regression",
                    "target": "bought",
                    "rounds": 5,
                    "participation": {"clients": ["Tienda Lima", "Tienda Cusco"]},
                }
            ]
        }
    )

    participation: Participation = Field(
        default=Participation(), description="Of whom; without names, of all clients there are at its start."
    )
    strategy: StrategyName = Field(default="fedavg", description="How the clients' arrays become one.")
    strategy_settings: dict[str, JsonValue] = Field(
        default_factory=dict, description="The strategy's own, in Flower's words."
    )
    rounds: int = Field(default=10, ge=1, le=MAX_ROUNDS)
    privacy: PrivacySettings | None = Field(default=None, description="None without it.")

    @property
    def method(self) -> str:
        """In a few words."""
        return f"{self.kind} by {self.strategy}"


class AppJob(PartsOfAnyOrder):
    """Whose rows a registered Flower app runs on. Which clients it asks, how often, and what it makes of
    their answers is the app's own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "digits", "kind": "app", "app": "digits", "settings": {"learning-rate": 0.05}}
            ]
        }
    )

    participation: AppParticipation = Field(
        default=AppParticipation(),
        description="Of whom; without names, of all clients there are at its start.",
    )
    kind: Literal["app"]
    app: AppName
    rounds: int | None = Field(
        default=None,
        ge=1,
        le=MAX_ROUNDS,
        description=f"Its setting `{ROUNDS_SETTING}`; as the app says when left out.",
    )
    settings: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Of the app, in the place of those it brings along."
    )
    card: str = Field(default="", max_length=65536, description="Model card, Markdown.")

    @property
    def method(self) -> str:
        """In a few words."""
        return f"the app {self.app}"


JobOrder = Annotated[TrainingJob | AppJob, Field(discriminator="kind")]
any_order: TypeAdapter[TrainingJob | AppJob] = TypeAdapter(JobOrder)
