"""A public network that has seen far more than ours, taught our classes; ours then learns to see as it does.

Its late layers are fine-tuned on the same pictures; after that it is shown each picture just as the student
sees it, and says what it makes of it: Beyer et al., "Knowledge distillation: a good teacher is patient and
consistent", CVPR 2022. What the student is to say of a picture is Hinton et al.'s soft targets
(arXiv:1503.02531), how it is to see it a vector as in Romero et al.'s FitNets (ICLR 2015).
"""

import copy
import math
from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import track
from torch import Generator, Tensor, nn

from training.backbone import Backbone
from training.loop import quicker

FILE = "mobilenet_v2_1.0_224_u8w.onnx"
VECTOR = 1280
FROZEN = 18
"""Of its 52 convolutions: edges and textures are as they are anywhere."""
EPOCHS = 10
RATE = 3e-4
"""Highest, of AdamW (Loshchilov and Hutter, ICLR 2019); ten times that for the classes, which are new."""
DECAY = 0.05
AVERAGE = 0.995

Loss = Callable[[nn.Module, Tensor, Generator], Tensor]


class Teacher(nn.Module):
    """Pictures `[n, 3, side, side]` from 0 to 1 in, `(logits [n, classes], vectors [n, 1280])` out."""

    def __init__(self, folder: Path, classes: int) -> None:
        super().__init__()
        self.backbone = Backbone(folder / FILE, frozen=FROZEN)
        self.classify = nn.Linear(VECTOR, classes)
        nn.init.zeros_(self.classify.weight)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        vectors = self.backbone(((x - 0.5) * 2).contiguous(memory_format=torch.channels_last))
        return self.classify(vectors), vectors


def taught(
    teacher: Teacher, loss: Loss, weights: Tensor, batch: int, file: Path, where: torch.device, seed: int
) -> Teacher:
    """The teacher once it knows our classes, from `file` where that was done before. Minutes."""
    if file.exists():
        teacher.load_state_dict(torch.load(file, weights_only=True))
        return teacher.to(where).eval()
    teacher.to(where, memory_format=torch.channels_last)
    averaged = copy.deepcopy(teacher)
    learning = [p for p in teacher.backbone.parameters() if p.requires_grad]
    groups = [
        {"params": learning, "lr": RATE, "highest": RATE},
        {"params": teacher.classify.parameters(), "lr": 10 * RATE, "highest": 10 * RATE},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=DECAY)
    steps = EPOCHS * (len(weights) // batch)
    generator = torch.Generator(where).manual_seed(seed)
    drawing = torch.Generator().manual_seed(seed)

    def seen(indices: Tensor, precision: torch.dtype) -> Tensor:
        with torch.autocast(where.type, precision, enabled=precision != torch.float32):
            return loss(teacher, indices, generator)

    first = torch.arange(batch, device=where) % len(weights)
    precision = quicker(lambda precision: seen(first, precision).backward(), where)
    for step in track(range(steps), "teaching the teacher"):
        at = step / steps
        for group in optimiser.param_groups:
            group["lr"] = group["highest"] * min(1.0, 20 * at) * 0.5 * (1 + math.cos(math.pi * at))
        indices = torch.multinomial(weights, batch, True, generator=drawing).to(where)
        value = seen(indices, precision)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        stays = min(AVERAGE, step / (10 + step))
        with torch.no_grad():
            for mean, now in zip(averaged.parameters(), teacher.parameters(), strict=True):
                mean.lerp_(now, 1 - stays)
    torch.save(averaged.state_dict(), file)
    return averaged.eval()
