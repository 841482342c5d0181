// What the server tells the browser once: the pages and their links, the states of a job, optimizers without a training of ours.

/** @returns {Tables} */
function read() {
  const holder = document.getElementById("loptscope-tables");
  return holder ? JSON.parse(holder.textContent || "") : { pages: {}, states: {}, untrained: [] }; // a saved page has no server
}

export const { pages, states, untrained } = read();
