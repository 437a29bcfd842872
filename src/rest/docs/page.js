"use strict";
// Shows openapi.json. Everything is put in as text, and the key goes nowhere but into the header of a call.

const make = (name, text, ...children) => {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
};

const resolved = (api, schema) => {
  while (schema && schema.$ref) {
    schema = schema.$ref.slice(2).split("/").reduce((at, part) => at[part], api);
  }
  return schema || {};
};

// A value as a schema has it, to begin with.
const example = (api, schema, depth = 0) => {
  const it = resolved(api, schema);
  if (it.examples) return it.examples[0];
  if (it.enum) return it.enum[it.enum.length > 1 ? 1 : 0];
  if (it.type === "array") return [];
  if (it.type !== "object") return it.type === "integer" ? 0 : it.type === "boolean" ? false : "";
  if (depth > 2) return {};
  const given = Object.entries(it.properties || {}).filter(([, field]) => field.examples && !field.readOnly);
  return Object.fromEntries(given.map(([name, field]) => [name, example(api, field, depth + 1)]));
};

const row = (...cells) => make("tr", "", ...cells.map((cell) => make("td", cell)));

const fieldsOf = (api, schema) => {
  const fields = Object.entries(resolved(api, schema).properties || {});
  const typed = (field) => {
    const within = field.items ? resolved(api, field.items) : resolved(api, field);
    const name = (field.$ref || (field.items && field.items.$ref) || "").split("/").pop() || within.type;
    return field.type === "array" ? `list of ${name}` : name;
  };
  const rows = fields.map(([name, field]) => row(name, typed(field), field.description || ""));
  return make("table", "", make("tbody", "", ...rows));
};

// The fields of a call, and what they are filled in with.
const form = (api, operation) => {
  const inputs = [];
  const parts = operation.parameters.map((parameter) => {
    const input = document.createElement("input");
    input.id = `${operation.operationId}-${parameter.in}-${parameter.name}`;
    input.autocomplete = "off";
    inputs.push([parameter, input]);
    const label = make("label", `${parameter.name} (${parameter.in}${parameter.required ? ", required" : ""})`);
    label.htmlFor = input.id;
    return make("div", "", label, make("p", parameter.description), input);
  });
  parts.forEach((part) => (part.children[1].className = "hint"));
  let body = null;
  if (operation.requestBody) {
    const schema = operation.requestBody.content["application/json"].schema;
    body = document.createElement("textarea");
    body.rows = 8;
    body.id = `${operation.operationId}-body`;
    body.value = JSON.stringify(example(api, schema), null, 2);
    const label = make("label", "Body");
    label.htmlFor = body.id;
    parts.push(make("div", "", label, body, make("details", "", make("summary", "Its fields"), fieldsOf(api, schema))));
  }
  return { parts, inputs, body };
};

const call = async (path, verb, inputs, body, output) => {
  const headers = {};
  const key = document.getElementById("key").value.trim();
  if (key) headers["x-api-key"] = key;
  const query = new URLSearchParams();
  for (const [parameter, input] of inputs) {
    const value = input.value;
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (value === "") continue;
    else if (parameter.in === "header") headers[parameter.name] = value;
    else if (parameter.schema.type === "array") value.split(",").forEach((it) => query.append(parameter.name, it.trim()));
    else query.append(parameter.name, value);
  }
  if (body) headers["content-type"] = "application/json";
  const target = query.size ? `${path}?${query}` : path;
  output.textContent = "…";
  try {
    const stop = new AbortController();
    const response = await fetch(target, { method: verb, headers, body: body ? body.value : undefined, signal: stop.signal });
    const told = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    const head = `${verb} ${target}\n${response.status}\n${told}\n\n`;
    output.textContent = head;
    if ((response.headers.get("content-type") || "").includes("ndjson")) return await follow(response, output, stop);
    const text = await response.text();
    try {
      output.textContent = head + JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      output.textContent = head + text;
    }
  } catch (error) {
    output.textContent = String(error);
  }
};

// A stream has no end: ten seconds of it are shown.
const follow = async (response, output, stop) => {
  const ending = setTimeout(() => stop.abort(), 10_000);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) output.textContent += part.value;
  } catch {
    output.textContent += "\n(the page stopped listening)";
  }
  clearTimeout(ending);
};

const operationOf = (api, path, verb, operation) => {
  const element = document.createElement("details");
  element.dataset.text = `${operation.operationId} ${path}`.toLowerCase();
  element.append(make("summary", "", make("strong", verb.toUpperCase()), ` ${path} — ${operation.operationId}`));
  // Made when it is first opened: there are many.
  element.addEventListener("toggle", () => {
    if (element.childElementCount > 1) return;
    const { parts, inputs, body } = form(api, operation);
    const button = make("button", "Try it");
    const output = make("pre", "");
    output.setAttribute("aria-live", "polite");
    button.addEventListener("click", () => call(path, verb.toUpperCase(), inputs, body, output));
    const about = make("p", operation.description);
    about.className = "about";
    const answers = Object.entries(operation.responses).map(([status, it]) => row(status, it.description));
    const schema = (operation.responses["200"].content["application/json"] || {}).schema;
    element.append(about, ...parts, button, output);
    element.append(make("details", "", make("summary", "Answers"), make("table", "", make("tbody", "", ...answers))));
    if (schema) element.append(make("details", "", make("summary", "What it answers"), fieldsOf(api, schema)));
  });
  return element;
};

const show = (api) => {
  const main = document.getElementById("main");
  const about = make("p", api.info.description);
  about.className = "about";
  main.replaceChildren(about);
  for (const tag of api.tags) {
    const section = make("section", "", make("h2", tag.name));
    section.append(make("details", "", make("summary", "About it"), make("p", tag.description)));
    for (const [path, verbs] of Object.entries(api.paths)) {
      for (const [verb, operation] of Object.entries(verbs)) {
        if (operation.tags.includes(tag.name)) section.append(operationOf(api, path, verb, operation));
      }
    }
    main.append(section);
  }
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const element of main.querySelectorAll("[data-text]")) element.hidden = !element.dataset.text.includes(wanted);
  });
};

document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
fetch("/openapi.json")
  .then((response) => response.json())
  .then(show)
  .catch((error) => document.getElementById("main").replaceChildren(make("p", `openapi.json cannot be read: ${error}`)));
