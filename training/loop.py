"""Training that can be stopped at any moment and goes on where it was."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Generator, Tensor, nn

from training.muon import Muon
from training.networks import Residual

WARM_SHARE = 0.03
"""Of all steps, over which the rate rises from nothing."""
SAVE_SECONDS = 120.0
LOOK_EVERY = 4
"""Epochs from one look at the validation pictures to the next."""

Loss = Callable[[nn.Module, Tensor, int, Generator], Tensor]
"""Of a network on the examples with these indices, in pictures of so many pixels a side, drawing its
augmentation from the generator."""
Validate = Callable[[Residual], dict[str, float]]


@dataclass(frozen=True)
class Plan:
    epochs: int
    batch: int
    sides: tuple[tuple[float, int], ...]
    """(share of the epochs, pixels of a side), in turn: what is coarse is learned from small pictures, at a
    fraction of the price (progressive resizing; Howard, fast.ai, 2018)."""
    turn: float = 0.02
    """Highest rate of the convolutions' steps, which Muon takes."""
    rate: float = 0.1
    """Highest rate of all others', which are SGD's."""
    decay: float = 5e-4
    """Weight decay of the latter, where they have more than one dimension."""
    average: float = 0.999
    """Share of the running mean of the weights that stays at each step; Polyak and Juditsky, 1992."""
    seed: int = 1


class Training:
    """One run: the network, its averaged twin, the optimiser and where they are."""

    def __init__(
        self,
        network: Residual,
        beside: nn.Module,
        plan: Plan,
        weights: Tensor,
        file: Path,
        device: torch.device,
    ) -> None:
        """`beside` holds what only training needs, such as a teacher's head; `weights` `[n]` say how often an
        example is drawn. Goes on from `file` where that exists; `ValueError` when it is another plan's."""
        self.network = network.to(device, memory_format=torch.channels_last)
        self.beside = beside.to(device)
        self.averaged = copy.deepcopy(self.network)
        self._plan, self._file, self._device = plan, file, device
        self._weights = weights.double()
        self._batches = max(1, len(weights) // plan.batch)
        self._steps = 0
        convolutions = [p for p in self.network.parameters() if p.ndim == 4]
        others = [p for p in (*self.network.parameters(), *self.beside.parameters()) if p.ndim != 4]
        self._optimisers: dict[torch.optim.Optimizer, float] = {
            Muon(convolutions, plan.turn): plan.turn,
            torch.optim.SGD(_groups(others, plan.decay), plan.rate, 0.9, nesterov=True): plan.rate,
        }
        self._epoch = 0
        self._history: list[dict[str, float]] = []
        if file.exists():
            self._load()

    def run(self, loss: Loss, validate: Validate) -> list[dict[str, float]]:
        """All epochs that are left; of each `epoch` and `loss`, now and then what `validate` says as well."""
        first = torch.arange(self._plan.batch, device=self._device) % len(self._weights)
        side = self._side()
        precision = quicker(lambda p: self._step(loss, first, side, p, keep=False), self._device)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        saved = time.monotonic()
        with Progress(*columns) as progress:
            task = progress.add_task("training", total=self._plan.epochs * self._batches)
            progress.advance(task, self._epoch * self._batches)
            while self._epoch < self._plan.epochs:
                total, side = torch.zeros((), device=self._device), self._side()
                for indices in self._order():
                    total += self._step(loss, indices, side, precision)
                    progress.advance(task)
                self._epoch += 1
                found = {"epoch": self._epoch, "loss": total.item() / self._batches}
                if self._epoch % LOOK_EVERY == 0 or self._epoch == self._plan.epochs:
                    found |= validate(self.averaged)
                self._history.append(found)
                progress.console.print("  ".join(f"{name} {value:.4g}" for name, value in found.items()))
                if time.monotonic() > saved + SAVE_SECONDS or self._epoch == self._plan.epochs:
                    self._save()
                    saved = time.monotonic()
        return self._history

    def _order(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self._plan.seed * 100_003 + self._epoch)
        drawn = torch.multinomial(self._weights, self._batches * self._plan.batch, True, generator=generator)
        yield from drawn.to(self._device).split(self._plan.batch)

    def _side(self) -> int:
        """Pixels of a side in this epoch."""
        done, until = (self._epoch + 0.5) / self._plan.epochs, 0.0
        for share, side in self._plan.sides:
            until += share
            if done < until:
                return side
        return self._plan.sides[-1][1]

    def _step(
        self, loss: Loss, indices: Tensor, side: int, precision: torch.dtype, *, keep: bool = True
    ) -> Tensor:
        """One batch; its loss. Without `keep` nothing is learned: to see how long it takes."""
        seed = self._plan.seed * 1_000_003 + self._steps
        torch.manual_seed(seed)  # for dropout; so a run that was stopped goes on as if it had not been
        generator = torch.Generator(self._device).manual_seed(seed)
        self.network.train()
        with torch.autocast(self._device.type, precision, enabled=precision != torch.float32):
            value = loss(self.network, indices, side, generator)
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
        value.backward()
        if keep:
            for optimiser, rate in self._optimisers.items():
                for group in optimiser.param_groups:
                    group["lr"] = rate * self._share(self._steps)
                optimiser.step()
            self._steps += 1
            self._average()
        return value.detach()

    def _share(self, step: int) -> float:
        """Of the highest rate: up in a line, down along half a cosine (Loshchilov and Hutter, ICLR 2017)."""
        steps = self._plan.epochs * self._batches
        at, warm = (step + 1) / steps, WARM_SHARE
        if at < warm:
            return at / warm
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (at - warm) / (1 - warm))))

    @torch.no_grad()
    def _average(self) -> None:
        stays = min(
            self._plan.average, self._steps / (10 + self._steps)
        )  # or the first steps would weigh for ever
        for mean, now in zip(_state(self.averaged), _state(self.network), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - stays)
            else:
                mean.copy_(now)

    def _save(self) -> None:
        state = {
            "shape": asdict(self.network.shape),
            "plan": asdict(self._plan),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "beside": self.beside.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "epoch": self._epoch,
            "steps": self._steps,
            "history": self._history,
        }
        beside = self._file.with_suffix(".part")
        torch.save(state, beside)
        beside.replace(self._file)

    def _load(self) -> None:
        state = torch.load(self._file, map_location=self._device, weights_only=True)
        if (state["shape"], state["plan"]) != (asdict(self.network.shape), asdict(self._plan)):
            raise ValueError(f"{self._file} belongs to another network or plan; remove it to begin anew.")
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.beside.load_state_dict(state["beside"])
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self._epoch, self._steps, self._history = state["epoch"], state["steps"], state["history"]


def quicker(step: Callable[[torch.dtype], Any], device: torch.device) -> torch.dtype:
    """bfloat16 where the processor has it, float32 where it would be emulated: what takes less time here."""
    taken = {}
    for precision in (torch.bfloat16, torch.float32):
        step(precision)
        began = time.monotonic()
        step(precision)
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken[precision] = time.monotonic() - began
    return min(taken, key=lambda precision: taken[precision])


def _groups(weights: list[Tensor], decay: float) -> list[dict[str, Any]]:
    return [
        {"params": [p for p in weights if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in weights if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _state(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()
