"""The engine of each job by where its clients' rows are: on this node, or at stores."""

from collections.abc import Mapping, Sequence

from feria.errors import Invalid, Unavailable
from feria.federation.clients import OFF
from feria.federation.engine import FederationEngine, Outcome, Running, Tell
from feria.federation.jobs_wire import Client
from feria.federation.orders import JobOrder


class ByPlace:
    """See `FederationEngine` for its promises. A job's clients are all here, or all stores."""

    def __init__(self, here: FederationEngine, stores: FederationEngine | None) -> None:
        self._here = here
        self._stores = stores

    async def check(self, order: JobOrder, clients: Sequence[Client]) -> None:
        engine = self._engine({client.name: client.where == "store" for client in clients})
        await engine.check(order, clients)

    async def run(self, job: Running, tell: Tell) -> Outcome:
        engine = self._engine({client.name: client.node_id is not None for client in job.clients})
        return await engine.run(job, tell)

    def _engine(self, are_stores: Mapping[str, bool]) -> FederationEngine:
        if not any(are_stores.values()):
            return self._here
        store = next(name for name, is_store in are_stores.items() if is_store)
        if not all(are_stores.values()):
            client = next(name for name, is_store in are_stores.items() if not is_store)
            raise Invalid(
                f"The rows of '{client}' are on this node, and '{store}' is a store: a job is with "
                "clients of one kind. Name those it is for."
            )
        if self._stores is None:
            raise Unavailable(f"'{store}' is a store. {OFF}")
        return self._stores
