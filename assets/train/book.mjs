// What the Train page keeps of a run's events.

/** @typedef {{ inner_step: number[], relative_loss: (number | null)[] }} Curve */
/** @typedef {{ kind: "evaluation", outer_step: number, meta_loss: number | null, sem: number | null, diverged: number, problems: number, curve: Curve }} Evaluation */
/** @typedef {{ kind: "steps", points: { outer_step: number[], meta_loss: (number | null)[] } }} Steps */
/** @typedef {Record<string, { meta_loss: number | null, sem: number | null, curve: Curve }>} Levels of the hand-designed optimizers, by name */
/** @typedef {{ kind: "levels", optimizers: Levels }} LevelsEvent */
/** @typedef {{ kind: "state", state: string, time: number, outer_step: number, message: string }} StateEvent */
/** @typedef {Evaluation | Steps | LevelsEvent | StateEvent} RunEvent */

/** Everything that was told of a run, by outer step: told twice, it is the same. */
export class Book {
  after = 0; // sequence number of the newest event
  /** @type {(number | null)[]} of outer step i + 1; null where not finite */
  losses = [];
  /** @type {Map<number, Evaluation>} by outer step */
  evaluations = new Map();
  /** @type {Levels | null} */
  levels = null;
  /** @type {StateEvent[]} */
  log = [];

  /** @param {RunEvent} event */
  add(event) {
    if (event.kind === "steps") {
      event.points.outer_step.forEach((step, i) => (this.losses[step - 1] = event.points.meta_loss[i]));
    } else if (event.kind === "evaluation") this.evaluations.set(event.outer_step, event);
    else if (event.kind === "levels") this.levels = event.optimizers;
    else if (event.kind === "state") {
      this.log.push(event);
      if (event.state !== "queued") this.#goBack(event.outer_step);
    }
  }

  /**
   * A run that was left between two saves goes on from the last one: what came after it is no longer its own.
   *
   * @param {number} step
   */
  #goBack(step) {
    if (this.losses.length > step) this.losses.length = step;
    for (const later of this.evaluations.keys()) if (later > step) this.evaluations.delete(later);
  }

  count() {
    return this.losses.length;
  }

  /** Evaluations in the order of their outer steps. */
  inOrder() {
    return [...this.evaluations.values()].sort((a, b) => a.outer_step - b.outer_step);
  }

  newest() {
    return this.inOrder().at(-1) ?? null;
  }
}
