// What stands on this node's shelf, and a way to ask each model something. Text is text: nothing is put in as HTML.
const WORDS = {
  en: {
    skip: "Skip to content", api: "API description", models: "Models on this node",
    promise: "Each one is a single file named by its digest. Data stay where they are.",
    none: "The shelf is empty. Put a first model on it:", try: "Try it", ask: "Ask the model", asking: "Asking…",
    program: "From your program", measures: (rows) => `Measures${rows ? `, on ${rows.toLocaleString("en")} rows held out` : ""}`, versions: "Versions", file: "File", kind: "Kind",
    columns: "columns", picture: "Choose a picture", usual: "empty = missing", took: (ms) => `${ms} ms, the way there and back included`, unsure: "Unsure: this may be none of its classes.",
    leave: "Sign out", failed: "The node does not answer.", unmeasured: "Nothing was held out to measure on.", download: "Download",
  },
  es: {
    skip: "Ir al contenido", api: "Descripción de la API", models: "Modelos en este nodo",
    promise: "Cada uno es un solo archivo con el nombre de su huella. Los datos se quedan donde están.",
    none: "El estante está vacío. Pon el primer modelo:", try: "Pruébalo", ask: "Preguntar al modelo", asking: "Preguntando…",
    program: "Desde tu programa", measures: (rows) => `Medidas${rows ? `, con ${rows.toLocaleString("es")} filas apartadas` : ""}`, versions: "Versiones", file: "Archivo", kind: "Tipo",
    columns: "columnas", picture: "Elige una foto", usual: "vacío = falta", took: (ms) => `${ms} ms, ida y vuelta incluidas`, unsure: "No está claro: puede no ser ninguna de sus clases.",
    leave: "Salir", failed: "El nodo no responde.", unmeasured: "No se apartaron datos para medir.", download: "Descargar",
  },
};
let language = localStorage.getItem("language") ?? (navigator.language.startsWith("es") ? "es" : "en");
let chosen = null;
let locked = false;
const say = (word) => WORDS[language][word];
const at = (selector) => document.querySelector(selector);

function make(tag, options = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), options);
  element.append(...inside);
  return element;
}

async function json(path, options) {
  const reply = await fetch(path, options);
  if (reply.status === 401) location.assign("/login");
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.detail);
  return body;
}

const figure = (value) => (typeof value === "number" ? +value.toFixed(4) : String(value));
// How the rows were split is said in the heading; the table is for what was measured.
const SPLIT = ["rows_train", "rows_holdout", "holdout", "seed", "stratified"];
const measured = ({ metrics }) => (metrics.rows_holdout === 0 ? [] : Object.entries(metrics))
  .filter(([name, value]) => typeof value === "number" && !SPLIT.includes(name));
const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function showShelf() {
  const shelf = at("#shelf");
  try {
    const { models } = await json("/v1/models");
    shelf.replaceChildren(...(models.length ? models.map(card) : [empty()]));
    if (models.length) await showModel(models.find((model) => model.name === chosen) ?? models[0]);
  } catch (error) {
    shelf.replaceChildren(make("p", { className: "empty error" }, error.message || say("failed")));
  }
  shelf.ariaBusy = "false";
}

// On a locked node: who is signed in, and the way out.
async function showWho() {
  const who = await json("/v1/session");
  locked = who.locked;
  at("#who").hidden = !locked;
  at("#who span").textContent = who.subject ?? "";
  at("#who button").onclick = async () => {
    await fetch("/v1/session", { method: "DELETE" });
    location.assign("/login");
  };
}

function empty() {
  const command = "feria train logistic_regression --data heart.csv --target num";
  return make("div", { className: "empty" }, make("p", {}, say("none")), make("pre", {}, command));
}

function card(model) {
  const about = [model.kind.replaceAll("_", " "), size(model.size)];
  if (model.input.type === "tabular") about.push(`${model.input.columns.length} ${say("columns")}`);
  if (model.input.type === "image") about.push(`${model.input.width} × ${model.input.height}`);
  const button = make("button", { className: "good", type: "button", onclick: () => showModel(model) },
    make("b", {}, model.name, make("span", { className: "faint" }, `@${model.version}`)),
    make("span", { className: "small" }, about.join(" · ")));
  button.dataset.model = model.name;
  return button;
}

async function showModel(model) {
  chosen = model.name;
  for (const button of document.querySelectorAll(".good")) button.ariaPressed = button.dataset.model === chosen;
  const { models: versions } = await json(`/v1/models/${model.name}`);
  const measures = measured(model);
  const panel = at("#model");
  panel.hidden = false;
  panel.replaceChildren(
    make("h2", {}, model.name, make("span", { className: "faint" }, `@${model.version}`)),
    list([[say("kind"), model.kind.replaceAll("_", " ")], [say("file"), fileOf(model)],
      [say("versions"), versions.map((one) => `@${one.version}${one.state === "ready" ? "" : ` (${one.state})`}`).join("  ")]]),
    make("h3", {}, say("measures")(model.metrics.rows_holdout)),
    measures.length ? list(measures.map(([name, value]) => [name.replaceAll("_", " "), figure(value)]))
      : make("p", { className: "small" }, say("unmeasured")),
    ...tryIt(model),
    make("h3", {}, say("program")), make("pre", { tabIndex: 0 }, program(model)));
}

function fileOf(model) {
  const link = make("a", { href: `/v1/blobs/${model.digest}`, download: `${model.name}.onnx` }, say("download"));
  return make("span", {}, make("code", {}, `${model.digest.slice(0, 16)}… `), link);
}

function list(pairs) {
  return make("dl", {}, ...pairs.flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]));
}

function program(model) {
  const body = model.input.type === "tabular"
    ? `-H 'Content-Type: application/json' \\\n  -d '${JSON.stringify({ rows: [model.input.columns.map((column) => (column.kind === "text" ? "" : 0))] })}'`
    : "-F image=@photo.jpg";
  const token = locked ? '-H "Authorization: Bearer $FERIA_TOKEN" \\\n  ' : "";
  return `curl ${location.origin}/v1/models/${model.name}/predict \\\n  ${token}${body}`;
}

function tryIt(model) {
  if (model.input.type === "tensor") return [];
  const tabular = model.input.type === "tabular";
  const fields = tabular ? model.input.columns.map(field)
    : [make("label", {}, say("picture"), make("input", { type: "file", name: "image", accept: "image/*", required: true }))];
  const button = make("button", { className: "btn" }, say("ask"));
  const answer = make("div", {});
  const form = make("form", {}, make("div", { className: "fields" }, ...fields), button, answer);
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = say("asking");
    const began = performance.now();
    try {
      const asked = tabular ? { method: "POST", body: JSON.stringify({ rows: [row(form, model)] }) }
        : { method: "POST", body: new FormData(form) };
      show(answer, await json(`/v1/models/${model.name}/predict?version=${model.version}`, asked), performance.now() - began);
    } catch (error) {
      answer.replaceChildren(make("div", { className: "answer error", role: "alert" }, error.message || say("failed")));
    }
    button.disabled = false;
    button.textContent = say("ask");
  };
  return [make("h3", {}, say("try")), form];
}

function field(column) {
  const number = column.kind === "number";
  return make("label", {}, column.name, make("input", {
    name: column.name, type: number ? "number" : "text", step: "any",
    required: !column.nullable, placeholder: column.nullable ? say("usual") : "" }));
}

function row(form, model) {
  return model.input.columns.map((column) => {
    const given = form.elements.namedItem(column.name).value;
    return given === "" ? null : column.kind === "number" ? Number(given) : given;
  });
}

function show(place, answer, ms) {
  const first = answer.predictions[0];
  const ranked = first.top?.map((one) => [one.label, one.probability])
    ?? answer.labels?.map((label, i) => [label, answer.probabilities[0][i]]).sort((a, b) => b[1] - a[1]) ?? [];
  const best = first.label ?? first;
  const share = (p) => `${(100 * p).toFixed(1)} %`;
  place.replaceChildren(make("div", { className: "answer" },
    make("div", { className: "lead" }, make("strong", {}, String(typeof best === "number" ? figure(best) : best)),
      make("strong", {}, ranked.length ? share(ranked[0][1]) : "")),
    ...(first.unsure ? [make("div", { className: "unsure" }, say("unsure"))] : []),
    make("div", { className: "small" }, ranked.slice(1, 5).map(([label, p]) => `${label} ${share(p)}`).join(" · ")),
    make("div", { className: "small" }, `${answer.model}@${answer.version} · ${say("took")(ms.toFixed(0))}`)));
}

function speak() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const button of document.querySelectorAll("[data-lang]")) button.ariaPressed = button.dataset.lang === language;
}

for (const button of document.querySelectorAll("[data-lang]")) {
  button.onclick = () => {
    language = button.dataset.lang;
    localStorage.setItem("language", language);
    speak();
    showShelf();
  };
}
speak();
showWho().catch(() => {}).then(showShelf);
