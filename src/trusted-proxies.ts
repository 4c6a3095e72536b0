/** The setting `TRUST_PROXY`: which proxies are trusted to report the client's address. */
import { BlockList, isIP } from "node:net";

/** The trusted proxies: a number of hops before this server, or a list of addresses and networks. */
export type TrustedProxies = number | readonly string[];

const HOPS_MAX = 16;
const BITS_OF_IPV4 = 32;
const BITS_OF_IPV6 = 128;

/** @throws TypeError if the text is neither a number of hops nor a list of addresses and networks. */
export function parseTrustedProxies(text: string): TrustedProxies {
  if (/^\d+$/.test(text)) {
    const hops = Number(text);
    if (hops > HOPS_MAX) throw new TypeError(`at most ${HOPS_MAX} hops`);
    return hops;
  }
  const addresses = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  blockListOf(addresses);
  return addresses;
}

/** @throws TypeError if one of them is neither an address nor a network such as 10.0.0.0/8. */
export function blockListOf(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of addresses) {
    const [address = "", bits, ...more] = text.split("/");
    const version = isIP(address);
    if (version === 0 || more.length > 0) throw new TypeError(`${text} is no address`);
    const bitsMax = version === 4 ? BITS_OF_IPV4 : BITS_OF_IPV6;
    const prefix = bits === undefined ? bitsMax : Number(bits);
    if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || prefix > bitsMax))
      throw new TypeError(`${text} is no network`);
    list.addSubnet(address, prefix, version === 4 ? "ipv4" : "ipv6");
  }
  return list;
}
