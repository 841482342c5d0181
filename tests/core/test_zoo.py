import json

import pytest

from core import zoo
from core.errors import InputError
from core.evaluation import Evaluation
from core.files import read_json
from core.outer.trainer import train
from core.store import Run
from core.tasks import TASKS
from core.tuning import TUNED, search, write_search
from tests.core.helpers import small_config


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A zoo of two recipes, the second of them trained, with short searches."""
    root = tmp_path_factory.mktemp("zoo")
    config = small_config(outer_steps=3, snapshots=3)
    recipes = [{"name": name, "config": config.model_dump(mode="json")} for name in ("planned", "trained")]
    (root / "recipes.json").write_text(json.dumps(recipes))
    train(root / "trained", config)
    for name in TUNED:
        write_search(root / "tuned", search(config.make_task(), name, draws=4, steps=5, rungs=[(2, 4)]))
    return root


def test_only_trained_recipes_are_listed(root):
    (entry,) = zoo.entries(root)
    assert entry.model_dump() == {
        "name": "trained",
        "task": "linear_regression",
        "cell": "gru",
        "units": 4,
        "outer_steps": 3,
        "snapshots": [0, 1, 3],
    }


def test_runs_are_found_by_name_and_by_folder(root):
    assert zoo.find_run("trained", root).path == root / "trained"
    assert zoo.find_run(str(root / "trained"), root).path == root / "trained"
    for name in ("planned", "../trained-not", "recipes.json"):
        with pytest.raises(InputError, match="neither a run's folder nor in the zoo: trained"):
            zoo.find_run(name, root)
    with pytest.raises(InputError, match="is not a run"):
        zoo.find_run(str(root), root)


@pytest.mark.parametrize(
    "content, words",
    [
        ("[", "cannot be read"),
        ('[{"name": "a"}]', "damaged: config is missing"),
        ('[{"name": "a", "config": {"task": "x"}}]', "damaged: .*unknown task"),
        ('{"a": 1}', "damaged"),
        (None, "cannot be read"),
    ],
)
def test_damaged_recipes_are_refused_by_name(tmp_path, content, words):
    if content is not None:
        (tmp_path / "recipes.json").write_text(content)
    with pytest.raises(InputError, match=rf"recipes\.json.*{words}"):
        zoo.recipes(tmp_path)


def test_evaluation_of_a_run(root):
    run = zoo.find_run("trained", root)
    found = zoo.evaluate_run(run, problems=3, seed=2, root=root / "tuned")
    assert (found.task, found.problems, found.seed, found.steps, found.outer_step) == (
        "linear_regression",
        3,
        2,
        200,
        3,
    )
    assert list(found.optimizers) == ["learned", *TUNED]
    tuned = zoo.tuned_optimizers("linear_regression", root / "tuned")
    for name in TUNED:
        assert found.optimizers[name].hyperparameters == tuned[name].hyperparameters()
    assert found.optimizers["learned"].hyperparameters is None
    assert all(len(score.curve_mean) == len(score.curve_sem) == 201 for score in found.optimizers.values())
    zoo.write_evaluation(run, found)
    assert read_json(run.path / "evaluation.json", Evaluation) == found


def test_evaluation_without_searches_is_refused(root, tmp_path):
    with pytest.raises(InputError, match=r"momentum\.json does not exist"):
        zoo.evaluate_run(Run(root / "trained"), problems=3, root=tmp_path)


def test_shipped_recipes_cover_every_task():
    recipes = zoo.recipes()
    assert {recipe.config.task for recipe in recipes} == set(TASKS)
    assert len({recipe.name for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize("task", TASKS)
def test_shipped_searches_can_be_read(task):
    tuned = zoo.tuned_optimizers(task)
    assert list(tuned) == list(TUNED)
    assert all(optimizer.name == name for name, optimizer in tuned.items())
