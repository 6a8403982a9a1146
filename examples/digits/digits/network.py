"""The network, and how it is trained and measured on one client's rows."""

import polars as pl
import torch
from torch import Tensor, nn

SIDE = 8
GREYS = 16
CLASSES = 10
BATCH = 32


class Digits(nn.Module):
    """From `[rows, 64]` grey values, 0 to 16, to a score for each of ten digits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 16, CLASSES),
        )  # fmt: skip

    def forward(self, rows: Tensor) -> Tensor:
        return self.layers(rows.reshape(-1, 1, SIDE, SIDE) / GREYS)


def read(path: str, held_out: float) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Pixels and digits of the rows to learn from, and of those to measure on; the suffix says the format."""
    table = pl.read_parquet(path) if path.endswith(".parquet") else pl.read_csv(path)
    digits = torch.tensor(table["digit"].to_numpy(), dtype=torch.long)
    pixels = torch.tensor(table.drop("digit").to_numpy(), dtype=torch.float32)
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    held = max(1, round(len(digits) * held_out))
    return (pixels[order[held:]], digits[order[held:]]), (pixels[order[:held]], digits[order[:held]])


def train(network: Digits, pixels: Tensor, digits: Tensor, epochs: int, learning_rate: float) -> float:
    """The last epoch's mean loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)
    network.train()
    total = 0.0
    for _ in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(digits)).split(BATCH):
            loss = nn.functional.cross_entropy(network(pixels[batch]), digits[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
    return total / len(digits)


@torch.inference_mode()
def measure(network: Digits, pixels: Tensor, digits: Tensor) -> tuple[float, float]:
    """Loss, and the share that is read rightly."""
    network.eval()
    scores = network(pixels)
    loss = nn.functional.cross_entropy(scores, digits)
    return loss.item(), (scores.argmax(1) == digits).float().mean().item()
