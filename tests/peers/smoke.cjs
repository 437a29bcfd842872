// Calls methods through grpc-js: smoke.cjs ADDRESS PROTOS
//
// A line of JSON for each call: {"service", "method", "key", "request"}. A line for its code.
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, protos] = process.argv.slice(2);
const folder = path.join(protos, "purser", "v1");
const files = fs.readdirSync(folder).filter((it) => it.endsWith(".proto")).map((it) => path.join("purser", "v1", it));
const definition = loader.loadSync(files, { keepCase: true, longs: String, enums: String, oneofs: true, includeDirs: [protos] });
const services = grpc.loadPackageDefinition(definition).purser.v1;
const clients = new Map();

// The well-known types that are used here and that protobuf.js does not read from their canonical JSON.
function native(request) {
  const words = (it) => it.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase());
  const given = { ...request };
  if (given.update_mask) given.update_mask = { paths: given.update_mask.split(",").map(words) };
  if (given.time) given.time = { seconds: Math.floor(Date.parse(given.time) / 1000), nanos: Number((given.time.match(/\.(\d+)Z/) || ["", "0"])[1].padEnd(9, "0")) };
  return given;
}

function ask({ service, method, key, request }) {
  const name = service.split(".").pop();
  if (!clients.has(name)) clients.set(name, new services[name](address, grpc.credentials.createInsecure()));
  const client = clients.get(name);
  const metadata = new grpc.Metadata();
  metadata.set("authorization", "Bearer " + key);
  const options = { deadline: Date.now() + 10000 };
  return new Promise((resolve) => {
    if (services[name].service[method].responseStream) {
      const messages = client[method](native(request), metadata, options);
      messages.on("data", () => { resolve("OK"); messages.cancel(); });
      messages.on("error", (error) => resolve(grpc.status[error.code]));
    } else {
      client[method](native(request), metadata, options, (error) => resolve(error ? grpc.status[error.code] : "OK"));
    }
  });
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) console.log(await ask(JSON.parse(line)));
  for (const client of clients.values()) client.close();
})();
