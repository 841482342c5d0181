"""From views to bundles: keys, the cache, and computing once."""

import dataclasses
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from flask import Flask

from app.pages.explore import bundles as views
from app.pages.explore.bundles import DISPLAY_ONLY, bundle_bytes, source_of
from app.pages.explore.view import FIELDS, View, parse
from app.shared import cache as computed
from app.shared.catalog import subjects
from core.bundle import Bundle

BASE = "task=rosenbrock&seed=3"


def key(query: str) -> str:
    return source_of(parse(query)[0]).key


def test_a_key_depends_on_what_is_computed() -> None:
    first, second = subjects("rosenbrock")["rosenbrock-gru64"].snapshots[:2]
    queries = [
        BASE,
        "task=rosenbrock&seed=4",
        "task=linear_regression&seed=3",
        f"{BASE}&start=0,0",
        f"{BASE}&start=0,0.0001",
        f"{BASE}&optimizer=adam",
        f"{BASE}&optimizer=momentum",
        f"{BASE}&outer_step={first}",
        f"{BASE}&outer_step={second}",
        f"{BASE}&compare=adam",
        f"{BASE}&compare=rosenbrock-gru64@{first}",
        f"{BASE}&compare=rosenbrock-gru64@{second}",
        f"{BASE}&baselines=adam,sgd",
        f"{BASE}&own=adam:learning_rate=0.1",
        f"{BASE}&own=adam:learning_rate=0.2",
    ]
    keys = [key(query) for query in queries]
    assert len(set(keys)) == len(keys)
    assert keys == [key(query) for query in queries]
    assert all(len(value) == 32 for value in keys)


OTHERS = {
    "band": "on",
    "components": "2",
    "axis": "linear",
    "panels": "state,rate",
    "step": "77",
    "speed": "5",
    "theme": "dark",
}


def test_a_key_does_not_depend_on_how_it_is_shown() -> None:
    assert tuple(OTHERS) == DISPLAY_ONLY
    assert set(DISPLAY_ONLY) < set(FIELDS)
    plain = source_of(parse(BASE)[0])
    for name, value in OTHERS.items():
        view, wrong = parse(f"{BASE}&{name}={value}")
        assert wrong == []
        assert getattr(view, name) != getattr(parse(BASE)[0], name)
        assert source_of(view) == plain
    assert key(f"{BASE}&baselines=adam") == plain.key  # the usual baselines are there, shown or not


def test_the_link_of_a_bundle_leads_to_it_again() -> None:
    view = parse(f"{BASE}&optimizer=rmsprop&start=0.5,1&step=9&theme=dark")[0]
    source = source_of(view)
    assert source_of(parse(source.query)[0]) == source
    assert "step" not in source.query


def test_a_change_of_the_tuned_optimizers_or_the_program_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(BASE)
    known = dict(subjects("rosenbrock"))
    known["adam"] = dataclasses.replace(known["adam"], hyperparameters={"learning_rate": 0.5})
    with monkeypatch.context() as patch:
        patch.setattr(views, "subjects", lambda task: known)
        assert key(BASE) != before
    with monkeypatch.context() as patch:
        patch.setattr(views, "source_digest", lambda: "another program")
        assert key(BASE) != before
    assert key(BASE) == before


@pytest.fixture
def counted(server: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[View]]:
    """Views computed since, by a slow computation; nothing in the cache."""
    with server.app_context():
        computed.cache.clear()
    calls: list[View] = []
    compute = views._compute

    def slowly(view: View) -> Bundle:
        calls.append(view)
        time.sleep(0.2)
        return compute(view)

    monkeypatch.setattr(views, "_compute", slowly)
    yield calls
    assert computed._locks == {}


def test_cached_bytes_are_the_computed_ones(server: Flask, counted: list[View]) -> None:
    view = parse(BASE)[0]
    with server.app_context():
        first, again = bundle_bytes(view), bundle_bytes(dataclasses.replace(view, step=50, theme="dark"))
        assert first == again
        assert len(counted) == 1
        computed.cache.clear()
        source, content = bundle_bytes(view)
    assert len(counted) == 2
    assert source == first[0]  # an evicted bundle is computed again to the same content
    old, new = Bundle.decode(first[1]), Bundle.decode(content)
    assert old.about == new.about
    assert set(old.arrays) == set(new.arrays)
    for name, array in old.arrays.items():
        np.testing.assert_array_equal(new.arrays[name], array)


def test_many_who_ask_at_once_make_one_computation(server: Flask, counted: list[View]) -> None:
    view = parse(BASE)[0]
    answers: list[bytes] = []
    together = threading.Barrier(6)

    def ask() -> None:
        together.wait()
        with server.app_context():
            answers.append(bundle_bytes(view)[1])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counted) == 1
    assert len(answers) == 6
    assert len(set(answers)) == 1


def test_a_failed_computation_is_no_answer_and_can_be_asked_again(
    server: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = parse(f"{BASE}&seed=11")[0]

    def fail(_: View) -> Bundle:
        raise RuntimeError("no memory")

    with server.app_context():
        with monkeypatch.context() as patch:
            patch.setattr(views, "_compute", fail)
            with pytest.raises(RuntimeError, match="no memory"):
                bundle_bytes(view)
        assert len(bundle_bytes(view)[1]) > 1000
