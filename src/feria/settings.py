"""Everything an operator can change, in one place: FERIA_<GROUP>__<NAME>, or a line in `.env`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Group(BaseModel):
    """One room's settings; a misspelt name is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WebSettings(Group):
    """The door people and programs come in by."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 takes a free one.")
    max_body_mib: int = Field(
        default=32, ge=1, description="Largest JSON body or picture, in MiB; more is refused unread."
    )
    max_upload_mib: int = Field(
        default=512, ge=1, description="Largest uploaded data set or model file, in MiB."
    )


class StorageSettings(Group):
    """Where rows and files are kept."""

    url: str | None = Field(
        default=None,
        description="Database URL, `postgresql://…` or `mariadb://…`; unset is SQLite in the home.",
    )
    migrate_on_start: bool | None = Field(
        default=None,
        description="Bring the schema up to date when the node starts; unset does so on SQLite only.",
    )
    orphan_grace_seconds: float = Field(
        default=3600.0, ge=0, description="Age at which a file that no row names is removed."
    )


class WorkerSettings(Group):
    """Processes that train models and look into uploaded files, one job each."""

    parallel: int = Field(default=2, ge=1, description="Worker processes at once.")
    waiting: int = Field(
        default=16, ge=0, description="Jobs that may wait for a process; more are told to retry."
    )
    seconds: float = Field(default=600.0, gt=0, description="Time one job may take.")
    memory_mib: int = Field(default=4096, ge=64, description="Memory one job may take, in MiB.")


class RegistrySettings(Group):
    """The model shelf."""

    max_model_mib: int = Field(default=256, ge=1, description="Largest model file, in MiB.")


class LearningSettings(Group):
    """Training on this node."""

    max_rows: int = Field(default=2_000_000, ge=1, description="Most rows of one training.")
    max_columns: int = Field(default=2_000, ge=1, description="Most columns of one training.")


class InferenceSettings(Group):
    """Serving models."""

    threads: int | None = Field(default=None, ge=1, description="Prediction threads; unset is one a core.")
    max_batch: int = Field(default=8, ge=1, le=1024, description="Most requests in one model call.")
    max_waiting: int = Field(
        default=1024, ge=1, description="Requests that may wait; more are refused with Retry-After."
    )
    deadline_seconds: float = Field(
        default=10.0, gt=0, description="Age at which a waiting request is dropped."
    )
    inline_microseconds: int = Field(
        default=200,
        ge=0,
        description="A model that answers a row faster than this answers without changing thread.",
    )
    max_loaded: int = Field(default=64, ge=1, description="Models kept ready; others load on use.")
    max_pixels: int = Field(
        default=25_000_000, ge=1, description="Largest picture, in pixels; checked before decoding."
    )
    providers: tuple[str, ...] = Field(
        default=("CPUExecutionProvider",), description="ONNX Runtime providers, best first."
    )


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FERIA_",
        env_nested_delimiter="__",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",  # `.env` may hold other programs' lines too
        frozen=True,
    )

    home: Path = Field(default=Path("var"), description="Folder that holds all this node keeps.")
    web: WebSettings = WebSettings()
    storage: StorageSettings = StorageSettings()
    workers: WorkerSettings = WorkerSettings()
    registry: RegistrySettings = RegistrySettings()
    learning: LearningSettings = LearningSettings()
    inference: InferenceSettings = InferenceSettings()
