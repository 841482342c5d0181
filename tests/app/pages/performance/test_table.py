"""Rows and orders of the table."""

from app.pages.performance.table import HEADERS, orders, rows
from app.pages.performance.view import SORTS
from core.optimizers.hand_designed import BASELINES
from tests.app.pages.performance.samples import evaluation


def test_cells() -> None:
    table = rows(evaluation(0.05, adam=None), "Learned GRU-64")
    by_name = {row.name: row for row in table}
    assert list(by_name) == ["learned", *BASELINES]
    assert by_name["learned"].title == "Learned GRU-64"
    assert by_name["learned"].cells == {
        "meta_loss": "0.0500 ± 0.0010",
        "final_loss": "0.00500",
        "steps_to_target": "5 (7 of 10 reach it)",
        "diverged": "0 of 10",
        "hyperparameters": "trained, not tuned",
    }
    adam = by_name["adam"].cells
    assert (adam["meta_loss"], adam["diverged"]) == ("none", "2 of 10")
    assert adam["steps_to_target"] == "never for half or more (7 of 10 reach it)"
    assert adam["hyperparameters"] == "learning rate 0.100"
    assert all({"optimizer", *row.cells} == set(HEADERS) for row in table)


def test_an_older_evaluation_has_counted_no_steps() -> None:
    scores = evaluation(0.05)
    scores.optimizers["learned"].steps_to_target = None
    first, *_ = rows(scores, "Learned")
    assert first.cells["steps_to_target"] == "not counted"
    assert orders(rows(scores, "Learned"))["steps_to_target"][-1] == "learned"


def test_every_order_holds_everyone_and_the_unknown_come_last() -> None:
    by_sort = orders(rows(evaluation(0.25, adam=None), "Learned"))
    assert set(by_sort) == set(SORTS)
    assert all(sorted(order) == sorted(["learned", *BASELINES]) for order in by_sort.values())
    others = [name for name in BASELINES if name != "adam"]
    upwards = [*others[:2], "learned", *others[2:]]
    assert by_sort["meta_loss"] == [*upwards, "adam"]
    assert by_sort["-meta_loss"] == [*reversed(upwards), "adam"]
    assert by_sort["diverged"][-1] == "adam"
    assert by_sort["-diverged"][0] == "adam"
    assert by_sort["optimizer"] == sorted(by_sort["optimizer"], key=lambda n: {"learned": "Learned"}.get(n, _title(n)))


def _title(name: str) -> str:
    from app.shared.catalog import TITLES  # noqa: PLC0415

    return TITLES[name]
