"""Write the README's table of results from the zoo's evaluations: ``.venv/bin/python -m tools.readme``."""

import re
from pathlib import Path

from core import zoo
from core.evaluation import Evaluation
from core.files import read_json, write_bytes
from core.tasks import TASKS

README = Path(__file__).resolve().parent.parent / "README.md"
BETWEEN = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.DOTALL)


def table() -> str:
    """One line a shipped optimizer, the best of each line in bold."""
    lines = ["| task | shipped optimizer | learned | momentum | RMSProp | Adam |", "|---|---|---|---|---|---|"]
    for entry in zoo.entries():
        scores = read_json(zoo.ROOT / entry.name / "evaluation.json", Evaluation).optimizers
        losses = {name: scores[name].meta_loss for name in ("learned", "momentum", "rmsprop", "adam")}
        means = {name: loss.mean for name, loss in losses.items() if loss.mean is not None}
        best = min(means, key=lambda name: means[name])
        cells = []
        for name, loss in losses.items():
            if loss.mean is None or loss.sem is None:
                cells.append(f"{scores[name].diverged} of 128 diverged")
            else:
                number = f"{loss.mean:.4f} ± {loss.sem:.4f}"
                cells.append(f"**{number}**" if name == best else number)
        lines.append(f"| {TASKS[entry.task].title} | `{entry.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def updated(text: str) -> str:
    """The README with today's table."""
    return BETWEEN.sub(lambda match: match[1] + table() + match[2], text)


if __name__ == "__main__":
    write_bytes(README, updated(README.read_text(encoding="utf-8")).encode())
