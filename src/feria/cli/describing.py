"""A model, and what was measured on it, for people to read."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.markdown import Markdown
from rich.table import Table

from feria.cli import screen
from feria.registry.wire import ImageInput, Model, TabularInput, TensorInput

MANY = 8
"""More classes than this are not shown one by one."""

MEASURES = {
    "accuracy": "share of rows that are right",
    "baseline": "the same, had it always answered the most frequent class",
    "macro_recall": "share of a class that is found, mean over the classes",
    "auc": "how well it ranks: 0.5 is chance, 1 without fault",
    "log_loss": "how far its probabilities are off; smaller is better",
    "r2": "share of the variance explained; 1 is all",
    "mae": "mean error, in the target's unit",
    "rmse": "root of the mean squared error, in the target's unit",
    "baseline_rmse": "the same, had it always answered the mean",
}


def describe(model: Model, versions: Iterable[Model]) -> None:
    others = [
        f"{one.version}{'' if one.state == 'ready' else f' ({one.state})'}"
        for one in versions
        if one.version != model.version
    ]
    facts = {
        "kind": model.kind,
        "state": f"{model.state} {model.state_reason}".strip(),
        "published": f"{model.published_at.astimezone():%Y-%m-%d %H:%M:%S %Z}",
        "sha256": model.digest,
        "size": f"{model.size:,} bytes",
        "takes": _input(model),
        "answers": _output(model),
        "other versions": ", ".join(others) or "none",
    }
    screen.say(model.reference, style="bold")
    screen.show(_pairs(facts))
    if isinstance(model.input, TabularInput):
        columns = screen.table("column", "kind", "may be empty")
        for column in model.input.columns:
            columns.add_row(column.name, column.kind, "yes" if column.nullable else "no")
        screen.show("", columns)
    measured(model)
    if model.trained_from:
        origin = {
            name: value for name, value in model.trained_from.items() if name not in {"notes", "history"}
        }
        screen.show("", "Trained from", _pairs(origin))
    match model.trained_from.get("history"):
        case [{"round": _}, *_] as rounds:
            screen.show("", _history(rounds))
    if model.card:
        screen.show("", Markdown(model.card))


def measured(model: Model) -> None:
    """What was measured, on how many rows, and which class was taken for which."""
    metrics = model.metrics
    figures = screen.table("measure", "value", "", right=("value",))
    for name, explanation in MEASURES.items():
        if name in metrics:
            figures.add_row(name, _plain(metrics[name]), explanation)
    if figures.row_count:
        unseen, seen = metrics.get("rows_holdout"), metrics.get("rows_train")
        if isinstance(unseen, int) and isinstance(seen, int):
            where = f"Measured on {unseen:,} rows it has not seen; it learned from {seen:,}"
            screen.say(f"\n{where} (seed {metrics.get('seed')}).")
        screen.show("", figures)
    match metrics.get("confusion"):
        case {"labels": list(labels), "counts": list(counts)}:
            screen.show("", *confusion(labels, counts))
    match model.trained_from.get("notes"):
        case list(notes):
            for one in notes:
                screen.note(str(one))


def confusion(labels: list[Any], counts: list[Any]) -> list[Any]:
    """A row for each true class and a column for each predicted one; of many classes the worst mistakes."""
    names = [str(label) for label in labels]
    if len(names) <= MANY:
        table = screen.table("truth ↓ predicted →", *names, right=tuple(names))
        for name, row in zip(names, counts, strict=True):
            table.add_row(name, *(f"{count:,}" for count in row))
        return [table]
    mistakes = [
        (count, names[truth], names[taken])
        for truth, row in enumerate(counts)
        for taken, count in enumerate(row)
        if count and truth != taken
    ]
    table = screen.table("truth", "predicted", "rows", right=("rows",))
    for count, truth, taken in sorted(mistakes, reverse=True)[:MANY]:
        table.add_row(truth, taken, f"{count:,}")
    return ["Most often taken for another:" if mistakes else "No row was taken for another class.", table]


def _history(rounds: list[Any]) -> Table:
    """How each round of a federated training ended."""
    names = list(rounds[-1])
    table = screen.table(*names, right=tuple(names))
    for one in rounds:
        table.add_row(*(_plain(one.get(name)) for name in names))
    return table


def _pairs(facts: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(f"  {name}", _plain(value))
    return table


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return (
                f"{value:.4f}".rstrip("0").rstrip(".")
                if abs(value) >= 0.001 or value == 0
                else f"{value:.3g}"
            )
        case None:
            return "–"
        case dict():
            return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
        case [{"name": _}, *_]:
            names = [str(one["name"]) for one in value]
            more = f" and {len(names) - MANY:,} more" if len(names) > MANY else ""
            return f"{len(names):,}: {', '.join(names[:MANY])}{more}"
        case list() | tuple():
            return f"[{', '.join(_plain(inner) for inner in value)}]"
        case _:
            return str(value)


def _input(model: Model) -> str:
    match model.input:
        case TabularInput(columns=columns):
            return f"rows of {len(columns)} columns"
        case ImageInput() as wanted:
            prepared = f"(pixel - {_plain(wanted.mean)}) × {_plain(wanted.scale)}"
            size = f"{wanted.width}×{wanted.height}"
            return f"pictures, {size} {wanted.channels} {wanted.layout}, {wanted.fit}, {prepared}"
        case TensorInput(tensors=tensors):
            return ", ".join(f"{name} {kind} {list(shape)}" for name, (kind, shape) in tensors.items())


def _output(model: Model) -> str:
    labels = model.output.labels
    if labels is None:
        return model.output.task
    named = " · ".join(str(label) for label in labels[:MANY])
    more = f" · and {len(labels) - MANY} more" if len(labels) > MANY else ""
    limit = model.output.unsure_below
    unsure = "" if limit is None else f"; unsure below {limit:.0%}"
    return f"{model.output.task}, {len(labels)} classes: {named}{more}{unsure}"
