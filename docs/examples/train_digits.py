"""A training loop of your own with a learned optimizer, beside Adam: a small network reads scikit-learn's handwritten digits.

The learned optimizer was trained on two moons, with other networks and other data, over 200 steps. Nothing of it is tuned here, and Adam is
shown with five learning rates. With --record NAME, the first training of each is recorded and opens in Explore.

python docs/examples/train_digits.py
python docs/examples/train_digits.py --steps 2000 --record digits
"""

import argparse
from collections.abc import Callable, Iterable

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import loptscope as ls

LEARNED = "two_moons-gru24"
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # of Adam
BATCH = 64
Make = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and labels to train on, [1347, 64] and [1347], and held-out ones, [450, 64] and [450]."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x, y = torch.tensor(images / 16.0, dtype=torch.float32)[order], torch.tensor(labels)[order]
    return x[:1347], y[:1347], x[1347:], y[1347:]


def train(make: Make, steps: int, seed: int, record: str | None = None) -> tuple[float, float, float]:
    """The mean loss over all steps, that of all training images at the end, and the accuracy on held-out images."""
    torch.manual_seed(seed)
    images, labels, held_out, held_out_labels = digits()
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = make(model.parameters())
    losses = []

    def loop(tell: Callable[[Tensor], None]) -> None:
        for _ in range(steps):
            batch = torch.randint(len(labels), (BATCH,))
            optimizer.zero_grad()
            loss = cross_entropy(model(images[batch]), labels[batch])
            tell(loss)
            loss.backward()
            optimizer.step()

    if record is None:
        loop(lambda loss: losses.append(loss.item()))
    else:
        with ls.record(optimizer, model, record) as recording:
            loop(lambda loss: (losses.append(loss.item()), recording.loss(loss)))  # type: ignore[func-returns-value]
    with torch.no_grad():
        last = cross_entropy(model(images), labels).item()
        accuracy = (model(held_out).argmax(1) == held_out_labels).float().mean().item()
    return sum(losses) / steps, last, accuracy


def compare(steps: int, seeds: int, record: str | None = None) -> dict[str, tuple[float, ...]]:
    """Mean loss, last loss and held-out accuracy of each optimizer, as means over seeds."""
    makes: dict[str, Make] = {LEARNED: ls.torch_optimizer(LEARNED)}
    for rate in RATES:
        makes[f"adam {rate:g}"] = lambda parameters, rate=rate: torch.optim.Adam(parameters, lr=rate)  # type: ignore[misc]
    found = {}
    for name, make in makes.items():
        own = None if record is None else f"{record}-{name.replace(' ', '-')}"
        runs = [train(make, steps, seed, own if seed == 0 else None) for seed in range(seeds)]
        found[name] = tuple(sum(column) / seeds for column in zip(*runs, strict=True))
    return found


def main() -> None:
    """Print the comparison, and where the recordings are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--record", metavar="NAME", help="record the first seed's trainings as NAME-OPTIMIZER among your runs"
    )
    options = parser.parse_args()
    print(f"{'optimizer':20}{'mean loss':>12}{'last loss':>12}{'held-out accuracy':>20}")
    for name, (mean, last, accuracy) in compare(options.steps, options.seeds, options.record).items():
        print(f"{name:20}{mean:12.3f}{last:12.4f}{100 * accuracy:18.1f} %")


if __name__ == "__main__":
    main()
