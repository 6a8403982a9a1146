// Puts a .br and a .gz beside each file of the built app that gets smaller by it, so that the node never compresses.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompress, constants, gzip } from "node:zlib";
import { promisify } from "node:util";

const APP = new URL("../src/feria/web/app/", import.meta.url).pathname;
const TEXT = new Set([".css", ".html", ".js", ".json", ".map", ".mjs", ".svg", ".wasm", ".webmanifest"]);
const SMALLEST = 1024; // one packet anyhow
const LARGE = 4 * 2 ** 20; // 14 MB of WebAssembly take Brotli 40 s at level 11, and 2 s at 9, for 8 % more bytes

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (TEXT.has(extname(path)) && statSync(path).size >= SMALLEST) yield path;
  }
}

async function compress(path) {
  const whole = readFileSync(path);
  const quality = whole.length > LARGE ? 9 : constants.BROTLI_MAX_QUALITY;
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: whole.length };
  const forms = { br: await promisify(brotliCompress)(whole, { params }), gz: await promisify(gzip)(whole, { level: 9 }) };
  for (const [suffix, form] of Object.entries(forms)) if (form.length < whole.length) writeFileSync(`${path}.${suffix}`, form);
}

await Promise.all([...files(APP)].map(compress));
