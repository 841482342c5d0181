// Plotly: a page that draws in a plane has only a part of it, and a page in three dimensions needs the whole from the beginning.
import { pages } from "#shared/tables.mjs";

const spatial = new Set(Object.values(pages).filter(({ draws }) => draws === "space").map(({ path }) => path));

const isPart = () => document.getElementById("plotly") !== null;

// One goes there as from another site: Dash, which would only change what the frame contains, does not hear of the click.
document.addEventListener(
  "click",
  (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (isPart() && link?.host === location.host && spatial.has(link.pathname)) event.stopPropagation();
  },
  true,
);

addEventListener("popstate", () => {
  if (isPart() && spatial.has(location.pathname)) location.reload();
});
