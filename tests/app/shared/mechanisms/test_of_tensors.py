"""The mechanisms of optimizers that see whole tensors: figures of known answers, and sentences where nothing is known."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.shared.mechanisms import MECHANISMS, mechanism_of
from app.shared.mechanisms.drawing import MechanismDrawing, common_of
from app.shared.mechanisms.of_tensors import OF_TENSORS
from app.shared.style import LIGHT
from core.bundle import Bundle
from core.mechanisms.context import Context
from core.optimizers.hand_designed import make_hand_designed
from core.optimizers.module_tensors import TensorwiseModule
from core.tasks import make_task
from tests.core.mechanisms.test_agreement import Layered

REFERENCES = {"tuned momentum": (0.1, 0.9)}


class Heavy(nn.Module):
    """Momentum and weight decay, with updates over the size of the whole gradient where that is above 1."""

    def initial_state(self, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
        return {"m": [torch.zeros_like(p) for p in parameters]}

    def forward(self, state: dict[str, list[Tensor]], gradients: list[Tensor], parameters: list[Tensor]) -> Any:
        m = [0.8 * old + g for old, g in zip(state["m"], gradients, strict=True)]
        return {"m": m}, [-0.05 * one - 0.002 * p for one, p in zip(m, parameters, strict=True)]


class Coarse(Heavy):
    """The same in half precision."""

    def forward(self, state: dict[str, list[Tensor]], gradients: list[Tensor], parameters: list[Tensor]) -> Any:
        _, updates = super().forward(state, gradients, parameters)
        return state, [update.bfloat16().to(update.dtype) * 1.1 for update in updates]


@pytest.fixture(scope="module")
def heavy() -> Context:
    return Context(TensorwiseModule("heavy", Heavy()), make_task("linear_regression"))


def drawn(context: Context, name: str) -> tuple[Bundle, dict[str, Any], list[str]]:
    """The arrays of a mechanism after a trip through a file, its figures, and all its sentences."""
    mechanism = mechanism_of(name, context.optimizer)
    bundle = Bundle.decode(mechanism.measure(context).encode())
    drawing = MechanismDrawing(bundle, "#d55e00", LIGHT, "key", REFERENCES, {}, common_of([bundle]))
    figures = {figure.name: figure.draw(drawing) for figure in mechanism.figures}
    assert mechanism.frames(bundle, common_of([bundle])).text(1, 500) == ""
    return bundle, figures, [said for figure in mechanism.figures for said in figure.caption(bundle, REFERENCES)]


def test_every_mechanism_has_a_way_for_whole_tensors_and_others_keep_theirs() -> None:
    assert list(OF_TENSORS) == list(MECHANISMS)
    assert all(mechanism_of(name, make_hand_designed("sgd", {})) is MECHANISMS[name] for name in MECHANISMS)


def test_what_is_known_of_momentum_is_drawn(heavy: Context) -> None:
    bundle, figures, said = drawn(heavy, "momentum")
    kernels = bundle.arrays["kernels"]
    np.testing.assert_allclose(kernels, np.broadcast_to(0.05 * 0.8 ** np.arange(13), kernels.shape), rtol=1e-5)
    np.testing.assert_allclose(bundle.arrays["answers"], np.eye(5)[:3], atol=1e-6)
    assert len(figures["kernel"].data) == 7 and any("0 % is found in other" in one for one in said)


def test_updates_rates_and_decay_along_a_run_are_drawn(heavy: Context) -> None:
    bundle, figures, _ = drawn(heavy, "clipping")
    np.testing.assert_allclose(bundle.arrays["secants"], 1, rtol=1e-4)
    assert len(figures["update"].data) == 7
    bundle, _, said = drawn(heavy, "schedule")
    np.testing.assert_allclose(bundle.arrays["rates"], 0.05, rtol=1e-5)
    np.testing.assert_allclose(bundle.arrays["decays"], 0.002, rtol=1e-5)
    assert any(one.startswith("It is 0.0500.") for one in said)


def test_the_closed_loop_is_drawn_where_it_is_small(heavy: Context) -> None:
    bundle, figures, _ = drawn(heavy, "closed_loop")
    assert bundle.arrays["eigenvalues"].shape == (2, 10, 2) and len(figures["eigenvalues"].data) == 3


def test_what_needs_a_component_alone_is_said_to_be_unknown(heavy: Context) -> None:
    _, figures, said = drawn(heavy, "adaptation")
    assert (
        said[0].startswith("Unknown: it sees whole tensors") and "<br>" in figures["unknown"].layout.annotations[0].text
    )


def test_no_slope_is_unknown_and_no_number() -> None:
    coarse = Context(TensorwiseModule("coarse", Coarse()), make_task("linear_regression"))
    _, figures, said = drawn(coarse, "closed_loop")
    assert figures["eigenvalues"].layout.annotations and "no slope there" in said[0]
    assert not any("nan" in one for name in OF_TENSORS for one in drawn(coarse, name)[2])


def test_what_can_be_switched_off_from_the_outside_is_drawn(heavy: Context) -> None:
    bundle, figures, _ = drawn(heavy, "ablations")
    known, unknown = bundle.about["ablations"]["ablations"], bundle.about["ablations"]["without"]
    assert {one["name"] for one in known} >= {"whole", "memoryless", "unsaturated", "frozen_end", "pinned", "undecayed"}
    assert all("it sees whole tensors" in reason for reason in unknown.values()) and len(figures) == 2


def test_rates_by_the_signs_of_gradients_are_drawn(heavy: Context) -> None:
    _, figures, said = drawn(
        Context(TensorwiseModule("layered", Layered()), make_task("linear_regression")), "adaptation"
    )
    alike, alternating = (trace.y for trace in figures["agreement"].data[2:4])
    assert alike[-1] > 2 * alike[0] and alternating[-1] < 0.2 * alternating[0]
    assert any("the first gradients of a run" in one.lower() for one in said) and any("differs" in one for one in said)
    _, figures, said = drawn(heavy, "adaptation")
    assert any("is the same as after alternating" in one for one in said)
    _, figures, _ = drawn(Context(TensorwiseModule("coarse", Coarse()), make_task("linear_regression")), "adaptation")
    assert figures["agreement"].layout.annotations[0].text
