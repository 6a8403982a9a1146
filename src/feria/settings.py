"""Everything an operator can change, in one place: FERIA_<GROUP>__<NAME>, or a line in `.env`."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


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
    max_header_kib: int = Field(default=32, ge=1, description="Most bytes of one request's headers, in KiB.")
    read_seconds: float = Field(
        default=30.0, gt=0, description="Longest silence of a caller in the middle of its request."
    )
    max_connections: int = Field(
        default=10_000, ge=1, description="Connections held at once; more are told to retry."
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        description="Time between /readyz saying 503 and the door closing, when told to stop; as long as a "
        "load balancer takes to notice.",
    )
    tls_certificate: Path | None = Field(default=None, description="Certificate chain, PEM; turns TLS on.")
    tls_key: Path | None = Field(default=None, description="The certificate's private key, PEM.")
    behind_proxy: bool = Field(
        default=False,
        description="A proxy in front ends TLS and names callers in X-Forwarded-For and -Proto.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks of that proxy; others are not believed.",
    )
    origins: tuple[str, ...] = Field(
        default=(),
        description="Other web sites whose pages may call this node, as `https://shop.example`.",
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


class AccessSettings(Group):
    """Who may do what, once the door is locked."""

    locked: bool | None = Field(
        default=None,
        description="Ask every caller for a token; unset does so unless the node listens on loopback only.",
    )
    session_hours: float = Field(default=12.0, gt=0, description="How long a browser stays signed in.")
    requests_per_second: float = Field(
        default=500.0, gt=0, description="Requests a caller may make on a locked node, sustained."
    )
    anonymous_per_second: float = Field(
        default=50.0, gt=0, description="The same for an address that shows no token."
    )
    failures_per_minute: int = Field(
        default=10, ge=1, description="Wrong tokens an address may show before it has to wait."
    )


class TaskSettings(Group):
    """Work that is queued, kept in the journal and taken up again after a crash."""

    parallel: int = Field(default=8, ge=1, description="Tasks that run at once.")
    max_waiting: int = Field(default=10_000, ge=1, description="Tasks that may wait; more are told to retry.")
    max_waiting_mib: int = Field(default=256, ge=1, description="Memory that waiting tasks may take, in MiB.")
    max_attempts: int = Field(
        default=3, ge=1, description="How often a task that took the node down with it is tried."
    )
    resume: bool = Field(default=True, description="Take up the tasks that an earlier run left unfinished.")
    keep_seconds: float = Field(
        default=86_400.0, ge=0, description="How long a finished task and its result are kept."
    )
    grace_seconds: float = Field(
        default=10.0,
        ge=0,
        description="Time that running tasks get when the node stops; then they wait for the next start.",
    )
    broker_url: str | None = Field(
        default=None,
        description="`redis://…`, where Celery workers (`feria worker`) hear of work; unset does it in this "
        "node. Needs `feria[celery]`.",
    )
    broker_queue: str = Field(
        default="feria",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of the queue there; nodes and workers that name the same work together.",
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="What nodes and workers sign with what they say to each other; the same on all of them.",
    )
    callback_url: str | None = Field(
        default=None,
        description="Where workers reach this node, as `https://node-1.example:8000`; unset is where "
        "programs on its own machine do.",
    )
    silent_seconds: float = Field(
        default=15.0,
        gt=0,
        description="Silence of a worker after which what it was doing is given to another.",
    )

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.broker_url is not None and self.secret is None:
            raise ValueError("with a `broker_url` goes a `secret`, which nodes and workers share")
        return self


class EventSettings(Group):
    """How parts of a node, and nodes that share a Redis, tell each other what happened."""

    url: str | None = Field(default=None, description="`redis://…`; unset stays in this process.")
    buffer: int = Field(
        default=256, ge=1, description="Events kept for a slow listener before it misses some and is told."
    )
    channel: str = Field(
        default="feria", min_length=1, description="Redis channel; nodes that name the same hear each other."
    )


class TelemetrySettings(Group):
    """What the node says about itself."""

    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`auto` is text on a terminal and JSON elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is worth a line."
    )
    log_requests: bool = Field(default=False, description="A line for every request.")
    otlp_endpoint: str | None = Field(
        default=None, description="OpenTelemetry collector that takes traces over HTTP; needs `feria[otel]`."
    )


class RegistrySettings(Group):
    """The model shelf."""

    max_model_mib: int = Field(default=256, ge=1, description="Largest model file, in MiB.")
    fetch_seconds: float = Field(
        default=30.0,
        ge=0,
        description="How long who uses a model waits for its file to come from another node; then they are "
        "told to ask again, and it goes on coming.",
    )
    shipped: bool = Field(
        default=True,
        description="Put the models that come with feria on the shelf when the node starts, each file once.",
    )


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
    max_wait_milliseconds: int = Field(
        default=25,
        ge=1,
        description="Expected wait beyond which requests are refused; a batch a thread may always wait.",
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


class FaceSettings(Group):
    """Finding faces in pictures."""

    model: str = Field(
        default="faces",
        description="Name of a YuNet, used as soon as the shelf has it; a built-in detector is used before.",
    )


class EmotionSettings(Group):
    """Expressions of faces, one picture at a time or as a stream."""

    model: str = Field(
        default="emotions",
        description="Name of the network that reads expressions; its latest version is used.",
    )
    model_path: Path | None = Field(
        default=None,
        description="ONNX file that the node puts on the shelf under that name when it starts, once; a "
        "description of it may lie beside it as `NAME.json`.",
    )
    allow: tuple[Literal["mood", "statistics"], ...] = Field(
        default=(),
        description="What who says nothing of consent is taken to allow; nothing is answers only. For shops "
        "that have asked already, such as the operators of older clients.",
    )
    keep_days: float = Field(default=30.0, gt=0, le=3650, description="How long labels are kept.")
    max_predictions: int = Field(
        default=5_000_000, ge=1, description="Most labels that are kept; beyond, the first to come go."
    )
    max_streams: int = Field(
        default=4_000, ge=1, description="Streams that are open at once; more are closed with 1013."
    )
    max_in_flight: int = Field(
        default=8, ge=1, description="Requests of one stream that are answered at once; more are refused."
    )
    guests: bool = Field(
        default=False,
        description="Whether shoppers, who show no token, may open streams on a locked node.",
    )
    guest_messages_per_second: float = Field(
        default=30.0, gt=0, description="Messages that are read of all guests of one address together."
    )
    max_message_kib: int = Field(
        default=8192, ge=1, description="Largest message of a stream, in KiB; a larger one is refused."
    )
    messages_per_second: float = Field(
        default=1_000.0, gt=0, description="Messages of one stream that are read; a faster sender waits."
    )


class CatalogSettings(Group):
    """Products and their pictures."""

    max_picture_mib: int = Field(default=16, ge=1, description="Largest file of a product's picture, in MiB.")
    max_pixels: int = Field(
        default=50_000_000,
        ge=1,
        description="Largest picture of a product, in pixels; checked before decoding.",
    )
    max_pictures: int = Field(default=12, ge=0, description="Most pictures of a product.")
    demo_products: int = Field(
        default=300,
        ge=0,
        le=300,
        description="Products of the demo fair that `feria up` brings where nothing is sold yet; 0 brings "
        "none.",
    )


class SearchSettings(Group):
    """Finding products by words and by pictures."""

    synonyms: Path | None = Field(
        default=None,
        description="Text file with words that shoppers use for one thing, a line for each, between commas; "
        "beside those that come with feria.",
    )
    model: str = Field(
        default="products",
        description="Name of the network that sees pictures; its latest version is used, with its labels and "
        "its embedding.",
    )
    labels: Path | None = Field(
        default=None,
        description="JSON file from that network's labels to category paths, such as "
        '`{"boot": "footwear/boots"}`; unset is the map of the network that comes with feria.',
    )
    exact_up_to: int = Field(
        default=100_000,
        ge=1,
        description="Pictures up to which every vector is looked at; beyond, a graph of neighbours is built.",
    )


class RecommendationSettings(Group):
    """What shoppers may like, from events that they agreed to."""

    model: str = Field(
        default="shop_ranker",
        description="Name of the model that orders products for a shopper, used as soon as the shelf has it; "
        "a rule orders them before.",
    )
    keep_days: float = Field(
        default=180.0, gt=0, le=3650, description="How long a shopper's events are kept."
    )
    max_events: int = Field(
        default=1_000_000, ge=1, description="Most events that are kept; beyond, the first to come go."
    )
    events_per_minute: float = Field(
        default=600.0, gt=0, description="Events that an address without a token may send, sustained."
    )
    secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Key of the hashes that shoppers are kept under; unset, a random one in the home. Nodes "
        "that share a database need the same.",
    )


class ChatSettings(Group):
    """Conversations: shoppers with the shop and with each other."""

    guests: bool = Field(default=True, description="Whether people without a token may come in.")
    mensaje: bool = Field(
        default=True, description="Pass on to everybody what clients of the older chat send; it is not kept."
    )
    max_text: int = Field(default=4000, ge=1, le=16_000, description="Longest message, in characters.")
    messages_per_second: float = Field(
        default=5.0,
        gt=0,
        description="Messages that one person may send, sustained; four seconds' worth at once.",
    )
    room_messages_per_second: float = Field(
        default=200.0, gt=0, description="Messages that one room takes, from everybody together."
    )
    slow_reader_kib: int = Field(
        default=1024,
        ge=64,
        description="What may wait for somebody who reads slowly, in KiB, before they are cut off.",
    )
    keep_days: float = Field(default=365.0, gt=0, le=36_500, description="How long messages are kept.")
    words: Path | None = Field(
        default=None, description="Text file with words that nobody is to use, one a line."
    )


class FederationSettings(Group):
    """Clients that train together."""

    parallel: int = Field(default=2, ge=1, description="Jobs that run at once; others wait their turn.")
    offline_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Time without a sign of life after which a client that is asked something is offline.",
    )
    slow_seconds: float = Field(
        default=30.0, gt=0, description="Time in answering after which a client is slow: a straggler."
    )
    resume: bool = Field(default=True, description="Go on with the jobs that an earlier run left unfinished.")
    apps: bool = Field(
        default=False,
        description="Whether who administers the node may register Flower apps: programs that run on it with "
        "all its rights.",
    )


class SuperLinkSettings(Group):
    """Where stores on other machines come in to train together: Flower's SuperLink."""

    enabled: bool = Field(
        default=False,
        description="Take in stores: run a SuperLink with this node, or use the one at the address below.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the SuperLink listens on.")
    port: int = Field(default=9092, ge=1, le=65535, description="Its port, for stores, TLS always.")
    names: tuple[str, ...] = Field(
        default=(),
        description='Host names and addresses by which stores call it, as `["hub.example"]`; invitations '
        "say the first. Unset is the host.",
    )
    hub_url: str | None = Field(
        default=None,
        description="Where stores redeem invitations, as `https://hub.example:8000`; unset is this node's "
        "own door.",
    )
    hub_ca: Path | None = Field(
        default=None,
        description="Certificates, PEM, by which stores know who answers there; unset are those of "
        "FERIA_WEB__TLS_CERTIFICATE.",
    )
    address: str | None = Field(
        default=None, description="`host:port` of a SuperLink that runs already, to use that one."
    )
    ca: Path | None = Field(default=None, description="Certificate, PEM, by which that one is known.")
    secret: SecretStr | None = Field(
        default=None,
        description="What it asks of who steers it, shown as a bearer token; trainings there sign with it.",
    )

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        if len({self.address is None, self.ca is None, self.secret is None}) > 1:
            raise ValueError("`address`, `ca` and `secret` go together: a SuperLink, and how both are known")
        return self


class ClusterSettings(Group):
    """Nodes that hold the same rows and keep an eye on each other."""

    id: str = Field(
        default="feria",
        min_length=1,
        max_length=64,
        description="Name of the cluster; nodes that say another one are turned away.",
    )
    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of this node in it, of which there is one; unset is made up once and kept in the "
        "home.",
    )
    host: str | None = Field(
        default=None,
        description="Address to listen on for other nodes; unset is that of FERIA_WEB__HOST.",
    )
    gossip_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port for other nodes, 0 for a free one; unset is a node that stays alone.",
    )
    advertise: str | None = Field(
        default=None,
        description="`host:port` by which other nodes reach this one; unset is what it listens on.",
    )
    join: tuple[str, ...] = Field(
        default=(),
        description='Some nodes that are in the cluster, as `["shop-1.example:7001"]`; a few will do, and '
        "this node may be among them.",
    )
    key_file: Path | None = Field(
        default=None,
        description="File with the cluster's key, which `feria cluster key new` makes; every node has it.",
    )
    certificate: Path | None = Field(
        default=None, description="This node's certificate among the nodes, PEM; turns TLS on between them."
    )
    certificate_key: Path | None = Field(default=None, description="Its private key, PEM.")
    ca: Path | None = Field(
        default=None, description="Certificate, PEM, of the authority that signed those of all nodes."
    )
    insecure: bool = Field(
        default=False,
        description="Speak to nodes on other machines without key or TLS: whoever reaches the port can read "
        "and write all rows.",
    )
    replace: bool = Field(
        default=False,
        description="Take the place of a running node of the same name, which then stops; unset is refused.",
    )
    hold_days: float = Field(
        default=7.0,
        gt=0,
        description="How long deletions are remembered for a member that is silent; then it is expelled, and "
        "takes the others' state when it is back.",
    )
    queue_mib: int = Field(
        default=8, ge=1, description="Bytes that may wait for one slow node, in MiB; more are dropped."
    )
    max_value_mib: int = Field(default=100, ge=1, description="Largest value of a key, in MiB.")
    keep_chunks: Literal["all", "some", "on_demand"] = Field(
        default="all",
        description="Which values above 64 KiB this node fetches before anybody asks: all, the share that "
        "keeps three copies in the cluster, or none.",
    )

    keep_models: Literal["all", "some", "on_demand"] = Field(
        default="all",
        description="Which model files this node fetches before anybody asks: all, the share that keeps "
        "`model_copies` in the cluster, or none. What is asked for is fetched in any case.",
    )
    place_tasks: bool = Field(
        default=True,
        description="Have trainings and predictions that are queued done by whichever node has room, and by "
        "another when one dies. Not with a broker, nor with a database that nodes share.",
    )
    takeover_seconds: float = Field(
        default=5.0,
        ge=0,
        description="How long a node must have been dead until others go on with its tasks.",
    )
    model_copies: int = Field(
        default=3, ge=1, description="Nodes that hold each model's file where `keep_models` is `some`."
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if len({self.certificate is None, self.certificate_key is None, self.ca is None}) > 1:
            raise ValueError("`certificate`, `certificate_key` and `ca` go together")
        return self


class VisionaiNames(PydanticBaseSettingsSource):
    """The names that a `.env` of the visionai contract has. It is known by its `MODEL_PATH`: without that the
    others, such as `HOST`, may be any program's, and say nothing here."""

    def __init__(self, settings: type[BaseSettings], file: DotEnvSettingsSource) -> None:
        super().__init__(settings)
        self._said = file.env_vars

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False  # all at once, below

    def __call__(self) -> dict[str, Any]:
        said = {name.upper(): value for name, value in self._said.items() if value}
        if "MODEL_PATH" not in said:
            return {}
        debug = said.get("DEBUG", "").lower() in {"1", "true", "yes", "on"}
        groups: dict[str, dict[str, str | None]] = {
            "emotions": {"model_path": said["MODEL_PATH"]},
            "storage": {"url": said.get("DATABASE_URL")},
            "web": {"host": said.get("HOST"), "port": said.get("PORT")},
            "telemetry": {"log_level": "debug" if debug else None},
        }
        return {
            group: {name: value for name, value in values.items() if value is not None}
            for group, values in groups.items()
        }


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
    access: AccessSettings = AccessSettings()
    workers: WorkerSettings = WorkerSettings()
    tasks: TaskSettings = TaskSettings()
    events: EventSettings = EventSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    registry: RegistrySettings = RegistrySettings()
    learning: LearningSettings = LearningSettings()
    inference: InferenceSettings = InferenceSettings()
    faces: FaceSettings = FaceSettings()
    emotions: EmotionSettings = EmotionSettings()
    catalog: CatalogSettings = CatalogSettings()
    search: SearchSettings = SearchSettings()
    recommendations: RecommendationSettings = RecommendationSettings()
    chat: ChatSettings = ChatSettings()
    federation: FederationSettings = FederationSettings()
    superlink: SuperLinkSettings = SuperLinkSettings()
    cluster: ClusterSettings = ClusterSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        contract = VisionaiNames(settings_cls, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, file_secret_settings, contract
