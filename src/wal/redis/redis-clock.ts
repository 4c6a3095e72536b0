/** The clock of the machine that Redis runs on: a second opinion on this machine's, where it is another machine. */
import { networkInterfaces } from "node:os";
import { type RedisAddress, RedisConnection } from "./redis-connection.ts";

const TIMEOUT_MS = 2_000;

export class RedisClock {
  readonly #connection: RedisConnection;

  constructor(address: RedisAddress) {
    this.#connection = new RedisConnection({ address, name: "daybook:clock", timeoutMs: TIMEOUT_MS });
  }

  /**
   * Its time, ms; `undefined` where it is a clock of this machine. It comes from INFO: `TIME` needs a right that users of
   * earlier versions lack.
   *
   * @throws Error Redis does not answer.
   */
  async ask(): Promise<number | undefined> {
    return this.#connection.run(async (client) => {
      const { remoteAddress } = client.stream as { remoteAddress?: string };
      if (isOwnAddress(remoteAddress)) return undefined;
      const [, micros] = /^server_time_usec:(\d+)/m.exec(await client.info("server")) ?? [];
      return micros === undefined ? undefined : Number(micros) / 1000;
    });
  }
}

/** Loopback, an address of this machine, or none at all (a unix socket). */
export function isOwnAddress(address: string | undefined): boolean {
  if (address === undefined) return true;
  const plain = address.replace(/^::ffff:/, "");
  if (plain === "::1" || plain.startsWith("127.")) return true;
  return Object.values(networkInterfaces()).some((each) => each?.some((own) => own.address === plain));
}
