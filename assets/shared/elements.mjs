// Elements: made, found, filled.

const ATTRIBUTES = new Set(["role", "for", "colspan"]); // what has a dash is an attribute too

/** @typedef {Node | string | null | undefined} Child */

/**
 * A new element. Names with a dash are attributes, all others properties; empty children are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || ATTRIBUTES.has(name)) element.setAttribute(name, value);
    else Object.assign(element, { [name]: value });
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** @param {string} id */
export const find = (id) => document.getElementById(id);

/**
 * The element of that id, which must be there.
 * @template {HTMLElement} [Kind=HTMLElement]
 * @param {string} id
 * @param {new () => Kind} [kind] its class, where more than HTMLElement is wanted of it
 * @returns {Kind}
 */
export function need(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof (kind ?? HTMLElement))) throw new TypeError(`This page has no element ${id}`);
  return /** @type {Kind} */ (element);
}

/**
 * What has that selector in an element, as HTML elements.
 * @param {ParentNode} place
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export const all = (place, selector) => [...place.querySelectorAll(selector)].filter((one) => one instanceof HTMLElement);

/**
 * What an event happened in, if that has the selector.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export function closest(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * Write a text where it is not there yet.
 * @param {string} id
 * @param {string} text
 */
export function say(id, text) {
  const there = find(id);
  if (there && there.textContent !== text) there.textContent = text;
}

/**
 * Put children in place of those that are there.
 * @param {string} id
 * @param {...(Node | string)} children
 */
export function fill(id, ...children) {
  find(id)?.replaceChildren(...children);
}

/** Figures take on the room they have now. */
export const resized = () => window.dispatchEvent(new Event("resize"));

/**
 * The plot in a room, once Plotly has made it.
 * @param {ParentNode} room
 * @returns {Plot | null}
 */
export const plotIn = (room) => room.querySelector(".js-plotly-plot");
