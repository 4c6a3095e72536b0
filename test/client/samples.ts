/** The client as a built package, and the samples of docs/CLIENT.md as programs that use it. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const PACKAGE = join(ROOT, "clients/typescript");
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

export type Sample = Readonly<{
  /** The heading above it. */
  section: string;
  text: string;
  /** What it prints, line by line: its comments behind `console.log`. */
  printed: readonly string[];
}>;

export const SAMPLES: readonly Sample[] = samplesOf(readFileSync(join(ROOT, "docs/CLIENT.md"), "utf8"));

function samplesOf(page: string): readonly Sample[] {
  return page.split(/^## /m).flatMap((part) => {
    const [section = ""] = part.split("\n", 1);
    return [...part.matchAll(/^```ts\n(.*?)^```/gms)].map(([, text = ""]) => {
      const printed = [...text.matchAll(/^\s*console\.log\(.*\); \/\/ (.*)$/gm)].map(([, line = ""]) => line);
      return { section, text, printed };
    });
  });
}

/** @returns the faults that the compiler has found, one a line */
function compile(project: string, ...options: string[]): string {
  return spawnSync(process.execPath, [TSC, "--project", project, ...options], { encoding: "utf8" }).stdout;
}

/**
 * Builds the package in `node_modules` of this folder, and the samples that use it beside.
 *
 * @returns the type errors of both, one a line
 */
export function buildSamples(folder: string): string {
  const modules = join(folder, "node_modules");
  const built = join(modules, "@daybook/client");
  mkdirSync(built, { recursive: true });
  copyFileSync(join(PACKAGE, "package.json"), join(built, "package.json"));
  for (const name of ["openapi-fetch", "openapi-typescript-helpers", "@types"])
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  const faults = compile(PACKAGE, "--outDir", join(built, "dist"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const compilerOptions = { target: "es2022", module: "nodenext", strict: true, types: ["node"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }));
  for (const { section, text } of SAMPLES) writeFileSync(join(folder, fileOf(section, "ts")), text);
  return faults + compile(folder);
}

export function fileOf(section: string, extension: "ts" | "js"): string {
  return `${section.toLowerCase().replaceAll(" ", "-")}.${extension}`;
}
