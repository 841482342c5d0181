"""What a distillation found, as it is stored in ``RUN/distillation.json``."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field, field_validator

from core.distil.writing.latex import latex
from core.evaluation.held_out import MetaLoss
from core.optimizers.formula import Formula, Structure
from core.optimizers.formula.structure import Adaptation, Clipping, ScheduleKind

FILE = "distillation.json"
NOTHING = 0.005  # a mechanism whose ablation changes the meta-loss by less, by its whole interval, does nothing


class Interval(BaseModel):
    """A number with its 95 % bootstrap interval over problems and seeds; None where a problem diverged."""

    mean: float | None
    low: float | None
    high: float | None


class Scored(BaseModel):
    """An optimizer by name, with its meta-loss on the held-out problems."""

    name: str
    meta_loss: MetaLoss


class Number(BaseModel):
    """One number of the formula: its value, and the lowest and highest over outer seeds."""

    value: float
    low: float
    high: float


class Parts(BaseModel):
    """A formula's structure."""

    momenta: int
    clipping: Clipping
    limit: bool
    schedule: ScheduleKind
    adaptation: Adaptation
    adaptive_memory: bool
    agreement: bool = False  # results stored before there was this mechanism do not name it
    bias_correction: bool

    def structure(self) -> Structure:
        """As the formula's own type."""
        return Structure(**self.model_dump())


class FormulaReport(BaseModel):
    """The formula of a rung.

    Attributes:
        mechanisms: that it has.
        structure: its parts.
        parameters: its numbers by name.
        seed: the outer seed with the lowest training loss, whose values these are.
    """

    mechanisms: list[str]
    structure: Parts
    parameters: dict[str, Number]
    seed: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def latex(self) -> str:
        """The formula with its numbers."""
        return latex(self.formula())

    def formula(self) -> Formula:
        """The optimizer."""
        return Formula(self.structure.structure(), {name: one.value for name, one in self.parameters.items()})


class Rung(BaseModel):
    """One rung of the ladder: a formula with some of the mechanisms, trained like all others, or for longer.

    Attributes:
        mechanisms: that are switched on.
        numbers: how many named numbers the formula has.
        budget: outer steps of its trainings; None where it is the budget of the result.
        meta_loss: on held-out problems, the mean over outer seeds of the formula.
        by_seed: mean meta-loss of each outer seed; None where a problem diverged.
        numbers_by_seed: the formula's numbers by name, of each outer seed; empty in results stored by an earlier version.
        shared_start: whether all outer seeds of a longer training started from the numbers of the ladder's best one, too: it had no others then.
        share: of the learned optimizer's advantage over the best tuned one that it keeps: 0 at the best tuned, 1 at the learned one.
        chosen: the share of ``formula`` alone, the interval over problems; None in results stored by an earlier version.
        training_loss: mean meta-loss on training problems that no outer step used, over seeds; it selects the formula.
        r2: share of the learned optimizer's updates that the same formula explains when it is fitted by imitation; None if it was not.
        diverged, skipped: problems and outer steps that were not finite, over all trainings.
        seconds: of all its trainings.
        formula: of the seed with the lowest training loss.
        ablations: mechanism -> the factor by which the held-out meta-loss of ``formula`` grows without it (`core.distil.ablation`); empty where that was
            not measured.
        curve: mean relative loss of ``formula`` on the held-out problems, one a step; empty where it is not stored: of small problems it is computed when it is looked at.
    """

    mechanisms: list[str]
    numbers: int
    budget: int | None = None
    meta_loss: MetaLoss
    by_seed: list[float | None]
    numbers_by_seed: list[dict[str, float]] = []
    shared_start: bool = False
    share: Interval
    chosen: Interval | None = None
    training_loss: float | None
    r2: float | None = None
    diverged: int = 0
    skipped: int = 0
    seconds: float = 0.0
    formula: FormulaReport
    ablations: dict[str, Interval] = {}
    curve: list[float] = []

    @property
    def idle(self) -> list[str]:
        """The mechanisms that do nothing in ``formula``: without them its meta-loss is the same, by the whole interval."""
        known = {name: one for name, one in self.ablations.items() if one.low is not None and one.high is not None}
        return [name for name, one in known.items() if one.low > 1 - NOTHING and one.high < 1 + NOTHING]  # type: ignore[operator]


class Untrained(BaseModel):
    """The same formula without outer training: read off the instruments, or fitted to the learned optimizer's updates.

    Attributes:
        parameters: its numbers by name.
        meta_loss: on held-out problems.
        diverged: held-out problems on which any loss was not finite.
        r2: share of the learned optimizer's updates that it explains.
        unread: mechanism -> why the instruments say nothing.
    """

    parameters: dict[str, float]
    meta_loss: MetaLoss
    diverged: int
    r2: float | None
    unread: dict[str, str] = {}


class Disagreement(BaseModel):
    """Where formula and learned optimizer disagree, on the learned optimizer's own gradients.

    Each list has the error Σ (û − u)² of one bin over Σ u² of all, so that the bins add up to 1 − R².

    Attributes:
        edges: of the bins.
        error: in each bin.
        weight: Σ u² in each bin over that of all: where the learned optimizer's updates are.
    """

    edges: list[float]
    error: list[float]
    weight: list[float]

    def whole(self, i: int) -> tuple[int, int]:
        """The first and the last whole number in a bin: the next one begins at its upper edge, which belongs to the last bin itself."""
        return int(self.edges[i]), int(self.edges[i + 1]) - (i + 1 < len(self.error))


class Shift(BaseModel):
    """One condition out of distribution.

    Attributes:
        name, group: of the condition.
        learned, formula: meta-losses of the learned optimizer and of the formula.
        best_tuned: that of the tuned optimizer which is best under this condition.
        best_name: its name, "" if each of them diverges; None in results stored by an earlier version, which have the mean of another one.
    """

    name: str
    group: str
    learned: MetaLoss
    formula: MetaLoss
    best_tuned: MetaLoss
    best_name: str | None = None

    @field_validator("learned", "formula", "best_tuned", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value if isinstance(value, dict | MetaLoss) else {"mean": value, "sem": None}


class Distillation(BaseModel):
    """How much of a learned optimizer's advantage a formula of known mechanisms keeps.

    Attributes:
        format: name of the file format.
        run, task, outer_step: of the learned optimizer.
        problems, held_out_seed, steps: of the held-out comparison.
        seeds: outer seeds of every training.
        budget: outer steps of every training of the ladder.
        trained_on: the task's parameters in training, where they differ from those in the held-out comparison: problems that cost less.
        learned, best_tuned: what the shares are measured between.
        ladder: rungs in order.
        longer: rungs that were trained again with a larger budget of their own, in order.
        subsets: every subset of the four mechanisms.
        contributions: mechanism -> factor by which it divides the meta-loss, averaged over all orders of adding the four (Shapley).
        formula: of the best rung.
        read, imitated: the formula of the four mechanisms without outer training.
        disagreement: by "step", "gradient" and "recent" (the recent size of gradients).
        shifts: conditions out of distribution.
        verdicts: mechanism -> what the instruments say of the learned optimizer.
        seconds: of everything.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["loptscope-distillation/1"] = "loptscope-distillation/1"
    run: str
    task: str
    outer_step: int
    problems: int
    held_out_seed: int
    steps: int
    seeds: list[int]
    budget: int
    trained_on: dict[str, Any] = {}
    learned: Scored
    best_tuned: Scored
    ladder: list[Rung]
    longer: list[Rung] = []
    subsets: list[Rung]
    contributions: dict[str, Interval]
    formula: FormulaReport
    read: Untrained
    imitated: Untrained
    disagreement: dict[str, Disagreement]
    shifts: list[Shift] = []
    verdicts: dict[str, str] = {}
    seconds: float

    @property
    def best(self) -> Rung:
        """The rung of the formula."""
        return next(rung for rung in self.rungs if rung.formula == self.formula)

    @property
    def longer_budget(self) -> int | None:
        """Outer steps of the rungs that were trained for longer; None if there are none."""
        return self.longer[0].budget if self.longer else None

    @property
    def seeds_share_a_start(self) -> bool:
        """Whether all outer seeds of a longer training started from the numbers of the ladder's best one."""
        return any(rung.shared_start for rung in self.longer)

    @property
    def rungs(self) -> list[Rung]:
        """The ladder, and behind it the rungs that were trained for longer."""
        return [*self.ladder, *self.longer]

    def of_ladder(self, mechanisms: Sequence[str]) -> Rung:
        """The rung of the ladder with these mechanisms."""
        return next(rung for rung in self.ladder if rung.mechanisms == list(mechanisms))

    def longest(self, mechanisms: Sequence[str]) -> Rung:
        """The rung with these mechanisms that was trained for longest."""
        return next(rung for rung in reversed(self.rungs) if rung.mechanisms == list(mechanisms))
