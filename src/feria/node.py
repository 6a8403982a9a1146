"""The composition root: the only module that names implementations."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import feria
from feria.access.exposure import is_locked
from feria.access.keeper import Keeper
from feria.access.privacy import Privacy
from feria.access.sessions import Sessions
from feria.access.tokens import Tokens
from feria.catalog.catalog import Catalog
from feria.catalog.pictures import Pictures
from feria.chat.chat import Chat, open_chat
from feria.chat.connections import Sockets
from feria.chat.guard import open_sockets
from feria.clock import Clock, SystemClock
from feria.cluster.chunks import Chunks
from feria.cluster.files import Files
from feria.cluster.gossip_map import GossipMap
from feria.cluster.health import Usage
from feria.cluster.holdings import Holdings
from feria.cluster.maps import LocalMap, ReplicatedMap
from feria.cluster.member import Member, open_member
from feria.cluster.placement.queue import PlacedQueue, open_placed_queue
from feria.cluster.store import Store
from feria.cluster.telling import tell
from feria.emotions.emotions import Emotions, open_emotions
from feria.errors import FeriaError, Unavailable
from feria.events.bus import EventBus
from feria.events.process import ProcessBus
from feria.faces.finder import Faces, open_faces
from feria.federation.apps import Apps
from feria.federation.by_place import ByPlace
from feria.federation.clients import Clients
from feria.federation.embedded import EmbeddedEngine
from feria.federation.engine import FederationEngine
from feria.federation.jobs import Jobs, open_jobs
from feria.inference import tasks as inference
from feria.inference.engine import Engine, open_engine
from feria.learning import tasks as learning
from feria.learning.trainer import Trainer, open_trainer
from feria.migrations import schema
from feria.recommendations.pseudonyms import open_pseudonyms
from feria.recommendations.recommender import Recommender, open_recommender
from feria.registry.moving import move_rows
from feria.registry.shelf import Registry, Subscriber
from feria.registry.shipped import FOLDER, put_shipped
from feria.registry.travel import Travel, open_travel
from feria.registry.wire import State
from feria.search import picture_tasks
from feria.search import tasks as search
from feria.search.labels import Labels, read_labels
from feria.search.picture_indexer import open_picture_indexer
from feria.search.pictures import PictureSearch
from feria.search.text import TextSearch, open_text_search
from feria.search.vectors import Vectors
from feria.settings import EventSettings, Settings, TaskSettings, TelemetrySettings
from feria.storage.blobs import Blobs, disk_errors, open_blobs
from feria.storage.database import Database, open_database
from feria.superlink.attempts import Attempts
from feria.superlink.engine import SuperLinkEngine
from feria.superlink.invitations import Invitations
from feria.tasks.desk import Desk, NoTickets, Tickets, open_desk
from feria.tasks.embedded import EmbeddedQueue, open_embedded_queue
from feria.tasks.files import TaskFiles
from feria.tasks.processes import Processes, open_processes
from feria.tasks.queue import TaskQueue
from feria.tasks.sharing import sharing
from feria.telemetry.lag import measuring_lag
from feria.telemetry.metrics import Metrics
from feria.web.draining import Draining

if TYPE_CHECKING:
    from feria.superlink.hub import Hub
    from feria.telemetry.traces import Traces

log = logging.getLogger(__name__)

COLLECT_EVERY = 600.0
"""Seconds between two looks for files that no row names."""

PLACED = (inference.KIND, learning.KIND)
"""Tasks that any member of a cluster may do: what they read is on the shelf or in their order, and what they
make is on the shelf. The others work on this node's own catalogue."""

PROCESS_MODULES = (
    "feria.registry.inspection",
    "feria.learning.training",
    "onnxruntime",
    "feria.drawings.files",
)


@dataclass(frozen=True, slots=True)
class Node:
    """What is running. `parts` holds each part under the type that routes ask for."""

    settings: Settings
    parts: dict[type, Any] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def open_node(settings: Settings) -> AsyncGenerator[Node]:
    """A running node; all of it is closed again, in turn, when the block ends."""
    home = settings.home
    with disk_errors():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        clock = SystemClock()
        metrics = Metrics()
        bus = await stack.enter_async_context(_open_bus(settings.events))
        metrics.counter("feria_events_missed", "Events that listeners were too slow for.", lambda: bus.missed)
        database = await stack.enter_async_context(open_database(settings.storage, home))
        await schema.prepare(database, migrate=settings.storage.migrate_on_start)
        tokens = Tokens(database, clock, locked=is_locked(settings))
        sessions = Sessions(database, tokens, clock, hours=settings.access.session_hours)
        blobs = await stack.enter_async_context(open_blobs(home))
        processes = await stack.enter_async_context(open_processes(settings.workers, PROCESS_MODULES))
        grace = settings.storage.orphan_grace_seconds
        usage = Usage()
        member = await stack.enter_async_context(
            open_member(
                settings.cluster,
                home,
                clock,
                host=settings.web.host,
                in_use=usage,
                grace_seconds=grace,
            )
        )
        tell(metrics, member)
        rows = await _moved(
            LocalMap(database, clock), GossipMap(member.store, member.chunks), blobs, settings
        )
        files = Files(blobs, home / "coming", member.chunks.pieces)
        holdings = Holdings(rows, member.id)
        travel = await stack.enter_async_context(open_travel(files, holdings, member, settings.cluster))
        registry = Registry(rows, blobs, processes, settings.registry, clock, travel)
        engine = await stack.enter_async_context(open_engine(registry, settings.inference, metrics))
        faces = await stack.enter_async_context(open_faces(registry, processes, settings.faces))
        registry.subscribe(_announcing(registry, bus))
        secret = settings.recommendations.secret
        pseudonyms = await asyncio.to_thread(
            open_pseudonyms, None if secret is None else secret.get_secret_value(), home
        )
        emotions = await stack.enter_async_context(
            open_emotions(
                engine,
                registry,
                faces,
                processes,
                database,
                bus,
                pseudonyms.of_shopper,
                clock,
                metrics,
                settings.emotions,
                settings.inference,
            )
        )
        trainer = await stack.enter_async_context(
            open_trainer(processes, registry, settings.learning, home / "scratch")
        )
        pictures = Pictures(database, blobs, settings.catalog)
        catalog = Catalog(database, pictures, clock)
        keeper = Keeper(tokens, sessions, settings.access, clock)
        shared = settings.events.url is not None
        chat = await stack.enter_async_context(
            open_chat(database, catalog, bus, clock, settings.chat, shared=shared)
        )
        sockets = await stack.enter_async_context(open_sockets(chat, keeper, bus, clock))
        metrics.gauge(
            "feria_chat_connections", "People connected to the chat.", lambda: len(sockets.connections)
        )
        text_search = await stack.enter_async_context(open_text_search(catalog, settings.search, home))
        metrics.gauge("feria_search_products", "Products in the text index.", lambda: text_search.products)
        picture_indexer = await stack.enter_async_context(
            open_picture_indexer(
                catalog,
                registry,
                engine,
                blobs,
                Vectors(database),
                settings.search,
                home / "index" / "pictures",
                metrics,
            )
        )
        labels = read_labels(settings.search.labels)
        picture_search = PictureSearch(picture_indexer, engine, catalog, labels, text_search.ranked)
        recommender = await stack.enter_async_context(
            open_recommender(
                database,
                catalog,
                engine,
                registry,
                clock,
                settings.recommendations,
                home,
                emotions.shares,
            )
        )
        task_files = TaskFiles(home / "tasks")
        tickets = await stack.enter_async_context(_open_tickets(settings.tasks))
        desk = await stack.enter_async_context(
            open_desk(tickets, clock, task_files, settings.tasks.silent_seconds)
        )
        name = None if database.dialect == "sqlite" else member.id  # SQLite is one node's alone
        tasks: EmbeddedQueue | PlacedQueue
        slots, lanes = None, None
        if _places_tasks(settings) and isinstance(rows, GossipMap):
            tasks, lanes, slots = await stack.enter_async_context(
                open_placed_queue(
                    member, rows, database, bus, metrics, clock, settings.tasks, settings.cluster, task_files
                )
            )
        else:
            tasks = await stack.enter_async_context(
                open_embedded_queue(database, bus, metrics, clock, settings.tasks, task_files, name)
            )
        metrics.gauge("feria_tasks", "Tasks that have not ended.", tasks.counts, "state")
        metrics.gauge("feria_workers", "Celery workers heard of lately.", desk.workers)
        traces = await stack.enter_async_context(_open_traces(settings.telemetry))
        for kind, here, elsewhere in (
            (search.KIND, search.deed(text_search.indexer), None),  # the index is this node's own
            (picture_tasks.KIND, picture_tasks.deed(picture_search), picture_tasks.elsewhere(picture_search)),
            (inference.KIND, inference.deed(engine), inference.elsewhere(registry)),
            (learning.KIND, learning.deed(trainer), learning.elsewhere(trainer)),
        ):
            by_workers = settings.tasks.broker_url is not None and elsewhere is not None
            deed = desk.deed(kind, elsewhere) if by_workers and elsewhere else here
            deed = deed if traces is None else traces.following(kind, deed)
            if lanes is not None and isinstance(tasks, PlacedQueue) and kind in PLACED:
                needs = inference.needs(registry, holdings) if kind == inference.KIND else None
                tasks.place(kind, deed, lanes, needs)
            else:
                tasks.handle(kind, deed, desk if by_workers else None)
        await tasks.resume()
        if slots is not None:
            usage.room = lambda: slots.free
        if isinstance(tasks, EmbeddedQueue):
            await stack.enter_async_context(sharing(database, tasks, name, clock))
        usage.queue, usage.models = lambda: sum(tasks.counts().values()), lambda: engine.held
        federation = settings.federation
        job_processes = await stack.enter_async_context(
            open_processes(
                settings.workers.model_copy(update={"parallel": federation.parallel}),
                PROCESS_MODULES,
                with_children=True,
            )
        )
        hub = await stack.enter_async_context(_open_hub(settings, clock))
        attempts = Attempts()
        federation_engine: FederationEngine = ByPlace(
            EmbeddedEngine(job_processes, settings.learning, home / "flower", settings.workers.parallel),
            None if hub is None else SuperLinkEngine(hub, attempts, processes, clock),
        )
        clients = Clients(database, processes, settings.learning, clock, home / "federation" / "clients", hub)
        await clients.open()
        invitations = Invitations(database, clients, clock, hub)
        apps = Apps(database, processes, clock, federation, home / "federation" / "apps")
        await apps.open()
        jobs = await stack.enter_async_context(
            open_jobs(
                database,
                clients,
                apps,
                registry,
                federation_engine,
                bus,
                clock,
                federation,
                home / "federation" / "jobs",
                name,
            )
        )
        metrics.gauge("feria_jobs", "Federated jobs that have not ended.", jobs.counts, "state")
        await stack.enter_async_context(travel.going_on())
        await stack.enter_async_context(_collecting(blobs, files, registry, catalog, member, grace))
        parts = {
            Settings: settings,
            Clock: clock,
            Metrics: metrics,
            Draining: Draining(),
            EventBus: bus,
            Database: database,
            Tokens: tokens,
            Sessions: sessions,
            Keeper: keeper,
            Privacy: Privacy(
                {
                    "access": tokens,
                    "tasks": tasks,
                    "federation": jobs,
                    "invitations": invitations,
                    "models": registry,
                    "recommendations": recommender,
                    "chat": chat,
                    "emotions": emotions,
                }
            ),
            Blobs: blobs,
            Processes: processes,
            ReplicatedMap: rows,
            Member: member,
            Store: member.store,
            Chunks: member.chunks,
            Holdings: holdings,
            Travel: travel,
            Registry: registry,
            Engine: engine,
            Faces: faces,
            Emotions: emotions,
            Trainer: trainer,
            TaskQueue: tasks,
            TaskFiles: task_files,
            Desk: desk,
            Pictures: pictures,
            Catalog: catalog,
            TextSearch: text_search,
            Labels: labels,
            PictureSearch: picture_search,
            Recommender: recommender,
            Chat: chat,
            Sockets: sockets,
            Clients: clients,
            Invitations: invitations,
            Apps: apps,
            FederationEngine: federation_engine,
            Attempts: attempts,
            Jobs: jobs,
        }
        await stack.enter_async_context(measuring_lag(metrics.lag))
        if settings.registry.shipped:
            await stack.enter_async_context(_putting_shipped(registry))
        if traces is not None:
            parts[type(traces)] = traces
        yield Node(settings, parts)


def _places_tasks(settings: Settings) -> bool:
    """With a broker its workers do them; nodes that share a database answer for each other's by that."""
    cluster = settings.cluster
    alone = cluster.gossip_port is None or not cluster.place_tasks
    return not alone and settings.tasks.broker_url is None and settings.storage.url is None


async def _moved(old: LocalMap, new: GossipMap, blobs: Blobs, settings: Settings) -> ReplicatedMap:
    """Where the shelf's rows are: among those that members share, or, when a full disk lets none be moved
    there, in the database as before. Then they move at a later start."""
    try:
        await move_rows(old, new, blobs, shared=settings.storage.url is not None)
    except FeriaError as error:
        log.error("The shelf stays in the database until the next start: %s", error.message)
        return old
    return new


def _announcing(registry: Registry, bus: EventBus) -> Subscriber:
    """Tell the bus what changed on the shelf, once the engine has followed it."""

    async def announce(name: str) -> None:
        ready = [row.version for row in await registry.versions(name) if row.state is State.ready]
        bus.publish(f"model.{name}", {"name": name, "latest": ready[0] if ready else None})

    return announce


@contextlib.asynccontextmanager
async def _open_traces(settings: TelemetrySettings) -> "AsyncGenerator[Traces | None]":
    if settings.otlp_endpoint is None:
        yield None
        return
    try:
        from feria.telemetry.traces import open_traces
    except ModuleNotFoundError:
        raise Unavailable(
            "FERIA_TELEMETRY__OTLP_ENDPOINT is set, and OpenTelemetry is not there: "
            "pip install 'feria[otel]'."
        ) from None
    async with open_traces(settings.otlp_endpoint, feria.__version__) as traces:
        yield traces


@contextlib.asynccontextmanager
async def _open_tickets(settings: TaskSettings) -> AsyncGenerator[Tickets]:
    if settings.broker_url is None:
        yield NoTickets()
        return
    try:
        from feria.tasks.broker import open_tickets
    except ModuleNotFoundError:
        raise Unavailable(
            "FERIA_TASKS__BROKER_URL is set, and Celery is not there: pip install 'feria[celery]'."
        ) from None
    with open_tickets(settings) as tickets:
        yield tickets


@contextlib.asynccontextmanager
async def _open_bus(settings: EventSettings) -> AsyncGenerator[EventBus]:
    if settings.url is None:
        yield ProcessBus(settings)
        return
    try:
        from feria.events.redis import open_redis_bus
    except ModuleNotFoundError:
        raise Unavailable(
            "FERIA_EVENTS__URL is set, and the package that speaks to Redis is not there: "
            "pip install 'feria[redis]'."
        ) from None
    async with open_redis_bus(settings) as bus:
        yield bus


@contextlib.asynccontextmanager
async def _open_hub(settings: Settings, clock: Clock) -> "AsyncGenerator[Hub | None]":
    if not settings.superlink.enabled:
        yield None
        return
    from feria.superlink.hub import open_hub  # it brings Flower along

    async with open_hub(settings.superlink, settings.web, settings.home / "superlink", clock) as hub:
        yield hub


@contextlib.asynccontextmanager
async def _putting_shipped(registry: Registry, folder: Path = FOLDER) -> AsyncGenerator[None]:
    """Put what came with feria on the shelf, beside all else: nobody waits for it."""
    closing = asyncio.Event()
    putting = asyncio.create_task(put_shipped(registry, folder, closing.is_set))
    try:
        yield
    finally:
        closing.set()  # not cancelled, as below
        await putting


@contextlib.asynccontextmanager
async def _collecting(
    blobs: Blobs, files: Files, registry: Registry, catalog: Catalog, member: Member, grace_seconds: float
) -> AsyncGenerator[None]:
    """Remove files that no row names, now and then, as long as the block lasts. Not while rows are still to
    come: they may name some."""
    closing = asyncio.Event()

    async def collect() -> None:
        while not closing.is_set():
            try:
                if not member.store.bootstrapping:
                    named = await registry.digests()
                    await files.forget_all_but(named)
                    named |= await catalog.picture_digests()
                    await blobs.collect(named, grace_seconds=grace_seconds)
            except FeriaError as error:
                log.warning("Files were not collected: %s", error.message)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), COLLECT_EVERY)

    collecting = asyncio.create_task(collect())
    try:
        yield
    finally:
        # Not cancelled: that might hit it between a statement and its commit.
        closing.set()
        await collecting
