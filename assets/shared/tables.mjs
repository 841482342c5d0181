// What the server tells the browser once: the pages and their links, the states of a job, names and titles of optimizers,
// and whether anything can be changed here.

/** @returns {Tables} */
function read() {
  const holder = globalThis.document?.getElementById("loptscope-tables"); // unit tests have no document
  return holder ? JSON.parse(holder.textContent || "") : { pages: {}, states: {}, untrained: [], titles: {}, readOnly: false }; // a saved page has no server
}

export const { pages, states, untrained, titles, readOnly } = read();
