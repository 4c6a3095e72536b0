/** `daybook listen`: shows a partner's events as they come, and forwards them to a receiver under development. */
import type { Command } from "commander";
import { UsageError } from "../errors.ts";
import { defaultUrl, readPartnerKey } from "../server/server-client.ts";
import { jsonOption } from "../settings.ts";
import { note, paint, printLines } from "../terminal.ts";
import { eventLine, headerLine } from "./event-line.ts";
import { followEvents, type ListenedEvent } from "./event-source.ts";
import { forward, newSecret, type Receiver, receiverOf } from "./forward.ts";

type Options = Readonly<{
  url: string;
  types?: string;
  after?: string;
  forwardTo?: string;
  secret?: string;
  json?: boolean;
}>;

export function listen(command: Command): Command {
  return command
    .option("--url <url>", "the server", defaultUrl())
    .option("--types <types>", "only events of these types, separated by commas")
    .option("--after <id>", "start after this event instead of now")
    .option(
      "--forward-to <url>",
      "send each event as a POST to this address of this machine, signed as a webhook",
    )
    .option(
      "--secret <whsec_…>",
      "the secret that signs forwarded events; by default a new one, which is printed",
    )
    .addOption(jsonOption("lines"))
    .addHelpText(
      "after",
      `
Uses a partner's key in PARTNER_KEY. Ends with Ctrl-C. After a lost connection
it continues behind the last event.`,
    )
    .action(async (options: Options) => {
      const key = readPartnerKey();
      const receiver = receiverFor(options);
      const stop = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
      await printLines(
        lines(followEvents({ ...options, key, signal: stop.signal, note }), options, receiver),
      );
    });
}

/** @throws UsageError */
function receiverFor({ forwardTo, secret }: Options): Receiver | undefined {
  if (forwardTo === undefined) {
    if (secret !== undefined) throw new UsageError("--secret signs what --forward-to sends; give both");
    return undefined;
  }
  const signing = secret ?? newSecret();
  const receiver = receiverOf(forwardTo, signing);
  if (secret === undefined) note(`forwarded events are signed with ${signing}`);
  return receiver;
}

async function* lines(
  events: AsyncIterable<ListenedEvent>,
  { json = false }: Options,
  receiver: Receiver | undefined,
): AsyncGenerator<string> {
  if (!json) yield headerLine();
  for await (const event of events) {
    yield json ? event.text : eventLine(event);
    if (receiver === undefined) continue;
    // One after the other, so that the receiver gets the events in their order.
    const answer = await forward(receiver, event);
    if (json) note(`${event.id} → ${answer}`);
    else yield paint(answer.startsWith("2") ? "green" : "red", `  → ${answer}`);
  }
}
