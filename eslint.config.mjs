import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".venv*/", "build/", "node_modules/", "assets/vendor/"] },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-else-return": "error",
      "no-implicit-globals": "error",
      "no-restricted-imports": ["error", { patterns: [{ group: [".*"], message: "Modules are named from the import map: #folder/name.mjs." }] }],
      "no-unneeded-ternary": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  { files: ["assets/**/*.{js,mjs}"], languageOptions: { globals: globals.browser } },
  { files: ["assets/**/*.js"], languageOptions: { sourceType: "script" } },
  { files: ["tests/assets/**/*.mjs"], languageOptions: { globals: globals.node } },
];
