// The Library page's form for weights from elsewhere: what the file says of itself need not be said again.
(function () {
  "use strict";
  const parts = (window.libraryParts = window.libraryParts || {});
  const HEADER = 2 ** 20; // bytes of a safetensors header that are looked at
  const CELLS = { 1: "vanilla", 3: "gru", 4: "lstm" }; // by the number of gates

  // The header of a safetensors file, or null: whether it says its configuration, and the shapes of its tensors.
  async function header(file) {
    try {
      const size = Number(new DataView(await file.slice(0, 8).arrayBuffer()).getBigUint64(0, true));
      if (!(size > 1 && size < HEADER)) return null;
      const found = JSON.parse(await file.slice(8, 8 + size).text());
      const shape = (name) => (found[name] && Array.isArray(found[name].shape) ? found[name].shape : []);
      const [units] = shape("readout_weight");
      const [rows] = shape("weight_ih");
      const said = found.__metadata__ && found.__metadata__.loptscope;
      const config = said ? JSON.parse(said).config : null;
      return { config, units, cell: CELLS[rows / units] };
    } catch {
      return null;
    }
  }

  parts.upload = function (room, words, send) {
    const { element: make, megabytes } = parts.tools;
    if (!room || room.childElementCount) return;
    const choices = (id, options, chosen) =>
      make("select", { id }, ...Object.entries(options).map(([value, text]) => make("option", { value, defaultSelected: value === chosen, selected: value === chosen }, text)));
    const field = (title, control, hint = "") =>
      make("label", { className: "field" }, make("span", { className: "label" }, title), control, ...(hint ? [make("span", { className: "hint" }, hint)] : []));
    const input = (id, properties) => make("input", { id, ...properties });
    const { choices: options, defaults } = words;
    const settings = {
      cell: field("Cell", choices("import-cell", options.cell, defaults.cell)),
      units: field("Units", input("import-units", { type: "number", min: 1, max: 1024, required: true })),
      reset: field("Reset gate of a GRU", choices("import-reset", options.reset, defaults.reset)),
      features: field("Features", choices("import-features", options.features, defaults.features)),
      feature_scale: field("Feature scale", input("import-feature_scale", { type: "number", step: "any", defaultValue: defaults.feature_scale })),
      output_scale: field("Output scale", input("import-output_scale", { type: "number", step: "any", defaultValue: defaults.output_scale })),
    };
    const unsaid = make("fieldset", { className: "import-fields", hidden: true }, make("legend", {}, "The file does not say these"), ...Object.values(settings));
    const file = input("import-file", { type: "file", accept: ".safetensors", required: true });
    const name = input("import-name", { type: "text", maxLength: 100, required: true, autocomplete: "off", pattern: "[A-Za-z0-9][A-Za-z0-9_.\\-]*", title: "letters, digits, dots, dashes and underscores" });
    const task = choices("import-task", words.tasks);
    const said = make("p", { className: "hint", id: "import-said" });
    const refusal = make("p", { className: "notice", id: "import-refusal", role: "alert" });
    const go = make("button", { type: "submit", className: "action" }, "Import");
    const value = (key) => document.getElementById(`import-${key}`).value;
    let known = null;

    file.addEventListener("change", async () => {
      refusal.textContent = "";
      known = file.files[0] ? await header(file.files[0]) : null;
      const complete = Boolean(known && known.config);
      unsaid.hidden = complete || !file.files[0];
      unsaid.disabled = unsaid.hidden;
      if (!file.files[0]) return;
      if (!name.value) name.value = file.files[0].name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 100);
      if (complete && words.tasks[known.config.task]) task.value = known.config.task;
      if (known && known.units) document.getElementById("import-units").value = known.units;
      if (known && known.cell) document.getElementById("import-cell").value = known.cell;
      said.textContent = complete ? `${file.files[0].name} says how it is made.` : "";
    });
    const form = make("form", { className: "import-form" },
      make("p", { className: "hint" }, `A safetensors file with the weights of a known cell, up to ${megabytes(words.largest)}: one that was downloaded here says all else, of others choose below. It becomes a run of your own with one snapshot.`),
      make("div", { className: "import-fields" }, field("File", file), field("Name", name), field("Task", task)),
      said, unsaid, refusal, go);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const query = new URLSearchParams({ task: task.value, name: name.value });
      if (!unsaid.hidden) for (const key of Object.keys(settings)) query.set(key, value(key));
      go.disabled = true;
      refusal.textContent = file.files[0].size > words.largest ? `The file has ${megabytes(file.files[0].size)}; at most ${megabytes(words.largest)} are read.` : await send(query, file.files[0]);
      go.disabled = false;
      if (refusal.textContent) return;
      form.reset();
      Object.assign(unsaid, { hidden: true, disabled: true });
      said.textContent = "";
    });
    unsaid.disabled = true;
    room.append(form);
  };
})();
