/** The dry run of one command: its shard decides it with all rules and logs nothing. */
import { packCommand, unpackOutcome } from "../actors/codec.ts";
import type { Command, Outcome } from "../actors/command.ts";
import type { TransferChanged } from "../actors/compound-command.ts";
import { vnodeOfCommand } from "../actors/home.ts";
import { assert } from "../assert.ts";
import { ASK_ARCHIVE, type CommandReply, REFUSED } from "../shard/messages.ts";
import { submitWithArchive } from "./claims.ts";
import { costOfCommand } from "./costs.ts";
import { flowOwnerOf } from "./owners.ts";
import { refusedBy } from "./refusals.ts";
import type { Shards } from "./shards.ts";
import { settledOf } from "./transfers.ts";

/** The id of a new transfer is empty. @throws OperatingError `overloaded`, `log_unavailable` */
export async function dryRun<C extends Command>(shards: Shards, command: C): Promise<Outcome<C>> {
  const keyless = { ...command, key: null, fingerprint: 0 };
  const shard = shards.ofVnode(vnodeOfCommand(keyless));
  const tryOut = (packed: Uint8Array) =>
    shards.link(shard).tryOut(packed, keyless.partner, flowOwnerOf(keyless), costOfCommand(keyless));
  let reply = (await tryOut(packCommand(keyless))).result as CommandReply;
  if (reply[0] === REFUSED && reply[1] === ASK_ARCHIVE) {
    const again = await submitWithArchive(shards, shard, keyless, reply, tryOut);
    reply = again.result as CommandReply;
  }
  if (reply instanceof Uint8Array) {
    const outcome = unpackOutcome(keyless, reply);
    return command.op === "void_transfer" ? withReleaseMoves(shards, command.partner, outcome) : outcome;
  }
  assert(reply[0] === REFUSED, "a dry run has no record");
  const isOpenNeeded = command.op === "post_transfer" || command.op === "void_transfer";
  if (reply[1] !== "not_open" || !isOpenNeeded) throw refusedBy(reply[1]);
  return dryRun(shards, { ...command, settled: await settledOf(shards, command.partner, command.id) });
}

/** Adds the holds that other shards would release. */
async function withReleaseMoves<O extends Outcome>(shards: Shards, partner: string, outcome: O): Promise<O> {
  if (!outcome.ok) return outcome;
  const { id, sent, moves } = outcome as unknown as TransferChanged;
  const parts = await Promise.all(sent.map(({ to }) => shards.ask(to, partner, ["release_moves", id])));
  return { ...outcome, moves: [...moves, ...parts.flatMap(({ result }) => result)] };
}
