/** `daybook trigger`: makes a sample of a type of event, for a developer who builds a receiver. */
import type { Command } from "commander";
import type { EventType } from "../../actors/records/event.ts";
import { OperatorError, UsageError } from "../errors.ts";
import { defaultUrl, readOperatorKey } from "../server/server-client.ts";
import { printLines } from "../terminal.ts";
import { poll } from "./poll.ts";
import { isOfWallets, SAMPLES } from "./samples.ts";
import { Scratch } from "./scratch.ts";

/** Above the time after which a sample expires. */
const WAIT_MS_MAX = 20_000;

const TYPES = Object.keys(SAMPLES).toSorted() as readonly EventType[];

type Options = Readonly<{ url: string; list?: boolean }>;

export function trigger(command: Command): Command {
  return command
    .argument("[type]", "the type of event")
    .option("--url <url>", "the server", defaultUrl())
    .option("--list", "print the types")
    .addHelpText(
      "after",
      `
Uses the operator's key in OPERATOR_KEY. Creates what the event needs in the
partner \`scratch\`; wallets, whose users belong to the partner \`house\`, have
users whose names begin with scratch-. Prints the id of the event.`,
    )
    .action(async (type: string | undefined, { url, list = false }: Options) => {
      if (list) await printLines(TYPES);
      else await printLines([await makeSample(typeOf(type), url)]);
    });
}

/** @throws UsageError */
function typeOf(text: string | undefined): EventType {
  const type = TYPES.find((each) => each === text);
  if (type !== undefined) return type;
  const said = text === undefined ? "name a type of event" : `${text} is not a type of event`;
  throw new UsageError(`${said}: ${TYPES.join(", ")}`);
}

/** @returns the id of the event */
async function makeSample(type: EventType, url: string): Promise<string> {
  const scratch = new Scratch(url, readOperatorKey());
  try {
    const subject = await SAMPLES[type](scratch);
    const reader = await (isOfWallets(type) ? scratch.house : scratch.partner);
    const query = { types: type, subject };
    const event = await poll(WAIT_MS_MAX, async () => {
      for await (const { id } of reader.items("/v1/events", { query })) return id;
      return undefined;
    });
    if (event === undefined)
      throw new OperatorError(`the event ${type} did not come within ${WAIT_MS_MAX / 1000} s`);
    return event;
  } finally {
    await scratch.close();
  }
}
