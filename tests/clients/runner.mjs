// What runner.py is for Python: one library of an application, asked again and again while rotations run beside it.
//
// `node runner.mjs EXAMPLE STATEMENT`. The libraries are those of .tools/clients-node, which stands above no example.
import { registerHooks } from "node:module";
import { setTimeout } from "node:timers/promises";

const PAUSE_MS = 10;
const EXAMPLES = new URL("../../docs/examples/clients/", import.meta.url).href;
const LIBRARIES = new URL("../../.tools/clients-node/", import.meta.url).href;
const [example, statement] = process.argv.slice(2);

registerHooks({
  resolve: (name, context, next) =>
    /^[@a-z]/.test(name) && context.parentURL?.startsWith(EXAMPLES)
      ? next(name, { ...context, parentURL: LIBRARIES })
      : next(name, context),
});

// What makes the next statement log in, where the library would keep its connection.
const LOG_IN_ANEW = {
  with_pg: async ({ pool }) => (await pool.connect()).release(true),
  with_mysql2: async ({ pool }) => (await pool.getConnection()).destroy(),
};

const library = await import(`${EXAMPLES}${example}.mjs`);
const seen = { answers: 0, errors: {}, longest: 0 };
let ready = false;
let ended = false;
process.stdin.resume().on("end", () => (ended = true));

while (!ended) {
  const began = performance.now();
  try {
    await library.query(statement);
    seen.answers += 1;
    await LOG_IN_ANEW[example]?.(library);
  } catch (error) {
    const kind = `${error.name} ${error.code ?? ""}`.trim();
    seen.errors[kind] = (seen.errors[kind] ?? 0) + 1;
  }
  seen.longest = Math.max(seen.longest, (performance.now() - began) / 1000);
  if (seen.answers === 1 && !ready) {
    ready = true;
    process.stdout.write("ready\n");
  }
  await setTimeout(PAUSE_MS);
}
process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));
