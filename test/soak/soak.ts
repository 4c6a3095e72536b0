/**
 * `npm run soak`: a real server on a real log, while its processes and its Redis are killed, stopped and resumed at
 * random, its clock jumps and its archive is damaged. An independent checker proves that every acknowledged command is
 * there, exactly once. Exits with 1 on any violation, and then keeps its folder.
 *
 *     npm run soak -- --minutes 20 --isolation processes
 *     npm run soak -- --log sqlite --seed 7
 *     npm run soak -- --log cluster --minutes 60      its primaries fail
 *     npm run soak -- --minutes 1 --canary entry      the checker forgets one transfer: must exit with 1
 *
 * Progress goes to stderr; the last line on stdout is JSON.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRedis } from "../bench/redis-server.ts";
import { readOptions } from "./options.ts";
import { runSoak } from "./soak-run.ts";

const options = readOptions(process.argv.slice(2));
const folder = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "daybook-soak-"));
const say = (line: string) => process.stderr.write(`${line}\n`);
say(`seed ${options.seed}, ${options.shards} shards (${options.isolation}), ${options.log}, in ${folder}`);
const { figures, violations } = await runSoak({
  ...options,
  folder,
  startRedis: () => startRedis(join(folder, "redis")),
  say,
});
process.stdout.write(`${JSON.stringify(figures)}\n`);
if (violations.length === 0) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
else say(`${violations.length} violations. What was asked and told, and the log: ${folder}`);
process.exit(violations.length === 0 ? 0 : 1);
