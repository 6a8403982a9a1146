"""`python -m training.evaluate FILE.onnx DATA`: how good an ONNX classifier of pictures is."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from feria.cli import screen
from feria.errors import FeriaError, Invalid
from training import classes, labelled, report
from training.candidate import Answers, Candidate, Report, Said
from training.labelled import Labelled
from training.verdict import Classified, Data, Model, Retrieved, Verdict, classified, precisions

LABELS_SHOWN = 20
WRONG = 2
EPILOG = """\
DATA is a folder with one folder of pictures per class, or a FER+ .npz: `votes` with their `columns`,
the faces as `x` or as `jpeg` with `offset`. A face counts when a single one of all columns has the most
votes and is one of angry, disgust, fear, happy, neutral, sad, surprise.

A file that feria made says itself what it takes and answers. Of any other the size, the layout and the
number of colours are read from the graph; say the rest:

  python -m training.evaluate products.onnx photos/test --gallery photos/train
  python -m training.evaluate mini_xception.onnx ferplus.npz --mean 127.5 --scale 1/127.5 \\
      --labels angry,disgust,fear,happy,sad,surprise,neutral --json

Exits with 2 when something cannot be judged, and says on stderr why.
"""

Labels = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Naming:
    """What the model's classes are called, and which of them the data's are."""

    labels: tuple[str, ...] | None
    places: Labels
    """Of each class of the data, its label's place; empty where there are no labels."""
    notes: tuple[str, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    said = Said(
        input={
            name: value
            for name in ("mean", "scale", "channels", "fit")
            if (value := getattr(asked, name)) is not None
        },
        labels=asked.labels,
        unsure_below=asked.unsure_below,
    )
    try:
        with screen.progress() as tell:
            verdict = judge(
                asked.model, asked.data, asked.gallery, said, asked.limit, asked.seed, asked.threads, tell
            )
    except FeriaError as error:
        screen.fail(error)
        return WRONG
    except KeyboardInterrupt:
        return 130
    if asked.json:
        screen.say(json.dumps(_plain(verdict), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        report.show(verdict)
    return 0


def judge(
    model: Path,
    data: Path,
    gallery: Path | None,
    said: Said,
    limit: int | None,
    seed: int,
    threads: int,
    tell: Report,
) -> Verdict:
    """Raises a `FeriaError` that says what of it cannot be judged."""
    candidate = Candidate(model, said, threads)
    if gallery is not None and candidate.output.embedding is None:
        raise Invalid(f"{model} has no embedding, so nothing can be looked for in a gallery; leave it out.")
    pictures = labelled.read(data)
    # Looked at before the long work begins: it may be mistyped.
    others = None if gallery is None else labelled.read(gallery)
    naming = _naming(candidate, pictures, retrieval=others is not None)
    if limit is not None:
        pictures = pictures.some(limit, seed)
    answers = candidate.answers(pictures, tell)
    judged = pictures.only(answers.seen)
    found = _classified(candidate, answers, judged, naming)
    notes = list(naming.notes)
    if found is not None and found.softmax_added:
        notes.append("The output is not normalised; its softmax was taken for the probabilities.")
    if others is None:
        notes.append(_why_no_retrieval(candidate))
    return Verdict(
        model=Model(
            file=str(model),
            digest=hashlib.sha256(model.read_bytes()).hexdigest(),
            bytes=model.stat().st_size,
            kind=candidate.kind,
            input=candidate.input,
            labels=naming.labels,
        ),
        data=Data(
            source=str(data),
            pictures=len(judged),
            classes=_occurring(judged),
            left_out=judged.left_out,
            damaged=answers.damaged,
            limit=limit,
            seed=seed,
        ),
        classification=found,
        retrieval=None if others is None else _retrieved(candidate, answers, judged, others, tell),
        latency_ms=candidate.latency(judged, seed, tell),
        notes=tuple(notes),
    )


def _naming(candidate: Candidate, pictures: Labelled, *, retrieval: bool) -> Naming:
    """Raises `Invalid` where the data's classes and the model's do not meet and only they could be judged."""
    nothing = np.array([], np.int64)
    if candidate.output.probabilities is None:
        if retrieval:
            return Naming(None, nothing, ("The model has no output with a column a class: retrieval only.",))
        raise Invalid(
            f"{candidate.path} has an embedding and no output with a column a class; it can be judged by "
            "retrieval: name a --gallery."
        )
    labels = tuple(str(label) for label in candidate.output.labels or ())
    if candidate.labels_are_its_own or set(pictures.classes) <= set(labels):
        return Naming(labels, classes.places(pictures.classes, labels))
    if len(labels) == len(pictures.classes):
        named = ", ".join(pictures.classes[:LABELS_SHOWN])
        return Naming(
            pictures.classes,
            np.arange(len(labels)),
            (f"The file names no labels; its outputs were taken for the data's classes in order: {named}.",),
        )
    without = f"{candidate.path} names no labels, and its {len(labels)} outputs are not as many as "
    without += f"the data's {len(pictures.classes)} classes ({', '.join(pictures.classes[:LABELS_SHOWN])})"
    if retrieval:
        return Naming(None, nothing, (f"{without}: retrieval only.",))
    raise Invalid(f"{without}; name them with --labels.")


def _classified(
    candidate: Candidate, answers: Answers, judged: Labelled, naming: Naming
) -> Classified | None:
    if naming.labels is None or candidate.output.probabilities is None:
        return None
    outputs = answers.outputs[candidate.output.probabilities]
    return classified(outputs, naming.places[judged.truth], naming.labels, candidate.output.unsure_below)


def _retrieved(
    candidate: Candidate, answers: Answers, judged: Labelled, gallery: Labelled, tell: Report
) -> Retrieved:
    assert candidate.output.embedding is not None
    there = candidate.answers(gallery, lambda doing, done: tell(f"gallery, {doing}", done))
    held = gallery.only(there.seen)
    same = judged.source.resolve() == gallery.source.resolve()
    # Both numbers ascend, and each picture that was judged is in the gallery if it is the same set.
    itself = np.searchsorted(held.numbers, judged.numbers) if same else None
    queries, vectors = (one.outputs[candidate.output.embedding] for one in (answers, there))
    names = sorted({classes.canonical(name) for name in (*judged.classes, *held.classes)})
    truth, gallery_truth = (
        np.array([names.index(classes.canonical(name)) for name in one.classes])[one.truth]
        for one in (judged, held)
    )
    return Retrieved(
        gallery=str(gallery.source),
        pictures=len(held),
        damaged=there.damaged,
        dimensions=vectors.shape[1],
        leaves_itself_out=same,
        precision=precisions(queries, vectors, truth, gallery_truth, itself),
    )


def _why_no_retrieval(candidate: Candidate) -> str:
    if candidate.output.embedding is None:
        return "No retrieval: the model has no embedding."
    return "No retrieval: no --gallery was named to look in."


def _occurring(judged: Labelled) -> dict[str, int]:
    counts = np.bincount(judged.truth, minlength=len(judged.classes)).tolist()
    return {name: count for name, count in zip(judged.classes, counts, strict=True) if count}


def _plain(verdict: Verdict) -> dict[str, Any]:
    plain = asdict(verdict)
    plain["model"]["input"] = verdict.model.input.model_dump(mode="json")
    return plain


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description="Judge an ONNX classifier of pictures: accuracy, recall, confusion, calibration, "
        "retrieval, latency.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="FILE.onnx", help="the model")
    parser.add_argument("data", type=Path, metavar="DATA", help="pictures with their classes, see below")
    parser.add_argument(
        "--gallery", type=Path, metavar="DATA", help="pictures among which to look for the nearest"
    )
    parser.add_argument(
        "--limit", type=_count, metavar="N", help="judge N pictures, drawn by chance; all by default"
    )
    parser.add_argument(
        "--seed", type=_seed, default=1, metavar="N", help="of that draw (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=_count,
        default=1,
        metavar="N",
        help="of ONNX Runtime, but for the latency (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    told = parser.add_argument_group("instead of what the file says")
    told.add_argument(
        "--labels", type=_names, metavar="A,B,…", help="the classes, in the order of the output"
    )
    told.add_argument(
        "--mean",
        type=_numbers,
        metavar="N[,N,N]",
        help="networks take (pixel - mean) * scale, pixels 0 to 255",
    )
    told.add_argument("--scale", type=_numbers, metavar="N[,N,N]", help="may be written 1/127.5")
    told.add_argument("--channels", choices=("RGB", "BGR", "GRAY"), help="order of the colours")
    told.add_argument(
        "--fit", choices=("stretch", "crop", "pad"), help="how a picture gets the network's shape"
    )
    told.add_argument(
        "--unsure-below",
        type=_probability,
        metavar="P",
        help="probability of the best class that is too little",
    )
    return parser


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError("it should be 1 or more")
    return count


def _seed(text: str) -> int:
    if (seed := int(text)) < 0:
        raise argparse.ArgumentTypeError("it should be 0 or more")
    return seed


def _probability(text: str) -> float:
    if not 0 <= (probability := float(text)) <= 1:
        raise argparse.ArgumentTypeError("it should be from 0 to 1")
    return probability


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(_number(one) for one in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"'{text}' is no number, nor three with commas between") from None


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    return float(Fraction(above.strip()) / Fraction(below.strip() or 1))


if __name__ == "__main__":
    sys.exit(main())
