"""Loptscope in Python: load an optimizer, run it, put it under the instruments, draw what the dashboard draws.

```python
import loptscope as ls

optimizer = ls.load("rosenbrock-gru64")
problems = ls.make_task("rosenbrock").sample(16, ls.generator(ls.Purpose.VIEW, 0))
losses = ls.unroll(optimizer, problems, 200).losses          # [201, 16]
context = ls.Context(optimizer, ls.make_task("rosenbrock"))
print(context.linearized.eigenvalues)
ls.explore("task=rosenbrock&step=40").figure("landscape").show()
```

Everything here is defined in `core` and `app`; this module only gathers it. Bad input raises `InputError` with one sentence.
"""

from core import __version__
from core.analysis.adaptation import rate_at, rate_exponent, rates_along
from core.analysis.autonomous import Schedule, autonomous_trajectory, schedule_of
from core.analysis.clipping import half_slope, largest_update, share_beyond
from core.analysis.continuation import Branch, Fold, continue_fixed_points
from core.analysis.fixed_points import FixedPoints, find_fixed_points, speed
from core.analysis.interventions import Frozen, Pinned, Unsaturated
from core.analysis.jacobians import Derivatives, derivatives, update_slope
from core.analysis.linearization import Linearization, LinearOptimizer, linearize
from core.analysis.projection import Projection, principal_components
from core.analysis.update_function import effective_learning_rate, update_function, update_functions_between
from core.baselines.search import search
from core.errors import InputError
from core.evaluation.held_out import Evaluation, compare, evaluate
from core.evaluation.out_of_distribution import Generalization, generalize
from core.mechanisms.ablation import Ablations, ablate
from core.mechanisms.adaptation import adaptation_view
from core.mechanisms.clipping import Saturation, clipping_view, saturation
from core.mechanisms.context import Context, Observed
from core.mechanisms.momentum import momentum_view
from core.mechanisms.report import Report, report_of
from core.mechanisms.schedule import schedule_view
from core.optimizers import Architecture, HandDesigned, Optimizer, RecurrentOptimizer, make_hand_designed
from core.optimizers.hyperparameters import Range
from core.plugins import register_optimizer, register_task, register_torch_optimizer
from core.runs.run import Run
from core.runs.transfer import export_weights, import_renn, import_weights
from core.runs.zoo import baselines, entries, evaluate_run, find_run
from core.seeds import Purpose, generator
from core.tasks import AutogradProblems, Problems, Task, make_task
from core.unroll import Trajectory, inner_steps, unroll
from loptscope.loading import load
from loptscope.pages import Page, explore, mechanisms, performance, runs, train

__all__ = [
    "Ablations",
    "Architecture",
    "AutogradProblems",
    "Branch",
    "Context",
    "Derivatives",
    "Evaluation",
    "FixedPoints",
    "Fold",
    "Frozen",
    "Generalization",
    "HandDesigned",
    "InputError",
    "LinearOptimizer",
    "Linearization",
    "Observed",
    "Optimizer",
    "Page",
    "Pinned",
    "Problems",
    "Projection",
    "Purpose",
    "Range",
    "RecurrentOptimizer",
    "Report",
    "Run",
    "Saturation",
    "Schedule",
    "Task",
    "Trajectory",
    "Unsaturated",
    "__version__",
    "ablate",
    "adaptation_view",
    "autonomous_trajectory",
    "baselines",
    "clipping_view",
    "compare",
    "continue_fixed_points",
    "derivatives",
    "effective_learning_rate",
    "entries",
    "evaluate",
    "evaluate_run",
    "explore",
    "export_weights",
    "find_fixed_points",
    "find_run",
    "generalize",
    "generator",
    "half_slope",
    "import_renn",
    "import_weights",
    "inner_steps",
    "largest_update",
    "linearize",
    "load",
    "make_hand_designed",
    "make_task",
    "mechanisms",
    "momentum_view",
    "performance",
    "principal_components",
    "rate_at",
    "rate_exponent",
    "rates_along",
    "register_optimizer",
    "register_task",
    "register_torch_optimizer",
    "report_of",
    "runs",
    "saturation",
    "schedule_of",
    "schedule_view",
    "search",
    "share_beyond",
    "speed",
    "train",
    "unroll",
    "update_function",
    "update_functions_between",
    "update_slope",
]
