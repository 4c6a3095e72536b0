/** What one member of a Redis Cluster says about all of them: the reply of CLUSTER NODES. Pure. */

const SLOTS = 16_384;

export type ClusterNode = Readonly<{
  id: string;
  /** Empty if the member does not know its own address. */
  host: string;
  port: number;
  isMyself: boolean;
  /** A primary; one without slots has nothing to say. */
  isPrimary: boolean;
  /** Its primary's id; `undefined` for a primary. */
  primaryId: string | undefined;
  /** The others count it as failed, or it has no address. */
  isGone: boolean;
  /** The higher one wins where two claim the same slot. */
  configEpoch: number;
  /** First and last slot of each range. */
  slots: readonly (readonly [number, number])[];
}>;

export type ClusterView = readonly ClusterNode[];

export function parseNodes(reply: string): ClusterView {
  return reply
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => parseNode(line.trim()));
}

/** A line: id, `ip:port@bus[,hostname]`, flags, primary's id, ping, pong, config epoch, link state, slots. */
function parseNode(line: string): ClusterNode {
  const [id = "", address = "", flagText = "", primary = "-", , , epoch = "0", , ...slots] = line.split(" ");
  const [endpoint = "", hostname = ""] = address.split(",");
  const [hostPort = ""] = endpoint.split("@");
  const colon = hostPort.lastIndexOf(":");
  const flags = new Set(flagText.split(","));
  return {
    id,
    host: hostname === "" ? hostPort.slice(0, colon) : hostname,
    port: Number(hostPort.slice(colon + 1)),
    isMyself: flags.has("myself"),
    isPrimary: flags.has("master"),
    primaryId: primary === "-" ? undefined : primary,
    isGone: ["fail", "noaddr", "handshake"].some((flag) => flags.has(flag)),
    configEpoch: Number(epoch),
    // A slot that is being moved is shown in brackets, besides the ranges.
    slots: slots.filter((range) => !range.startsWith("[")).map(parseRange),
  };
}

function parseRange(text: string): readonly [number, number] {
  const [from, to = from] = text.split("-").map(Number);
  return [from ?? 0, to ?? 0];
}

/** The primary that serves a slot: of several claims the one with the highest epoch. */
export function primaryOf(views: readonly ClusterView[], slot: number): ClusterNode | undefined {
  let newest: ClusterNode | undefined;
  for (const node of views.flat()) {
    if (!node.isPrimary || !node.slots.some(([from, to]) => from <= slot && slot <= to)) continue;
    if (newest === undefined || node.configEpoch > newest.configEpoch) newest = node;
  }
  return newest;
}

/** The slot of a key: the CRC-16 (XMODEM) of its hash tag, or of the whole key. */
export function slotOf(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc % SLOTS;
}
