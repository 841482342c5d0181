"""Every term of the dashboard in one sentence, with its formula: the guide's glossary derives from it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        name: as in text.
        says: what it is, in one or two sentences; ``$…$`` are formulas.
        formula: on a line of its own, if there is one.
        see: names of related terms.
    """

    name: str
    definition: str
    formula: str = ""
    see: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The part of a link after ``#`` that leads to it."""
        return "term-" + "".join(c if c.isalnum() else "-" for c in self.name.lower())


TERMS: tuple[Term, ...] = (
    Term(
        "Adaptation",
        "A learning rate that falls where gradients are large. In a learned optimizer, large gradients push the state to where the update function is flatter.",
        "α(g) = −\\frac{∂u}{∂g}(h^*(g), g)",
        ("Fixed point", "Effective learning rate"),
    ),
    Term(
        "Autonomous trajectory",
        "Where the state goes from its start when every gradient is zero. Nothing drives it but time.",
        "h_{k+1} = F(h_k, 0)",
        ("Fixed point", "Schedule"),
    ),
    Term(
        "Clip threshold",
        "The size of gradient beyond which the update hardly grows. Here it is measured as the half-slope: the size at which the slope of the update function has fallen to half of that at zero.",
        "",
        ("Update function", "Saturation"),
    ),
    Term(
        "Component",
        "One inner parameter. A component-wise optimizer runs the same system once for each of them, with a state of its own.",
    ),
    Term(
        "Effective learning rate",
        "Minus the slope of the update function at gradient zero: what the learning rate of gradient descent would have to be to do the same. That of gradient descent is its learning rate.",
        "−\\frac{∂u}{∂g}(h, 0)",
        ("Update function",),
    ),
    Term(
        "Eigenvalue",
        "The factor $λ$ by which a mode shrinks (or grows) in one step. The nearer its size is to one, the longer the mode remembers.",
        "J r = λ r",
        ("Mode", "Time constant"),
    ),
    Term(
        "Fixed point",
        "A state that stays where it is while the gradient stays what it is. Where the search only finds a state that moves very slowly, it is called a slow point.",
        "h^* = F(h^*, g)",
        ("Linearisation", "Speed"),
    ),
    Term("Hand-designed optimizer", "One that a person wrote down: gradient descent, momentum, RMSProp, Adam."),
    Term("Inner parameters", "What is being optimized, $x$: the argument of the loss.", "", ("Component",)),
    Term(
        "Inner step",
        "One step of the optimizer on a problem, counted by $k$.",
        "x_{k+1} = x_k + u(h_k, g_k)",
        ("Outer step", "Unroll"),
    ),
    Term(
        "Learned optimizer",
        "A small recurrent network whose weights were trained so that losses fall quickly when it is used as an optimizer.",
        "",
        ("Meta-loss", "Outer step"),
    ),
    Term(
        "Linearisation",
        "The linear system that the optimizer equals close to a fixed point. Its matrices are the Jacobians there.",
        "h_{k+1} − h^* ≈ \\frac{∂F}{∂h} (h_k − h^*) + \\frac{∂F}{∂g} g_k",
        ("Fixed point", "Mode"),
    ),
    Term(
        "Meta-loss",
        "How good an optimizer was on a problem: the loss as a share of the first, averaged over the inner steps. Lower is better, and being fast early counts.",
        "\\frac{1}{K+1} (\\frac{f(x_0)}{f(x_0)} + … + \\frac{f(x_K)}{f(x_0)})",
        ("Unroll",),
    ),
    Term(
        "Meta-parameters",
        "What outer training adjusts, $θ$: the weights of the network, its readout and its first state.",
        "",
        ("Outer step",),
    ),
    Term(
        "Mode",
        "A direction of state space along which the linearised system moves by itself, without turning into another. Each one acts as momentum with a decay and a learning rate of its own.",
        "α_j = −\\frac{(U_h R_j)(L_j J_g)}{λ_j}",
        ("Eigenvalue", "Momentum"),
    ),
    Term(
        "Momentum",
        "Gradient descent with a memory: the velocity $v$ is a sum of all gradients so far, older ones weighing less. Friction is what makes it forget, $1 − β$.",
        "v_{k+1} = β v_k + g_k, \\quad x_{k+1} = x_k − α v_{k+1}",
        ("Mode",),
    ),
    Term(
        "Outer step",
        "One step of training the optimizer itself: its meta-parameters move against the gradient of the meta-loss.",
        "",
        ("Inner step", "Meta-parameters"),
    ),
    Term(
        "Saturation",
        "The update stops growing with the gradient: the update function bends towards a level. This is what gradient clipping does at once.",
        "",
        ("Clip threshold",),
    ),
    Term(
        "Schedule",
        "A learning rate that changes with the step, whatever the gradients are. In a learned optimizer it is carried by the drift of the state.",
        "",
        ("Autonomous trajectory",),
    ),
    Term(
        "Speed",
        "How far a state is from resting, squared and halved. It is zero at a fixed point.",
        "q = \\frac{1}{2} ‖F(h, g) − h‖^2",
        ("Fixed point",),
    ),
    Term(
        "Standard error (s.e.)",
        "How far a mean over problems is likely to be off because only so many of them were tried: the standard deviation $s$ over the root of their number $n$.",
        "\\frac{s}{\\sqrt{n}}",
    ),
    Term("State", "What an optimizer remembers about one component: one vector, $h$.", "", ("State space",)),
    Term(
        "State space",
        "All states an optimizer can be in. Drawn in the two directions in which the states met differ most, their principal components.",
    ),
    Term("Task", "A distribution of problems. A problem is one draw from it: a loss and a start.", "", ("Meta-loss",)),
    Term(
        "Time constant",
        "Steps after which a mode has shrunk to about a third of what it was (to $1 / e$). Also called timescale.",
        "τ = −\\frac{1}{\\text{ln} |λ|}",
        ("Eigenvalue",),
    ),
    Term(
        "Unroll",
        "The whole chain of inner steps on a problem, seen as one computation that can be differentiated. The unroll length is how many there are.",
        "",
        ("Inner step",),
    ),
    Term(
        "Update function",
        "How far a component moves, as a function of the gradient, for one state. Gradient descent's is a straight line.",
        "g ↦ u(h, g)",
        ("Effective learning rate", "Saturation"),
    ),
)
