"""The page to print."""

import torch

from app.pages.mechanisms.report import page, write_page
from core.mechanisms.context import Context
from core.mechanisms.report import report_of
from core.optimizers import make_hand_designed
from core.tasks import make_task
from tests.core.helpers import learned


def test_it_holds_everything_and_asks_nobody(tmp_path):
    context = Context(learned(dtype=torch.float32), make_task("linear_regression"))
    report = report_of("<mine>", context)
    write_page(tmp_path / "page.html", report, context)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<figure>") == 18 and "&lt;mine&gt; on linear_regression" in text
    assert "<mine>" not in text.replace("&lt;mine&gt;", "")
    assert 'src="http' not in text and "<link" not in text
    for name in ("momentum", "clipping", "schedule", "adaptation"):
        assert getattr(report, name).sentences[0].split("<")[0][:30] in text.replace("&#x27;", "'")


def test_sgd_has_a_page_too():
    context = Context(make_hand_designed("sgd"), make_task("rosenbrock"))
    assert "no state" in page(report_of("sgd", context), context)
