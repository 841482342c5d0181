import json

import pytest
import torch

from core.errors import InputError
from core.evaluation.held_out import Evaluation
from core.files.atomic import read_json, read_tensors
from core.outer.trainer import train
from core.runs import zoo
from core.runs.reproduce import reproduce
from core.runs.run import SNAPSHOT_FORMAT, Run
from loptscope.cli.commands import main
from tests.core.helpers import small_config, write_rivals


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A zoo with one shrunken optimizer, trained and evaluated."""
    root = tmp_path_factory.mktemp("zoo")
    config = small_config(outer_steps=6, snapshots=4, seed=5)
    (root / "recipes.json").write_text(json.dumps([{"name": "small", "config": config.model_dump(mode="json")}]))
    run = train(root / "small", config)
    write_rivals(root / "tuned", "linear_regression")
    zoo.write_evaluation(run, zoo.evaluate_run(run, problems=4, root=root / "tuned"))
    return root


def fit(path, config, resume):
    return train(path, config, resume=resume)


def test_a_shipped_optimizer_comes_out_again(root, tmp_path):
    seen = []
    again = reproduce("small", tmp_path, fit, problems=4, root=root, on_evaluation=seen.append)
    assert again.finished and again.outer_step == 6 and again.first_losses_differ == 0
    assert again.meta_loss == again.shipped_meta_loss == seen[0].optimizers["learned"].meta_loss
    run, shipped = Run(tmp_path / "small"), Run(root / "small")
    assert run.snapshots() == shipped.snapshots()
    for step in run.snapshots():
        theta, expected = (read_tensors(each.snapshot_path(step), SNAPSHOT_FORMAT)[0] for each in (run, shipped))
        assert all(torch.equal(theta[name], tensor) for name, tensor in expected.items())
    assert read_json(run.path / "evaluation.json", Evaluation) == seen[0]
    assert "6 outer steps" in again.sentence() and f"shipped {again.meta_loss.mean:.4g}" in again.sentence()


def test_what_was_stopped_goes_on(root, tmp_path):
    def part(path, config, resume):
        return train(path, config, resume=resume, on_step=lambda step: step.outer_step < 4)

    first = reproduce("small", tmp_path, part, root=root)
    assert not first.finished and first.outer_step == 4 and first.meta_loss is None
    assert reproduce("small", tmp_path, fit, problems=4, root=root).finished


def test_another_course_shows(root, tmp_path):
    def other(path, config, resume):
        return train(path, config.model_copy(update={"seed": 6}), resume=resume)

    assert reproduce("small", tmp_path, other, problems=4, root=root).first_losses_differ > 0.01


def test_an_unknown_name_is_refused(root, tmp_path):
    with pytest.raises(InputError, match=r"no recipe 'large' in zoo/recipes\.json: it has small"):
        reproduce("large", tmp_path, fit, root=root)
    assert not list(tmp_path.iterdir())


# The second one begins at a snapshot of another shipped run. Its unrolls are chaotic: rounding alone, which is another one with every processor,
# changes a loss by half a per cent after 60 of 200 steps.
@pytest.mark.parametrize(
    ("name", "until", "rounding"),
    [("linear_regression-vanilla2", 3, 1e-4), ("two_moons-gru24-scales-seed1-longer", 1, 5e-3)],
)
def test_what_ships_begins_as_its_recipe_says(name, until, rounding, tmp_path, capsys):
    assert main(["reproduce", name, "--into", str(tmp_path), "--until", str(until), "--json"]) == 0
    (output,) = json.loads(capsys.readouterr().out.splitlines()[-1])["reproduced"]
    assert output["outer_step"] == until and not output["finished"]
    assert output["first_losses_differ"] < rounding


@pytest.mark.parametrize("recipe", zoo.recipes(), ids=lambda recipe: recipe.name)
def test_what_ships_was_trained_by_its_recipe(recipe):
    assert Run(zoo.ROOT / recipe.name).config == recipe.config
