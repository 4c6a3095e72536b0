/**
 * Commands for which a shard needs the archive: the command claims a unique name, and the shard has already
 * forgotten older claims. See actors/ledger/limits/claims.ts.
 */
import { claimOf, withSeen } from "../actors/ledger/limits/claim-names.ts";
import type { Seen } from "../actors/records/act.ts";
import { packCommand } from "../actors/records/codec.ts";
import type { Command } from "../actors/records/command.ts";
import type { BatchPosition } from "../archive/queries/query.ts";
import { assert } from "../errors/assert.ts";
import { OperatingError } from "../errors/operating-error.ts";
import { ASK_ARCHIVE, type AskArchive, type CommandReply, REFUSED } from "../workers/shard/messages.ts";
import type { ShardReply } from "./shard-link/pending.ts";
import { nonEmptyPositions, type Shards } from "./shard-link/shards.ts";

/** A further try is needed only if the shard has forgotten more names since, which takes half a million new ones. */
const TRIES_MAX = 5;

/**
 * Looks the name up in the archive and resubmits the command with the answer, until the shard can decide.
 *
 * @param refused the shard's first answer: up to which log position it has forgotten names.
 * @throws OperatingError `log_unavailable` the archive is behind or cannot be read; `overloaded` after too many
 *   tries. The command was not executed and will not be.
 */
export async function submitWithArchive(
  shards: Shards,
  shard: number,
  command: Command,
  refused: AskArchive,
  send: (packed: Uint8Array) => Promise<ShardReply>,
): Promise<ShardReply> {
  const name = claimOf(command);
  assert(name !== undefined, "only a command that claims a name is refused with ASK_ARCHIVE");
  let [, , epoch, seq] = refused;
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const [seen] = await lookUp(shards, [name], { shard, epoch, seq });
    assert(seen !== undefined, "each name has an answer");
    const shardReply = await send(packCommand(withSeen(command, seen)));
    const again = askArchiveIn(shardReply.result as CommandReply);
    if (again === undefined) return shardReply;
    [, , epoch, seq] = again;
  }
  throw new OperatingError("overloaded", "the archive is too far behind to check whether the name is taken");
}

/** Id of the transfer that has claimed the name by now; empty if an act without a transfer did. */
export async function claimantOf(
  shards: Shards,
  partner: string,
  subject: string,
  name: string,
): Promise<string | undefined> {
  const shard = shards.ofAccount(partner, subject);
  const { position } = await shards.ask(shard, partner, ["position"]);
  const { by } = await shards.archive.claims({ shard, names: [name] }, nonEmptyPositions([position]));
  return by[0] ?? undefined;
}

/**
 * These commands, each with the archive's answer about its name.
 *
 * @throws OperatingError `log_unavailable`
 */
export async function withArchive<C extends Command>(
  shards: Shards,
  upTo: BatchPosition,
  commands: readonly C[],
): Promise<readonly C[]> {
  const names = commands.map((command) => claimOf(command) ?? "");
  const seen = await lookUp(shards, names, upTo);
  return commands.map((command, i) => withSeen(command, seen[i] as Seen));
}

/** The claims of these names in the archive, once the archive holds the log up to `upTo`. */
async function lookUp(
  shards: Shards,
  names: readonly string[],
  upTo: BatchPosition,
): Promise<readonly Seen[]> {
  try {
    const { by, epoch, seq } = await shards.archive.claims({ shard: upTo.shard, names }, [upTo]);
    return names.map((_, i) => ({ epoch, seq, by: by[i] ?? null }));
  } catch (error) {
    if (error instanceof OperatingError) throw error;
    // Refuse, rather than guess: a damaged archive must never make a taken name free again.
    throw new OperatingError("log_unavailable", "the archive cannot be read", { cause: error });
  }
}

function askArchiveIn(reply: CommandReply): AskArchive | undefined {
  return reply[0] === REFUSED && reply[1] === ASK_ARCHIVE ? reply : undefined;
}
