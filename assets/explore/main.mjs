// The Explore page: what Dash calls in the browser.
import { connect } from "#explore/board.mjs";
import { Latest } from "#explore/latest.mjs";
import { latest as latestOwn, makeSliders } from "#explore/own.mjs";
import { page, setPanels, setSpeed, show } from "#explore/player.mjs";
import "#explore/pointer.mjs";
import { stage } from "#explore/stage.mjs";
import { writeAddress } from "#shared/address.mjs";
import { noUpdate, setProps } from "#shared/dash.mjs";
import { find } from "#shared/elements.mjs";
import { onFailure } from "#shared/failures.mjs";
import { pages } from "#shared/tables.mjs";

page.changed = (changes) => writeAddress("explore", changes, stage.view?.query);
page.failed = (sentence) => setProps("notice", { children: sentence });
page.start = (x, y) => {
  setProps("start-x", { value: x });
  setProps("start-y", { value: y });
};
const latestPosition = new Latest("position");
function free() {
  latestPosition.free();
  latestOwn.free();
}
onFailure(free);
setSpeed(Number(pages.explore.link.speed));
connect({ hide: (names) => setProps("panels-shown", { value: names }), link: () => null });

export const callbacks = {
  /**
   * Dragging the outer-step slider.
   * @param {number} position
   * @param {string} optimizer whose slider it is
   */
  outerStep: (position, optimizer) => (latestPosition.take(position, optimizer) ? position : noUpdate()),

  /**
   * @param {import("#explore/own.mjs").Range[]} ranges
   * @param {string | null} kind
   * @param {string} own
   */
  own(ranges, kind, own) {
    makeSliders(ranges, kind, own ?? "");
    return noUpdate();
  },

  answered() {
    free();
    return noUpdate();
  },

  /** @param {View | null} view */
  show(view) {
    if (view) show(view);
    return noUpdate();
  },

  /**
   * Where the page is kept as one file: the address of the view now, with its step.
   * @param {number | undefined} clicks
   */
  saveLink(clicks) {
    if (clicks) location.assign(`/api/view.html${location.search}`);
    return noUpdate();
  },

  /** @param {number | undefined} clicks */
  async copyLink(clicks) {
    if (!clicks) return noUpdate();
    setTimeout(() => {
      if (find("copy-link")) setProps("copy-link", { children: "Copy link" }); // else another page is shown by now
    }, 1500);
    try {
      await navigator.clipboard.writeText(location.href);
      return "Copied";
    } catch {
      return "See the address bar"; // not allowed here
    }
  },

  /** @param {string[]} names */
  setPanels(names) {
    setPanels(names);
    return names.join(",");
  },

  /** @param {string} value */
  setSpeed(value) {
    setSpeed(Number(value));
    return value;
  },
};
