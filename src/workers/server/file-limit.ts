/** Bounds the number of connections, so that file descriptors remain for logs, archive and channels. */
import type { Config } from "../../config.ts";
import type { Log } from "../../http/log/request-log.ts";
import type { ConnectionBounds } from "../../http/server/connections.ts";

const CONNECTIONS_MAX = 10_000;

/** The bounds of each gateway; also written to the server's log. @throws TypeError as `connectionBounds` */
export function boundsOfGateways(config: Config, log: Log): ConnectionBounds {
  const files = openFilesMax();
  const bounds = connectionBounds(config, files);
  log.info({ files, gateways: config.gateways, ...bounds }, "connections of each gateway");
  return bounds;
}

/** The limit of open files. Node raises it to the hard limit when it starts. */
function openFilesMax(): number {
  if (process.report === undefined) return Number.POSITIVE_INFINITY;
  // Otherwise the report resolves the names of all connected hosts.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits?: { open_files?: { soft: number | string } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : Number.POSITIVE_INFINITY;
}

/**
 * The bounds of each gateway. Half of the files remain for logs, archive and channels.
 *
 * @throws TypeError (one line) CONNECTIONS_MAX is more than the file limit allows.
 */
export function connectionBounds(
  {
    connectionsMax,
    connectionsPerAddress,
    gateways,
  }: Pick<Config, "connectionsMax" | "connectionsPerAddress" | "gateways">,
  filesMax: number,
): ConnectionBounds {
  const half = Math.floor(filesMax / 2);
  if (connectionsMax !== undefined && connectionsMax > half) {
    throw new TypeError(
      `bad configuration: CONNECTIONS_MAX: must be at most ${half}, half of the file limit (ulimit -n), not "${connectionsMax}"`,
    );
  }
  const all = connectionsMax ?? Math.min(CONNECTIONS_MAX, half);
  const ofOne = Math.min(all, connectionsPerAddress ?? Math.ceil(all / 2));
  return { max: Math.ceil(all / gateways), perAddress: Math.ceil(ofOne / gateways) };
}
