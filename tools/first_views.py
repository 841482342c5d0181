"""Compute the views that ship, one for each task: ``.venv/bin/python -m tools.first_views``.

They are what Explore opens on. Run it again when an optimizer of the zoo, a tuned baseline or what a bundle contains has changed: a test
says so. The result is zoo/first_views/.
"""

from app.pages.explore.bundles import compute_bundle, source_of
from app.pages.explore.shipped import ENDING, FOLDER, encoded
from app.pages.explore.view import parse
from core.files.atomic import write_bytes
from core.tasks import SHIPPED


def main() -> None:
    """Compute them all, and remove those of earlier programs."""
    kept = set()
    for task in SHIPPED:
        source = source_of(parse(f"task={task}")[0])
        content = encoded(compute_bundle(source.query))
        path = FOLDER / f"{source.name}{ENDING}"
        write_bytes(path, content)
        kept.add(path)
        print(f"{task}: {path.name}, {len(content):,} bytes", flush=True)
    for path in set(FOLDER.glob("*")) - kept:
        path.unlink()


if __name__ == "__main__":
    main()
