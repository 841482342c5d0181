"""The chapters of the Guide in order. Figures and numbers are not in the text: `draw` computes them."""

from dataclasses import dataclass

LAST = 1000  # positions of a slider


@dataclass(frozen=True)
class Slider:
    """A slider of a chapter.

    Attributes:
        name: its id is ``guide-CHAPTER-NAME``.
        label: beside it.
        start: its initial position, 0 to `LAST`.
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
        text: paragraphs before the figures; one that begins with ``=`` is a formula on its own line. ``$…$`` are
            formulas, ``*…*`` is emphasis.
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
            "Gradient descent with momentum keeps a velocity $v$ for every parameter $x$. At each step, the velocity shrinks by a factor and adds the gradient $g$. Then the parameter moves along the velocity:",
            "=v_{k+1} = β v_k + g_k, \\quad x_{k+1} = x_k − α v_{k+1}",
            "There are two parts: a *state*, here one number, and an *update* that is computed from it. Picture a marble on a slope: $α$ is how hard a gradient pushes it, and $1 − β$ is friction.",
            "The figure below shows a valley that is flat in one direction and steep in the other. Each direction follows its own small linear system, so the result of a run can be predicted: each direction shrinks by a factor at every step, and it explodes if that factor is above one. Try to descend fast along the flat direction without exploding along the steep one.",
        ),
        (Slider("rate", "Learning rate α", 380), Slider("momentum", "Momentum β", 0)),
        ("No setting is best for every valley. A learned optimizer has to solve the same problem.",),
    ),
    Chapter(
        "learned",
        "An optimizer can be learned",
        (
            "Now keep this form and make it general. The state $h$ becomes a vector, a small recurrent network $F$ decides how it changes, and a readout $u$ decides the update:",
            "=h_{k+1} = F(h_k, g_k), \\quad x_{k+1} = x_k + u(h_k, g_k)",
            "Every parameter runs its own copy, and all copies have the same weights $θ$. The optimizer is *component-wise*, so it works on problems of any size. Momentum, RMSProp and Adam have this form as well.",
            "The weights are trained. Draw a batch of problems from a task, *unroll* the optimizer on them for a number of inner steps, and measure how far the losses fell. This measure is the *meta-loss*. Differentiate it through the whole unroll, and take an outer step:",
            "=L(θ) = \\text{mean over problems and steps of }\\frac{f(x_k)}{f(x_0)}",
            "Drag the slider through outer training and watch the update function form.",
        ),
        (Slider("outer", "Outer step", LAST),),
    ),
    Chapter(
        "win",
        "How does it compare?",
        (
            "The figures compare it with other optimizers on new problems from the task it was trained for. The hand-designed optimizers are tuned: each is the best of many random draws of all its hyperparameters, on other problems of the same task and by the same meta-loss. Bars and bands are one standard error over problems.",
        ),
        (),
        (
            "A lower meta-loss on its own task says little about other tasks. The Performance page shows where these optimizers fail when conditions change.",
        ),
    ),
    Chapter(
        "momentum",
        "Momentum: a memory of gradients",
        (
            "How does it do that? Analyse it like any dynamical system: find its fixed points, and look at its behaviour near them. If the gradient stays zero, the state settles at a *fixed point*:",
            "=h^* = F(h^*, 0)",
            "Near that point, ask how much an update still answers a gradient of some steps before. This is the *memory kernel*. For momentum it is $α β^j$ after $j$ steps; for plain gradient descent it ends at once:",
            "=K_j = −\\frac{∂u_{k+j}}{∂g_k}",
            "The kernel can be taken apart: near the fixed point the network is almost linear, and its Jacobian splits into *modes* that do not mix. Each mode shrinks by its eigenvalue $λ$ at every step and adds the gradient, as momentum does with $β$.",
            "A slow mode alone says little: among many random modes one is nearly always slow. What counts is how much it contributes to the kernel, and whether an untrained network has as long a memory.",
        ),
        (Slider("position", "Shift along the slowest mode", 800),),
    ),
    Chapter(
        "clipping",
        "Gradient clipping: saturation",
        (
            "Fix the state and vary the gradient. For gradient descent, the update is a straight line. Clipped gradient descent follows that line up to a threshold and is flat beyond it, so no single gradient can cause a large step. A network always saturates somewhere, and outer training decides where.",
            "It only counts as clipping if gradients reach that size in use: compare the bend with the density of the gradients that this optimizer observed.",
        ),
        (Slider("position", "Clip gradients at", 700),),
    ),
    Chapter(
        "schedule",
        "Learning-rate schedule: drift",
        (
            "The network does not know the number of the step. Yet if every gradient is zero, its state still moves, from its learned start $h_0$ to the fixed point. This path is the *autonomous trajectory*. The slope of the update function at zero, the *effective learning rate*, changes along it:",
            "=α_k = −\\frac{∂u}{∂g}(h_k, 0), \\quad h_{k+1} = F(h_k, 0)",
            "A learning rate that depends only on the step is a schedule. Adam also has one, from its bias correction.",
        ),
        (Slider("position", "Autonomous step", 60),),
    ),
    Chapter(
        "adaptation",
        "Learning-rate adaptation: moving fixed points",
        (
            "Now keep the gradient at a value other than zero. The state settles elsewhere, at $h^*(g)$. As $g$ goes from negative to positive, these points form a curve with two arms, one for each sign. In the same experiment, RMSProp's state settles at $g^2$, and its learning rate is divided by the square root of that. So ask what the *state* does to the learning rate, the slope at gradient zero:",
            "=α(g) = −\\frac{∂u}{∂g}(h^*(g), 0)",
            "If it falls along both arms, large gradients lower it, as in RMSProp and in the paper. The slope at the gradient itself falls too, but for another reason: there the update function saturates, whatever the state does. Both are drawn, and the distance between them is the saturation.",
            "A constant gradient also agrees with itself at every step. Whether signs count, and not sizes alone, is asked by itself: the gradients of real runs are fed again with their own sizes, first all of one sign, then alternating. Momentum, RMSProp and Adam have the same learning rate after both. Some learned optimizers do not, a mechanism called *agreement* that the paper does not have; the Mechanisms page draws it.",
            "Where the curve folds back, the same gradient has more than one fixed point, and the past decides which one the state reaches.",
        ),
        (Slider("position", "Constant gradient", 750),),
    ),
    Chapter(
        "ablations",
        "What each contributes",
        (
            "A mechanism that exists need not matter. Ablations show whether it does: switch it off inside the optimizer, change nothing else, and run the task again. Replace the network by its linear model at $h^*$; let only the gradient of the moment count; continue the update function as a straight line where it bends; remove the drift, and the schedule with it; or give every component the step's typical learning rate.",
            "The contribution of the mechanism is the meta-loss without it over the meta-loss with it, on the same problems. Its interval is bootstrapped over problems. A mechanism is reported as *shown* only if untrained networks do not have it too, and if this ratio differs from one.",
        ),
    ),
    Chapter(
        "closed_loop",
        "How fast, and how far? The closed loop",
        (
            "An optimizer is not alone: its updates change the parameters, and these change the next gradient. On a quadratic of curvature $λ$, optimizer and problem together are one linear system, the *closed loop*:",
            "=h_{k+1} = F(h_k, λ x_k), \\quad x_{k+1} = x_k + u(h_k, λ x_k)",
            "Its largest eigenvalue is the factor by which the distance to the minimum shrinks at every step near the end. Below one it converges; the smaller, the faster. Drawn over the curvature, this is the signature of an optimizer: fast over a range of curvatures, with a cliff at the end of it. Compare the range with the curvatures of the task (grey), and the factor with the best that momentum could have.",
        ),
        (Slider("position", "Curvature", 400),),
        (
            "The loop also explains why the loss of a learned optimizer goes flat. Its update at a gradient of zero is not quite zero, so the loop rests beside the minimum, where a small gradient $g^*$ balances it. Feed it $g + g^*$ instead of $g$ and it rests at the minimum: one number, and no training. The Performance page shows the repaired optimizer beside the original.",
        ),
    ),
    Chapter(
        "own",
        "Inspect your own",
        (
            "Every instrument works for any optimizer of this form. Press Start on the [Train](/train) page and watch the update function and the eigenvalues form while it learns. The finished run opens in [Explore](/) and [Mechanisms](/mechanisms) like a shipped one. The [Library](/library) imports optimizers from files. Put Adam or RMSProp under the microscope first: the results are known in closed form, and tests check the instruments against them.",
            "The argument follows Maheswaranathan, Sussillo, Metz, Sun and Sohl-Dickstein, *Reverse engineering learned optimizers reveals known and novel mechanisms* (arXiv 2011.02159). The optimizers on this page were trained for Loptscope, and every figure and number is computed from them. The ablations, the comparison with untrained networks and the closed loop are not in the paper.",
        ),
        drawn=False,
    ),
)
