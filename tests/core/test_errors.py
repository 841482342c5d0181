import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from core.errors import InputError, choose, sentence


class Inner(BaseModel):
    depth: int = 1


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _even(self):
        if self.size % 2:
            raise ValueError("size must be even")
        return self


@pytest.mark.parametrize(
    "values, expected",
    [
        ({}, "size is missing"),
        ({"size": 2, "colour": 1}, "colour is not a known setting"),
        ({"size": "big"}, "size should be a valid integer, unable to parse string as an integer (got 'big')"),
        ({"size": 2, "inner": {"depth": None}}, "depth should be a valid integer (got None)"),
    ],
)
def test_sentence_names_the_first_wrong_field(values, expected):
    with pytest.raises(ValidationError) as caught:
        Form(**values)
    assert sentence(caught.value, kinds=["inner"]) == expected


def test_sentence_of_a_whole_model_and_of_a_long_value():
    with pytest.raises(ValidationError) as caught:
        Form(size=3)
    assert "size must be even" in sentence(caught.value)
    with pytest.raises(ValidationError) as caught:
        Form(size="x" * 10_000)
    assert len(sentence(caught.value)) < 200


def test_choose_lists_the_likeliest_of_many():
    many = {f"run-{number}": number for number in range(1000)}
    with pytest.raises(InputError) as error:
        choose("run", "run-77x", many)
    assert "choose one of run-77, run-" in str(error.value) and str(error.value).endswith(", or one of 990 others")


def test_choose():
    assert choose("colour", "red", {"red": 1, "blue": 2}) == 1
    for name in ("green", None, ["red"], 0):
        with pytest.raises(InputError, match=r"unknown colour .*: choose one of red, blue"):
            choose("colour", name, {"red": 1, "blue": 2})


def test_input_errors_are_value_errors():
    assert issubclass(InputError, ValueError)
