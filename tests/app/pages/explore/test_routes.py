"""The HTTP interface beside the pages."""

import json

import pytest
import safetensors.numpy
from flask.testing import FlaskClient

from app.pages.explore.bundles import source_of
from app.pages.explore.view import parse
from app.shared.catalog import usual_baselines
from core.bundle import Bundle
from core.runs import zoo
from core.tasks import TASKS
from tests.app.conftest import Shown


def address(query: str) -> str:
    source = source_of(parse(query)[0])
    return f"/api/bundles/{source.key}.safetensors?{source.query}"


def test_health(client: FlaskClient) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.is_json
    assert response.json["status"] == "ok"
    assert response.json["zoo"] == len(zoo.entries())


def test_a_bundle(client: FlaskClient, shown: Shown) -> None:
    response = client.get(f"/api/bundles/{shown.source.key}.safetensors?{shown.source.query}")
    assert response.status_code == 200
    assert response.data == shown.content
    assert "immutable" in response.headers["Cache-Control"]
    assert response.mimetype == "application/vnd.safetensors"
    assert len(response.data) < 2_000_000
    arrays = safetensors.numpy.load(response.data)
    assert arrays["losses"].shape == (len(shown.bundle.about["optimizers"]), shown.bundle.about["steps"] + 1)
    size = int.from_bytes(response.data[:8], "little")
    assert size % 4 == 0  # so that the browser can lay typed arrays over the content
    header = json.loads(response.data[8 : 8 + size])
    assert all(entry["data_offsets"][0] % 4 == 0 for name, entry in header.items() if name != "__metadata__")


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_bundles_are_compressed_when_asked(client: FlaskClient, encoding: str) -> None:
    plain = client.get(address("task=rosenbrock"))
    packed = client.get(address("task=rosenbrock"), headers={"Accept-Encoding": encoding})
    assert plain.content_encoding is None
    assert packed.content_encoding == encoding
    assert len(packed.data) < 0.9 * len(plain.data)
    assert "immutable" in packed.headers["Cache-Control"]
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_a_bundle_that_is_there_already_is_not_sent_again(client: FlaskClient) -> None:
    first = client.get(address("task=rosenbrock"))
    again = client.get(address("task=rosenbrock"), headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


REFUSED = [
    ("/api/bundles/0123456789abcdef0123456789abcdef.safetensors", 404),
    ("/api/bundles/x.safetensors?task=rosenbrock&seed=3", 404),
    ("/api/bundles/x.safetensors?task=nonsense", 400),
    ("/api/bundles/x.safetensors?seed=-1", 400),
    ("/api/bundles/x.safetensors?unknown=1", 400),
    ("/api/bundles/x.safetensors?seed=%ff", 400),
    ("/api/bundles/x.npz", 404),
    ("/api/bundles/", 404),
    ("/api/bundles/../../etc/passwd", 404),
    ("/api/nothing", 404),
    ("/api/", 404),
    ("/api/<script>alert(1)</script>", 404),
]


@pytest.mark.parametrize(("path", "status"), REFUSED)
def test_what_is_not_understood_is_one_json_sentence(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.is_json
    assert list(response.json) == ["error"]
    assert 5 < len(response.json["error"]) < 400
    assert "no-store" in response.headers.get("Cache-Control", "no-store")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_methods_are_json_too(client: FlaskClient, method: str) -> None:
    for path in ("/api/nothing", "/api/bundles/x.safetensors"):
        response = getattr(client, method)(path)
        assert 400 <= response.status_code < 500
        assert "error" in response.json


def test_a_key_of_another_view_is_refused(client: FlaskClient) -> None:
    key = source_of(parse("task=rosenbrock&seed=1")[0]).key
    assert client.get(f"/api/bundles/{key}.safetensors?task=rosenbrock&seed=2").status_code == 404


@pytest.mark.parametrize("task", TASKS)
def test_other_seeds_make_small_bundles_too(client: FlaskClient, task: str) -> None:
    response = client.get(address(f"task={task}&optimizer=momentum&seed=999999"))
    assert response.status_code == 200
    assert 1000 < len(response.data) < 2_000_000
    assert Bundle.decode(response.data).about["optimizers"] == [
        "momentum",
        *(name for name in usual_baselines(task) if name != "momentum"),
    ]
