#!/bin/sh
# Types, style and unit tests of the browser's modules. Only those who change them need node; elsewhere this is left out.
set -e
left_out() {
    echo "The browser's modules are not checked (types, style, unit tests): $1."
    exit 0
}
command -v npm > /dev/null || left_out "that needs node 20.19 or newer, and npm"
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' ||
    left_out "that needs node 20.19 or newer"

stamp=node_modules/.installed
if [ ! -e $stamp ] || [ package-lock.json -nt $stamp ]; then
    npm ci --no-fund --no-audit --loglevel=error || left_out "npm could not install their tools"
    touch $stamp
fi
node_modules/.bin/tsc
node_modules/.bin/eslint .
node --test --test-reporter=dot tests/assets/*.test.mjs
