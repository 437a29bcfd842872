// Verifies webhooks with standardwebhooks, the library that its authors publish (WH-1).
//
// Each line of input is JSON: a secret, headers and a body. Each line of output says whether the library takes it.

const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");
const { Webhook } = createRequire(process.argv[2] + "/")("standardwebhooks");

createInterface({ input: process.stdin }).on("line", (line) => {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("taken");
  } catch {
    console.log("refused");
  }
});
