// What modules use of Dash. It is looked up at every call: Dash may start after the modules.

/**
 * Set properties of a component.
 * @param {string} id
 * @param {Record<string, unknown>} properties
 */
export const setProps = (id, properties) => window.dash_clientside.set_props(id, properties);

/** What a callback returns that changes nothing. */
export const noUpdate = () => window.dash_clientside.no_update;

/** Which component's change a callback was called for, and the controls it was given. */
export const context = () => window.dash_clientside.callback_context;
