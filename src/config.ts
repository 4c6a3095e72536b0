/** Reads the settings from environment variables and flags of the same name (`WAL_URL`, `--wal-url`). Flags win. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { SHARDS_MAX } from "./bounds/shards-max.ts";
import { messageOf } from "./errors/error-message.ts";
import { isOperator } from "./operator/open-operator.ts";
import { isBaseUrl, isDatabaseUrl, isOrigin, isTrustedProxies, listOf } from "./setting-checks.ts";
import { parseTrustedProxies, type TrustedProxies } from "./trusted-proxies.ts";

const OPERATOR_KEY_LENGTH_MIN = 32;
const SECRET_KEY_LENGTH_MIN = 32;
const GATEWAYS_MAX = 16;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER) {
  const form =
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number, at least ${min}`
      : `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, `must be ${form}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be ${form}`);
}

const partnerId = z.string().regex(/^[A-Za-z0-9_.:@+-]{1,128}$/, "must be the id of a partner");
const filled = z.string().min(1, "must not be empty");
const minutes = z
  .string()
  .regex(/^\d+(\.\d+)?$/, "must be a number above 0")
  .transform(Number)
  .refine((value) => value > 0, "must be a number above 0");
const asset = z.string().regex(/^[A-Z][A-Z0-9]{0,15}\/[0-8]$/, "must be CODE/scale, such as USD/2");
const publicUrl = z
  .string()
  .refine(isBaseUrl, "must be an http or https address without query, such as https://books.example.com");
const clickhouseUrl = z
  .string()
  .refine(isDatabaseUrl, "must be http[s]://[user:password@]host[:port]/database");
const trustedProxies = z
  .string()
  .refine(
    isTrustedProxies,
    "must be a number of hops, or addresses and networks separated by commas, such as 10.0.0.0/8,::1",
  );
const topupOperator = z
  .string()
  .refine(
    isOperator,
    "must be simulated:?fail=0.05&… or the http or https address of an operator, without query",
  );
const corsOrigins = z
  .string()
  .refine(
    (origins) => listOf(origins).every(isOrigin),
    "must be origins separated by commas, such as https://shop.example.com,http://localhost:5173",
  );

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, `must be one of ${values.join(", ")}`);
}

type Setting = Readonly<{
  schema: z.ZodType<unknown, string | undefined>;
  /** The default, as text. */
  initial?: string;
  /** A description of the default, if it is no fixed value. */
  otherwise?: string;
  /** Shown by `--help` and in the README. */
  meaning: string;
  /** Never shown in a message. */
  secret?: true;
  /** For tests; not shown by `--help`. */
  hidden?: true;
}>;

/** All settings, in the order in which they are shown. */
export const SETTINGS = {
  PORT: { schema: wholeNumber(0, 65_535), initial: "3000", meaning: "0 takes any free port" },
  HOST: {
    schema: filled,
    initial: "127.0.0.1",
    meaning: "the address to listen on; 0.0.0.0 means every address of this machine",
  },
  WAL_URL: {
    schema: z.string().optional(),
    otherwise: "sqlite:$DATA_DIR/wal",
    meaning:
      "the log: redis://[user:password@]host[:port], rediss://…, redis+unix:///path.sock, redis+cluster://[user:password@]host:port[,host:port…], sqlite:<folder>, memory:",
    secret: true,
  },
  WAL_REPLICAS: {
    schema: oneOf(["1", "2"]),
    initial: "1",
    meaning:
      "with redis+cluster: how many replicas must have a write before it counts; with 2 no failover can lose it, but a replica that is down stops writes",
  },
  DATA_DIR: {
    schema: filled,
    initial: "./data",
    meaning:
      "folder of the archive, the witnesses, the keys of personal data and the embedded log; used by one server at a time",
  },
  SHARDS: {
    schema: wholeNumber(1, SHARDS_MAX).optional(),
    otherwise: "cores − gateways, at least 1",
    meaning: "fixed at the first start; a later start with another number is refused",
  },
  ISOLATION: {
    schema: oneOf(["threads", "processes"]),
    initial: "threads",
    meaning: "processes: each shard runs in a process of its own",
  },
  GATEWAYS: {
    schema: wholeNumber(1, GATEWAYS_MAX),
    initial: "1",
    meaning:
      "up to 16 threads accept connections on the same port (more than 1: Linux only); useful when HTTP fills one core and others are idle",
  },
  OPERATOR_KEY: {
    schema: z
      .string()
      .min(OPERATOR_KEY_LENGTH_MIN, `must have at least ${OPERATOR_KEY_LENGTH_MIN} characters`)
      .optional(),
    otherwise: "generated at the first start",
    meaning: "at least 32 characters; takes precedence over the stored key",
    secret: true,
  },
  SECRET_KEY: {
    schema: z
      .string()
      .min(SECRET_KEY_LENGTH_MIN, `must have at least ${SECRET_KEY_LENGTH_MIN} characters`)
      .optional(),
    otherwise: "$DATA_DIR/secret-key",
    meaning: "at least 32 characters; encrypts the signing secrets that are stored in the log",
    secret: true,
  },
  SNAPSHOT_RECORDS: {
    schema: wholeNumber(1),
    initial: "1000000",
    meaning: "takes a snapshot of a shard after this many records",
  },
  SNAPSHOT_MINUTES: {
    schema: minutes,
    initial: "60",
    meaning: "or after this many minutes, if there are new records",
  },
  WALLET_ASSET: { schema: asset, initial: "USD/2", meaning: "the asset of new wallets" },
  TOPUP_ASSET: { schema: asset, initial: "IRT/0", meaning: "the asset of new sellers' credit" },
  TOPUP_OPERATOR: {
    schema: topupOperator.optional(),
    otherwise: "none: top-ups complete at once",
    meaning:
      "the operator that completes top-ups: http[s]://[user:password@]host[:port]/path, or simulated:?fail=0.05&unknown=0.02&delay_ms=50",
    secret: true,
  },
  CLICKHOUSE_URL: {
    schema: clickhouseUrl.optional(),
    otherwise: "a file in $DATA_DIR/statistics",
    meaning: "where the statistics are kept: http[s]://[user:password@]host:port/database",
    secret: true,
  },
  STATISTICS_PORT: {
    schema: wholeNumber(0, 65_535).optional(),
    otherwise: "none",
    meaning: "port of the statistics service for its own /healthz, /readyz and /metrics, at the address HOST",
  },
  PUBLIC_URL: {
    schema: publicUrl.optional(),
    otherwise: "the bound address",
    meaning:
      "base of the links in answers, such as report links; with https the session cookie is named __Host-daybook_session and sent over TLS only",
  },
  TRUST_PROXY: {
    schema: trustedProxies,
    initial: "",
    meaning:
      "proxies whose X-Forwarded-For is trusted, so that rate limits apply to the real clients: a number of hops, or addresses and networks separated by commas; empty: none",
  },
  CORS_ORIGINS: {
    schema: corsOrigins,
    initial: "",
    meaning: "origins whose pages may call the API from a browser, separated by commas; empty: none",
  },
  WEBHOOKS_ALLOW_PRIVATE: {
    schema: oneOf(["true", "false"]),
    initial: "false",
    meaning:
      "true also sends webhooks to private addresses and over http; only for tests, or if every partner is trusted",
  },
  LEGACY_PARTNER: {
    schema: partnerId.optional(),
    otherwise: "none",
    meaning:
      "the partner for which LEGACY_PORT serves the addresses of the five systems that Daybook replaces (docs/OLD_ADDRESSES.md)",
  },
  LEGACY_PORT: {
    schema: wholeNumber(0, 65_535).optional(),
    otherwise: "none",
    meaning:
      "the port of the old addresses, on 127.0.0.1 alone and without access control; 0 takes any free port",
  },
  CONNECTIONS_MAX: {
    schema: wholeNumber(16).optional(),
    otherwise: "half of the file limit",
    meaning:
      "connections open at once; further ones are answered with 503. At most half of the file limit (ulimit -n), and by default at most 10000",
  },
  CONNECTIONS_PER_ADDRESS: {
    schema: wholeNumber(1).optional(),
    otherwise: "half of all",
    meaning:
      "connections from one address (IPv6: from one /64); set it to CONNECTIONS_MAX if a proxy is the only client",
  },
  CLOCK_JUMP_MAX: {
    schema: wholeNumber(60),
    initial: "86400",
    meaning:
      "seconds; after a reboot, a clock further ahead of the log than this is followed only after ten minutes, or once an operator accepts it",
  },
  ALLOW_WEAK_DURABILITY: {
    schema: oneOf(["true", "false"]),
    initial: "false",
    meaning: "true serves even on a Redis that may lose data; /readyz then shows warnings",
  },
  LOG_LEVEL: {
    schema: oneOf(LOG_LEVELS),
    initial: "info",
    meaning: "warn omits the request lines",
  },
  FAILPOINTS: { schema: z.string(), initial: "", meaning: "faults to inject", hidden: true },
} as const satisfies Record<string, Setting>;

type Name = keyof typeof SETTINGS;
type Values = { readonly [N in Name]: z.output<(typeof SETTINGS)[N]["schema"]> };

const NAMES = Object.keys(SETTINGS) as readonly Name[];

export type Config = Readonly<{
  port: number;
  host: string;
  walUrl: string;
  walReplicas: number;
  dataDir: string;
  /** Absent: the number recorded in the log, or at the first start the number of cores minus gateways. */
  shards: number | undefined;
  /** Number of threads that accept connections, including the main thread. */
  gateways: number;
  /** What runs a shard. */
  isolation: "threads" | "processes";
  operatorKey: string | undefined;
  /** Absent: the one in `DATA_DIR/secret-key`. */
  secretKey: string | undefined;
  logLevel: string;
  /** The ClickHouse database of the statistics. Absent: they are in a file in `dataDir`. */
  clickhouseUrl: string | undefined;
  /** Where the statistics service serves its health and metrics. Absent: nowhere. */
  statisticsPort: number | undefined;
  /** A snapshot of a shard is taken after this many records, or after this many minutes if there are new records. */
  snapshotRecords: number;
  snapshotMinutes: number;
  /** Assets of new wallets and of new sellers' credit. */
  assets: Assets;
  /** The operator of top-ups. Absent: they are completed at once. */
  topupOperator: string | undefined;
  web: Web;
  /** Who owns what the old addresses show, and their port on 127.0.0.1. Absent: they are not served. */
  legacy: Legacy | undefined;
  /** Connections open at once, in total and from one address. Absent: derived from the file limit. */
  connectionsMax: number | undefined;
  connectionsPerAddress: number | undefined;
  /** After a reboot, a clock that is further ahead of the log than this is not followed at once. */
  clockJumpMsMax: number;
  allowWeakDurability: boolean;
  failpoints: string;
}>;

export type Assets = Readonly<{ wallet: string; topup: string }>;

export type Legacy = Readonly<{ partner: string; port: number }>;

export type Web = Readonly<{
  /** Where clients reach the server, without a trailing `/`. Absent: the bound address. */
  publicUrl: string | undefined;
  /** Origins of pages that may call the API from a browser. */
  corsOrigins: readonly string[];
  trustedProxies: TrustedProxies;
  /** Whether webhooks may be sent to private addresses, and over http. */
  webhooksAllowPrivate: boolean;
}>;

/**
 * @param environment values by name; an empty value counts as absent.
 * @param args the arguments of the command line, without the program.
 * @throws TypeError with one line that names every bad value.
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Config {
  const values = parse(environment, readFlags(args));
  const walUrl = values.WAL_URL ?? `sqlite:${values.DATA_DIR}/wal`;
  if (values.ISOLATION === "processes" && walUrl.startsWith("memory:")) {
    throw new TypeError(
      "bad configuration: ISOLATION: with WAL_URL=memory: it must be `threads`; a log in memory would end with its shard's process",
    );
  }
  return {
    port: values.PORT,
    host: values.HOST,
    walUrl,
    walReplicas: Number(values.WAL_REPLICAS),
    dataDir: values.DATA_DIR,
    shards: values.SHARDS,
    gateways: values.GATEWAYS,
    isolation: values.ISOLATION,
    operatorKey: values.OPERATOR_KEY,
    secretKey: values.SECRET_KEY,
    clickhouseUrl: values.CLICKHOUSE_URL,
    statisticsPort: values.STATISTICS_PORT,
    logLevel: values.LOG_LEVEL,
    snapshotRecords: values.SNAPSHOT_RECORDS,
    snapshotMinutes: values.SNAPSHOT_MINUTES,
    assets: { wallet: values.WALLET_ASSET, topup: values.TOPUP_ASSET },
    topupOperator: values.TOPUP_OPERATOR,
    web: {
      publicUrl: values.PUBLIC_URL?.replace(/\/+$/, ""),
      corsOrigins: listOf(values.CORS_ORIGINS),
      trustedProxies: parseTrustedProxies(values.TRUST_PROXY),
      webhooksAllowPrivate: values.WEBHOOKS_ALLOW_PRIVATE === "true",
    },
    legacy: legacyOf(values),
    connectionsMax: values.CONNECTIONS_MAX,
    connectionsPerAddress: values.CONNECTIONS_PER_ADDRESS,
    clockJumpMsMax: values.CLOCK_JUMP_MAX * 1000,
    allowWeakDurability: values.ALLOW_WEAK_DURABILITY === "true",
    failpoints: values.FAILPOINTS,
  };
}

/** @throws TypeError only one of the two is set */
function legacyOf({ LEGACY_PARTNER: partner, LEGACY_PORT: port }: Values): Legacy | undefined {
  if (partner !== undefined && port !== undefined) return { partner, port };
  if (partner === undefined && port === undefined) return undefined;
  const [set, missing] =
    partner === undefined ? ["LEGACY_PORT", "LEGACY_PARTNER"] : ["LEGACY_PARTNER", "LEGACY_PORT"];
  throw new TypeError(`bad configuration: ${set} needs ${missing}: set both, or none of them`);
}

export function asksForHelp(args: readonly string[]): boolean {
  return args.includes("--help") || args.includes("-h");
}

/** The flag of a setting: `--wal-url` for `WAL_URL`. */
export function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll("_", "-")}`;
}

function parse(
  environment: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string>>,
): Values {
  const problems: string[] = [];
  const values = NAMES.map((name) => {
    const setting: Setting = SETTINGS[name];
    const given = flags[name] ?? (environment[name] || undefined);
    const parsed = setting.schema.safeParse(given ?? setting.initial);
    if (parsed.success) return [name, parsed.data];
    const shown = setting.secret === true ? "" : `, not ${JSON.stringify(given)}`;
    problems.push(`${name}: ${parsed.error.issues[0]?.message}${shown}`);
    return [name, undefined];
  });
  if (problems.length > 0) throw new TypeError(`bad configuration: ${problems.join("; ")}`);
  return Object.fromEntries(values) as Values;
}

function readFlags(args: readonly string[]): Readonly<Record<string, string>> {
  const options = Object.fromEntries(
    NAMES.map((name) => [flagOf(name).slice(2), { type: "string" as const }]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    return Object.fromEntries(
      NAMES.flatMap((name) => {
        const value = values[flagOf(name).slice(2)];
        return typeof value === "string" ? [[name, value]] : [];
      }),
    );
  } catch (error) {
    // Only the first sentence: the rest is advice about Node's parser.
    const [reason = ""] = messageOf(error).split(/\. |\n/);
    throw new TypeError(`bad configuration: ${reason}; \`--help\` lists every setting`, { cause: error });
  }
}
