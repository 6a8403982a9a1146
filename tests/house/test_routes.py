"""Every route can be reached and is described."""

import re
from itertools import combinations
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from feria.app import HOT, create_api
from feria.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api(Settings()).openapi()


def _routes() -> list[tuple[set[str], APIRoute]]:
    found = [context.original_route for context in iter_route_contexts(create_api(Settings()).routes)]
    return [(route.methods or set(), route) for route in found if isinstance(route, APIRoute)]


def test_no_route_shadows_another() -> None:
    """The first route that matches answers, so none may match all that a later one was made for."""
    routes = _routes()
    assert routes
    shadowed = [
        f"{earlier.path} hides {later.path}"
        for (some, earlier), (others, later) in combinations(routes, 2)
        if some & others and earlier.path_regex.match(re.sub(r"\{\w+(:\w+)?\}", "1", later.path))
    ]
    assert shadowed == []


def test_no_route_hides_behind_a_hot_one() -> None:
    behind = [
        route.path
        for methods, route in _routes()
        for hot in HOT
        if hot.named_in(re.sub(r"\{\w+(:\w+)?\}", "1", route.path)) is not None
    ]
    assert behind == []


def test_every_route_is_described(document: dict[str, Any]) -> None:
    silent = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, route in methods.items()
        if not (route.get("description") or route.get("summary")) or not route.get("operationId")
    ]
    assert silent == []


def test_the_description_refers_to_nothing_that_it_lacks(document: dict[str, Any]) -> None:
    wanted = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert wanted - set(document["components"]["schemas"]) == set()
