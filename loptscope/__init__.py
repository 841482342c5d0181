"""The Python API of Loptscope: load an optimizer, run it, measure it, and draw the dashboard's figures.

```python
import loptscope as ls

optimizer = ls.load("rosenbrock-gru64")
problems = ls.make_task("rosenbrock").sample(16, ls.generator(ls.Purpose.VIEW, 0))
losses = ls.unroll(optimizer, problems, 200).losses          # [201, 16]
context = ls.Context(optimizer, ls.make_task("rosenbrock"))
print(context.linearized.eigenvalues)
ls.explore("task=rosenbrock&step=40").figure("landscape").show()
```

Everything is defined in `core` and `app`; this module only collects the names, and loads each part when it is first used (PEP 562). The
names are listed in ``__init__.pyi``. Bad input raises `InputError` with a one-sentence message.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

_HOMES = {  # names and their modules, from the stub, so that type checkers and this module read the same list
    alias.name: node.module
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom) and node.module is not None
    for alias in node.names
}
__all__ = sorted(_HOMES)  # noqa: PLE0605 - read from the stub


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
