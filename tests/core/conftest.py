import signal

import hypothesis
import pytest

hypothesis.settings.register_profile("core", database=None, derandomize=True, deadline=None)
hypothesis.settings.load_profile("core")


@pytest.fixture(autouse=True)
def _signal_handlers():
    """The train command takes over Ctrl-C; give it back after every test."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)
