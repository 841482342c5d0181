"""Run in a copy of the project with the additions of docs/adding.md: uses each of them, and opens every page."""

import os
import re
import sys
from pathlib import Path
from typing import Any

import torch
from flask.testing import FlaskClient

from app.server import create_app
from core.baselines.search import search
from core.optimizers.hand_designed import BASELINES, make_hand_designed
from core.runs.options import SETTINGS
from core.runs.states import STATES
from core.tasks import make_task
from core.unroll import unroll
from loptscope.cli.commands import main

Properties = dict[str, dict[str, Any]]  # properties of components, by id


def properties(node: Any, found: Properties) -> Properties:
    """The properties of every component with an id in a layout."""
    if isinstance(node, dict):
        given = node.get("props")
        if isinstance(given, dict) and isinstance(given.get("id"), str):
            found[given["id"]] = given
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            properties(child, found)
    return found


class Browser:
    """Opens pages as a browser does: it asks for the layout, then runs every callback of the server that starts from the page."""

    def __init__(self, client: FlaskClient):
        self.client = client
        client.get("/")
        self.callbacks = client.get("/_dash-dependencies").get_json()
        self.shell = properties(client.get("/_dash-layout").get_json(), {})

    def _run(self, callback: dict[str, Any], values: Properties) -> Any:
        def given(kind: str) -> list[dict[str, Any]]:
            return [{**entry, "value": values[entry["id"]].get(entry["property"])} for entry in callback[kind]]

        names = [name.rpartition(".") for name in callback["output"].strip(".").split("...")]
        outputs = [{"id": name, "property": key} for name, _, key in names]
        several = callback["output"].startswith("..")
        answer = self.client.post(
            "/_dash-update-component",
            json={
                "output": callback["output"],
                "outputs": outputs if several else outputs[0],
                "inputs": given("inputs"),
                "state": given("state"),
                "changedPropIds": [f"{entry['id']}.{entry['property']}" for entry in callback["inputs"]],
            },
        )
        assert answer.status_code in (200, 204), (callback["output"], answer.status_code, answer.text[:500])
        return answer

    def open(self, path: str, query: str = "") -> str:
        """The page's layout and the answers of its callbacks, as text."""
        (pages,) = (callback for callback in self.callbacks if "_pages_content.children" in callback["output"])
        values = {**self.shell}
        values["_pages_location"] = {"pathname": path, "search": f"?{query}" if query else ""}
        assert self.client.get(f"{path}?{query}").status_code == 200
        layout = self._run(pages, values)
        values.update(properties(layout.get_json(), {}))
        near = {name: {**given, "data": True} for name, given in values.items() if name.endswith("-near")}
        values.update(near)  # as if the reader had scrolled through the Guide
        answers = [layout.text]
        for callback in self.callbacks:
            used = {entry["id"] for entry in (*callback["inputs"], *callback["state"])}
            started = {entry["id"] for entry in callback["inputs"]} - set(self.shell)
            if callback["clientside_function"] is None and used <= set(values) and started:
                answers.append(self._run(callback, values).text)
        return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), " ".join(answers))


def check_optimizer() -> None:
    """It is listed, equals torch's, can be tuned."""
    assert "adagrad" in BASELINES
    gradients = torch.linspace(-1, 2, 7, dtype=torch.float64)
    x = torch.zeros(7, dtype=torch.float64, requires_grad=True)
    theirs = torch.optim.Adagrad([x], lr=0.1, lr_decay=0.02)
    ours = make_hand_designed("adagrad", {"learning_rate": 0.1, "learning_rate_decay": 0.02})
    state, at = ours.initial_state(7, torch.float64), torch.zeros(7, dtype=torch.float64)
    for _ in range(5):
        x.grad = gradients.clone()
        theirs.step()
        state, update = ours.step(state, gradients)
        at = at + update
    torch.testing.assert_close(at, x.detach())
    problems = make_task("rosenbrock").sample(2, torch.Generator().manual_seed(0))
    assert torch.isfinite(unroll(ours, problems, 5).losses).all()
    assert search(make_task("beale"), "adagrad", draws=8, steps=5, rungs=[(2, 8)]).tuned.optimizer == "adagrad"


def check_pages(browser: Browser) -> None:
    """The optimizer is offered where it is not tuned; a task without a learned optimizer breaks no page."""
    assert "AdaGrad (not tuned)" in browser.open("/", "task=rosenbrock&optimizer=adagrad")
    explore = browser.open("/", "task=beale")
    assert "Beale" in explore and "Momentum (not tuned)" in explore and "size-graph" in explore
    performance = browser.open("/performance", "task=beale")
    assert "AdaGrad is not tuned yet" in performance
    assert "Momentum has not been tuned for beale yet" in performance
    assert "Beale has no learned optimizer yet" in performance
    assert "Not in this evaluation, since not tuned at the time: AdaGrad." in browser.open("/performance")
    assert browser.open("/guide", "task=beale").count("Beale has no learned optimizer yet") > 5
    assert "Even part of the update" in browser.open("/mechanisms", "task=beale&view=symmetry")
    browser.open("/mechanisms", "task=beale&optimizer=adagrad&view=adaptation")  # its only fixed point is at gradient 0
    assert "A problem has 2 parameters." in browser.open("/tasks", "task=beale")
    assert "Warm-up" in browser.open("/train") and "expired" in browser.open("/library", "task=beale")
    browser.open("/runs")


def check_training(browser: Browser) -> None:
    """An optimizer can be trained on the task with the new setting, and is then offered."""
    assert "expired" in STATES and "warmup" in {setting.name for setting in SETTINGS}
    run = Path(os.environ["LOPTSCOPE_RUNS"]) / "mine"
    small = "--units 4 --problems 4 --unroll 8 --outer-steps 2 --warmup 3"
    main(["train", "--task", "beale", *small.split(), "--run", str(run)])
    assert "mine has not been evaluated yet" in browser.open("/performance", "task=beale")
    assert "Own GRU-4" in browser.open("/", "task=beale")


if __name__ == "__main__":
    assert Path(sys.modules["app.server"].__file__ or "").is_relative_to(Path.cwd())
    check_optimizer()
    dashboard = Browser(create_app().server.test_client())
    check_pages(dashboard)
    check_training(dashboard)
