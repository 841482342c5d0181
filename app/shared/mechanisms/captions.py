"""What is said under the figures of the Mechanisms page: what is drawn, what to look for, and this optimizer's own numbers."""

from collections.abc import Callable

import numpy as np

from app.shared.numbers import counted, fraction, number
from core.bundle import Bundle
from core.mechanisms.ablation import TITLES, Ablations
from core.mechanisms.clipping import Saturation
from core.mechanisms.report import ADAPTED, SCHEDULED, SLOW

Marks = dict[str, tuple[float, float]]


def _slowest(bundle: Bundle) -> tuple[float, float, float]:
    """|λ|, timescale and learning rate of the slowest mode."""
    value = bundle.arrays["eigenvalues"][0]
    return float(np.hypot(*value)), float(bundle.arrays["timescales"][0]), float(bundle.arrays["rates"][0, 0])


def momentum_state(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the state space."""
    about = bundle.about
    if not about["modes"]:
        return ["It has no state, or none that comes to rest: no momentum to show."]
    first = about["fixed_points"][0]
    kind = f"a {first['stability']} fixed point" if first["converged"] else "only a slow point"
    said = [
        "States of a few components over a run, the point they come to when the gradient stays 0 (star), and the chosen mode through it.",
        f"From {counted(sum(fixed_point['starts'] for fixed_point in about['fixed_points']), 'start')}, the search came to {kind} of speed {number(first['speed'], 2)}"
        + (
            f", and {counted(len(about['fixed_points']) - 1, 'other point')}."
            if len(about["fixed_points"]) > 1
            else "."
        ),
    ]
    if about["failed"]:
        said.append(f"{counted(about['failed'], 'start')} led nowhere: the state did not stay finite.")
    return said


def momentum_update(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the shifted update functions."""
    if not bundle.about["modes"]:
        return ["The update function never moves: the same gradient always gives the same update."]
    updates = bundle.arrays["updates"].astype(float)
    middle = updates.shape[2] // 2
    lift = updates[0, -1, middle] - updates[0, 0, middle]
    slopes = np.abs(updates[0, :, middle + 3] - updates[0, :, middle - 3])
    tilt = (slopes.max() - slopes.min()) / max(slopes.max(), 1e-30)
    return [
        "The update function at h* (grey) and at states shifted along the chosen mode. Momentum shifts it up and down without changing its shape.",
        f"Along the slowest mode, over the range of states met, the update at gradient 0 moves by {number(abs(lift))}, and the slope changes by {100 * tilt:.0f} %.",
    ]


def momentum_eigenvalues(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the complex plane."""
    if not bundle.about["modes"]:
        return ["No state, no eigenvalues: it forgets every gradient at once."]
    size, timescale, _ = _slowest(bundle)
    slow = int((np.hypot(*bundle.arrays["eigenvalues"].T) >= SLOW).sum())
    tuned = [f"{name.capitalize()} has β = {fraction(beta)}" for name, (_, beta) in marks.items()]
    said = [
        "Eigenvalues of the recurrent Jacobian at h*: the nearer to the unit circle, the longer a gradient is remembered. Point at one to follow its mode.",
        f"The slowest has |λ| = {fraction(size)}, a timescale of {number(timescale)} steps; {counted(slow, 'mode')} beyond {SLOW}."
        + (f" {'; '.join(tuned)}." if tuned else ""),
    ]
    if size < SLOW:
        said.append("Nothing here remembers long: this mechanism is weak or absent.")
    if bundle.about["near_defective"]:
        said.append(
            "Some modes nearly coincide (the Jacobian is near defective): one by one, their learning rates mean little."
        )
    return said


def momentum_modes(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the modes as momentum."""
    if not bundle.about["modes"]:
        return ["Without modes all of its learning rate is direct, as gradient descent's is."]
    rates = bundle.arrays["rates"][:, 0].astype(float)
    best = int(np.abs(rates).argmax())
    size = float(np.hypot(*bundle.arrays["eigenvalues"][best]))
    return [
        "Every mode acts as momentum with decay |λ| and learning rate α (open: negative). Stars are tuned optimizers, a diamond the best for the task's curvatures.",
        (
            f"The strongest mode has α = {number(float(rates[best]))} and |λ| = {fraction(size)}; "
            f"{number(bundle.about['direct'])} of learning rate is direct, without memory."
        ),
    ]


def half_slopes(bundle: Bundle) -> list[float | None]:
    """|g| at which the slope falls to half of that at 0, on the nearer side, at each state; None if it never does."""
    return [Saturation.model_validate(one).nearest for one in bundle.about["saturation"]]


def clipping_update(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the update function over the gradients."""
    updates = bundle.arrays["updates"].astype(float)
    name, last = bundle.about["states"][-1], np.abs(updates[-1])
    said = [
        "The update function at h₀ (dotted) and h* (solid) over the density of the gradients met. Clipped gradient descent of the same slope is dashed: drag the slider to move its threshold.",
        f"At {name} the largest update drawn is {number(float(last.max()))}, for gradients up to {number(3 * bundle.about['largest'])}.",
    ]
    if bundle.about["nonfinite"]:
        said.append(f"{counted(bundle.about['nonfinite'], 'gradient')} met were not finite and are left out.")
    return said


def clipping_slope(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the slope."""
    parts = []
    shares = [one["share_beyond"] for one in bundle.about["saturation"]]
    for name, half, beyond in zip(bundle.about["states"], half_slopes(bundle), shares, strict=True):
        if half is None:
            parts.append(f"at {name} the slope never halves: there is no clipping")
        else:
            parts.append(
                f"at {name} it halves at |g| = {number(half)}, and {100 * beyond:.3g} % of the gradients met lie beyond"
            )
    return [
        "The local learning rate −∂u/∂g as a share of that at 0. Clipping is a fall from 1 towards 0 (a clipped gradient descent drops at once).",
        "; ".join(parts).capitalize() + ".",
    ]


def schedule_path(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the autonomous trajectory."""
    if "path" not in bundle.arrays:
        return ["It has no state that could drift: nothing happens while the gradient is 0."]
    path = bundle.arrays["path"].astype(float)
    if not np.ptp(path):
        return ["The state stays where it begins while the gradient is 0: there is no drift."]
    share = 100 * sum(bundle.about["explained"])
    return [
        "Where the state goes from h₀ when every gradient is 0, coloured by step. Nothing drives it but time.",
        f"Two principal components hold {share:.1f} % of this path.",
    ]


def schedule_rate(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the schedule."""
    found = bundle.about["schedule"]
    if found["change"] is None:
        return ["The effective learning rate is nowhere finite."]
    carried = "by a clock that counts steps" if bundle.about["clock"] else "by the state, without a clock"
    said = [f"The effective learning rate along that path: a schedule, carried {carried}."]
    if found["change"] < 1e-6:
        return [*said, f"It is constant at {number(found['start'])}: there is no schedule."]
    shape = (
        f"It starts at {number(found['start'])}, is largest at step {found['peak_step']} ({number(found['peak'])}) "
        f"and ends at {number(found['end'])}"
    )
    return [*said, shape + (": hardly a schedule." if found["change"] <= SCHEDULED else ".")]


def schedule_update(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the update functions along the way."""
    return [
        "The update function at the scrubbed step (bold), and at every twentieth (dark: early, bright: late).",
        "A schedule turns the line about 0; whatever else changes is another mechanism.",
    ]


def _no_curve(bundle: Bundle) -> list[str] | None:
    return [f"There is no such curve: {bundle.about['why']}."] if "g" not in bundle.arrays else None


ENDS = {
    "range": "the end of the range",
    "jump": "the jump at 0",
    "closed": "its own start",
    "stuck": "a point where the search got stuck",
    "points": "the largest number of points",
}


def adaptation_curve(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the S-curve."""
    if missing := _no_curve(bundle):
        return missing
    unstable, folds = int((bundle.arrays["unstable"] > 0).sum()), len(bundle.arrays["folds"])
    return [
        "Where the state rests while the gradient stays constant at g, followed through folds; unstable stretches are dashed.",
        (
            f"{counted(len(bundle.arrays['g']), 'point')}, {'all stable' if not unstable else f'{unstable:,} of them unstable'}, {counted(folds, 'fold')}; "
            f"it ends at {' and '.join(ENDS[end] for end in bundle.about['ended'])}."
        ),
    ]


def adaptation_space(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the three-dimensional curve."""
    if missing := _no_curve(bundle):
        return missing
    share = 100 * sum(bundle.about["explained"])
    return [
        "The same curve in two components of the state, over the gradient. Drag to turn it.",
        f"Two components hold {share:.1f} % of it.",
    ]


def adaptation_update(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the update function on the curve."""
    if missing := _no_curve(bundle):
        return missing
    return [
        "The update function after a long time at the chosen gradient (ring).",
        "An optimizer that adapts answers with a flatter line after large gradients than after small ones.",
    ]


def fall(bundle: Bundle) -> tuple[float, float] | None:
    """Effective learning rate nearest to g = 0 and at the typical gradient, both arms' mean; None if not finite."""
    near, far = bundle.about["rate_at_zero"], bundle.about["rate_at_typical"]
    return None if near is None or far is None else (near, far)


def adaptation_rate(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the learning rate along the arms."""
    if missing := _no_curve(bundle):
        return missing
    said = [
        "The effective learning rate −∂u/∂g at (h*(g), g) along both arms (solid: g > 0, dashed: g < 0), beside tuned RMSProp's and Adam's."
    ]
    found = fall(bundle)
    if found is None:
        return [*said, "It is not finite everywhere."]
    near, far = found
    size = number(bundle.about["typical"])
    if near <= 0 or far >= ADAPTED * near:
        return [
            *said,
            f"It goes from {number(near)} at 0 to {number(far)} at |g| = {size}: it does not fall, so there is no such adaptation.",
        ]
    return [
        *said,
        f"It falls from {number(near)} at 0 to {number(far)} at |g| = {size}, where 98 % of the gradients met are smaller.",
    ]


def ablation_curves(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the loss curves of the interventions."""
    found = Ablations.model_validate(bundle.about["ablations"])
    lost = [f"{TITLES[one.name]}: {one.diverged} of {found.problems}" for one in found.ablations if one.diverged]
    said = [
        f"The median loss over {found.problems} held-out problems as it is (bold) and with one mechanism switched off, on the same problems.",
        f"Diverged: {'; '.join(lost)}." if lost else "Nobody diverged.",
    ]
    return said + [f"Not run, {TITLES[name]}: {why}." for name, why in found.without.items()]


def ablation_bars(bundle: Bundle, marks: Marks) -> list[str]:
    """Under the bars of the interventions."""
    found = Ablations.model_validate(bundle.about["ablations"])
    whole = found.ablations[0]
    others = [one for one in found.ablations[1:] if one.median is not None and whole.median]
    said = ["In the bars: the mean difference from the optimizer as it is, problem by problem, and its standard error."]
    if others and whole.median:
        base = whole.median
        worst = max(others, key=lambda one: one.median or 0.0)
        least = min(others, key=lambda one: abs(np.log((one.median or base) / base)))
        said.append(
            f"By the median, it is worst off {TITLES[worst.name]} ({number((worst.median or 0.0) / base)} times its meta-loss) "
            f"and least changed {TITLES[least.name]} ({number((least.median or 0.0) / base)} times)."
        )
    return said


CAPTIONS: dict[str, dict[str, Callable[[Bundle, Marks], list[str]]]] = {
    "momentum": {
        "state": momentum_state,
        "update": momentum_update,
        "eigenvalues": momentum_eigenvalues,
        "modes": momentum_modes,
    },
    "clipping": {"update": clipping_update, "slope": clipping_slope},
    "schedule": {"path": schedule_path, "rate": schedule_rate, "update": schedule_update},
    "adaptation": {
        "curve": adaptation_curve,
        "space": adaptation_space,
        "update": adaptation_update,
        "rate": adaptation_rate,
    },
    "ablations": {"curves": ablation_curves, "bars": ablation_bars},
}
