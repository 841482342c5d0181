import json
import shutil

import pytest

from core.errors import InputError
from core.evaluation import out_of_distribution as generalization
from core.evaluation.held_out import STEPS, Evaluation, kept_steps, target_of
from core.evaluation.out_of_distribution import Condition, Generalization
from core.files.atomic import read_json
from core.optimizers.hand_designed import BASELINES
from core.outer.trainer import train
from core.runs import zoo
from core.runs.run import Run
from core.tasks import TASKS
from tests.core.helpers import small_config, write_rivals


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A zoo of two recipes, the second of them trained, with made-up searches."""
    root = tmp_path_factory.mktemp("zoo")
    config = small_config(outer_steps=3, snapshots=3)
    recipes = [{"name": name, "config": config.model_dump(mode="json")} for name in ("planned", "trained")]
    (root / "recipes.json").write_text(json.dumps(recipes))
    train(root / "trained", config)
    write_rivals(root / "tuned", "linear_regression")
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
        with pytest.raises(InputError, match="neither a run nor a run's folder; the zoo has trained"):
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
    evaluation = zoo.evaluate_run(run, problems=3, seed=2, root=root / "tuned")
    assert (evaluation.task, evaluation.problems, evaluation.seed, evaluation.steps, evaluation.outer_step) == (
        "linear_regression",
        3,
        2,
        200,
        3,
    )
    assert list(evaluation.optimizers) == ["learned", *BASELINES]
    assert evaluation.target == target_of("linear_regression")
    tuned = zoo.baselines("linear_regression", root / "tuned")
    for name in BASELINES:
        assert evaluation.optimizers[name].hyperparameters == tuned[name].hyperparameters()
    assert evaluation.optimizers["learned"].hyperparameters is None
    assert all(len(score.curve_mean) == len(score.curve_sem) == 201 for score in evaluation.optimizers.values())
    zoo.write_evaluation(run, evaluation)
    assert read_json(run.path / "evaluation.json", Evaluation) == evaluation


def test_out_of_distribution_results_of_a_run(root, monkeypatch):
    planned = generalization.plans("linear_regression")[:3]
    monkeypatch.setattr(generalization, "plans", lambda task: planned)
    run = zoo.find_run("trained", root)
    results = zoo.generalize_run(run, problems=3, seed=2, target=0.3, root=root / "tuned")
    assert (results.outer_step, results.seed) == (3, 2)
    for condition in results.conditions:
        assert list(condition.evaluation.optimizers) == ["learned", *BASELINES]
        assert (condition.evaluation.outer_step, condition.evaluation.target) == (3, 0.3)
    own = zoo.evaluate_run(run, problems=3, seed=2, target=0.3, root=root / "tuned")
    trained = results.conditions[0].evaluation.optimizers["learned"]
    assert trained.meta_loss == own.optimizers["learned"].meta_loss
    zoo.write_generalization(run, results)
    assert read_json(run.path / "out_of_distribution.json", Generalization) == results


def test_comparisons_take_little_room(root):
    run = zoo.find_run("trained", root)
    evaluation = zoo.evaluate_run(run, problems=3, root=root / "tuned")
    zoo.write_evaluation(run, evaluation)
    longest = max(len(generalization.plans(task)) for task in TASKS)
    steps = kept_steps(STEPS, generalization.POINTS)
    curves = ("curve_mean", "curve_sem", "curve_median")
    thin = {
        name: score.model_copy(update={c: [getattr(score, c)[k] for k in steps] for c in curves})
        for name, score in evaluation.optimizers.items()
    }
    condition = Condition(name="x" * 30, group="trained", evaluation=evaluation.model_copy(update={"optimizers": thin}))
    zoo.write_generalization(run, Generalization(outer_step=3, seed=0, conditions=[condition] * longest))
    size = sum((run.path / name).stat().st_size for name in ("evaluation.json", "out_of_distribution.json"))
    assert size < 250_000


def test_baselines_without_a_search_are_left_out_and_named(root, tmp_path):
    run = Run(root / "trained")
    assert list(zoo.evaluate_run(run, problems=3, root=tmp_path).optimizers) == ["learned"]
    shutil.copytree(root / "tuned", tmp_path / "tuned")
    (tmp_path / "tuned" / "linear_regression" / "nesterov.json").unlink()
    scores = zoo.evaluate_run(run, problems=3, root=tmp_path / "tuned").optimizers
    assert zoo.not_tuned("linear_regression", tmp_path / "tuned") == ["nesterov"]
    assert list(scores) == ["learned", *(name for name in BASELINES if name != "nesterov")]


def test_shipped_recipes_cover_every_task():
    recipes = zoo.recipes()
    assert {recipe.config.task for recipe in recipes} == set(TASKS)
    assert len({recipe.name for recipe in recipes}) == len(recipes)


@pytest.mark.parametrize("task", TASKS)
def test_shipped_searches_can_be_read(task):
    tuned = zoo.baselines(task)
    assert list(tuned) == list(BASELINES)
    assert all(optimizer.name == name for name, optimizer in tuned.items())
