import pytest

from core.errors import InputError
from core.tasks import TASKS, make_task


@pytest.mark.parametrize("name", TASKS)
def test_names(name):
    assert make_task(name).name == name and make_task(name, {}) == TASKS[name]()


@pytest.mark.parametrize("name", ["quadratic", "", None, 3, ["rosenbrock"]])
def test_unknown_names_list_what_there_is(name):
    with pytest.raises(InputError, match=f"^unknown task .*{', '.join(TASKS)}$"):
        make_task(name)


@pytest.mark.parametrize(
    "task, parameters, words",
    [
        ("linear_regression", {"parameters": 1}, ["parameters", "greater than or equal to 2", "got 1"]),
        ("linear_regression", {"parameters": "many"}, ["parameters", "got 'many'"]),
        ("linear_regression", {"smallest_eigenvalue": -1}, ["smallest_eigenvalue", "greater than 0"]),
        ("linear_regression", {"largest_eigenvalue": float("nan")}, ["largest_eigenvalue", "finite"]),
        ("linear_regression", {"smallest_eigenvalue": 2}, ["smallest_eigenvalue must not exceed largest_eigenvalue"]),
        ("rosenbrock", {"a": 1}, ["a is not a known setting", "none"]),
        ("two_moons", {"hidden": []}, ["hidden must hold one to eight layers"]),
        ("two_moons", {"hidden": [4, 0]}, ["1 to 1024 units"]),
        ("two_moons", {"hidden": [4] * 9}, ["one to eight"]),
        ("two_moons", {"points": 10**9}, ["points", "less than or equal to"]),
        ("two_moons", {"noise": -0.1}, ["noise", "greater than or equal to 0"]),
        ("two_moons", {"penalty": float("nan")}, ["penalty"]),
        ("two_moons", {"lr": 1}, ["lr is not a known setting", "hidden, points, noise, penalty"]),
    ],
)
def test_wrong_parameters_are_named_in_one_line(task, parameters, words):
    with pytest.raises(InputError) as caught:
        make_task(task, parameters)
    message = str(caught.value)
    assert message.startswith(f"task {task}: ") and "\n" not in message
    assert all(word in message for word in words), message


def test_tasks_are_immutable():
    with pytest.raises(ValueError, match="frozen"):
        make_task("two_moons").points = 3
