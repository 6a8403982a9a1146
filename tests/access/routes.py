"""All routes of an application, and what each says it takes."""

from dataclasses import dataclass

from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.routing import BaseRoute, Mount, Route

from feria.access.wire import Permission
from feria.app import HOT, create_api
from feria.cluster.kv import routes as kv
from feria.inference import routes as inference
from feria.settings import Settings


@dataclass(frozen=True, order=True)
class Stated:
    path: str
    method: str
    needs: Permission | None

    @property
    def said(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> list[Stated]:
    """Every one that the framework knows; the hot ones say what they need by refusing only."""
    api = create_api(Settings(_env_file=None))
    found = [one for context in iter_route_contexts(api.routes) for one in _stated(context.original_route)]
    return sorted(found)


def hot_routes() -> dict[str, Permission]:
    needs = {
        inference.ROUTE: Permission.predict,
        **dict.fromkeys(kv.READING, Permission.watch),
        **dict.fromkeys(kv.WRITING, Permission.keys),
    }
    assert set(needs) == set(HOT)
    return {f"{bare.method} {bare.path}": permission for bare, permission in needs.items()}


def _stated(route: BaseRoute) -> list[Stated]:
    match route:
        case APIRoute() | APIWebSocketRoute():
            methods = route.methods if isinstance(route, APIRoute) else {"WS"}
            asked = {getattr(one.dependency, "permission", None) for one in route.dependencies} - {None}
            assert len(asked) <= 1, f"{route.path} needs more than one thing"
            path = route.path.replace(":path}", "}")  # as the API is described
            return [Stated(path, method, next(iter(asked), None)) for method in methods or ()]
        case Mount():
            return [Stated(f"{route.path}/…", "GET", None)]
        case Route():
            return [Stated(route.path, "GET", None)]
    raise AssertionError(f"A kind of route that no test knows: {route!r}")
