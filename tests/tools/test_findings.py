"""Findings: what the page says is what was measured."""

from dataclasses import replace

import pytest

from core.mechanisms.ablation import Ratio
from core.runs import zoo
from tools.findings import PAGE, Finding, find, page


@pytest.fixture(scope="module")
def found() -> Finding:
    return find("linear_regression-vanilla2", measure=False, floors=False)


def test_a_claim_is_written_with_its_number_and_its_null(found: Finding) -> None:
    claim, text = found.claim("momentum"), page([found])
    assert claim.null is not None and claim.value is not None
    assert f"{claim.value:.2f} (untrained {claim.null.low:.2f} to {claim.null.high:.2f})" in text
    shown = sum(found.claim(name).verdict == "shown" for name in ("momentum", "clipping", "schedule", "adaptation"))
    assert text.count("Here 1 of 1 show it") == shown and text.count("Here 0 of 1 show it") == 4 - shown


def test_what_ablations_do_is_the_stored_ratio(found: Finding) -> None:
    assert found.ablations is not None
    pinned = found.ablations.of("pinned")
    assert pinned is not None and isinstance(pinned.ratio, Ratio) and pinned.ratio.median is not None
    assert f"× {pinned.ratio.median:.3g} ({pinned.ratio.low:.3g} to {pinned.ratio.high:.3g})" in page([found])


def test_of_so_few_seeds_the_share_is_known_no_better_than_its_exact_interval(found: Finding) -> None:
    shown = found.claim("momentum").verdict == "shown"
    seeds = [replace(found, config=found.config.model_copy(update={"seed": seed})) for seed in range(3)]
    side = 1 - 0.025 ** (1 / 3)  # where three of three, or none of three, have a chance of 2.5 %
    low, high = (1 - side, 1) if shown else (0, side)
    assert f"of 3** show it ({100 * low:.0f} to {100 * high:.0f} %)." in page(seeds)


def test_the_shipped_page_has_every_optimizer() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{entry.name}`" in text for entry in zoo.entries())
