"""Jobs as JSON: by pages, and by what has changed."""

import os

from core.jobs import views as module
from core.jobs.queue import ask, list_jobs
from core.jobs.views import describe_all
from core.runs.label import write_label
from tests.core.jobs.helpers import queued


def ids(answer):
    return [job["id"] for job in answer["jobs"]]


def test_pages_of_what_is_over_and_all_that_is_not(root):
    over = [queued(seed=seed) for seed in range(5)]
    for record in over:
        ask(record, "cancel")
    waits = queued()
    names = [record.name for record in over]
    first = describe_all(list_jobs(), most=2)
    assert ids(first) == [*names[3:], waits.name] and first["more"] and first["total"] == 6
    second = describe_all(list_jobs(), most=2, skip=2)
    assert ids(second) == [*names[1:3], waits.name] and second["more"]
    last = describe_all(list_jobs(), most=2, skip=4)
    assert ids(last) == [names[0], waits.name] and not last["more"]


def test_only_what_has_changed(root, monkeypatch):
    monkeypatch.setattr(module, "OVERLAP", 0)
    old, changed, waits = (queued(seed=seed) for seed in range(3))
    for record in (old, changed):
        ask(record, "cancel")
        os.utime(record.path, (1000, 1000))
    first = describe_all(list_jobs())
    again = describe_all(list_jobs(), after=first["next"])
    assert ids(again) == [waits.name] and again["next"] == first["next"] and again["total"] == 3
    write_label(changed.path, {"title": "Mine"})
    delta = describe_all(list_jobs(), after=again["next"])
    assert ids(delta) == [changed.name, waits.name] and delta["jobs"][0]["title"] == "Mine"
    assert ids(describe_all(list_jobs(), after=delta["next"])) == [waits.name]
