/**
 * Starts the server. The compile cache serves only modules that are loaded after it was enabled, so all others are behind
 * a dynamic import.
 */
import { useCompileCache } from "./compile-cache.ts";

useCompileCache();
const { main } = await import("./server.ts");
await main(process.argv.slice(2));
