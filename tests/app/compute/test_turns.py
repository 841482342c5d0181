"""Turns: a client's requests a few at a time, and not without end."""

import threading

import pytest

from app.compute.turns import GoneError, Turns
from core.errors import TooManyError


def test_many_of_one_client_do_not_keep_another_waiting():
    turns = Turns(places=2)
    for client in ("a", "a", "b"):
        turns.enter(client)
    entered = threading.Event()
    thread = threading.Thread(target=lambda: (turns.enter("a"), entered.set()))
    thread.start()
    assert not entered.wait(0.1)
    turns.leave("b")
    assert not entered.wait(0.1)
    turns.leave("a")
    assert entered.wait(60)
    thread.join()


def test_who_only_waits_has_no_turn():
    turns = Turns(places=1)
    turns.enter("a")
    with turns.away("a"):
        turns.enter("a")
        turns.leave("a")
    turns.leave("a")
    assert turns._clients == {}


def test_a_client_that_has_gone_waits_no_more():
    turns = Turns(places=1)
    turns.enter("a")
    with pytest.raises(GoneError):
        turns.enter("a", lambda: True)
    turns.leave("a")
    assert turns._clients == {}


def test_too_many_are_told_when_to_try_again():
    turns = Turns(places=5, most=2, most_in_all=3)
    turns.enter("a")
    turns.enter("a")
    with pytest.raises(TooManyError, match="too many of your requests wait here already") as refused:
        turns.enter("a")
    assert refused.value.after >= 2
    turns.enter("b")
    with pytest.raises(TooManyError, match="too many requests wait here already"):
        turns.enter("c")
    turns.leave("b")
    turns.enter("c")
