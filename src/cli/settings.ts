/** The options that all commands on a log share. WAL_URL and DATA_DIR are read as by the server. */
import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readConfig } from "../config.ts";
import { messageOf } from "../errors/error-message.ts";
import { type LogLocation, parseLogUrl } from "../wal/open.ts";
import { UsageError } from "./errors.ts";

export type LogOptions = Readonly<{ walUrl?: string; dataDir?: string; json?: boolean }>;

export type LogSettings = Readonly<{
  walUrl: string;
  walReplicas: number;
  location: Exclude<LogLocation, { kind: "memory" }>;
  dataDir: string;
}>;

/** Adds the options of every command that reads a log. */
export function logOptions(command: Command): Command {
  return command
    .addOption(new Option("--wal-url <url>", "the log (WAL_URL)"))
    .addOption(new Option("--data-dir <folder>", "the server's folder (DATA_DIR)"));
}

export function jsonOption(what: "document" | "lines"): Option {
  return new Option(
    "--json",
    what === "document" ? "print one JSON document" : "print one JSON object a line",
  );
}

export function shardOption(): Option {
  return new Option("--shard <n>", "only this shard").argParser(parseCount);
}

/** @throws InvalidArgumentError if it is not a whole number of at least 0. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("It is not a number.");
  return value;
}

/** @throws UsageError */
export function readLogSettings(
  { walUrl, dataDir }: LogOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): LogSettings {
  const flags = [
    ...(walUrl === undefined ? [] : ["--wal-url", walUrl]),
    ...(dataDir === undefined ? [] : ["--data-dir", dataDir]),
  ];
  try {
    // Only these: a bad PORT must not keep an operator from reading the log.
    const { WAL_URL, WAL_REPLICAS, DATA_DIR } = environment;
    const config = readConfig({ WAL_URL, WAL_REPLICAS, DATA_DIR }, flags);
    const location = parseLogUrl(config.walUrl);
    const { walReplicas } = config;
    if (location.kind !== "memory")
      return { walUrl: config.walUrl, walReplicas, location, dataDir: config.dataDir };
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
  throw new UsageError("a log in memory can only be read by its own server");
}

/** The folder of the server's archive. */
export function archiveFolder({ dataDir }: Pick<LogSettings, "dataDir">): string {
  return join(dataDir, "archive");
}

/** The location of a log as text, without a password. */
export function describeLocation(location: LogSettings["location"]): string {
  if (location.kind === "sqlite") return `sqlite:${location.dir}`;
  if (location.kind === "cluster") {
    const members = location.members.map(({ host, port }) => `${host}:${port}`);
    return `${location.members[0]?.tls ? "rediss" : "redis"}+cluster://${members.join(",")}`;
  }
  const { address } = location;
  if ("path" in address) return `redis+unix://${address.path}`;
  return `${address.tls ? "rediss" : "redis"}://${address.host}:${address.port}`;
}
