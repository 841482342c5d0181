// Asking the server: an answer, or an error that says in one sentence what is wrong.

/** The server said no. */
export class RefusedError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The server does not answer. */
export class AwayError extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/**
 * What to tell whoever pressed something.
 * @param {unknown} error
 */
export function sentenceOf(error) {
  if (error instanceof AwayError) return "The server does not answer: try again in a moment.";
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function request(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new AwayError();
  });
  if (response.ok) return response;
  const reason = await response.json().then(
    (body) => body.error,
    () => response.statusText,
  );
  throw new RefusedError(reason, response.status);
}

/**
 * The JSON of an answer, and the answer's tag.
 * @param {string} path
 * @param {RequestInit} [options]
 * @param {number} [patience] milliseconds
 * @returns {Promise<[any, string | null]>}
 */
export async function askWithTag(path, options = {}, patience = 60000) {
  const response = await request(path, { signal: AbortSignal.timeout(patience), ...options });
  const found = await response.json().catch(() => {
    throw new AwayError();
  });
  return [found, response.headers.get("ETag")];
}

/**
 * The JSON of an answer.
 * @param {string} path
 * @param {RequestInit} [options]
 * @param {number} [patience] milliseconds
 */
export const ask = async (path, options, patience) => (await askWithTag(path, options, patience))[0];

/**
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @param {number} [patience] milliseconds
 */
export function post(path, body, patience) {
  const json = { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return ask(path, { method: "POST", ...(body === undefined ? {} : json) }, patience);
}

/** @param {number} milliseconds */
export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
