// Reads {"tex": …, "display": …} line by line; answers {"html": …} or {"error": …}.
const katex = require("../node_modules/katex");

function answer({ tex, display }) {
  const options = { displayMode: display, throwOnError: true, strict: "ignore" };
  try {
    return { html: katex.renderToString(tex, options) };
  } catch (error) {
    return { error: error.message };
  }
}

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n"));
