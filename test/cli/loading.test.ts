/** Help, version and usage errors load nothing of the ledger; a command loads only its own files. */
import { expect, test } from "vitest";
import { daybook } from "./cli.ts";

/** Prints every loaded file to stderr. */
const HOOK = `import { registerHooks } from "node:module";
registerHooks({
  load(url, context, next) {
    if (url.startsWith("file:")) process.stderr.write("loaded " + url + "\\n");
    return next(url, context);
  },
});`;
const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(HOOK)}`;
const LIGHT =
  /\/(src\/cli\/(daybook|errors)\.ts|src\/compile-cache\.ts|src\/version\.ts|src\/wal\/wal\.ts|node_modules\/commander\/.*)$/;

test.each(["--help", "--version", "help", "wal --help", "help wal", "archive", "nonsense", "wal nonsense"])(
  "daybook %s",
  async (line) => {
    const { stderr } = await daybook(line.split(" "), { NODE_OPTIONS });
    const loaded = [...stderr.matchAll(/^loaded (.*)$/gm)].map(([, url]) => url as string);
    expect(loaded.length).toBeGreaterThan(3);
    expect(loaded.filter((url) => !LIGHT.test(url))).toEqual([]);
  },
);
