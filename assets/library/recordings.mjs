// The recordings of the visitor's own trainings: their card on the Library page, asked for as often as the runs.
import { row } from "#library/recorded-rows.mjs";
import { isHere } from "#shared/address.mjs";
import { closest, fill, find, make, need } from "#shared/elements.mjs";
import { ask, post, sentenceOf, sleep } from "#shared/requests.mjs";

const OFTEN = 4000; // ms between two looks

/** @typedef {import("#library/recorded-rows.mjs").Recording} Recording */

const HEADS = ["Recording", "Optimizer", "Model", "State", "Made", "Open, download"];

/** @param {{ recordings: Recording[], damaged: string[] }} found */
function draw({ recordings, damaged }) {
  const card = find("library-recordings");
  if (!card) return;
  const says = JSON.stringify([recordings, damaged]);
  const active = document.activeElement;
  const writing = active instanceof HTMLElement && card.contains(active) && active.matches("input, textarea");
  if (card.dataset.says === says || writing) return;
  card.dataset.says = says;
  card.hidden = !recordings.length && !damaged.length;
  const heads = HEADS.map((text) => make("th", { scope: "col" }, text));
  const caption = make("caption", { className: "unseen" }, "Recordings of your own trainings");
  const table = make("table", { className: "scores shelf" }, caption, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...recordings.map(row)));
  card.replaceChildren(
    make("h3", { id: "library-recordings-title" }, "Recordings of your own trainings"),
    make("div", { className: "table-room", tabIndex: 0, role: "region", "aria-label": "Recordings" }, table),
    ...damaged.map((sentence) => make("p", { className: "damaged" }, sentence)),
  );
}

const look = async () => draw(await ask("/api/recordings"));

let turn = 0;

/** Ask again and again, as long as the page is open. What does not answer is told by the list of runs, which asks the same server. */
export async function watchRecordings() {
  const mine = (turn += 1);
  delete find("library-recordings")?.dataset.says;
  while (mine === turn && isHere("library")) {
    if (document.visibilityState === "visible" && navigator.onLine) await look().catch(() => null);
    await sleep(OFTEN);
  }
}

/** @type {Record<string, (name: string) => Promise<void>>} */
const ACTS = {
  async save(name) {
    const title = need(`recording-title-${name}`, HTMLInputElement).value;
    const note = need(`recording-note-${name}`, HTMLTextAreaElement).value;
    await post(`/api/recordings/${name}/label`, { title, note });
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    fill("library-notice", make("span", {}, "Saved."));
  },
  async delete(name) {
    const found = await post(`/api/recordings/${name}/delete`);
    const undo = { type: "button", className: "plain", "data-library": "restore", "data-of": found.trash };
    fill("library-notice", make("span", {}, `${name} is in the trash.`), " ", make("button", undo, "Undo"));
  },
};

document.addEventListener("click", async (event) => {
  const button = closest(event, "[data-recording]");
  const act = ACTS[button?.dataset.recording ?? ""];
  if (!button || !act || !isHere("library")) return;
  try {
    await act(button.dataset.of ?? "");
    await look();
  } catch (error) {
    fill("library-problem", make("p", {}, sentenceOf(error)));
  }
});
