"""The line: fair between clients, nothing twice, nothing for nobody."""

import threading

from app.compute.line import Job, Line, Waiter


def compute(name: str) -> bytes:
    return name.encode()


def join(line: Line, client: str, name: str, **more) -> Waiter:
    return line.join(name, compute, (name,), client, **more)


def taken(line: Line) -> Job:
    """The next job; a line in which nobody's turn has come would wait."""
    found: list[Job | None] = []
    thread = threading.Thread(target=lambda: found.append(line.take()), daemon=True)
    thread.start()
    thread.join(60)
    assert found and found[0] is not None
    return found[0]


def waits(line: Line) -> bool:
    """Whether nobody's turn has come."""
    with line._changed:
        return line._next() is None


def test_one_place_for_each_client_and_round_robin_between_them():
    line = Line(slots=4)
    for client in ("a", "b"):
        for number in range(3):
            join(line, client, f"{client}{number}")
    first, second = taken(line), taken(line)
    assert [first.name, second.name] == ["a0", "b0"] and waits(line)
    line.finish(second, b"", None)
    assert taken(line).name == "b1" and waits(line)
    line.finish(first, b"", None)
    assert taken(line).name == "a1"


def test_a_second_client_waits_for_at_most_one_job_in_progress():
    line = Line(slots=1)
    for number in range(50):
        join(line, "greedy", f"g{number}")
    running = taken(line)
    join(line, "other", "o")
    assert line.place("other", "") is None  # it did not name its tab
    line.finish(running, b"", None)
    assert taken(line).name == "o"


def test_whoever_asks_for_the_same_waits_for_the_same_job():
    line = Line()
    waiters = [join(line, client, "x") for client in ("a", "b", "a")]
    job = taken(line)
    assert all(waiter.job is job for waiter in waiters) and waits(line)
    line.finish(job, b"result", None)
    assert job.done.is_set() and job.result == b"result"
    assert join(line, "a", "x").job is not job  # a new question


def test_what_nobody_waits_for_is_dropped_or_stopped():
    line = Line(slots=2)
    one, two, shared, too = join(line, "a", "1"), join(line, "a", "2"), join(line, "a", "s"), join(line, "b", "s")
    running = taken(line)
    line.leave(one)
    assert running.abandoned.is_set()
    line.finish(running, None, RuntimeError())
    line.leave(two)
    line.leave(shared)
    job = taken(line)
    assert job.name == "s" and not job.abandoned.is_set() and waits(line)
    line.leave(too)
    assert job.abandoned.is_set()


def test_an_abandoned_job_is_begun_anew_by_whoever_asks_next():
    line = Line(slots=2)
    waiter = join(line, "a", "x")
    old = taken(line)
    line.leave(waiter)
    again = join(line, "b", "x")
    assert again.job is not old and not again.job.abandoned.is_set()
    line.finish(old, None, RuntimeError())
    assert taken(line) is again.job


def test_a_newer_request_of_a_tab_makes_the_older_one_pointless():
    line = Line(slots=2)
    group, elsewhere = ("a tab", "figure"), ("a tab 2", "figure")
    old = join(line, "a", "old", group=group, number=line.number(group))
    other = join(line, "a", "other", group=elsewhere, number=line.number(elsewhere))
    late = line.number(group)
    assert old.superseded and not other.superseded and taken(line).name == "other"
    newest = line.number(group)
    assert join(line, "a", "late", group=group, number=late).superseded
    assert not join(line, "a", "newest", group=group, number=newest).superseded


def test_the_background_waits_until_nobody_does_and_leaves_a_slot_free():
    line, kept = Line(slots=2), []
    for name in ("p", "q"):
        line.ahead(name, compute, (name,), kept.append)
    line.ahead("p", compute, ("p",), kept.append)
    join(line, "a", "x")
    assert taken(line).name == "x" and taken(line).name == "p" and waits(line)
    waiter = join(line, "b", "q")
    assert taken(line) is waiter.job


def test_where_a_tab_stands():
    line = Line()
    for number in range(3):
        group = ("a tab", str(number))
        join(line, "a", str(number), group=group, number=line.number(group))
    running = taken(line)
    assert line.place("a", "tab").ahead is None
    line.finish(running, b"", None)
    assert line.place("a", "tab").ahead == 0
    taken(line)
    join(line, "b", "x", group=("b tab", ""), number=line.number(("b tab", "")))
    assert line.place("b", "tab").ahead == 1 and line.place("c", "tab") is None


def test_a_closed_line_wakes_everyone():
    line = Line()
    found = []
    thread = threading.Thread(target=lambda: found.append(line.take()))
    thread.start()
    line.close()
    thread.join(60)
    assert found == [None]


def test_a_tab_whose_job_stands_in_no_queue_is_told_so_without_an_error():
    line = Line(slots=2)
    join(line, "a", "one", group=("a tab", "view"))
    taken(line).began = None  # it was stopped, and is not yet begun anew
    found = line.place("a", "tab")
    assert found is not None and found.seconds == 0
