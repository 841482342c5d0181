"""The settings of a run, each with title, description and group; the form, the command line and the docs derive from them."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

TASK, OPTIMIZER, TRAINING, GRADIENT = GROUPS = ("Task", "Optimizer", "Outer training", "Outer gradient")
Kind = Literal["choice", "whole", "number", "switch", "text"]


def setting(
    default: Any, title: str, description: str, group: str, choices: Mapping[str, str] | None = None, **limits: Any
) -> Any:
    """A field of a pydantic model that users can set.

    Args:
        default: its default; ``...`` if it is required.
        title: beside its control.
        description: one sentence.
        group: one of `GROUPS`.
        choices: labels of its values in menus, if they differ from the values.
        limits: arguments of `pydantic.Field` (``ge``, ``gt``, ``le``, …).
    """
    about: dict[str, Any] = {"group": group, "choices": dict(choices or {})}
    return Field(default, title=title, description=description, json_schema_extra=about, **limits)


@dataclass(frozen=True)
class Setting:
    """One setting, derived from its field.

    Attributes:
        name: its name in ``train``'s options.
        title: beside its control.
        description: one sentence.
        group: one of `GROUPS`.
        kind: "choice" of a few values, "whole" or any "number", "switch" (yes, no or unset), "text" (a JSON object).
        choices: the values of a choice and their labels.
        optional: whether it may be None.
        low, high: the smallest and the largest value allowed; None without a bound.
        above: whether ``low`` itself is excluded.
        default: None if it is required.
    """

    name: str
    title: str
    description: str
    group: str
    kind: Kind
    choices: Mapping[str, str]
    optional: bool
    low: float | None
    high: float | None
    above: bool
    default: Any


def _kind(annotation: Any) -> tuple[Kind, bool]:
    """The kind of a field's type, and whether it may be None."""
    optional = get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)
    inner = next(kind for kind in get_args(annotation) if kind is not type(None)) if optional else annotation
    if get_origin(inner) is Literal:
        return "choice", optional
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number", str: "choice"}
    return kinds.get(inner, "text"), optional


def _setting_of(name: str, field: FieldInfo) -> Setting:
    about = field.json_schema_extra
    assert isinstance(about, dict) and isinstance(about["choices"], dict)
    kind, optional = _kind(field.annotation)
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    names = about["choices"]
    rules: dict[type, Any] = {type(rule): rule for rule in field.metadata}
    return Setting(
        name=name,
        title=str(field.title),
        description=str(field.description),
        group=str(about["group"]),
        kind=kind,
        choices={value: str(names.get(value, value.replace("_", " "))) for value in values},
        optional=optional,
        low=rules[Gt].gt if Gt in rules else rules[Ge].ge if Ge in rules else None,
        high=rules[Le].le if Le in rules else None,
        above=Gt in rules,
        default=None if field.is_required() else field.get_default(call_default_factory=True),
    )


def settings_of(*models: type[BaseModel]) -> tuple[Setting, ...]:
    """The settings of some models, by group, in the order of their fields."""
    settings = [
        _setting_of(name, field)
        for model in models
        for name, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and "group" in field.json_schema_extra
    ]
    return tuple(sorted(settings, key=lambda row: GROUPS.index(row.group)))
