/**
 * A port that the gateways of one server share, and no other server.
 *
 * With `SO_REUSEPORT` the kernel spreads connections over all sockets bound to a port with it. Any process of the
 * same user can bind it too; a second server would silently get part of the connections. So the port is first bound
 * without the option, which fails if any process has it. Between that bind and the shared ones the port is free for
 * a moment; an abstract socket, which the kernel removes with its process, lets only one server at a time take
 * these two steps. It is released afterwards, because two servers may use the same port on different addresses.
 */
import { createServer, type ListenOptions, type Server } from "node:net";

export type Address = Readonly<{ host: string; port: number }>;

export function urlOf({ host, port }: Address): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Runs `bind`, which must bind the address with `reusePort`, after checking that the address is free.
 *
 * @throws Error `EADDRINUSE` and the like, as without sharing; or that this system cannot share a port.
 */
export async function bindShared<T>(address: Address, bind: () => Promise<T>): Promise<T> {
  // Other systems lack SO_REUSEPORT, or its load balancing, or abstract sockets.
  if (process.platform !== "linux") throw new Error("GATEWAYS: more than 1 can share a port on Linux only");
  const { host, port } = address;
  // The kernel chooses a port that is free.
  if (port === 0) return bind();
  const lock = await listen({ path: `\0daybook-port-${port}` }).catch((cause: unknown) => {
    // Another server is starting on this port.
    throw Object.assign(new Error(`listen EADDRINUSE: ${host}:${port}`, { cause }), { code: "EADDRINUSE" });
  });
  try {
    await close(await listen({ host, port }));
    return await bind();
  } finally {
    await close(lock);
  }
}

/** @param setting the name of the setting of the port. */
export function explainBindError(error: unknown, { host, port }: Address, setting = "PORT"): unknown {
  if (!(error instanceof Error && "code" in error)) return error;
  const { code } = error;
  const hostAndPort = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (code) {
    case "EADDRINUSE":
      return new Error(
        `${setting}: ${hostAndPort} is in use (EADDRINUSE): stop the program that has it, or take another port; 0 takes any free one`,
        { cause: error },
      );
    case "EACCES":
      return new Error(
        `${setting}: this user may not listen on ${hostAndPort} (EACCES): take a port from 1024 on`,
        {
          cause: error,
        },
      );
    case "EADDRNOTAVAIL":
    case "EAI_AGAIN":
    case "ENOTFOUND":
      return new Error(`HOST: ${host} is not an address of this machine (${code})`, { cause: error });
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
