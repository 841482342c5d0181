"""Findings: what the page says is what was measured."""

import pytest

from core.runs import zoo
from tools import findings
from tools.findings import PAGE, Finding, find, page


@pytest.fixture(scope="module")
def finding() -> Finding:
    return find("linear_regression-vanilla2", run_interventions=False)


def test_the_momentum_like_one_is_momentum(finding: Finding) -> None:
    assert finding.claims == {"momentum": True, "clipping": True, "schedule": False, "adaptation": False}
    assert finding.near_beta == pytest.approx(finding.beta, abs=findings.NEAR)
    text = page([finding])
    assert "1 of 1 have a mode within 0.05 of the tuned momentum's β" in text
    assert "0 of 1 have a learning-rate schedule" in text and "not `linear_regression-vanilla2`" in text


def test_a_claim_that_does_not_hold_is_not_made(finding: Finding) -> None:
    far = Finding(finding.name, finding.seed, finding.report, 0.2, finding.ablations)
    assert not far.claims["momentum"] and "0 of 1 have a mode within" in page([far])


def test_the_shipped_page_has_every_optimizer() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{entry.name}`" in text for entry in zoo.entries())


def test_what_is_earned_is_a_ratio_of_medians(finding: Finding) -> None:
    assert finding.ablations is not None
    whole = finding.ablations.ablations[0].median
    linear = next(ablation for ablation in finding.ablations.ablations if ablation.name == "linearised")
    assert whole and linear.median
    assert f"× {linear.median / whole:.3g}" in page([finding])
