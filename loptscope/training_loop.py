"""Learned optimizers by name as classes of `torch.optim`."""

from core.training_loop.learned import LearnedOptimizer, torch_class
from loptscope.loading import load


def torch_optimizer(name: str, outer_step: int | None = None) -> type[LearnedOptimizer]:
    """A learned optimizer as a class of `torch.optim.Optimizer`, as in ``torch_optimizer("two_moons-gru24")(model.parameters())``.

    Args:
        name: of a shipped optimizer, one of your runs, a run's folder, or a registered module.
        outer_step: snapshot of a run; by default the last.

    Raises:
        InputError: no such optimizer or snapshot, or it is hand-designed.
    """
    return torch_class(name.rstrip("/").rpartition("/")[2], load(name, outer_step))
