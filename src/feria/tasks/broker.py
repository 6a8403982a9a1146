"""Celery on Redis: how workers hear that a node has work.

What goes there is a ticket, the address of a node, and nothing of anybody's data. It is taken back into the
queue where its worker dies (`acks_late`) and thrown away where nothing waits any more. JSON only: nothing
that comes from a broker is unpickled. See https://docs.celeryq.dev/en/stable/userguide/configuration.html.
"""

import contextlib
import hashlib
import hmac
import logging
import threading
from collections.abc import Iterator

from celery import Celery
from kombu.exceptions import KombuError

from feria.errors import Invalid, NotAllowed
from feria.settings import TaskSettings

log = logging.getLogger(__name__)

TICKET = "feria.errand"
"""Name of the task, as Celery calls it."""
VISIBILITY_SECONDS = 3600
"""After which a ticket that nobody has acknowledged comes again; all that it costs is a question."""
ANSWER_SECONDS = 5.0
"""Silence of the broker after which it is held to be away."""
SCHEMES = ("redis://", "rediss://", "redis+socket://")


def celery_app(settings: TaskSettings) -> Celery:
    """Connects on first use. Raises `Invalid` for a broker that is no Redis."""
    url = settings.broker_url or ""
    if not url.startswith(SCHEMES):
        raise Invalid(f"FERIA_TASKS__BROKER_URL is no Redis: it begins with one of {', '.join(SCHEMES)}.")
    app = Celery(
        "feria",
        broker=url if not url.startswith("unix://") else f"redis+socket{url[4:]}",
        set_as_current=False,
    )
    app.conf.update(
        task_default_queue=settings.broker_queue,
        task_ignore_result=True,
        task_acks_late=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,  # who reaches the broker is not to steer workers
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            # Keys of its own on a Redis that others may use too.
            "global_keyprefix": f"{settings.broker_queue}:",
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_connect_timeout": ANSWER_SECONDS,
            "socket_timeout": ANSWER_SECONDS,
            "socket_keepalive": True,
        },
    )
    return app


def sign_ticket(key: bytes, node: str) -> str:
    """Proves that a ticket was put by who has the secret: workers go to no address that others have put."""
    return hmac.new(key, f"ticket\n{node}".encode(), hashlib.sha256).hexdigest()


def check_ticket(key: bytes, node: str, signature: str) -> None:
    """Raises `NotAllowed`."""
    if not hmac.compare_digest(sign_ticket(key, node), signature):
        raise NotAllowed("This ticket is not signed, or not with this worker's secret.")


class CeleryTickets:
    """See `Tickets` for its promises. To publish takes milliseconds, and longer where the broker is away:
    that is a thread's business, never the event loop's."""

    def __init__(self, app: Celery, key: bytes) -> None:
        self._app = app
        self._key = key
        self._node: str | None = None
        self._owed = 0
        self._wake = threading.Condition()
        self._closing = False
        self._away = False

    def put(self, count: int) -> None:
        with self._wake:
            self._owed += count
            self._wake.notify()

    def answers_at(self, node: str) -> None:
        """Workers may come, to that address. Until then tickets wait."""
        with self._wake:
            self._node = node
            self._wake.notify()

    def run(self) -> None:
        """Thread: until `close`."""
        with self._app.producer_pool.acquire(block=True) as producer:
            while True:
                with self._wake:
                    self._wake.wait_for(lambda: self._closing or (self._owed and self._node))
                    if self._closing:
                        return
                    self._owed -= 1
                    ticket = [self._node, sign_ticket(self._key, str(self._node))]
                try:
                    self._app.send_task(TICKET, ticket, producer=producer, retry=False)
                    self._away = False
                except (KombuError, OSError) as error:
                    self._lose(error)

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify()

    def _lose(self, error: Exception) -> None:
        """The desk puts tickets again for what nobody comes for."""
        if not self._away:
            log.error("The broker takes no tickets; workers hear of work again once it does: %s", error)
        with self._wake:
            self._away, self._owed = True, 0


@contextlib.contextmanager
def open_tickets(settings: TaskSettings) -> Iterator[CeleryTickets]:
    app = celery_app(settings)
    assert settings.secret is not None
    tickets = CeleryTickets(app, settings.secret.get_secret_value().encode())
    thread = threading.Thread(target=tickets.run, name="tickets", daemon=True)
    thread.start()
    try:
        yield tickets
    finally:
        tickets.close()
        thread.join(2 * ANSWER_SECONDS)
        app.close()
