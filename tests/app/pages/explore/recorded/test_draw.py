"""Views of recordings: figures, what moves, notices, the page and its bundle."""

import json
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

import loptscope as ls
from app.pages.explore.panels import PANELS
from app.pages.explore.recorded.draw import DrawnRecording, draw_recording
from app.pages.explore.recorded.view import parse
from core.bundle import Bundle


def drawn(server: Flask, query: str) -> DrawnRecording:
    with server.app_context():
        return draw_recording(parse(query)[0], "light")


def test_all_panels_are_drawn_and_move(server: Flask) -> None:
    found = drawn(server, "recording=adam&components=1,2,7")
    assert list(found.figures) == list(PANELS) and found.notices == [
        "One step here is 4 steps of the training, from 0 to 496."
    ]
    moving = {name: len(entry["marks"]) for name, entry in found.description["moving"].items()}
    assert moving["landscape"] == 0 and all(count for name, count in moving.items() if name != "landscape")
    assert "no landscape" in found.figures["landscape"].layout.annotations[0].text.replace("<br>", " ")
    assert found.figures["loss"].layout.xaxis.title.text == "step / 4"
    assert [chip["name"] for chip in found.description["moving"]["loss"]["legend"]] == ["adam"]
    losses = found.drawing.bundle.arrays["losses"][0]
    assert np.allclose(found.figures["loss"].data[0].y, losses) and losses[0] > losses[-1]
    kinds = [mark["kind"] for mark in found.description["moving"]["update"]["marks"]]
    assert kinds == ["line"] * 3 + ["point"] * 3
    assert drawn(server, "recording=adam&window=first").notices == []


def test_an_optimizer_that_cannot_run_again_shows_its_recorded_updates(server: Flask) -> None:
    found = drawn(server, "recording=other")
    assert any(text.startswith("The optimizer cannot be run again") for text in found.notices)
    points = found.figures["update"].data[0]
    assert points.mode == "markers" and len(points.y) == 20
    assert {mark["kind"] for mark in found.description["moving"]["update"]["marks"]} == {"point"}
    assert found.figures["rate"].layout.yaxis.title.text == "learning rate, as set"


def test_the_page_and_its_bundle_are_served(client: FlaskClient, server: Flask) -> None:
    assert client.get("/?recording=learned").status_code == 200
    address = drawn(server, "recording=learned&window=first").description["bundle"]
    answer = client.get(address)
    bundle = Bundle.decode(answer.data)
    assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
    assert bundle.arrays["update"].shape == (20, 20, 65) and bundle.about["fixed_point"] is not None
    key = address.split("/")[-1].split(".")[0]
    for wrong, status, sentence in (
        (address.replace(key, "0" * 32), 404, "out of date"),
        (address.replace("count=20", "count=21"), 400, "count must be a whole number from 1 to 20"),
        (address.replace("window=first", "window=last"), 400, "unknown window"),
        (address.replace("learned", "nothing"), 404, "there is no recording"),
    ):
        refused = client.get(wrong)
        assert refused.status_code == status and sentence in json.loads(refused.data)["error"]


def test_it_is_drawn_in_python_too() -> None:
    page = ls.explore("recording=adam&step=40&components=1,2")
    assert page.names == tuple(PANELS)
    cursor = page.figure("update")
    assert len(cursor.data) == 4 and page.figure("rate").layout.yaxis.title.text == "effective learning rate"
    with pytest.raises(ls.InputError, match="there is no recording"):
        ls.explore("recording=nothing")


def test_a_recording_that_is_still_made_or_damaged_says_so(
    server: Flask, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "adam").mkdir()
    for file in ("recording.json", "steps.bin"):
        (tmp_path / "adam" / file).write_bytes((runs / "adam" / file).read_bytes())
    monkeypatch.setenv("LOPTSCOPE_RUNS", str(tmp_path))
    assert "ended without closing" in drawn(server, "recording=adam").notices[0]
    (tmp_path / "adam" / "steps.bin").write_bytes(b"")
    with pytest.raises(ls.InputError, match="adam has no recorded step yet"):
        drawn(server, "recording=adam")
