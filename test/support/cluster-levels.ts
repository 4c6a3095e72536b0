import { basename } from "node:path";
import { inject } from "vitest";

/** The servers that are here: one may have WAITAOF, and the other not. */
export const LEVELS: readonly Readonly<{ level: string; program: string }>[] = [
  { level: basename(inject("redisServer")), program: inject("redisServer") },
  { level: "valkey-server", program: inject("valkeyServer") },
].filter(({ program }, no) => program !== "" && (no === 0 || program !== inject("redisServer")));
