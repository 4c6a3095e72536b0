/** The units of deploy/systemd: systemd understands them, and what they name is as in the source. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testFolder } from "../support/server.ts";

const ROOT = join(import.meta.dirname, "../..");
const UNITS = join(ROOT, "deploy/systemd");
const FILES = readdirSync(UNITS);
const PROGRAMS = ["daybook.service", "daybook-statistics.service"];

/** What every unit must have, from the advice of `systemd-analyze security`. */
const HARDENED = [
  "NoNewPrivileges=yes",
  "CapabilityBoundingSet=",
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "RestrictSUIDSGID=yes",
  "RestrictNamespaces=yes",
  "SystemCallArchitectures=native",
  "UMask=0077",
  "StateDirectoryMode=0700",
  "LimitNOFILE=65536",
];

/** Where there is no systemd: the sections, and the directives that the units may use. */
const DIRECTIVES: Readonly<Record<string, RegExp>> = {
  Unit: /^(Description|Documentation|Wants|After|StartLimit(IntervalSec|Burst))$/,
  Service:
    /^(Type|User|EnvironmentFile|WorkingDirectory|ExecStart|StateDirectory(Mode)?|UMask|KillMode|Timeout(Start|Stop)Sec|Restart(Sec)?|LimitNOFILE|Nice|CPUWeight|OOMScoreAdjust|NoNewPrivileges|CapabilityBoundingSet|Protect(System|Home|Clock|Hostname|Kernel(Logs|Modules|Tunables)|ControlGroups)|Private(Tmp|Devices)|Restrict(AddressFamilies|Namespaces|Realtime|SUIDSGID)|RemoveIPC|LockPersonality|MemoryDenyWriteExecute|SystemCallArchitectures)$/,
  Install: /^WantedBy$/,
};

type Line = Readonly<{ section: string; name: string; value: string }>;

function linesOf(file: string): readonly Line[] {
  let section = "";
  const lines: Line[] = [];
  for (const text of readFileSync(join(UNITS, file), "utf8").split("\n")) {
    const [, opened] = /^\[(\w+)\]$/.exec(text) ?? [];
    if (opened !== undefined) section = opened;
    else if (text !== "" && !text.startsWith("#")) {
      const [name = "", ...rest] = text.split("=");
      lines.push({ section, name, value: rest.join("=") });
    }
  }
  return lines;
}

function valueOf(file: string, wanted: string): string {
  const found = linesOf(file).filter(({ name }) => name === wanted);
  expect(found.length, `${file}: ${wanted}`).toBe(1);
  return found[0]?.value ?? "";
}

const seconds = (name: string, source: string): number =>
  Number(new RegExp(`${name} = ([\\d_]+);`).exec(source)?.[1]?.replaceAll("_", "")) / 1000;

describe.each(FILES)("%s", (file) => {
  test("every directive is known, and systemd accepts the unit", () => {
    for (const { section, name } of linesOf(file)) expect(name).toMatch(DIRECTIVES[section] ?? /^$/);
    if (spawnSync("systemd-analyze", ["--version"]).status !== 0) return;
    // Programs and users of this machine in place of those of the unit; systemd looks whether they exist.
    const folder = testFolder();
    mkdirSync(join(folder, "units"));
    for (const each of FILES) {
      const text = readFileSync(join(UNITS, each), "utf8")
        .replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`)
        .replace(/^Documentation=.*\n/m, "");
      writeFileSync(join(folder, "units", each), text);
    }
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", join(folder, "units", file)], {
      encoding: "utf8",
    });
    const ours = stderr
      .split("\n")
      .filter((line) => line.includes(join(folder, "units")) || line.includes(file));
    expect([status, ours]).toEqual([0, []]);
  });

  test("it is hardened", () => {
    const lines = linesOf(file).map(({ name, value }) => `${name}=${value}`);
    expect(HARDENED.filter((line) => !lines.includes(line))).toEqual([]);
  });

  test("what it starts exists, and its documentation", () => {
    const [, ...args] = valueOf(file, "ExecStart").split(" ");
    const paths = args.filter((arg) => /^(bin|src)\/|^\/opt\/daybook\//.test(arg));
    expect(paths.length).toBeGreaterThan(0);
    const documented = valueOf(file, "Documentation").replace("file://", "");
    for (const path of [...paths, documented])
      expect(existsSync(join(ROOT, path.replace(/^\/opt\/daybook\//, ""))), path).toBe(true);
  });

  test("the handbook links to it", () => {
    expect(readFileSync(join(ROOT, "docs/OPERATIONS.md"), "utf8")).toContain(`(../deploy/systemd/${file})`);
  });
});

test("the server has more time to stop than it takes", () => {
  const takes = seconds("EXIT_MS_MAX", readFileSync(join(ROOT, "src/server.ts"), "utf8"));
  expect(takes).toBeGreaterThan(5);
  expect(Number(valueOf("daybook.service", "TimeoutStopSec"))).toBeGreaterThan(takes);
});

test("the programs have no exit codes but 0 and 1, so restarts are bounded by their number", () => {
  const sources = globSync("src/{main,server}.ts", { cwd: ROOT }).concat("src/statistics/main.ts");
  const codes = sources.flatMap((source) =>
    Array.from(
      readFileSync(join(ROOT, source), "utf8").matchAll(/process\.exit\((\w*)\)|exitCode = (\w+)/g),
      ([, exited, set]) => exited ?? set,
    ),
  );
  expect(new Set(codes)).toEqual(new Set(["0", "1"]));
  for (const file of PROGRAMS) {
    expect(valueOf(file, "Restart")).toBe("on-failure");
    expect(linesOf(file).map(({ name }) => name)).not.toContain("RestartPreventExitStatus");
    const tries = Number(valueOf(file, "StartLimitBurst")) * Number(valueOf(file, "RestartSec"));
    expect(tries).toBeLessThan(Number(valueOf(file, "StartLimitIntervalSec")));
  }
});
