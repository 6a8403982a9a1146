"""The client that waits for each answer."""

import functools
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from feria.client import calls
from feria.client.exchange import Tries, options, plainly, reader, request, signature
from feria.client.kv import Kv
from feria.errors import FeriaError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    import httpx

P = ParamSpec("P")
A = TypeVar("A")


def _sent(describe: Callable[P, calls.Call[A]]) -> Callable[Concatenate["Client", P], A]:
    @functools.wraps(describe)
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> A:
        return self.send(describe(*args, **kwargs))

    method.__signature__ = signature(describe)  # type: ignore[attr-defined]
    return method


class Client:
    """Speaks to the node at `url`, by default the one FERIA_URL names or http://127.0.0.1:8000.

    `token` is what a locked node asks for, by default FERIA_TOKEN; `ca` a file (PEM) with the authority
    behind the node's certificate, or the certificate itself, where that is a private one (FERIA_CA).
    A busy node is asked again, when it says to, for `patience` seconds in all. Threads may share a
    client. Closing it, or leaving its `with` block, closes its connections.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        ca: "str | Path | ssl.SSLContext | None" = None,
        patience: float = 30.0,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        import httpx

        self._http = httpx.Client(transport=transport, **options(url, token, ca))
        self._patience = patience

    models = _sent(calls.models)
    model = _sent(calls.model)
    versions = _sent(calls.versions)
    publish = _sent(calls.publish)
    deprecate = _sent(calls.deprecate)
    restore = _sent(calls.restore)
    delete = _sent(calls.delete)
    download = _sent(calls.download)
    train = _sent(calls.train)
    predict = _sent(calls.predict)
    classify = _sent(calls.classify)
    train_later = _sent(calls.train_later)
    predict_later = _sent(calls.predict_later)
    classify_later = _sent(calls.classify_later)
    tasks = _sent(calls.tasks)
    task = _sent(calls.task)
    follow = _sent(calls.follow)
    result = _sent(calls.result)
    cancel = _sent(calls.cancel)
    tokens = _sent(calls.tokens)
    create_token = _sent(calls.create_token)
    revoke_token = _sent(calls.revoke_token)
    whoami = _sent(calls.whoami)
    personal_data = _sent(calls.personal_data)
    erase_personal_data = _sent(calls.erase_personal_data)
    products = _sent(calls.products)
    product = _sent(calls.product)
    put_product = _sent(calls.put_product)
    put_products = _sent(calls.put_products)
    remove_product = _sent(calls.remove_product)
    put_pictures = _sent(calls.put_pictures)
    categories = _sent(calls.categories)
    put_category = _sent(calls.put_category)
    remove_category = _sent(calls.remove_category)
    picture = _sent(calls.picture)
    search = _sent(calls.search)
    search_image = _sent(calls.search_image)
    search_image_later = _sent(calls.search_image_later)
    search_vector = _sent(calls.search_vector)
    search_model = _sent(calls.search_model)
    similar = _sent(calls.similar)
    complete = _sent(calls.complete)
    reindex = _sent(calls.reindex)
    tell = _sent(calls.tell)
    chat_messages = _sent(calls.chat_messages)
    chat_rooms = _sent(calls.chat_rooms)
    create_chat_room = _sent(calls.create_chat_room)
    delete_message = _sent(calls.delete_message)
    sanction = _sent(calls.sanction)
    sanctions = _sent(calls.sanctions)
    say = _sent(calls.say)
    search_chat = _sent(calls.search_chat)
    recommendations = _sent(calls.recommendations)
    recommendation_rows = _sent(calls.recommendation_rows)
    read_expression = _sent(calls.read_expression)
    mood = _sent(calls.mood)
    forget_mood = _sent(calls.forget_mood)
    emotion_statistics = _sent(calls.emotion_statistics)
    register_client = _sent(calls.register_client)
    clients = _sent(calls.clients)
    remove_client = _sent(calls.remove_client)
    invite = _sent(calls.invite)
    invitations = _sent(calls.invitations)
    revoke_invitation = _sent(calls.revoke_invitation)
    register_app = _sent(calls.register_app)
    apps = _sent(calls.apps)
    remove_app = _sent(calls.remove_app)
    start_app_job = _sent(calls.start_app_job)
    start_job = _sent(calls.start_job)
    jobs = _sent(calls.jobs)
    job = _sent(calls.job)
    job_clients = _sent(calls.job_clients)
    job_rounds = _sent(calls.job_rounds)
    follow_job = _sent(calls.follow_job)
    stop_job = _sent(calls.stop_job)
    resume_job = _sent(calls.resume_job)
    cluster = _sent(calls.cluster)
    leave_cluster = _sent(calls.leave_cluster)
    ready = _sent(calls.ready)

    @property
    def url(self) -> str:
        return str(self._http.base_url).rstrip("/")

    def send(self, call: calls.Call[A]) -> A:
        """Send one call as often as it takes. Raises the `FeriaError` that the node raised."""
        tries = Tries(call, self._patience)
        while True:
            try:
                return self._once(call)
            except FeriaError as error:
                if call.unless is not None:
                    return call.unless(error)
                pause = tries.pause(error)
            time.sleep(pause)

    def _once(self, call: calls.Call[A]) -> A:
        with ExitStack() as stack:
            stack.enter_context(plainly(self._http.base_url, call))
            answer = stack.enter_context(self._http.stream(**request(call, stack)))
            body = stack.enter_context(closing(reader(call, answer.status_code, answer.headers)))
            body.begin(answer.status_code, answer.headers)
            for piece in answer.iter_bytes():
                body.feed(piece)
            return body.finish()

    def stream(self, call: calls.Call[Any]) -> Generator[bytes]:
        """Send one call once, and yield its answer as it comes. Raises the error that the node raised."""
        with ExitStack() as stack:
            stack.enter_context(plainly(self._http.base_url, call))
            answer = stack.enter_context(self._http.stream(**request(call, stack)))
            if not answer.is_success:
                refusal = stack.enter_context(closing(reader(call, answer.status_code, answer.headers)))
                refusal.feed(answer.read())
                refusal.finish()
            yield from answer.iter_bytes()

    @functools.cached_property
    def kv(self) -> Kv:
        """The keys that every node of the cluster holds."""
        return Kv(self.send, self.stream, self._patience)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
