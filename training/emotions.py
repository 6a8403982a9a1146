"""Train the network that reads an expression from a face, and write the files that ship.

    python -m training.emotions               half an hour on two cores that know bfloat16
    python -m training.emotions --epochs 2    to see that it runs

It can be stopped and started again: it goes on from its last checkpoint.
"""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from onnx import ModelProto
from torch import Generator, Tensor, nn
from torch.nn import functional

from feria.registry.wire import FileMetadata, ImageInput, ModelOutput
from training import calibration, export, ferplus, measures, shipping
from training.augment import Strength, augmented, reduced
from training.ferplus import EMOTIONS, Faces
from training.labelled import majority
from training.loop import Loss, Plan, Training, Validate
from training.networks import Residual, Shape, device, parameters

DATA = Path("../shared/data/emotion/ferplus_train_jpeg.npz")
SHAPE = Shape(
    side=48,
    colours=1,
    stem=40,
    stem_stride=2,
    stages=((40, 1), (80, 2), (160, 2)),
    embedding=0,
    classes=7,
    even_light=True,
)
EPOCHS = 60
PLAN = Plan(epochs=EPOCHS, batch=128, sides=((0.68, 32), (0.32, 48)))
DROPOUT = 0.3
MEAN, SCALE = 127.5, 1 / 64
SHOWN = 512
"""Faces that show the quantiser what flows between the layers."""
RARER = 0.25
"""How much oftener a rare emotion is drawn: by its share to this power. 1 would draw all alike."""
WEBCAM = Strength(
    degrees=15, smallest=0.8, largest=1.25, aspect=0.1, shift=0.1, brightness=0, contrast=0, gamma=0.35,
    cast=0, saturation=0, noise=0.03, blurred=0.1, hidden=0.25,
)  # fmt: skip


def train(faces: Faces, plan: Plan, checkpoint: Path) -> Residual:
    """The averaged network after all epochs."""
    where = device()
    torch.manual_seed(plan.seed)
    soft, used = faces.soft()
    learn = np.flatnonzero(used & ~faces.validation())
    pixels = torch.from_numpy(faces.pixels[learn]).unsqueeze(1).to(where)
    targets = torch.from_numpy(soft[learn]).to(where)
    share = soft[learn].sum(0) / len(learn)
    weights = torch.from_numpy((soft[learn] * share**-RARER).sum(1))
    training = Training(Residual(SHAPE, DROPOUT), nn.Module(), plan, weights, checkpoint, where)
    training.run(against(pixels, targets), validation(faces, where))
    return training.averaged


def against(pixels: Tensor, targets: Tensor) -> Loss:
    def loss(network: nn.Module, indices: Tensor, side: int, generator: Generator) -> Tensor:
        x = reduced(augmented(pixels[indices].float() / 255, WEBCAM, generator), side)
        logits, _ = network(prepared(x * 255))
        return functional.cross_entropy(logits.float(), targets[indices])

    return loss


def validation(faces: Faces, where: torch.device) -> Validate:
    truth = majority(faces.votes, faces.columns)
    held = np.flatnonzero(faces.validation() & (truth >= 0))
    pixels = torch.from_numpy(faces.pixels[held]).unsqueeze(1).to(where)
    truth = truth[held]

    @torch.no_grad()
    def validate(network: Residual) -> dict[str, float]:
        network.eval()
        said = (
            torch.cat([network(prepared(part.float()))[0].argmax(1) for part in pixels.split(512)])
            .cpu()
            .numpy()
        )
        counts = measures.confusion(said, truth, len(EMOTIONS))
        return {"accuracy": measures.accuracy(said, truth), "macro recall": measures.macro_recall(counts)}

    return validate


def prepared(pixels: Tensor) -> Tensor:
    """As `ImageInput` says: pixels from 0 to 255 to what the network takes."""
    return ((pixels - MEAN) * SCALE).contiguous(memory_format=torch.channels_last)


def ship(network: Residual, faces: Faces, plan: Plan, folder: Path) -> None:
    """Calibrate, choose the form, write `emotions.onnx`, `.json` and `.md`."""
    truth = majority(faces.votes, faces.columns)
    held = np.flatnonzero(faces.validation() & (truth >= 0))
    truth = truth[held]
    pictures = ((faces.pixels[held, None].astype(np.float32) - MEAN) * SCALE).astype(np.float32)
    _, used = faces.soft()
    learned = np.flatnonzero(used & ~faces.validation())
    shown = ((faces.pixels[learned[:: len(learned) // SHOWN], None] - MEAN) * SCALE).astype(np.float32)
    plain = export.weights(network)
    logits = np.log(shipping.outputs(graph(plain, 1.0, None), pictures)["probabilities"])
    temperature = calibration.temperature(logits, truth)
    hottest = calibration.softmax(logits / temperature)
    unsure_below = calibration.unsure_below(hottest.max(1), hottest.argmax(1) == truth)

    def judge(model: ModelProto) -> dict[str, float]:
        return figures(shipping.outputs(model, pictures)["probabilities"], truth)

    shipped = shipping.smaller_if_as_good(graph(plain, temperature, unsure_below), shown, judge)
    found = shipped.figures
    card = shipping.card(
        "emotions",
        shipped,
        plan,
        side=SHAPE.side,
        temperature=f"{temperature:.2f}",
        unsure_below=f"{unsure_below:.2f}",
        train=f"{len(learned):,}",
        validation=f"{len(held):,}",
        parameters=f"{parameters(network):,}",
        macro_recall=f"{found['macro_recall']:.3f}",
        recalls=", ".join(f"{name} {found[f'recall_{name}']:.2f}" for name in EMOTIONS),
        disgust=str(int((truth == EMOTIONS.index("disgust")).sum())),
        fear=str(int((truth == EMOTIONS.index("fear")).sum())),
    )
    told = {
        "metrics": found,
        "trained_from": {
            "data": "FER+ votes on FER2013 pictures",
            "rows": len(learned),
            "validation_rows": len(held),
            "epochs": plan.epochs,
            "seed": plan.seed,
            "script": "python -m training.emotions",
        },
    }
    shipping.write(folder, "emotions", shipped.model, told, card)


def graph(weights: export.Weights, temperature: float, unsure_below: float | None) -> ModelProto:
    input = ImageInput(
        input="input",
        width=SHAPE.side,
        height=SHAPE.side,
        channels="GRAY",
        mean=(MEAN,),
        scale=(SCALE,),
        fit="stretch",
    )
    output = ModelOutput(
        task="classification", labels=EMOTIONS, probabilities="probabilities", unsure_below=unsure_below
    )
    metadata = FileMetadata(kind="residual_network", input=input, output=output)
    return export.graph(weights, asdict(SHAPE), temperature, metadata)


def figures(probabilities: shipping.Floats, truth: np.ndarray) -> dict[str, float]:
    said = probabilities.argmax(1)
    counts = measures.confusion(said, truth, len(EMOTIONS))
    return {
        "accuracy": measures.accuracy(said, truth),
        "macro_recall": measures.macro_recall(counts),
        "calibration_error": measures.calibration_error(probabilities, truth),
        **{
            f"recall_{name}": float(value)
            for name, value in zip(EMOTIONS, measures.recalls(counts), strict=True)
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.emotions", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="the FER+ npz (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="default: %(default)s")
    parser.add_argument(
        "--work", type=Path, default=Path("var/training"), help="checkpoints (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=shipping.FOLDER, help="default: %(default)s")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    plan = replace(PLAN, epochs=given.epochs)
    faces = ferplus.read(given.data)
    network = train(faces, plan, given.work / "emotions.pt")
    ship(network, faces, plan, given.out)


if __name__ == "__main__":
    main()
