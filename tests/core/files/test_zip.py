import io
import zipfile

from core.files.zip import files_of, zipped


def test_everything_but_what_is_hidden_or_of_the_queue(tmp_path):
    run = tmp_path / "mine"
    kept = {"config.json": b"{}", "snapshots/000001.safetensors": bytes(range(256)) * 3000, "empty.csv": b""}
    left = {".claim": b"", "heartbeat.json": b"x", "job.json": b"x", "control.json": b"x", "snapshots/.half": b"x"}
    for name, content in (kept | left).items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)
    (run / "link").symlink_to(tmp_path)
    parts = list(zipped(run))
    assert len(parts) > 3
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {f"mine/{k}": v for k, v in kept.items()}


def test_a_file_that_goes_away_is_left_out(tmp_path):
    for name in "ab":
        (tmp_path / name).write_bytes(b"x" * 10)
    sending = zipped(tmp_path)
    first = next(sending)
    (tmp_path / "b").unlink()
    with zipfile.ZipFile(io.BytesIO(b"".join([first, *sending]))) as archive:
        assert [name.rpartition("/")[2] for name in archive.namelist()] == ["a"]
    assert [path.name for path in files_of(tmp_path)] == ["a"]
