"""A job of a hub, whose clients are stores."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from feria.clock import SystemClock
from feria.errors import FeriaError
from feria.federation.engine import MODEL
from feria.federation.federate import federate
from feria.federation.orders import TrainingJob
from feria.federation.watch import PassingGrid

app = ServerApp()


class Showing(PassingGrid):
    """Shows the stores the job's order, and writes down how long exchanges took and what errors came."""

    def __init__(self, grid: Grid, order: str, folder: Path) -> None:
        super().__init__(grid)
        self._order = order
        self._folder = folder

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        messages = list(messages)
        for message in messages:
            message.content.config_records["config"]["job"] = self._order
        return super().push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        replies = list(super().pull_messages(message_ids))
        for reply in replies:
            if reply.has_error():
                with (self._folder / "errors").open("a") as file:
                    file.write(f"{reply.error.code} {reply.error.reason}\n")
        return replies

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        began = time.monotonic()
        waiting, replies = set(self.push_messages(messages)), []
        while waiting and time.monotonic() - began < (timeout or 60):
            came = list(self.pull_messages(waiting))
            replies += came
            waiting -= {reply.metadata.reply_to_message_id for reply in came}
            time.sleep(0.02)
        return replies


@app.main()
def main(grid: Grid, context: Context) -> None:
    order = TrainingJob.model_validate_json(str(context.run_config["order"]))
    folder = Path(str(context.run_config["folder"]))
    stores = [node.name for node in grid.get_nodes() if node.status == "online"]
    began = time.monotonic()

    def tell(event: object) -> None:
        with (folder / "told").open("a") as file:
            file.write(f"{time.monotonic() - began:.2f} {event}\n")

    try:
        made = federate(
            order,
            Showing(grid, order.model_dump_json(), folder),
            samples=dict.fromkeys(stores, int(str(context.run_config["rows"]))),
            folder=folder,
            clock=SystemClock(),
            tell=tell,
            stop=threading.Event(),
        )
    except FeriaError as error:
        (folder / "failed").write_text(error.message)
        raise
    (folder / MODEL).write_bytes(made.file)
