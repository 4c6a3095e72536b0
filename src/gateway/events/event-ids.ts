/**
 * Ids of events. An id is the event's place in the log, encrypted: it alone is enough to continue after the event, and
 * it tells nothing about the work of other partners.
 */
import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv, hkdfSync } from "node:crypto";
import type { EventPlace } from "../../archive/queries/query.ts";
import { assert } from "../../errors/assert.ts";

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
  format(feed: string, place: EventPlace): string {
    const [id] = this.formatAll(feed, [place]);
    assert(id !== undefined, "every place has an id");
    return id;
  }

  /** `format` of many places, which are encrypted together. */
  formatAll(feed: string, places: readonly EventPlace[]): readonly string[] {
    const blocks = Buffer.alloc(places.length * BLOCK_BYTES);
    for (const [i, place] of places.entries()) writePlace(blocks, i * BLOCK_BYTES, place);
    const encrypted = this.#ciphersOf(feed).encrypt.update(blocks);
    return places.map(
      (_, i) => PREFIX + encrypted.toString("base64url", i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
    );
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

function writePlace(blocks: Buffer, at: number, { shard, epoch, seq, index, n }: EventPlace): void {
  blocks.writeUInt16BE(shard, at);
  blocks.writeUInt32BE(epoch, at + 2);
  blocks.writeUIntBE(seq, at + 6, 5);
  blocks.writeUIntBE(index, at + 11, 3);
  blocks.writeUInt16BE(n, at + 14);
}
