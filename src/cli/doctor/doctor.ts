/** `daybook doctor`: checks whether the store of the log is safe for money, and says what to change. */
import type { Command } from "commander";
import { hashFrame } from "../../wal/frame.ts";
import { compareLogIds, LogError } from "../../wal/wal.ts";
import { readWitness } from "../../wal/witness.ts";
import { OperatorError } from "../errors.ts";
import {
  describeLocation,
  jsonOption,
  type LogOptions,
  type LogSettings,
  logOptions,
  readLogSettings,
} from "../settings.ts";
import { formatTime, printJson, printLines } from "../terminal.ts";
import { formatPosition } from "../wal/position.ts";
import { type ShardStream, tryDecode, withStreams } from "../wal/streams.ts";
import { examineCluster } from "./cluster-examination.ts";
import { type Finding, formatFinding, ok, problem, warning } from "./finding.ts";
import { examineFolder } from "./folder-findings.ts";
import { examineRedis } from "./redis-examination.ts";

const CLOCK_MS_MAX = 2_000;
const FIRST_BYTES = 1;

export function doctor(command: Command): Command {
  return logOptions(command)
    .addOption(jsonOption("document"))
    .addHelpText("after", "\nWrites nothing. Exit code 1 if there is a ✗: fix it before you serve money.")
    .action(async (options: LogOptions) => {
      const findings = await examine(readLogSettings(options));
      const isSafe = findings.every(({ level }) => level !== "problem");
      if (options.json) await printJson({ ok: isSafe, findings });
      else await printLines(findings.map(formatFinding));
      if (!isSafe) process.exitCode = 1;
    });
}

async function examine(settings: LogSettings): Promise<readonly Finding[]> {
  const { location, dataDir } = settings;
  const store = await examineStore(settings);
  const folder = examineFolder("DATA_DIR", dataDir, false);
  const answers = location.kind === "sqlite" || store.some(({ level }) => level === "ok");
  return [...store, ...folder, ...(answers ? await examineLog(settings) : [])];
}

async function examineStore({ location, walReplicas }: LogSettings): Promise<readonly Finding[]> {
  switch (location.kind) {
    case "sqlite":
      return examineFolder("the log's folder", location.dir, true);
    case "redis":
      return examineRedis(location.address, describeLocation(location));
    case "cluster":
      return examineCluster(location.members, walReplicas);
  }
}

/** Checks that the log has the batches that DATA_DIR remembers, and that log time is not ahead of the clock. */
async function examineLog(settings: LogSettings): Promise<readonly Finding[]> {
  try {
    return await withStreams(settings, undefined, async (streams) => {
      const findings: Finding[] = [];
      for (const stream of streams) findings.push(...(await examineStream(settings.dataDir, stream)));
      return findings;
    });
  } catch (error) {
    if (error instanceof OperatorError) return [warning(error.message)];
    if (error instanceof LogError) return [problem(error.message)];
    throw error;
  }
}

async function examineStream(dataDir: string, source: ShardStream): Promise<readonly Finding[]> {
  const { stream, shard } = source;
  try {
    // Read the witness before the log: a running server may advance it in between.
    const witness = readWitness(dataDir, source);
    const last = await stream.last();
    if (last === undefined)
      return [problem(`${stream.name} does not exist, but other streams of this log do`)];
    const findings: Finding[] = [];
    const frame = tryDecode(last);
    const at = formatPosition(shard, last.id);
    if (typeof frame === "string")
      return [problem(`${stream.name}: its last entry ${at} is bad: ${frame}`, "daybook wal verify")];
    const aheadMs = frame.timeMs - Date.now();
    if (aheadMs > CLOCK_MS_MAX) {
      findings.push(
        warning(
          `${stream.name} ends at ${formatTime(frame.timeMs)}, ${Math.round(aheadMs / 1000)} s ahead of this machine's clock: log time runs at half speed until then`,
          "set the clock: run an NTP client",
        ),
      );
    }
    if (witness === undefined) return [...findings, ok(`${stream.name} ends at ${at}`)];
    const bytes = await stream.find(witness.id);
    const remembered = formatPosition(shard, witness.id);
    if (bytes !== undefined && Buffer.compare(hashFrame(bytes), witness.hash) === 0) {
      return [
        ...findings,
        ok(`${stream.name} ends at ${at} and holds ${remembered}, which DATA_DIR remembers`),
      ];
    }
    const [first] = await stream.read(undefined, FIRST_BYTES);
    if (bytes === undefined && first !== undefined && compareLogIds(witness.id, first.id) < 0) {
      return [
        ...findings,
        ok(`${stream.name} ends at ${at}; ${remembered}, which DATA_DIR remembers, was trimmed`),
      ];
    }
    const what = bytes === undefined ? "lacks" : "has another entry as";
    return [
      ...findings,
      problem(
        `${stream.name} ${what} ${remembered}, which DATA_DIR remembers as durable: the log has lost data`,
        "daybook log repair, or restore the log from a copy that has it, or use a DATA_DIR and a WAL_URL that belong together",
      ),
    ];
  } catch (error) {
    if (error instanceof LogError) return [problem(error.message)];
    throw error;
  }
}
