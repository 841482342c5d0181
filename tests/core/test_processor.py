"""The choice of OpenBLAS's code."""

import os
import subprocess
import sys

import pytest

from core.processor import NEEDED, VARIABLE, WIDE, choose_products, products_for

WIDE_FLAGS = " ".join(["fpu", "sse2", *sorted(NEEDED)])


def described(vendor: str, flags: str) -> str:
    return f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 26\nflags\t\t: {flags}\n\nprocessor\t: 1\nvendor_id\t: other\nflags\t\t: \n"


def test_only_amd_processors_with_every_instruction_are_given_the_wide_code():
    assert products_for(described("AuthenticAMD", WIDE_FLAGS)) == WIDE
    assert products_for(described("GenuineIntel", WIDE_FLAGS)) is None
    for missing in NEEDED:
        assert products_for(described("AuthenticAMD", WIDE_FLAGS.replace(missing, ""))) is None
    assert products_for("") is None
    assert products_for("Processor : ARMv8\nFeatures\t: asimd\n") is None


def test_what_the_user_chose_stays(monkeypatch, tmp_path):
    monkeypatch.setattr("core.processor.PROCESSORS", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.delenv(VARIABLE, raising=False)
    choose_products()
    assert VARIABLE not in os.environ
    (tmp_path / "cpuinfo").write_text(described("AuthenticAMD", WIDE_FLAGS))
    monkeypatch.setenv(VARIABLE, "Zen")
    choose_products()
    assert os.environ[VARIABLE] == "Zen"
    monkeypatch.delenv(VARIABLE)
    choose_products()
    assert os.environ[VARIABLE] == WIDE


def test_the_code_is_chosen_before_openblas_is_loaded():
    if VARIABLE not in os.environ:
        pytest.skip("OpenBLAS chooses by itself here")
    program = (
        "import core.outer.kernels.gru, scipy.linalg.cython_blas, threadpoolctl;"
        "print({one['architecture'] for one in threadpoolctl.threadpool_info() if 'scipy' in one['filepath']})"
    )
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert WIDE in found.stdout
