"""The pages of the dashboard, one folder each. To add a page, add a folder here and a line in the table below."""

from app.pages.distil import PAGE as DISTIL
from app.pages.explore import PAGE as EXPLORE
from app.pages.guide import PAGE as GUIDE
from app.pages.library import PAGE as LIBRARY
from app.pages.mechanisms import PAGE as MECHANISMS
from app.pages.performance import PAGE as PERFORMANCE
from app.pages.runs import PAGE as RUNS
from app.pages.train import PAGE as TRAIN
from app.shared.pages import PAGES

PAGES.update(
    {
        page.name: page
        for page in (
            EXPLORE,
            MECHANISMS,
            DISTIL,
            PERFORMANCE,
            TRAIN,
            LIBRARY,
            GUIDE,
            RUNS,
        )
    }
)
