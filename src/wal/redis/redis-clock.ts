/** The clock of the machine on which Redis runs: a second clock to compare with, if that is another machine. */
import { networkInterfaces } from "node:os";
import { type FindAddress, type RedisAddress, RedisConnection } from "./redis-connection.ts";

const TIMEOUT_MS = 2_000;

export class RedisClock {
  readonly #connection: RedisConnection;

  /** @param address in a cluster: finds any of its primaries. */
  constructor(address: RedisAddress | FindAddress) {
    this.#connection = new RedisConnection({ address, name: "daybook:clock", timeoutMs: TIMEOUT_MS });
  }

  /**
   * Reads the time from INFO, since `TIME` needs an ACL permission that earlier versions did not ask for.
   *
   * @returns ms since 1970; `undefined` if Redis runs on this machine.
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
