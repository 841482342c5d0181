"""Why a class with torch's interface cannot run here, in words: what it wants and is not given, or its own error."""

import inspect

from core.errors import InputError

WRAPS = "it wraps another optimizer, and is given parameters: register a class that makes both"
MODEL = "it wants a model, and is given parameters"
TWICE = "it differentiates the gradient once more, and is given its numbers only"
GROUPS = "it wants parameter groups of its own: give groups=, a function from a problem's tensors to the list of groups"


def what_it_wants(torch_class: type, error: Exception, text: str, *, divided: bool) -> str:
    """What a class wants other than a list of parameters with gradients; "" if its error does not show it.

    Args:
        torch_class: such as `torch.optim.Adagrad`.
        error: what it raised.
        text: of the error, in one line.
        divided: whether it was given parameter groups.
    """
    first = next(iter(inspect.signature(torch_class).parameters), "")
    asked = text.removeprefix("'list' object has no attribute ").strip("'") if "'list' object" in text else ""
    if "optimizer" in first or asked in ("defaults", "param_groups"):
        return WRAPS
    if first == "model" or asked in ("named_parameters", "parameters"):
        return MODEL
    if isinstance(error, RuntimeError) and "does not require grad" in text:
        return TWICE
    if not divided and "__contains__" in text:  # 'key' in a tensor, where a group was expected
        return GROUPS
    return ""


def reason(torch_class: type, what: str, error: Exception, *, divided: bool, needs_rate: bool) -> str:
    """What goes wrong in other people's code, in a sentence without its full stop.

    Args:
        torch_class: such as `torch.optim.Adagrad`.
        what: what was done with it, as in "it cannot be made".
        error: what it raised.
        divided: whether it was given parameter groups.
        needs_rate: whether its learning rate has no default and is not given.
    """
    text = " ".join(str(error).split()) or "no reason given"
    if isinstance(error, InputError):
        return text
    if "closure" in text:
        return f"{what} without a closure that evaluates the loss"
    wanted = what_it_wants(torch_class, error, text, divided=divided)
    hint = "; it has no default learning rate: set it, as in lr=0.01" if needs_rate else ""
    return wanted or f"{what} with {type(error).__name__}: {text:.200}{hint}"
