"""No test sees or makes runs in the folder that it is started in, or starts a worker unasked."""

import atexit
import os
import shutil
import tempfile

import pytest
import torch

from tests.scheduling import Scheduling, in_order

torch.set_num_threads(1)
os.environ["LOPTSCOPE_RUNS"] = tempfile.mkdtemp(prefix="loptscope-runs-")
atexit.register(shutil.rmtree, os.environ["LOPTSCOPE_RUNS"], ignore_errors=True)
os.environ["LOPTSCOPE_WORKERS"] = "0"
os.environ.pop("REDIS_URL", None)


def pytest_collection_modifyitems(items):
    items[:] = in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
