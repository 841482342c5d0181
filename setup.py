"""Installs assets/ and zoo/ as data of the packages that read them, which pyproject.toml cannot express."""

from setuptools import find_namespace_packages, setup

OURS = ("core", "app", "loptscope")
DATA = {"app.data.assets": "assets", "core.data.zoo": "zoo"}

setup(
    packages=[
        *find_namespace_packages(include=[*OURS, *(f"{name}.*" for name in OURS)], exclude=["*.__pycache__"]),
        *DATA,
    ],
    package_dir=DATA,
    package_data={**{name: ["py.typed", "*.pyi"] for name in OURS}, **{name: ["**/*"] for name in DATA}},
    exclude_package_data={"core.data.zoo": ["*/training_state.safetensors"]},
)
