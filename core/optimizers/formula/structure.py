"""The parts of a formula: which known mechanisms it has, and the named numbers that come with them.

With every part switched on, the update of one inner parameter at inner step k is

    u = −a(s) e^(λr) · L tanh(m / L)        m = rate_k · [(1 − direct_k − ω) v + ω w + direct_k φ(g)]
    v ← β v + (1 − β) φ(g)        logit β = logit β_k − ψ ln(1 + s / σ²)        w ← β_w w + (1 − β_w) φ(g)
    s ← γ s + (1 − γ) g²          a(s) = (1 + s / σ²)^−p
    q ← κ q + (1 − κ) v φ(g)      q₊ ← κ q₊ + (1 − κ) |v φ(g)|      r = q / q₊, v being the momentum before the step

where φ clips or compresses the gradient, and rate_k, direct_k and β_k relax exponentially from a first to a last value. The agreement r lies
between −1, where gradients alternate in sign, and 1, where they point along the momentum: a rate that follows it is the delta-bar-delta rule
of Jacobs (1988), with an average in place of the sign and without a rate that accumulates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from core.errors import InputError

Clipping = Literal["none", "tanh", "symlog", "clamp", "sign"]
ScheduleKind = Literal["none", "relaxing", "knots", "inverse_time", "half_life", "warmup_cosine"]
Adaptation = Literal["none", "power", "root"]
Transform = Literal["log", "logit", "linear"]

MECHANISMS: dict[str, str] = {
    "momentum": "Momentum",
    "clipping": "Clipping",
    "schedule": "Schedule",
    "adaptation": "Adaptation",
    "agreement": "Agreement",
    "second_momentum": "Second momentum",
    "adaptive_memory": "Adaptive memory",
    "free_schedule": "Free schedule",
}
KNOTS = (
    0,
    2,
    5,
    12,
    30,
    80,
    200,
)  # inner steps at which a free schedule has its values; straight lines over log(1 + k) between
TINY = 1e-30  # added to the average of |v φ(g)|, so that nothing agrees before there is a gradient
SCHEDULED = ("rate", "memory", "direct", "threshold")  # what a free schedule changes
FOUR = ("momentum", "clipping", "schedule", "adaptation")


@dataclass(frozen=True)
class Parameter:
    """One named number of a formula.

    Attributes:
        symbol: in LaTeX.
        mechanism: the mechanism that it belongs to; "" for the learning rate, which every formula has.
        transform: in which scale it is fitted: its logarithm, its logit, or itself.
        default: where fits start if nothing better is known.
        low, high: limits of its slider.
        description: one sentence.
    """

    symbol: str
    mechanism: str
    transform: Transform
    default: float
    low: float
    high: float
    description: str


PARAMETERS: dict[str, Parameter] = {
    "rate": Parameter(r"\alpha", "", "log", 0.1, 1e-5, 1e3, "Learning rate, at the first step if it has a schedule."),
    "rate_last": Parameter(
        r"\alpha_\infty", "schedule", "log", 0.1, 1e-5, 1e3, "Learning rate that the schedule ends at."
    ),
    "memory": Parameter(
        r"\beta",
        "momentum",
        "logit",
        0.9,
        0.01,
        0.9999,
        "Decay of the momentum, at the first step if it has a schedule.",
    ),
    "memory_last": Parameter(
        r"\beta_\infty", "schedule", "logit", 0.9, 0.01, 0.9999, "Decay of the momentum that the schedule ends at."
    ),
    "direct": Parameter(
        r"\delta",
        "momentum",
        "linear",
        0.05,
        -1.0,
        1.0,
        "Share of the update that comes directly from the present gradient.",
    ),
    "direct_last": Parameter(
        r"\delta_\infty", "schedule", "linear", 0.05, -1.0, 1.0, "That share where the schedule ends."
    ),
    "second_memory": Parameter(
        r"\beta_w", "second_momentum", "logit", 0.98, 0.01, 0.9999, "Decay of the second momentum."
    ),
    "second_share": Parameter(
        r"\omega",
        "second_momentum",
        "linear",
        0.05,
        -1.0,
        1.0,
        "Share of the update that comes from the second momentum.",
    ),
    "threshold": Parameter(
        r"c", "clipping", "log", 1.0, 1e-4, 1e4, "Size from which gradients are clipped or compressed."
    ),
    "limit": Parameter(r"L", "clipping", "log", 10.0, 1e-3, 1e4, "Largest size of an update before its adaptation."),
    "relaxation": Parameter(
        r"\tau", "schedule", "log", 60.0, 1.0, 1e4, "Inner steps in which the schedule relaxes by a factor e."
    ),
    "warmup_from": Parameter(
        r"\rho",
        "schedule",
        "log",
        1.0,
        0.01,
        100.0,
        "Factor of the learning rate at the first step, before the warm-up.",
    ),
    "warmup": Parameter(r"\tau_w", "schedule", "log", 10.0, 0.5, 1e3, "Inner steps in which that factor relaxes to 1."),
    "averaging": Parameter(
        r"\gamma", "adaptation", "logit", 0.9, 0.01, 0.9999, "Decay of the average of squared gradients."
    ),
    "scale": Parameter(
        r"\sigma", "adaptation", "log", 1.0, 1e-5, 1e4, "Size of recent gradients from which the rate adapts."
    ),
    "exponent": Parameter(
        "p",
        "adaptation",
        "linear",
        0.05,
        -1.0,
        1.0,
        "How fast the rate falls with recent squared gradients; below 0 it rises.",
    ),
    "forgetting": Parameter(
        r"\psi",
        "adaptive_memory",
        "linear",
        0.0,
        -1.0,
        1.0,
        "How fast the memory shortens with recent squared gradients; below 0 it lengthens.",
    ),
    "boost": Parameter(
        r"\lambda",
        "agreement",
        "linear",
        0.0,
        -3.0,
        3.0,
        "How much the rate grows where gradients agree with the momentum, and falls where they alternate.",
    ),
    "agreement_decay": Parameter(
        r"\kappa", "agreement", "logit", 0.7, 0.01, 0.9999, "Decay of the averages that say how much they agree."
    ),
    "epsilon": Parameter(r"\varepsilon", "adaptation", "log", 1e-8, 1e-12, 1.0, "Added to the root of the average."),
    "decay": Parameter(r"\eta", "schedule", "log", 1e-2, 1e-6, 10.0, "Decay of the learning rate: 1 / (1 + ηk)."),
    "half_life": Parameter(r"H", "schedule", "log", 100.0, 1.0, 1e4, "Inner steps in which the learning rate halves."),
    "cosine_warmup": Parameter(r"W", "schedule", "log", 1.0, 0.1, 1e3, "Inner steps of the linear warm-up."),
    "horizon": Parameter(r"T", "schedule", "log", 200.0, 1.0, 1e4, "Inner step at which the cosine reaches 0."),
}

PARAMETERS |= {
    f"{name}_{step}": replace(
        PARAMETERS[name],
        symbol=f"{PARAMETERS[name].symbol}_{{{step}}}",
        mechanism="free_schedule",
        description=f"The {name} at inner step {step}{' and after' if step == KNOTS[-1] else ''}.",
    )
    for name in SCHEDULED
    for step in KNOTS
}


@dataclass(frozen=True)
class Structure:
    """Which parts a formula has.

    Attributes:
        momenta: how many momenta, 0 to 2.
        clipping: of gradients, before the memory: φ(g) = c tanh(g/c), c asinh(g/c) ("symlog"), clamp(g, ±c), or sign(g).
        limit: whether the update is clipped too, after the memory: L tanh(m/L).
        schedule: "relaxing" acts on rate, memory and direct share; "knots" on the threshold, too, by values at a few steps; the others are those of
            the hand-designed optimizers and act on the rate.
        adaptation: "power" is a(s) = (1 + s/σ²)^−p, "root" is 1/(√s + ε).
        adaptive_memory: whether the memory depends on recent gradients, as the rate does with adaptation by a power.
        agreement: whether the rate grows where gradients agree with the momentum.
        bias_correction: whether averages are divided by 1 − decay^(k + 1), as in Adam.
    """

    momenta: int = 1
    clipping: Clipping = "none"
    limit: bool = False
    schedule: ScheduleKind = "none"
    adaptation: Adaptation = "none"
    adaptive_memory: bool = False
    agreement: bool = False
    bias_correction: bool = False

    def __post_init__(self) -> None:
        if self.momenta not in (0, 1, 2):
            raise InputError(f"a formula has 0, 1 or 2 momenta (got {self.momenta})")
        if self.adaptive_memory and not (self.momenta and self.adaptation == "power"):
            raise InputError("an adaptive memory needs a momentum, and adaptation by a power")
        if self.agreement and not self.momenta:
            raise InputError("agreement of gradients with the momentum needs a momentum")
        if self.bias_correction and (self.schedule in ("relaxing", "knots") or self.momenta > 1):
            raise InputError(
                "bias correction needs a constant memory: neither a relaxing schedule nor a second momentum"
            )

    @property
    def counts(self) -> bool:
        """Whether the step is part of the state, as its last entry."""
        return self.schedule != "none" or self.bias_correction

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of its numbers, in the order of `PARAMETERS`."""
        present = {"rate"}
        if self.momenta:
            present |= {"memory", "direct"}
        if self.momenta == 2:
            present |= {"second_memory", "second_share"}
        if self.adaptive_memory:
            present.add("forgetting")
        if self.agreement:
            present |= {"boost", "agreement_decay"}
        if self.clipping not in ("none", "sign"):
            present.add("threshold")
        if self.limit:
            present.add("limit")
        present |= {
            "none": set[str](),
            "relaxing": {"rate_last", "relaxation", "warmup_from", "warmup"}
            | ({"memory_last", "direct_last"} if self.momenta else set()),
            "knots": set[str](),
            "inverse_time": {"decay"},
            "half_life": {"half_life"},
            "warmup_cosine": {"cosine_warmup", "horizon"},
        }[self.schedule]
        present |= {"none": set[str](), "power": {"averaging", "scale", "exponent"}, "root": {"averaging", "epsilon"}}[
            self.adaptation
        ]
        if self.schedule == "knots":
            free = [name for name in SCHEDULED if name in present]
            present = present.difference(free).union(f"{name}_{step}" for name in free for step in KNOTS)
        return tuple(name for name in PARAMETERS if name in present)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The mechanisms that are switched on, in the order of `MECHANISMS`."""
        on = {
            "momentum": self.momenta > 0,
            "clipping": self.clipping != "none" or self.limit,
            "schedule": self.schedule != "none",
            "adaptation": self.adaptation != "none",
            "agreement": self.agreement,
            "second_momentum": self.momenta == 2,
            "adaptive_memory": self.adaptive_memory,
            "free_schedule": self.schedule == "knots",
        }
        return tuple(name for name in MECHANISMS if on[name])

    def only(self, mechanisms: Iterable[str]) -> "Structure":
        """The same formula with just these of its mechanisms.

        Raises:
            InputError: an unknown mechanism.
        """
        kept = set(mechanisms)
        if unknown := kept - set(MECHANISMS):
            raise InputError(f"{min(unknown)!r} is no mechanism of a formula; these are: {', '.join(MECHANISMS)}")
        momenta = min(self.momenta, int("momentum" in kept) * (1 + int("second_momentum" in kept)))
        return replace(
            self,
            momenta=momenta,
            adaptive_memory=self.adaptive_memory and {"adaptive_memory", "momentum", "adaptation"} <= kept,
            agreement=self.agreement and {"agreement", "momentum"} <= kept,
            clipping=self.clipping if "clipping" in kept else "none",
            limit=self.limit and "clipping" in kept,
            schedule=_schedule_with(self.schedule, kept),
            adaptation=self.adaptation if "adaptation" in kept else "none",
        )


def _schedule_with(schedule: ScheduleKind, kept: set[str]) -> ScheduleKind:
    if "schedule" not in kept:
        return "none"
    return "relaxing" if schedule == "knots" and "free_schedule" not in kept else schedule


def check_parameters(structure: Structure, values: Mapping[str, object]) -> None:
    """Check that a formula's numbers are all there and in range.

    Raises:
        InputError: a number is missing, unknown, or out of range.
    """
    names = structure.parameters
    if wrong := sorted(set(values) ^ set(names)):
        raise InputError(f"this formula has the numbers {', '.join(names)}; missing or unknown: {', '.join(wrong)}")
    for name, value in values.items():
        if not isinstance(value, int | float):
            continue  # a tensor that is being fitted
        kind = PARAMETERS[name].transform
        if not abs(value) < float("inf"):
            raise InputError(f"{name} must be a finite number (got {value!r})")
        if kind == "log" and value < 0:
            raise InputError(f"{name} must be at least 0 (got {value!r})")
        if kind == "logit" and not 0 <= value < 1:
            raise InputError(f"{name} must be at least 0 and below 1 (got {value!r})")
