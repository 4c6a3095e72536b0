/** `daybook seed`: fills a running server with a demo, and says how to look at it. */
import type { Command } from "commander";
import { type Demo, makeDemo } from "./demo.ts";
import { defaultUrl, readOperatorKey } from "./server-client.ts";
import { jsonOption } from "./settings.ts";
import { note, paint, printJson, printLines } from "./terminal.ts";

type Options = Readonly<{ url: string; json?: boolean }>;

export function seed(command: Command): Command {
  return command
    .option("--url <url>", "the server", defaultUrl())
    .addOption(jsonOption("document"))
    .addHelpText(
      "after",
      `
The server is asked with the operator's key in OPERATOR_KEY. Nothing is made
twice within a day.`,
    )
    .action(async ({ url, json }: Options) => {
      const demo = await makeDemo(url, readOperatorKey(), Date.now(), (part) => note(`making ${part}`));
      if (json) await printJson(demo);
      else await printLines(linesOf(url, demo));
    });
}

function title(text: string): readonly string[] {
  return ["", paint("bold", text)];
}

function linesOf(url: string, demo: Demo): readonly string[] {
  const { partner, partnerKey, sellerKeys, bankKey, people } = demo;
  const call = (path: string, key: string) => `  curl -s '${url}${path}' -H 'Authorization: Bearer ${key}'`;
  const [person] = people;
  return [
    ...title("Keys"),
    `  partner ${partner}   ${partnerKey}`,
    ...Object.entries(sellerKeys).map(([id, key]) => `  seller ${id}   ${key}`),
    `  bank of the wallets   ${bankKey}`,
    ...people.map(({ email, password, token }) => `  wallet of ${email} (password: ${password})   ${token}`),
    ...title("To try"),
    call("/v1/loyalty/members", partnerKey),
    call("/v1/loyalty/members/ada/entries", partnerKey),
    call("/v1/vouchers?email=customer0@gmail.com", partnerKey),
    call("/v1/segments", partnerKey),
    call("/v1/sellers/kiosk-12/reconciliation", partnerKey),
    call("/v1/trial-balance", partnerKey),
    ...(person === undefined ? [] : [call("/v1/wallet", person.token)]),
    "",
    `All of it is described at ${url}/docs`,
  ];
}
