import type { HashSeed } from "../actors/scope-hash.ts";

/** For the key table of a shard: callers choose the keys that are hashed with it. */
export function randomSeed(): HashSeed {
  const [a = 0, b = 0, c = 0, d = 0] = crypto.getRandomValues(new Uint32Array(4));
  return [a, b, c, d];
}
