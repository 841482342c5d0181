"""The Guide's story: its chapters in order, without a number in them; figures and their numbers are computed (drawing.py)."""

from dataclasses import dataclass

LAST = 1000  # positions of a slider


@dataclass(frozen=True)
class Slider:
    """What a chapter's reader moves.

    Attributes:
        name: its id is ``guide-CHAPTER-NAME``.
        label: beside it.
        start: where it stands at first, 0 to `LAST`.
    """

    name: str
    label: str
    start: int


@dataclass(frozen=True)
class Chapter:
    """One chapter.

    Attributes:
        name: its id on the page is ``guide-NAME``.
        title: its heading.
        text: paragraphs before the figures; one that begins with ``=`` is a formula on a line of its own. ``$…$`` are
            formulas, ``*…*`` is stressed.
        sliders: under the figures.
        after: paragraphs after them.
        drawn: whether it has figures.
    """

    name: str
    title: str
    text: tuple[str, ...]
    sliders: tuple[Slider, ...] = ()
    after: tuple[str, ...] = ()
    drawn: bool = True


CHAPTERS: tuple[Chapter, ...] = (
    Chapter(
        "descent",
        "An optimizer is a dynamical system",
        (
            "Gradient descent with momentum keeps, for every parameter $x$, a velocity $v$. At each step the velocity forgets a part of itself and takes in the gradient $g$; then the parameter moves along it:",
            "=v_{k+1} = β v_k + g_k, \\quad x_{k+1} = x_k − α v_{k+1}",
            "There are two parts: a *state*, here one number, and an *update* that is read out of it. Push a marble on a slope and you have the picture: $α$ is how hard a gradient pushes, $1 − β$ is friction.",
            "Below, a valley that is flat along one direction and steep along the other. Both directions obey a small linear system of their own, so how the run ends can be told beforehand: each shrinks by a factor at every step, and if that factor exceeds one, it explodes. Try to get down fast along the flat direction without being thrown out along the steep one.",
        ),
        (Slider("rate", "Learning rate α", 380), Slider("momentum", "Momentum β", 0)),
        ("No setting is best for every valley. This is what a learned optimizer will have to find, too.",),
    ),
    Chapter(
        "learned",
        "An optimizer can be learned",
        (
            "Keep the form and drop the rest. Let the state $h$ be a vector, let a small recurrent network $F$ decide how it changes, and let a readout decide the update:",
            "=h_{k+1} = F(h_k, g_k), \\quad x_{k+1} = x_k + u(h_k, g_k)",
            "Every parameter runs its own copy, all with the same weights $θ$: the optimizer is *component-wise*, and it works on problems of any size. Momentum, RMSProp and Adam are of this form as well.",
            "The weights are trained. Draw a batch of problems from a task, *unroll* the optimizer on them for a number of inner steps, and ask how far the losses fell. The answer is the *meta-loss*; differentiate it through the whole unroll, and take an outer step:",
            "=L(θ) = \\text{mean over problems and steps of }\\frac{f(x_k)}{f(x_0)}",
            "Drag through outer training and watch the update function form.",
        ),
        (Slider("outer", "Outer step", LAST),),
    ),
    Chapter(
        "win",
        "Does it win?",
        (
            "On problems that it never met, drawn from the task it was trained for. The hand-designed optimizers beside it are tuned: the best of many random draws of all their hyperparameters, on other problems of the same task and by the same meta-loss. Bars and bands are one standard error over problems.",
        ),
        (),
        (
            "A win on its own task says little about others. The Performance page shows where each of these optimizers fails when conditions change.",
        ),
    ),
    Chapter(
        "momentum",
        "Momentum: slow modes",
        (
            "How does it do that? Look at it as one looks at any dynamical system: find where it comes to rest, and what it does close by. With the gradient held at zero the state settles at a *fixed point*:",
            "=h^* = F(h^*, 0)",
            "Near it the network is almost linear, and its Jacobian splits into *modes* that do not mix. Each mode shrinks by its eigenvalue $λ$ at every step and takes in the gradient. That is momentum, with $λ$ in the place of $β$ and a learning rate of its own:",
            "=α_j = −\\frac{(U_h R_j)(L_j J_g)}{λ_j}",
            "So ask: is there a mode near the edge of the unit circle, where memory is long, and does it sit where tuned momentum has its $β$?",
        ),
        (Slider("position", "Shift along the slowest mode", 800),),
    ),
    Chapter(
        "clipping",
        "Gradient clipping: saturation",
        (
            "Hold the state and vary the gradient. Gradient descent answers with a straight line. Clipped gradient descent follows that line up to a threshold and is flat from there on, so that no single gradient can throw it far. A network saturates by nature, and outer training decides where.",
            "It is clipping only if it happens where gradients are: compare the bend with the density of the gradients that this optimizer met.",
        ),
        (Slider("position", "Clip gradients at", 700),),
    ),
    Chapter(
        "schedule",
        "Learning-rate schedule: drift",
        (
            "Nobody tells the network which step it is. Yet feed it zeros, and its state still travels: from its learned start $h_0$ towards the fixed point, on a path of its own, the *autonomous trajectory*. Along that path the slope of the update function at zero, the *effective learning rate*, changes:",
            "=α_k = −\\frac{∂u}{∂g}(h_k, 0), \\quad h_{k+1} = F(h_k, 0)",
            "A learning rate that depends on the step alone is a schedule. Adam has one as well, by its bias correction.",
        ),
        (Slider("position", "Autonomous step", 60),),
    ),
    Chapter(
        "adaptation",
        "Learning-rate adaptation: moving fixed points",
        (
            "Last, hold the gradient at a value other than zero. The state settles elsewhere, at $h^*(g)$, and as $g$ runs from negative to positive these points trace a curve: two arms, one for each sign. RMSProp's state, in the same experiment, settles at $g^2$, and its learning rate is divided by the root of that.",
            "=α(g) = −\\frac{∂u}{∂g}(h^*(g), g)",
            "If the effective learning rate falls along both arms, large gradients lower it: this is adaptation. The paper's curve is a smooth S. Where ours folds back, more than one rest exists for the same gradient, and which is taken depends on the past.",
        ),
        (Slider("position", "Constant gradient", 750),),
    ),
    Chapter(
        "ablations",
        "What each is worth",
        (
            "To see a mechanism is not to know that it matters. So switch it off inside the optimizer, change nothing else, and run the task again: replace the network by its linear model at $h^*$; let the update function go on straight where it bends; take the drift away, and with it the schedule; give every component the learning rate that is typical of the step.",
            "What is lost is what the mechanism earned. The differences are taken problem by problem, on the same problems.",
        ),
    ),
    Chapter(
        "own",
        "Look at your own",
        (
            "Every instrument takes any optimizer of this form. Press Start on the [Train](/train) page and watch the update function and the eigenvalues form while it learns; when it is done, the run opens in [Explore](/) and [Mechanisms](/mechanisms) like a shipped one. The [Library](/library) takes optimizers in from files. Put Adam or RMSProp under the microscope first: their answers are known in closed form, and tests hold the instruments to them.",
            "The argument is that of Maheswaranathan, Sussillo, Metz, Sun and Sohl-Dickstein, *Reverse engineering learned optimizers reveals known and novel mechanisms* (arXiv 2011.02159). The optimizers on this page were trained anew, and every figure and number is computed from them; interventions are not in the paper.",
        ),
        drawn=False,
    ),
)
