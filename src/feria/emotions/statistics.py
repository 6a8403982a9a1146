"""How often each expression was seen, of those who allowed that it be counted."""

from datetime import datetime, timedelta

from feria.emotions.log import PredictionLog
from feria.emotions.wire import Counted, EmotionStatistics, Span
from feria.errors import Invalid

MOST_SPANS = 2_000


async def counted(
    log: PredictionLog, since: datetime, until: datetime, step_minutes: int
) -> EmotionStatistics:
    """Counts and shares, in all and by steps. Raises `Invalid` for a time that ends before it begins, or has
    too many steps."""
    if until <= since:
        raise Invalid("`until` must lie after `since`.")
    if (until - since) / timedelta(minutes=step_minutes) > MOST_SPANS:
        raise Invalid(f"That is more than {MOST_SPANS:,} steps; take longer ones, or less time.")
    known = await log.emotions()
    names = {id: name for id, name, _ in known}
    steps: dict[int, dict[str, int]] = {}
    for minute, id, count in await log.counts(since, until, step_minutes):
        steps.setdefault(minute, {})[names[id]] = count
    totals = {name: sum(step.get(name, 0) for step in steps.values()) for name in names.values()}
    total = sum(totals.values())
    return EmotionStatistics(
        since=since,
        until=until,
        step_minutes=step_minutes,
        total=total,
        classes=tuple(
            Counted(
                id=id,
                name=name,
                description=said,
                count=totals[name],
                share=round(totals[name] / total, 6) if total else 0.0,
            )
            for id, name, said in known
        ),
        spans=tuple(
            _span(datetime.fromtimestamp(minute * 60, since.tzinfo), step) for minute, step in steps.items()
        ),
    )


def _span(start: datetime, counts: dict[str, int]) -> Span:
    total = sum(counts.values())
    shares = {name: round(count / total, 6) for name, count in counts.items()}
    return Span(start=start, total=total, counts=counts, shares=shares)
