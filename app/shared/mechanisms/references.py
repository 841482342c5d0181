"""References for an optimizer's modes: tuned momentum, and the best momentum for a quadratic."""

from app.shared.catalog import subjects
from app.shared.mechanisms.mechanism import References
from core.tasks import make_task
from core.tasks.linear_regression import LinearRegression


def best_momentum(task: str) -> tuple[float, float] | None:
    """Learning rate and decay that are best for a quadratic with the task's curvatures, if it has them (Polyak 1964); None otherwise."""
    made = make_task(task)
    if not isinstance(made, LinearRegression):
        return None
    low, high = made.smallest_eigenvalue**0.5, made.largest_eigenvalue**0.5
    return 4 / (high + low) ** 2, ((high - low) / (high + low)) ** 2


def references_of(task: str) -> References:
    """Tuned momentum, and the best for the task's curvatures, by name."""
    values = subjects(task)["momentum"].hyperparameters
    references = {"tuned momentum": (values["learning_rate"], values["momentum"])}
    best = best_momentum(task)
    return references | ({"best for these curvatures": best} if best is not None else {})
