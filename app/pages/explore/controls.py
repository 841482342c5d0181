"""The controls of the Explore page, set from a view."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from app.pages.explore.panels import PANELS
from app.pages.explore.view import LARGEST_SEED, MOST_COMPARED, SPEEDS, View
from app.shared.catalog import TITLES, subjects, task_options
from app.shared.menus import optimizer_options, outer_step_properties, outer_step_text
from app.shared.problem import kind_of
from app.shared.style import OPTIMIZER_COLORS
from core.optimizers.hand_designed import BASELINES, HAND_DESIGNED

LONGEST_HORIZON = 2000.0  # inner steps


def component_options(task: str) -> list[dict[str, str]]:
    """Entries of the component menu: positions in the watched components, and their names."""
    return [{"value": str(i), "label": name} for i, name in enumerate(kind_of(task).watched)]


def start_style(task: str) -> dict[str, str]:
    """Show the start-point controls only if the landscape is the whole space."""
    return {} if kind_of(task).startable else {"display": "none"}


def axis_hint(task: str) -> str:
    """What the two scales of the gradient axis are."""
    return "symlog: linear near 0, logarithmic beyond"


def controls(view: View) -> html.Aside:
    """All controls except the inner step."""
    subject = subjects(view.task)[view.optimizer]
    return html.Aside(
        className="controls",
        id="controls",
        **{"aria-label": "Controls"},
        children=[
            dmc.Select(id="task", label="Task", data=task_options(), value=view.task, allowDeselect=False, size="xs"),
            dmc.Select(
                id="optimizer",
                label="Optimizer under the microscope",
                data=optimizer_options(view.task, view.optimizer),
                value=view.optimizer,
                allowDeselect=False,
                size="xs",
            ),
            html.P(subject.detail_at(view.outer_step), id="optimizer-detail", className="hint"),
            html.Div(
                className="outer-step-block",
                children=[
                    html.Div(
                        className="label-row",
                        children=[
                            html.Span("Outer step", className="label", id="outer-step-label"),
                            html.Span(
                                outer_step_text(subject, view.outer_step), id="outer-step-text", className="value"
                            ),
                        ],
                    ),
                    dmc.Slider(
                        id="outer-step",
                        step=1,
                        label=None,
                        size="sm",
                        updatemode="drag",
                        thumbLabel="Outer step (snapshot)",
                        **outer_step_properties(subject, view.outer_step),
                    ),
                ],
            ),
            _compared(view),
            dmc.CheckboxGroup(
                id="baselines",
                label="Tuned baselines shown",
                value=list(view.baselines),
                children=html.Div(
                    [
                        dmc.Checkbox(label=TITLES[name], value=name, color=OPTIMIZER_COLORS[name], size="xs")
                        for name in BASELINES
                    ],
                    className="check-row",
                ),
                size="xs",
            ),
            _own(view),
            dmc.Checkbox(
                id="band",
                label="Mean of held-out problems ± s.e.",
                checked=view.band == "on",
                size="xs",
            ),
            dmc.NumberInput(
                id="seed",
                label="Problem seed",
                value=view.seed,
                min=0,
                max=LARGEST_SEED,
                step=1,
                allowDecimal=False,
                allowNegative=False,
                clampBehavior="strict",
                debounce=300,
                size="xs",
            ),
            html.Div(
                id="start-block",
                style=start_style(view.task),
                children=[
                    html.Div(
                        className="pair",
                        children=[
                            dmc.NumberInput(
                                id=f"start-{name}",
                                label=f"Start {name}",
                                value="" if view.start is None else view.start[index],
                                placeholder="seed's own",
                                step=0.1,
                                min=-5,
                                max=5,
                                decimalScale=4,
                                debounce=True,
                                hideControls=True,
                                size="xs",
                            )
                            for index, name in enumerate(("x", "y"))
                        ],
                    ),
                    html.P("or click a point in the landscape", className="hint"),
                    dmc.Button(
                        "Back to the seed's start", id="start-clear", variant="default", size="compact-xs", mt=4
                    ),
                ],
            ),
            dmc.MultiSelect(
                id="components",
                label="Components (inner parameters)",
                data=component_options(view.task),
                value=[str(i) for i in view.components],
                size="xs",
                clearable=False,
                hidePickedOptions=False,
                comboboxProps={"position": "top"},
            ),
            html.Div(
                children=[
                    html.Span("Gradient axis", className="label", id="axis-label"),
                    dmc.SegmentedControl(
                        id="axis",
                        data=[{"value": "linear", "label": "linear"}, {"value": "symlog", "label": "symlog"}],
                        value=view.axis,
                        size="xs",
                        fullWidth=True,
                        **{"aria-label": "Gradient axis"},
                    ),
                    html.P(axis_hint(view.task), className="hint"),
                ]
            ),
            panel_switches(view.panels),
            _sharing(),
        ],
    )


def snapshot_options(task: str, optimizer: str | None) -> list[dict[str, str]]:
    """Entries of the snapshot menu; none for a hand-designed optimizer."""
    kept = subjects(task)[optimizer].snapshots if optimizer else ()
    return [{"value": str(step), "label": f"{step:,}"} for step in reversed(kept)]


def step_style(task: str, optimizer: str | None) -> dict[str, str]:
    """Show the snapshot menu only if there are snapshots."""
    return {} if snapshot_options(task, optimizer) else {"display": "none"}


def row_style(chosen: bool, before: bool) -> dict[str, str]:
    """Show the row of another optimizer once the row before it is filled."""
    return {} if chosen or before else {"display": "none"}


def _compared(view: View) -> html.Div:
    """Menus of the optimizers beside the first."""
    rows = []
    for i in range(MOST_COMPARED):
        name, step = view.compare[i] if i < len(view.compare) else (None, None)
        rows.append(
            html.Div(
                className="compare-row",
                id=f"compare-row-{i + 1}",
                style=row_style(name is not None, i <= len(view.compare)),
                children=[
                    dmc.Select(
                        id=f"compare-{i + 1}",
                        data=optimizer_options(view.task, name or ""),
                        value=name,
                        placeholder="another optimizer",
                        clearable=True,
                        size="xs",
                        **{"aria-label": f"Optimizer {i + 2}, side by side"},
                    ),
                    dmc.Select(
                        id=f"compare-step-{i + 1}",
                        data=snapshot_options(view.task, name),
                        value=None if step is None else str(step),
                        allowDeselect=False,
                        size="xs",
                        style=step_style(view.task, name),
                        **{"aria-label": f"Outer step of optimizer {i + 2}"},
                    ),
                ],
            )
        )
    return html.Div(
        [html.Span("Side by side with", className="label"), *rows],
        className="compare-block",
        role="group",
        **{"aria-label": "Optimizers side by side"},
    )


def own_ranges(task: str, kind: str) -> list[dict[str, Any]]:
    """The sliders of an optimizer's hyperparameters: names, ends, how values lie between them, and the tuned values."""
    if not kind:
        return []
    usual = subjects(task)[kind].hyperparameters
    ranges = []
    for name, one in HAND_DESIGNED[kind].limits().items():
        high = min(one.range.high, LONGEST_HORIZON)
        ranges.append({"name": name, "low": one.range.low, "high": high, "kind": one.range.kind, "tuned": usual[name]})
    return ranges


def _own(view: View) -> html.Div:
    """An optimizer with hyperparameters of the visitor's own."""
    kind = view.own.partition(":")[0]
    return html.Div(
        className="own-block",
        role="group",
        **{"aria-label": "Hyperparameters of your own"},
        children=[
            dmc.Select(
                id="own-kind",
                label="Try hyperparameters of your own",
                data=own_options(),
                value=kind or None,
                placeholder="an optimizer",
                clearable=True,
                size="xs",
            ),
            html.Div(id="own-sliders"),  # made in the browser
            dcc.Store(id="own-ranges", data=own_ranges(view.task, kind)),
            dcc.Store(id="own", data=view.own),
        ],
    )


def own_options() -> list[dict[str, str]]:
    """Entries of the menu of optimizers whose hyperparameters can be moved."""
    return [{"value": name, "label": TITLES[name]} for name in BASELINES]


def panel_switches(shown: Sequence[str]) -> html.Div:
    """Switches of the panels."""
    return html.Div(
        [
            html.Span("Panels", className="label"),
            dmc.ChipGroup(
                id="panels-shown",
                multiple=True,
                value=list(shown),
                children=html.Div(
                    [
                        dmc.Chip(panel.chip, value=panel.name, size="xs", radius="sm", variant="outline")
                        for panel in PANELS.values()
                    ],
                    className="chip-row",
                ),
            ),
        ],
        role="group",
        **{"aria-label": "Panels shown"},
    )


def copy_link() -> html.Button:
    """The button that copies the link of the view."""
    return html.Button("Copy link", id="copy-link", type="button", className="action")


def _sharing() -> html.Div:
    """Buttons that copy the link or save the view."""
    return html.Div(
        className="share",
        role="group",
        **{"aria-label": "Share this view"},
        children=[
            copy_link(),
            html.Button(
                "Save as a page",
                id="save-page",
                type="button",
                className="action",
                title="One HTML file that works offline",
            ),
        ],
    )


def speed_options() -> list[dict[str, str]]:
    """Entries of the speed menu."""
    return [{"value": str(speed), "label": f"{speed} steps/s"} for speed in SPEEDS]
