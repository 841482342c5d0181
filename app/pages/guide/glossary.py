"""The glossary: every term of the dashboard in one or two sentences, with its formula."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        name: the term.
        definition: one or two sentences; ``$…$`` are formulas.
        formula: on its own line; "" without one.
        see: names of related terms.
    """

    name: str
    definition: str
    formula: str = ""
    see: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The fragment of its link, after ``#``."""
        return "term-" + "".join(c if c.isalnum() else "-" for c in self.name.lower())


TERMS: tuple[Term, ...] = (
    Term(
        "Ablation",
        "A run of an optimizer with one mechanism switched off, on the same problems. The increase in meta-loss measures what the mechanism contributes.",
        "",
        ("Meta-loss",),
    ),
    Term(
        "Adaptation",
        "A learning rate that depends on how large the gradients are. In RMSProp it falls with their size; in a learned optimizer, the gradients push the state to a place where the slope of the update function at zero is another.",
        "α(g) = −\\frac{∂u}{∂g}(h^*(g), 0)",
        ("Fixed point", "Effective learning rate", "Local slope"),
    ),
    Term(
        "Agreement",
        "A learning rate that is another one after gradients that agree in sign than after gradients of the same sizes that alternate. Adam has none; delta-bar-delta and Rprop are made of it.",
        "1 − \\frac{α_{\\text{alternating}}}{α_{\\text{alike}}}",
        ("Adaptation", "Effective learning rate"),
    ),
    Term(
        "Autonomous trajectory",
        "The path of the state from its start when every gradient is zero. Only time drives it.",
        "h_{k+1} = F(h_k, 0)",
        ("Fixed point", "Schedule"),
    ),
    Term(
        "Clip threshold",
        "The gradient size beyond which the update hardly grows. It is measured as the half-slope: the size at which the slope of the update function has fallen to half of its value at zero.",
        "",
        ("Update function", "Saturation"),
    ),
    Term(
        "Closed loop",
        "Optimizer and problem together: the update changes the parameters, and these change the gradient. On a quadratic of curvature $λ$ it is one linear system, and its spectral radius is the convergence rate.",
        "h_{k+1} = F(h_k, λ x_k), \\quad x_{k+1} = x_k + u(h_k, λ x_k)",
        ("Curvature", "Repaired optimizer"),
    ),
    Term(
        "Component",
        "One inner parameter. A component-wise optimizer runs the same system for each of them, with a separate state.",
    ),
    Term(
        "Curvature",
        "How fast the gradient changes along a direction: an eigenvalue of the Hessian of the loss.",
        "",
        ("Closed loop",),
    ),
    Term(
        "Effective learning rate",
        "Minus the slope of the update function at gradient zero: the learning rate with which gradient descent would make the same small step. For gradient descent, it equals the learning rate.",
        "−\\frac{∂u}{∂g}(h, 0)",
        ("Update function",),
    ),
    Term(
        "Eigenvalue",
        "The factor $λ$ by which a mode shrinks (or grows) in one step. The closer its size is to one, the longer the mode remembers.",
        "J r = λ r",
        ("Mode", "Time constant"),
    ),
    Term(
        "Fixed point",
        "A state that does not change while the gradient is constant. If the search finds only a state that changes very slowly, that state is called a slow point.",
        "h^* = F(h^*, g)",
        ("Linearisation", "Speed"),
    ),
    Term("Hand-designed optimizer", "An optimizer that people designed: gradient descent, momentum, RMSProp, Adam."),
    Term("Inner parameters", "The parameters being optimized, $x$: the argument of the loss.", "", ("Component",)),
    Term(
        "Inner step",
        "One step of the optimizer on a problem, counted by $k$.",
        "x_{k+1} = x_k + u(h_k, g_k)",
        ("Outer step", "Unroll"),
    ),
    Term(
        "Learned optimizer",
        "A small recurrent network that was trained so that losses fall quickly when it is used as an optimizer.",
        "",
        ("Meta-loss", "Outer step"),
    ),
    Term(
        "Linearisation",
        "The linear system that approximates the optimizer close to a fixed point. Its matrices are the Jacobians there.",
        "h_{k+1} − h^* ≈ \\frac{∂F}{∂h} (h_k − h^*) + \\frac{∂F}{∂g} g_k",
        ("Fixed point", "Mode"),
    ),
    Term(
        "Local slope",
        "Minus the slope of the update function at a gradient other than zero. It also falls because the update function saturates, so it is not the effective learning rate.",
        "−\\frac{∂u}{∂g}(h, g)",
        ("Effective learning rate", "Saturation"),
    ),
    Term(
        "Memory kernel",
        "How much an update answers the gradient of $j$ steps before, near the fixed point. Momentum has $α β^j$.",
        "K_j = −\\frac{∂u_{k+j}}{∂g_k}",
        ("Momentum", "Mode"),
    ),
    Term(
        "Meta-loss",
        "The score of an optimizer on a problem: the loss relative to the first, averaged over the inner steps. Lower is better, and early progress counts.",
        "\\frac{1}{K+1} (\\frac{f(x_0)}{f(x_0)} + … + \\frac{f(x_K)}{f(x_0)})",
        ("Unroll",),
    ),
    Term(
        "Meta-parameters",
        "The parameters that outer training adjusts, $θ$: the weights of the network, its readout and its initial state.",
        "",
        ("Outer step",),
    ),
    Term(
        "Mode",
        "A direction of state space in which the linearised system moves independently of the others. Each mode acts as momentum with its own decay and learning rate.",
        "α_j = −\\frac{(U_h R_j)(L_j J_g)}{λ_j}",
        ("Eigenvalue", "Momentum"),
    ),
    Term(
        "Momentum",
        "Gradient descent with a memory: the velocity $v$ is a sum of all gradients so far, with less weight on older ones. Friction, $1 − β$, makes it forget.",
        "v_{k+1} = β v_k + g_k, \\quad x_{k+1} = x_k − α v_{k+1}",
        ("Mode",),
    ),
    Term(
        "Null",
        "What untrained optimizers of the same architecture show: a number that they have as well is no evidence.",
    ),
    Term(
        "Outer step",
        "One step of training the optimizer itself: its meta-parameters move against the gradient of the meta-loss.",
        "",
        ("Inner step", "Meta-parameters"),
    ),
    Term(
        "Repaired optimizer",
        "An optimizer that is fed $g + g^*$ instead of $g$, where $g^*$ is the gradient at which its closed loop rests. It then rests at the minimum.",
        "",
        ("Closed loop",),
    ),
    Term(
        "Saturation",
        "The update stops growing with the gradient: the update function levels off. Gradient clipping does this abruptly.",
        "",
        ("Clip threshold",),
    ),
    Term(
        "Schedule",
        "A learning rate that changes with the step, independently of the gradients. In a learned optimizer, the drift of the state produces it.",
        "",
        ("Autonomous trajectory",),
    ),
    Term(
        "Speed",
        "Half the squared distance that a state moves in one step. It is zero at a fixed point.",
        "q = \\frac{1}{2} ‖F(h, g) − h‖^2",
        ("Fixed point",),
    ),
    Term(
        "Standard error (s.e.)",
        "The typical error of a mean over a limited number of problems: the standard deviation $s$ divided by the square root of their number $n$.",
        "\\frac{s}{\\sqrt{n}}",
    ),
    Term("State", "The memory of an optimizer for one component: a vector, $h$.", "", ("State space",)),
    Term(
        "State space",
        "All states that an optimizer can have. It is drawn in the two directions in which the observed states differ most, their principal components.",
    ),
    Term(
        "Task",
        "A distribution of problems. A problem is one draw from it: a loss and a start point.",
        "",
        ("Meta-loss",),
    ),
    Term(
        "Time constant",
        "The number of steps in which a mode shrinks to about a third of its size (to $1 / e$). Also called timescale.",
        "τ = −\\frac{1}{\\text{ln} |λ|}",
        ("Eigenvalue",),
    ),
    Term(
        "Unroll",
        "The whole chain of inner steps on a problem as one computation that can be differentiated. The unroll length is the number of steps.",
        "",
        ("Inner step",),
    ),
    Term(
        "Update function",
        "The step of a component as a function of the gradient, for one state. For gradient descent it is a straight line.",
        "g ↦ u(h, g)",
        ("Effective learning rate", "Saturation"),
    ),
)
