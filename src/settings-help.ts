/** The text of `--help`: every setting of the server. */
import { flagOf, SETTINGS } from "./config.ts";

const COLUMNS = 80;
const INDENT = "      ";

/** @returns lines of at most 80 columns. */
export function settingsHelp(): string {
  const shown = Object.entries(SETTINGS).filter(([, setting]) => !("hidden" in setting));
  return [
    "Settings: environment variables (PORT=3001) or flags (--port 3001); flags win.",
    ...shown.map(([name, setting]) => {
      const initial = "initial" in setting ? setting.initial : setting.otherwise;
      return [`  ${name}, ${flagOf(name)}  (default: ${initial})`, ...wrap(setting.meaning)].join("\n");
    }),
  ].join("\n\n");
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  let line = INDENT;
  for (const word of text.split(" ")) {
    if (line !== INDENT && line.length + word.length >= COLUMNS) {
      lines.push(line.trimEnd());
      line = INDENT;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}
