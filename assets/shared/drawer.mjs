// On small screens figures come first: the controls are in a drawer beside them.
import { closest, find } from "#shared/elements.mjs";

/** @param {boolean} open */
function set(open) {
  document.body.classList.toggle("drawer-open", open);
  find("controls-button")?.setAttribute("aria-expanded", String(open));
}

document.addEventListener("click", (event) => {
  const open = document.body.classList.contains("drawer-open");
  if (closest(event, "#controls-button")) set(!open);
  else if (open && !closest(event, "#controls, [data-portal], .mantine-Popover-dropdown")) set(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !document.body.classList.contains("drawer-open")) return;
  set(false);
  find("controls-button")?.focus();
});
