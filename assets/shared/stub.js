// Modules load after Dash has started. Until a page's module is there, its callbacks are taken here and handed on.
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  const { pages } = JSON.parse(document.getElementById("loptscope-tables").textContent);
  const modules = { shell: "#shared/frame.mjs" };
  for (const [name, page] of Object.entries(pages)) if (page.module) modules[name] = page.module;

  // Dash puts away what it says of a call as soon as the call returns: it is put back when the call is made.
  function call(callback, given, context) {
    const before = dash.callback_context;
    dash.callback_context = context;
    try {
      return callback(...given);
    } finally {
      dash.callback_context = before;
    }
  }

  for (const [name, module] of Object.entries(modules)) {
    let callbacks = null;
    const load = async () => (callbacks = (await import(module)).callbacks);
    const standIn = (callback) => (...given) => {
      const context = dash.callback_context;
      return load().then(() => call(callbacks[callback], given, context));
    };
    dash[name] = new Proxy({}, { get: (_, callback) => (callbacks ? callbacks[callback] : standIn(callback)) });
  }

  // The frame and the page at hand; those of other pages are loaded when one goes there.
  const now = Object.entries(pages).find(([, page]) => page.path === location.pathname);
  import(modules.shell);
  if (now && modules[now[0]]) import(modules[now[0]]);
})();
