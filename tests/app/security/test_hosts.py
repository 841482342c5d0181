"""Host names under which the dashboard answers."""

import pytest
from flask import Flask

from app.security.hosts import LOOPBACK, accepted, check_hosts, is_loopback
from core.errors import InputError


@pytest.mark.parametrize("address, alone", [("127.0.0.1", True), ("localhost", True), ("::1", True), ("[::1]", True)])
def test_loopback_needs_no_names(monkeypatch: pytest.MonkeyPatch, address: str, alone: bool) -> None:
    monkeypatch.delenv("LOPTSCOPE_HOSTS", raising=False)
    assert is_loopback(address) and accepted(address) == LOOPBACK


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "dashboard.lan", "nonsense"])
def test_every_other_address_asks_for_names(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.delenv("LOPTSCOPE_HOSTS", raising=False)
    with pytest.raises(InputError, match="set LOPTSCOPE_HOSTS to the host names in your links"):
        accepted(address)
    monkeypatch.setenv("LOPTSCOPE_HOSTS", "a.example.org, .b.example.org,[::1]")
    assert accepted(address) == ("a.example.org", ".b.example.org", "[::1]")


@pytest.mark.parametrize("given", ["a.example.org:8050", "a b", "https:", "a,,b/c"])
def test_names_that_are_none(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("LOPTSCOPE_HOSTS", given)
    with pytest.raises(InputError, match="host names without ports"):
        accepted("0.0.0.0")


def answers(names: tuple[str, ...], host: str, path: str = "/") -> int:
    server = Flask("test")
    check_hosts(server, names)
    server.add_url_rule("/", view_func=lambda: "page")
    server.add_url_rule("/healthz", "health", view_func=lambda: "ok")
    return server.test_client().get(path, headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "names, good, bad",
    [
        (
            LOOPBACK,
            ["localhost", "localhost:8050", "127.0.0.1:8050", "[::1]:8050"],
            ["evil.example", "127.0.0.1.evil.example"],
        ),
        (
            ("a.example.org",),
            ["a.example.org", "A.example.org:443"],
            ["localhost", "b.example.org", "x.a.example.org", ""],
        ),
        ((".example.org",), ["x.example.org", "example.org"], ["example.org.evil.example", "10.0.0.1"]),
        (("*",), ["anything", "10.0.0.1:80"], []),
    ],
)
def test_only_the_names_are_answered_and_health_by_any(names: tuple[str, ...], good: list[str], bad: list[str]) -> None:
    assert [answers(names, host) for host in good] == [200] * len(good)
    assert [answers(names, host) for host in bad] == [400] * len(bad)
    assert answers(names, "10.1.2.3:8050", "/healthz") == 200
