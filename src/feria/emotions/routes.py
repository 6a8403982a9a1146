"""Expressions over HTTP: one picture, a session's mood, and what was counted."""

import time
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime

from feria.access.needs import needs
from feria.access.wire import Permission
from feria.emotions.emotions import Emotions
from feria.emotions.expressions import Seen
from feria.emotions.wire import (
    SESSION,
    Allow,
    Box,
    EmotionStatistics,
    Expression,
    Expressions,
    Forgotten,
    Mood,
)
from feria.errors import Invalid, NotAnImage, NotFound
from feria.inference.pictures import pictures_in_json
from feria.web.parts import Part
from feria.web.streams import unless_gone

router = APIRouter(tags=["emotions"])

STEPS = {"minute": 1, "hour": 60, "day": 1440}
_REQUEST = {
    "required": True,
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {"image": {"type": "string", "description": "Base64, or a `data:` URL."}},
            }
        },
    },
}
Session = Annotated[
    str | None, Query(pattern=SESSION, description="A random text that the sender made and keeps.")
]


@router.post(
    "/v1/emotions",
    dependencies=[needs(Permission.predict)],
    openapi_extra={"requestBody": _REQUEST},
    response_model_exclude_none=True,
)
async def read_expression(
    request: Request,
    emotions: Part[Emotions],
    detect: Annotated[
        bool, Query(description="Look for faces; else the picture is taken to be one, cut out.")
    ] = False,
    allow: Annotated[
        list[Allow] | None,
        Query(description="What may be done with the answer beside giving it; left out, as the node is set."),
    ] = None,
    session: Session = None,
) -> Expressions:
    """What expression a face shows. The picture is not kept; nor is the answer, unless `allow` says so."""
    began = time.perf_counter()
    picture = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        found = pictures_in_json(picture)
        if len(found) != 1:
            raise Invalid(f"One picture is read at a time; these are {len(found)}.")
        picture = found[0]
    if not picture:
        raise NotAnImage("The picture is empty.")
    predictor, seen = await unless_gone(request, emotions.read(picture, detect=detect))
    milliseconds = (time.perf_counter() - began) * 1e3
    allowed = emotions.settings.allow if allow is None else allow
    if Allow.mood in allowed and session is not None:
        emotions.observe(session, seen[0])
    stored = None
    if Allow.statistics in allowed:
        stored = await emotions.store(predictor, seen, milliseconds, session)
    return Expressions(
        faces=tuple(_expression(one) for one in seen),
        model=predictor.name,
        version=predictor.model.version,
        model_version_tag=predictor.tag,
        processing_time_ms=round(milliseconds, 2),
        timestamp=emotions.clock.now(),
        stored=stored,
    )


@router.get("/v1/emotions/mood", dependencies=[needs(Permission.predict)])
async def mood(
    emotions: Part[Emotions], session: Annotated[str, Query(pattern=SESSION, description="Its id.")]
) -> Mood:
    """What a session that allowed it has looked like of late: for who knows its id, and in memory only."""
    found = emotions.mood(session)
    if found is None:
        raise NotFound("No mood of such a session is known: it allowed none, or has been silent for long.")
    return found


@router.delete("/v1/emotions/mood", dependencies=[needs(Permission.predict)])
async def forget(
    emotions: Part[Emotions], session: Annotated[str, Query(pattern=SESSION, description="Its id.")]
) -> Forgotten:
    """Forget a session: its mood, and every label that was kept under its id."""
    return Forgotten(erased=await emotions.erase(session))


@router.get("/v1/emotions/statistics", dependencies=[needs(Permission.watch)])
async def statistics(
    emotions: Part[Emotions],
    since: Annotated[AwareDatetime | None, Query(description="Left out, a day before `until`.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Left out, now.")] = None,
    step: Annotated[Literal["minute", "hour", "day"], Query(description="Of UTC.")] = "hour",
) -> EmotionStatistics:
    """How often each expression was seen and its share, in all and over time, of those who allowed it."""
    end = until or emotions.clock.now() + timedelta(minutes=1)
    return await emotions.statistics(since or end - timedelta(days=1), end, STEPS[step])


def _expression(seen: Seen) -> Expression:
    said: dict[str, Any] = {} if seen.place is None else {"box": Box(**seen.place._asdict())}
    return Expression(
        emotion_name=seen.name,
        confidence=seen.confidence,
        unsure=seen.unsure,
        probabilities=seen.probabilities,
        **said,
    )
