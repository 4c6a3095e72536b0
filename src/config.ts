/** Settings, from the environment and from flags of the same name (`--wal-url` = `WAL_URL`); flags win. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { textOf } from "./fault-text.ts";

const OPERATOR_KEY_LENGTH_MIN = 32;
const SHARDS_MAX = 64;
const GATEWAYS_MAX = 16;

const port = z.coerce.number().int().min(0).max(65_535);
const shards = z.coerce.number().int().min(1).max(SHARDS_MAX);
const snapshotRecords = z.coerce.number().int().min(1);
const snapshotMinutes = z.coerce.number().positive();
const clockJumpS = z.coerce.number().int().min(60);
const asset = z.string().regex(/^[A-Z][A-Z0-9]{0,15}\/[0-8]$/, "must be CODE/scale, as USD/2");
const publicUrl = z
  .string()
  .refine(isBaseUrl, "must be an http or https address without query, as https://books.example.com");
const corsOrigins = z
  .string()
  .refine(
    (text) => listOf(text).every(isOrigin),
    "must be origins, separated by commas, as https://shop.example.com,http://localhost:5173",
  );
const gateways = z.coerce.number().int().min(1).max(GATEWAYS_MAX);

const schema = z.object({
  PORT: port.default(3000),
  HOST: z.string().min(1).default("127.0.0.1"),
  WAL_URL: z.string().optional(),
  DATA_DIR: z.string().min(1).default("./data"),
  SHARDS: shards.optional(),
  GATEWAYS: gateways.default(1),
  ISOLATION: z.enum(["threads", "processes"]).default("threads"),
  OPERATOR_KEY: z.string().min(OPERATOR_KEY_LENGTH_MIN).optional(),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  SNAPSHOT_RECORDS: snapshotRecords.default(1_000_000),
  SNAPSHOT_MINUTES: snapshotMinutes.default(60),
  WALLET_ASSET: asset.default("USD/2"),
  TOPUP_ASSET: asset.default("IRT/0"),
  PUBLIC_URL: publicUrl.optional(),
  CORS_ORIGINS: corsOrigins.default(""),
  CLOCK_JUMP_MAX: clockJumpS.default(24 * 60 * 60),
  ALLOW_WEAK_DURABILITY: z.enum(["true", "false"]).default("false"),
  FAILPOINTS: z.string().default(""),
});

export type Config = Readonly<{
  port: number;
  host: string;
  walUrl: string;
  dataDir: string;
  /** Absent: the recorded number, or on the first start one per core that the gateways leave. */
  shards: number | undefined;
  /** Threads that take connections, the main thread among them. */
  gateways: number;
  /** What carries a shard. */
  isolation: "threads" | "processes";
  operatorKey: string | undefined;
  logLevel: string;
  /** A shard's snapshot is due after so many records, and after so many minutes if there is any. */
  snapshotRecords: number;
  snapshotMinutes: number;
  /** What new wallets, and new sellers' credit, are in. */
  assets: Assets;
  web: Web;
  /** After a start of the machine a clock that is further ahead of the log is not followed at once. */
  clockJumpMsMax: number;
  allowWeakDurability: boolean;
  failpoints: string;
}>;

export type Assets = Readonly<{ wallet: string; topup: string }>;

export type Web = Readonly<{
  /** Where clients reach the server, without a `/` at the end; absent: at the address that is bound. */
  publicUrl: string | undefined;
  /** Origins of the pages that may call. */
  corsOrigins: readonly string[];
}>;

/**
 * @param environment values by name; an empty one counts as absent.
 * @param args the command line, without the program.
 * @throws TypeError one line that names every bad value.
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Config {
  const given = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, environment[name] || undefined]),
  );
  const parsed = schema.safeParse({ ...given, ...readFlags(args) }, { error: textOf });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new TypeError(`bad configuration: ${problems.join("; ")}`);
  }
  const values = parsed.data;
  const walUrl = values.WAL_URL ?? `sqlite:${values.DATA_DIR}/wal`;
  if (values.ISOLATION === "processes" && walUrl.startsWith("memory:")) {
    throw new TypeError(
      "bad configuration: ISOLATION: with WAL_URL=memory: it must be `threads`; a shard's process would take its log along",
    );
  }
  return {
    port: values.PORT,
    host: values.HOST,
    walUrl,
    dataDir: values.DATA_DIR,
    shards: values.SHARDS,
    gateways: values.GATEWAYS,
    isolation: values.ISOLATION,
    operatorKey: values.OPERATOR_KEY,
    logLevel: values.LOG_LEVEL,
    snapshotRecords: values.SNAPSHOT_RECORDS,
    snapshotMinutes: values.SNAPSHOT_MINUTES,
    assets: { wallet: values.WALLET_ASSET, topup: values.TOPUP_ASSET },
    web: {
      publicUrl: values.PUBLIC_URL?.replace(/\/+$/, ""),
      corsOrigins: listOf(values.CORS_ORIGINS),
    },
    clockJumpMsMax: values.CLOCK_JUMP_MAX * 1000,
    allowWeakDurability: values.ALLOW_WEAK_DURABILITY === "true",
    failpoints: values.FAILPOINTS,
  };
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function isBaseUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return url.search === "" && url.hash === "" && url.username === "" && url.password === "";
}

/** As browsers write it. */
function isOrigin(text: string): boolean {
  return isBaseUrl(text) && URL.parse(text)?.origin === text;
}

function readFlags(args: readonly string[]): Record<string, string> {
  const names = Object.keys(schema.shape);
  const options = Object.fromEntries(names.map((name) => [flagOf(name), { type: "string" as const }]));
  const { values } = parseArgs({ args: [...args], options, strict: true });
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = values[flagOf(name)];
      return typeof value === "string" ? [[name, value]] : [];
    }),
  );
}

function flagOf(name: string): string {
  return name.toLowerCase().replaceAll("_", "-");
}
