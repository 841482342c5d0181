"""What a server answers before torch is there."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from flask import Flask

from app.pages.explore.bundles import compute_bundle, source_of
from app.pages.explore.shipped import shipped
from app.pages.explore.view import parse
from app.shared.problem import STEPS, kind_drawn, kind_of
from core.bundle import Bundle
from core.tasks import SHIPPED, TASKS

# Other processors, and other numbers of threads, round differently; a run on two moons that settles into small oscillations
# makes of that something that can be seen, but not in its first steps, nor much in what is made from all steps together.
EARLY = 20
OF_THE_WHOLE_RUN = ("state", "fixed_point", "update", "gradient_grid", "histogram", "histogram_edges")

FIRST = """
import sys
import dash
from app.server import create_app
from core.tasks import SHIPPED

app = create_app()
client = app.server.test_client()
for path in ("/healthz", "/", "/_dash-layout", "/_dash-dependencies"):
    assert client.get(path).status_code == 200, path
explore = next(page["layout"] for page in dash.page_registry.values() if page["path"] == "/")
for task in SHIPPED:
    with app.server.test_request_context():
        stores = {getattr(part, "id", None): part for part in explore(task=task).children}
    answer = client.get(stores["view"].data["bundle"])
    assert answer.status_code == 200 and len(answer.data) > 100_000, task
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "scipy", "numba", "celery", "sklearn"}))
"""


def test_the_first_views_are_answered_without_torch(tmp_path: Path) -> None:
    """The page, its parts, and what Explore opens on for every task."""
    environment = {"PATH": "/usr/bin:/bin", "LOPTSCOPE_CACHE": str(tmp_path / "cache"), "LOPTSCOPE_RUNS": str(tmp_path)}
    command = [sys.executable, "-c", FIRST]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-2000:]


def test_what_ships_is_what_the_program_computes(server: Flask) -> None:
    """Otherwise: python -m tools.first_views."""
    for task in SHIPPED:
        with server.app_context():
            source = source_of(parse(f"task={task}")[0])
            content = shipped(source.name)
            assert content is not None, f"the first view of {task} does not ship: python -m tools.first_views"
            kept, computed = Bundle.decode(content), Bundle.decode(compute_bundle(source.query))
        assert kept.about.keys() == computed.about.keys() and kept.arrays.keys() == computed.arrays.keys()
        for name, array in computed.arrays.items():
            assert kept.arrays[name].shape == array.shape, (task, name)
            reach = np.nanmax(np.abs(array.astype(float)))
            far = np.abs(kept.arrays[name].astype(float) - array) / (reach or 1)
            if STEPS + 1 in far.shape:
                far = far.take(range(EARLY), far.shape.index(STEPS + 1))
            assert np.nanmedian(far) < (0.05 if name in OF_THE_WHOLE_RUN else 1e-3), (task, name)


def test_what_is_kept_of_a_task_is_what_its_problems_say() -> None:
    assert all(kind_of(name) == kind_drawn(task) for name, task in TASKS.items())
