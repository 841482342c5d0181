"""Who may import whom: the numerical side knows nothing of the dashboard, no page knows another one, and nothing goes in circles."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
    for top in ("core", "app", "loptscope")
    for path in (ROOT / top).rglob("*.py")
}
ABOVE = ("core.__main__",)  # the command line's door: it only hands over to loptscope.cli


def _imports(module: str, whole: bool) -> Iterator[str]:
    """Modules of this project that a module imports; without ``whole`` only when it is loaded, not inside of functions."""
    path = FILES[module]
    tree = ast.parse(path.read_text())
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in inside and not whole:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{module} imports relatively"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found = name if name in FILES else node.module
                if found in FILES:
                    yield found


def _graph(whole: bool) -> dict[str, set[str]]:
    return {module: set(_imports(module, whole)) - {module} for module in FILES}


def _page(module: str) -> str | None:
    parts = module.split(".")
    return parts[2] if parts[:2] == ["app", "pages"] and len(parts) > 2 else None


def _room(module: str) -> str:
    """The folder that a module lies in."""
    name = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    return name if name.count(".") else module  # files at the top of core and app are rooms of their own


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """Some circle of a graph; empty if there is none."""
    done: set[str] = set()

    def walk(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for following in sorted(graph[node]):
            if found := walk(following, [*way, node]):
                return found
        done.add(node)
        return []

    for node in sorted(graph):
        if found := walk(node, []):
            return found
    return []


def test_the_numerical_side_knows_nothing_above_it() -> None:
    for module, imported in _graph(whole=True).items():
        if module.startswith("core") and module not in ABOVE:
            assert all(name.startswith("core") for name in imported), module


def test_no_page_knows_another_and_what_is_shared_knows_no_page() -> None:
    for module, imported in _graph(whole=True).items():
        page = _page(module)
        pages = {found for name in imported if (found := _page(name)) is not None}
        if page is not None:
            assert pages <= {page}, f"{module} imports {pages - {page}}"
            assert "app.pages" not in imported, module
        if module.startswith("app.shared"):
            assert not any(name.startswith("app.pages") for name in imported), module


def test_no_module_imports_itself_over_others() -> None:
    assert _circle(_graph(whole=False)) == []


def test_no_room_leads_back_to_itself() -> None:
    rooms: dict[str, set[str]] = {_room(module): set() for module in FILES}
    for module, imported in _graph(whole=False).items():
        rooms[_room(module)] |= {_room(name) for name in imported} - {_room(module)}
    # A folder's own __init__ gathers what lies below it: that is no arrow.
    arrows = {name: {other for other in others if not other.startswith(f"{name}.")} for name, others in rooms.items()}
    assert _circle(arrows) == []


def test_a_circle_would_be_found() -> None:
    assert _circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()}) == ["a", "b", "c", "a"]
    assert _circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
