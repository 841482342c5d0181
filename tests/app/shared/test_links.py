"""The machinery of links, on a table of its own."""

from dataclasses import dataclass

from app.shared.links import Field, Links, choice, whole
from core.errors import InputError


@dataclass(frozen=True)
class Lunch:
    """A view of another kind."""

    dish: str
    spoons: int


def _spoons(text: str, so_far: object) -> int:
    number = whole(text)
    if number is None:
        raise InputError(f"spoons must be a whole number (got {text!r})")
    return number


TABLE = {
    "dish": Field(lambda _: "soup", choice("dish", {"soup": 0, "fish": 0}), str),
    "spoons": Field(lambda v: 1 if v["dish"] == "soup" else 0, _spoons, str),
}
LUNCHES = Links(Lunch, TABLE)


def test_defaults_follow_the_fields_before_them() -> None:
    assert LUNCHES.parse("") == (Lunch("soup", 1), [])
    assert LUNCHES.parse("?dish=fish") == (Lunch("fish", 0), [])
    assert LUNCHES.to_query(Lunch("fish", 0)) == "dish=fish"
    assert LUNCHES.to_query(Lunch("soup", 0)) == "spoons=0"
    assert LUNCHES.to_query(Lunch("fish", 2), leave_out=("dish",)) == "spoons=2"


def test_what_is_wrong_is_said_in_order_and_left_out() -> None:
    lunch, wrong = LUNCHES.parse({"wine": "red", "spoons": "many", "dish": "stone"})
    assert lunch == Lunch("soup", 1)
    assert wrong == [
        "'wine' is not part of a view: dish, spoons",
        "unknown dish 'stone': choose one of soup, fish",
        "spoons must be a whole number (got 'many')",
    ]


def test_whole_numbers() -> None:
    assert [whole(text) for text in ("0", "17", "000000009", "0" * 10, "-1", "٣", "1_0", "")] == [
        0, 17, 9, None, None, None, None, None,
    ]  # fmt: skip
