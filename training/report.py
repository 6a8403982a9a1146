"""A verdict as people read it."""

from rich.table import Table

from feria.cli import screen
from training.verdict import Classified, Retrieved, Verdict

SHORTEST = 3


def show(verdict: Verdict) -> None:
    """On stdout."""
    screen.show(_summary(verdict))
    if verdict.classification is not None:
        screen.say("")
        screen.show(_confusion(verdict.classification))
    for note in verdict.notes:
        screen.say("")
        screen.say(note)


def _summary(verdict: Verdict) -> Table:
    model, data, latency = verdict.model, verdict.data, verdict.latency_ms
    table = screen.table("", "", right=())
    table.show_header = False
    table.add_row("model", f"{model.file}, {model.kind}, {model.bytes / 1e6:.2f} MB, {_shape(verdict)}")
    table.add_row("data", f"{data.source}, {data.pictures:,} pictures of {len(data.classes)} classes")
    if data.left_out:
        table.add_row("", f"{data.left_out:,} faces left out: tied, or most saw none of the seven")
    if data.damaged:
        table.add_row("", f"{len(data.damaged):,} damaged left out, such as {data.damaged[0]}")
    if verdict.classification is not None:
        _add_classified(table, verdict.classification)
    if verdict.retrieval is not None:
        _add_retrieved(table, verdict.retrieval)
    alone, whole = latency.network, latency.whole
    table.add_row("network", f"{alone.p50:.2f} ms, p99 {alone.p99:.2f} ms; one picture, one thread")
    table.add_row("with decoding", f"{whole.p50:.2f} ms, p99 {whole.p99:.2f} ms")
    return table


def _add_classified(table: Table, found: Classified) -> None:
    table.add_row("accuracy", f"{found.accuracy:.4f}")
    table.add_row("macro recall", f"{found.macro_recall:.4f}")
    if found.among is not None:
        within = f"among the {found.among.classes} classes that occur"
        table.add_row("accuracy", f"{found.among.accuracy:.4f} {within}")
        table.add_row("macro recall", f"{found.among.macro_recall:.4f} {within}")
    table.add_row("calibration error", f"{found.calibration_error:.4f}")
    if found.unsure is not None:
        rest = "none" if found.unsure.accuracy is None else f"{found.unsure.accuracy:.4f}"
        said = f"{found.unsure.share:.1%} of the pictures (best below {found.unsure.below:.3g})"
        table.add_row("unsure", f"{said}; accuracy on the rest {rest}")


def _add_retrieved(table: Table, found: Retrieved) -> None:
    for k, precision in found.precision.items():
        said = "the gallery is too small" if precision is None else f"{precision:.4f}"
        table.add_row(f"nearest, P@{k}", said)
    itself = "; no picture is its own neighbour" if found.leaves_itself_out else ""
    table.add_row(
        "", f"in {found.gallery}, {found.pictures:,} pictures, {found.dimensions} dimensions{itself}"
    )
    if found.damaged:
        table.add_row("", f"{len(found.damaged):,} damaged left out, such as {found.damaged[0]}")


def _confusion(found: Classified) -> Table:
    """A row for each true class; the columns carry the shortest beginnings that still tell them apart."""
    labels = found.confusion.labels
    columns = [*_short(labels), *(["else"] if any(found.confusion.elsewhere) else [])]
    table = screen.table("is ↓  taken for →")
    for column in (*columns, "recall"):
        table.add_column(column, justify="right", no_wrap=True)
    for label, row, elsewhere in zip(labels, found.confusion.counts, found.confusion.elsewhere, strict=True):
        cells = [str(count or "·") for count in row]
        if len(columns) > len(labels):
            cells.append(str(elsewhere or "·"))
        table.add_row(label, *cells, f"{found.recall[label]:.3f}")
    return table


def _short(labels: tuple[str, ...]) -> list[str]:
    def length(label: str) -> int:
        others = [other for other in labels if other != label]
        longest = range(SHORTEST, len(label))
        return next((n for n in longest if all(other[:n] != label[:n] for other in others)), len(label))

    return [label[: length(label)] for label in labels]


def _shape(verdict: Verdict) -> str:
    input = verdict.model.input
    return f"{input.channels} {input.width} × {input.height}"
