"""Train the network that knows products and finds similar ones, and write the files that ship.

    python -m training.products               an hour on two cores that know bfloat16
    python -m training.products --epochs 2    to see that it runs

It can be stopped and started again: it goes on from its last checkpoint.
"""

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from onnx import ModelProto
from torch import Generator, Tensor, nn
from torch.nn import functional

from feria.drawings.kinds import KINDS
from feria.registry.wire import FileMetadata, ImageInput, ModelOutput
from training import calibration, drawn, export, measures, photos, shipping, teachers
from training.augment import Strength, augmented, mixed, reduced
from training.loop import Loss, Plan, Training, Validate
from training.networks import Residual, Shape, device, parameters
from training.photos import CLOTHING, Part, Photo, Photos
from training.teachers import Teacher

DATA = Path("../shared/data")
SIDE, TEACHERS_SIDE = 96, 128
"""The pictures are augmented at the teacher's size and then reduced, so that both see the same."""
STAGES = ((24, 1), (48, 2), (96, 2), (192, 1))
EMBEDDING = 256
EPOCHS = 60
PLAN = Plan(epochs=EPOCHS, batch=128, sides=((0.6, 64), (0.4, 96)))
DROPOUT = 0.1
MEAN, SCALE = 127.5, 1 / 64
SHOWN = 8
"""One in so many of the photos shows the quantiser what flows between the layers."""
SMOOTHING = 0.1
"""Szegedy et al., CVPR 2016."""
TEACHING = 3.0
"""Weight of seeing as the teacher sees, beside saying what it is."""
BELIEVED = 0.6
"""How much of what is to be said is the teacher's word; the rest is the label's."""
CLOTHES = 2.0
"""How much oftener a piece of clothing is drawn than a grocery."""
PHONE = Strength(
    degrees=15, smallest=0.75, largest=1.25, aspect=0.15, shift=0.08, brightness=0.3, contrast=0.3, gamma=0.2,
    cast=0.12, saturation=0.4, noise=0.02, blurred=0.1, hidden=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Examples:
    """What is learned, on the device that trains."""

    pixels: Tensor
    """uint8 `[n, 3, side, side]`, of the teacher's side."""
    targets: Tensor
    """`[n, classes]`; even over all where a picture shows none of them."""
    weights: Tensor


def train(examples: Examples, teacher: Teacher, validate: Validate, plan: Plan, work: Path) -> Residual:
    """The averaged network after all epochs."""
    torch.manual_seed(plan.seed)
    classes = examples.targets.shape[1]
    shape = Shape(SIDE, 3, STAGES[0][0], 2, STAGES, EMBEDDING, classes)
    head = nn.Linear(EMBEDDING, teachers.VECTOR)
    training = Training(
        Residual(shape, DROPOUT), head, plan, examples.weights, work / "products.pt", device()
    )
    training.run(against(examples, teacher, training.beside), validate)
    return training.averaged


def against(examples: Examples, teacher: Teacher, head: nn.Module) -> Loss:
    """One half of a batch is mixed and learns its labels; the other learns from the teacher as well."""

    def loss(network: nn.Module, indices: Tensor, side: int, generator: Generator) -> Tensor:
        x, y = shown(examples, indices, generator)
        half = len(indices) // 2
        with torch.inference_mode():
            said, seen = teacher(x[half:])
            said = said.float().softmax(1)
        y[half:] = (1 - BELIEVED) * y[half:] + BELIEVED * said
        logits, vectors = network(prepared(reduced(x, side) * 255))
        alike = functional.cosine_similarity(head(vectors[half:]).float(), seen.float().clone())
        return functional.cross_entropy(logits.float(), y) + TEACHING * (1 - alike).mean()

    return loss


def labelled(examples: Examples) -> teachers.Loss:
    """What the teacher is taught by."""

    def loss(teacher: nn.Module, indices: Tensor, generator: Generator) -> Tensor:
        x, y = shown(examples, indices, generator)
        return functional.cross_entropy(teacher(x)[0].float(), y)

    return loss


def shown(examples: Examples, indices: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Pictures and targets of a batch; its first half is mixed."""
    x = augmented(examples.pixels[indices].float() / 255, PHONE, generator).clamp(0, 1)
    y = (1 - SMOOTHING) * examples.targets[indices] + SMOOTHING / examples.targets.shape[1]
    half = len(indices) // 2
    x[:half], y[:half] = mixed(x[:half], y[:half], generator)
    return x, y


def examples(known: list[Photo], names: tuple[str, ...]) -> Examples:
    learn = [photo for photo in known if photo.part == "train"]
    drawings = drawn.some(names, TEACHERS_SIDE)
    taken = photos.read(learn, names, TEACHERS_SIDE)
    one_of = np.eye(len(names), dtype=np.float32)
    targets = np.concatenate([one_of[taken.labels], drawings.targets])
    clothes = np.array([CLOTHES if photo.label in CLOTHING else 1.0 for photo in learn])
    where = device()
    pixels = np.concatenate([taken.pixels, drawings.pixels])
    return Examples(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(where),
        torch.from_numpy(targets).to(where),
        torch.from_numpy(np.concatenate([clothes, drawings.weights])),
    )


def validation(known: list[Photo], names: tuple[str, ...]) -> Validate:
    """Clothing: top-1 over all classes, and neighbours among the pictures that were trained on."""

    def clothes(part: Part) -> Photos:
        return photos.read([one for one in known if one.part == part and one.label in CLOTHING], names, SIDE)

    held, gallery = clothes("validation"), clothes("train")

    def validate(network: Residual) -> dict[str, float]:
        said, vectors = _outputs(network, held.pixels)
        found = {"top-1": float((said.argmax(1) == held.labels).mean())}
        near = measures.nearest(vectors, _outputs(network, gallery.pixels)[1], 10)
        return found | {
            f"P@{k}": measures.precision_at(k, near, gallery.labels, held.labels) for k in (1, 10)
        }

    return validate


@torch.no_grad()
def _outputs(network: Residual, pixels: photos.Pixels) -> tuple[np.ndarray, np.ndarray]:
    network.eval()
    where = next(network.parameters()).device
    parts = [
        network(prepared(part.to(where).permute(0, 3, 1, 2).float()))
        for part in torch.from_numpy(pixels).split(256)
    ]
    return tuple(torch.cat([part[n] for part in parts]).cpu().numpy() for n in (0, 1))


def ship(network: Residual, known: list[Photo], names: tuple[str, ...], plan: Plan, folder: Path) -> None:
    """Calibrate, choose the form, write `products.onnx`, `.json` and `.md`."""
    clothes = [photo for photo in known if photo.label in CLOTHING]
    sets = {
        "held": photos.read([photo for photo in clothes if photo.part == "validation"], names, SIDE),
        "gallery": photos.read([photo for photo in clothes if photo.part == "train"], names, SIDE),
        "groceries": photos.read([photo for photo in known if photo.part == "test"], names, SIDE),
        "drawings": drawn.fresh(names, SIDE),
    }
    unknown, nothing = drawn.unknown(SIDE), drawn.nothings(SIDE)
    held = sets["held"]
    plain = export.weights(network)
    logits = np.log(said_of(graph(plain, names, 1.0, None), held.pixels)["probabilities"])
    temperature = calibration.temperature(logits, held.labels)
    probabilities = calibration.softmax(logits / temperature)
    unsure_below = calibration.unsure_below(probabilities.max(1), probabilities.argmax(1) == held.labels)

    def judge(model: ModelProto) -> dict[str, float]:
        said = {name: said_of(model, one.pixels) for name, one in sets.items()}
        best = {name: one["probabilities"].argmax(1) for name, one in said.items()}
        near = measures.nearest(said["held"]["embedding"], said["gallery"]["embedding"], 10)
        unsure = said["held"]["probabilities"].max(1) < unsure_below
        right = best["held"] == held.labels
        return {
            "accuracy": measures.accuracy(best["held"], held.labels),
            "precision_at_1": measures.precision_at(1, near, sets["gallery"].labels, held.labels),
            "precision_at_10": measures.precision_at(10, near, sets["gallery"].labels, held.labels),
            "calibration_error": measures.calibration_error(said["held"]["probabilities"], held.labels),
            "groceries_accuracy": measures.accuracy(best["groceries"], sets["groceries"].labels),
            "drawings_accuracy": measures.accuracy(best["drawings"], sets["drawings"].labels),
            "unsure_of_right": float(unsure[right].mean()),
            "unsure_of_wrong": float(unsure[~right].mean()),
            "unsure_of_unknown": share_below(model, unknown, unsure_below),
            "unsure_of_nothing": share_below(model, nothing, unsure_below),
        }

    shipped = shipping.smaller_if_as_good(
        graph(plain, names, temperature, unsure_below), as_taken(sets["gallery"].pixels[::SHOWN]), judge
    )
    learned = [photo for photo in known if photo.part == "train"]
    of_clothing = sum(photo.label in CLOTHING for photo in learned)
    card = shipping.card(
        "products",
        shipped,
        plan,
        classes=len(names),
        side=SIDE,
        temperature=f"{temperature:.2f}",
        unsure_below=f"{unsure_below:.2f}",
        embedding=EMBEDDING,
        clothes=f"{of_clothing:,}",
        groceries=f"{len(learned) - of_clothing:,}",
        drawings=f"{drawn.EACH * (len(KINDS) - len(drawn.UNSEEN)) + drawn.NOTHINGS:,}",
        parameters=f"{parameters(network):,}",
        validation=f"{len(held.labels):,}",
        grocery_photos=f"{len(sets['groceries'].labels):,}",
    )
    told = {
        "metrics": shipped.figures,
        "trained_from": {
            "data": "clothing-dataset-small (CC0), GroceryStoreDataset (MIT), drawings of feria's",
            "rows": len(learned),
            "validation_rows": len(held.labels),
            "epochs": plan.epochs,
            "seed": plan.seed,
            "script": "python -m training.products",
        },
    }
    shipping.write(folder, "products", shipped.model, told, card)


def graph(
    weights: export.Weights, names: tuple[str, ...], temperature: float, unsure_below: float | None
) -> ModelProto:
    shape = asdict(Shape(SIDE, 3, STAGES[0][0], 2, STAGES, EMBEDDING, len(names)))
    input = ImageInput(input="input", width=SIDE, height=SIDE, mean=(MEAN,), scale=(SCALE,), fit="pad")
    output = ModelOutput(
        task="classification",
        labels=names,
        probabilities="probabilities",
        embedding="embedding",
        unsure_below=unsure_below,
    )
    return export.graph(
        weights, shape, temperature, FileMetadata(kind="residual_network", input=input, output=output)
    )


def as_taken(pixels: photos.Pixels) -> shipping.Floats:
    """`[n, side, side, 3]` bytes as the graph takes them, `[n, 3, side, side]`."""
    return ((pixels.astype(np.float32) - MEAN) * SCALE).astype(np.float32).transpose(0, 3, 1, 2)


def said_of(model: ModelProto, pixels: photos.Pixels) -> dict[str, shipping.Floats]:
    return shipping.outputs(model, as_taken(pixels))


def share_below(model: ModelProto, pixels: photos.Pixels, limit: float) -> float:
    return float((said_of(model, pixels)["probabilities"].max(1) < limit).mean())


def prepared(pixels: Tensor) -> Tensor:
    """As `ImageInput` says: pixels from 0 to 255 to what the network takes."""
    return ((pixels - MEAN) * SCALE).contiguous(memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.products", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, default=DATA, help="with photos/ and models/ (default: %(default)s)"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    parser.add_argument(
        "--work", type=Path, default=Path("var/training"), help="checkpoints (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=shipping.FOLDER, help="default: %(default)s")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    known = [
        *photos.clothing(given.data / "photos" / "clothing"),
        *photos.groceries(given.data / "photos" / "grocery"),
    ]
    names = photos.names(known)
    plan = replace(PLAN, epochs=given.epochs)
    made, validate = examples(known, names), validation(known, names)
    teacher = teachers.taught(
        Teacher(given.data / "models" / "imagenet", len(names)),
        labelled(made),
        made.weights,
        PLAN.batch,
        given.work / "teacher.pt",
        device(),
        plan.seed,
    )
    network = train(made, teacher, validate, plan, given.work)
    ship(network, known, names, plan, given.out)


if __name__ == "__main__":
    main()
