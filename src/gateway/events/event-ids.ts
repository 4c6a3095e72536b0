/**
 * Ids of events. An id is the event's place in the log, encrypted: it alone is enough to continue after the event, and
 * it tells nothing about the work of other partners.
 */
import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv, hkdfSync } from "node:crypto";
import type { EventPlace } from "../../archive/queries/query.ts";

const PREFIX = "ev_";
/** One block of AES, so that encryption is a permutation: two places never get the same id. */
const BLOCK_BYTES = 16;
const TEXT = /^ev_[A-Za-z0-9_-]{22}$/;
/** Feeds whose ciphers are kept. */
const FEEDS_MAX = 1_000;

type Ciphers = Readonly<{ encrypt: Cipheriv; decrypt: Decipheriv }>;

export class EventIds {
  readonly #secretKey: string;
  readonly #ciphers = new Map<string, Ciphers>();

  /** @param secretKey the setting `SECRET_KEY`. With another one, ids given out before are not valid any more. */
  constructor(secretKey: string) {
    this.#secretKey = secretKey;
  }

  /** @param feed the partner, or what else names a feed with ids of its own */
  format(feed: string, { shard, epoch, seq, index, n }: EventPlace): string {
    const block = Buffer.alloc(BLOCK_BYTES);
    block.writeUInt16BE(shard, 0);
    block.writeUInt32BE(epoch, 2);
    block.writeUIntBE(seq, 6, 5);
    block.writeUIntBE(index, 11, 3);
    block.writeUInt16BE(n, 14);
    return PREFIX + this.#ciphersOf(feed).encrypt.update(block).toString("base64url");
  }

  /** `undefined` for a text that is no id. The id of an event of another feed becomes a place that does not exist. */
  parse(feed: string, id: string): EventPlace | undefined {
    if (!TEXT.test(id)) return undefined;
    const block = Buffer.from(id.slice(PREFIX.length), "base64url");
    const place = this.#ciphersOf(feed).decrypt.update(block);
    return {
      shard: place.readUInt16BE(0),
      epoch: place.readUInt32BE(2),
      seq: place.readUIntBE(6, 5),
      index: place.readUIntBE(11, 3),
      n: place.readUInt16BE(14),
    };
  }

  #ciphersOf(feed: string): Ciphers {
    const known = this.#ciphers.get(feed);
    if (known !== undefined) return known;
    const info = `daybook: ids of events of ${feed}`;
    const key = new Uint8Array(hkdfSync("sha256", this.#secretKey, "", info, 16));
    // Without a mode of operation: each id is a single block.
    const encrypt = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    const decrypt = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    const [oldest] = this.#ciphers.keys();
    if (this.#ciphers.size >= FEEDS_MAX && oldest !== undefined) this.#ciphers.delete(oldest);
    const ciphers = { encrypt, decrypt };
    this.#ciphers.set(feed, ciphers);
    return ciphers;
  }
}
