/** Programs that use the client, bundled for browsers. */
import { join } from "node:path";
import { rolldown } from "rolldown";

const ENTRY = join(import.meta.dirname, "../../clients/typescript/src/index.ts");
const NAME = "the-program";

/** The minified bundle of a program that imports the client. */
export async function bundle(program: string): Promise<string> {
  const build = await rolldown({
    input: NAME,
    platform: "browser",
    plugins: [
      {
        name: "program",
        resolveId: (id) => (id === NAME ? id : id === "@daybook/client" ? ENTRY : null),
        load: (id) => (id === NAME ? program : null),
      },
    ],
  });
  const { output } = await build.generate({ minify: true });
  return output[0].code;
}
