import { fileURLToPath } from "node:url";
import { type Spawned, start, stop, waitForLine } from "./child-processes.ts";

export const ECHO_KINDS = ["http", "hono"] as const;
export type EchoKind = (typeof ECHO_KINDS)[number];

const PROGRAM = fileURLToPath(new URL("echo.ts", import.meta.url));

export type EchoServer = Readonly<{ url: string; stop(): Promise<void> }>;

export async function startEcho(kind: EchoKind): Promise<EchoServer> {
  const spawned: Spawned = start(process.execPath, [PROGRAM, kind]);
  const [, url = ""] = await waitForLine(spawned, /listens on (\S+)/);
  return { url, stop: () => stop(spawned) };
}
