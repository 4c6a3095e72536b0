/**
 * A port that the gateways of one server share, and nobody else.
 *
 * With `SO_REUSEPORT` the system spreads connections over all sockets that are bound to the port with it. But it lets in
 * whoever has the same user, another server too, which would then get half of the connections and say nothing. So the
 * port is bound without it first: that fails while anybody has the port, shared or not. Between that bind and the shared
 * one it is free for a moment; a name that the kernel knows (an abstract socket, gone with its process) lets one server
 * at a time do these two steps. It is not held longer, since the ports of two addresses may be had by two servers.
 */
import { createServer, type ListenOptions, type Server } from "node:net";

export type Address = Readonly<{ host: string; port: number }>;

export function urlOf({ host, port }: Address): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Runs `bind`, which must bind the address with `reusePort`, where nobody has it.
 *
 * @throws Error `EADDRINUSE` and the like, as without sharing; or one that says that this system cannot share a port.
 */
export async function bindShared<T>(address: Address, bind: () => Promise<T>): Promise<T> {
  // Others cannot share, or share without spreading, or have no names of this kind.
  if (process.platform !== "linux") throw new Error("GATEWAYS: more than 1 can share a port on Linux only");
  const { host, port } = address;
  // The system chooses one that nobody has, shared or not.
  if (port === 0) return bind();
  const turn = await listen({ path: `\0daybook-port-${port}` }).catch((cause: unknown) => {
    // Another server is starting there.
    throw Object.assign(new Error(`listen EADDRINUSE: ${host}:${port}`, { cause }), { code: "EADDRINUSE" });
  });
  try {
    await close(await listen({ host, port }));
    return await bind();
  } finally {
    await close(turn);
  }
}

/** In words of the settings, why the port cannot be had. */
export function explainBindError(error: unknown, { host, port }: Address): unknown {
  if (!(error instanceof Error && "code" in error)) return error;
  const { code } = error;
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return new Error(
        `PORT: ${place} is in use (EADDRINUSE): stop the program that has it, or take another port; 0 takes any free one`,
        { cause: error },
      );
    case "EACCES":
      return new Error(`PORT: this user may not listen on ${place} (EACCES): take a port from 1024 on`, {
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "EAI_AGAIN":
    case "ENOTFOUND":
      return new Error(`HOST: ${host} is no address of this machine (${code})`, { cause: error });
    default:
      return error;
  }
}

function listen(options: ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(options, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
