/** What was compiled is kept for the next start, which takes half as long then. */
import { lstatSync, mkdirSync } from "node:fs";
import { enableCompileCache, getCompileCacheDir } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Threads and processes that begin here take the folder from the environment. */
export function useCompileCache(): void {
  if (process.env["NODE_COMPILE_CACHE"] === undefined) {
    const folder = ownFolder();
    if (folder === undefined) return;
    enableCompileCache(folder);
  } else enableCompileCache();
  const compiled = getCompileCacheDir();
  if (compiled !== undefined) process.env["NODE_COMPILE_CACHE"] = compiled;
}

/** Whoever could write there could put code of theirs into the next server. `undefined`: another user can. */
function ownFolder(): string | undefined {
  const uid = process.getuid?.();
  const folder = join(tmpdir(), `daybook-compiled-${uid ?? "user"}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = lstatSync(folder);
    const isOwn = uid === undefined || (stat.uid === uid && (stat.mode & 0o077) === 0);
    return stat.isDirectory() && isOwn ? folder : undefined;
  } catch {
    return undefined;
  }
}
