/** Looks once a second how the archive is. */
import type { ArchiveFigures } from "../archive/archive-protocol.ts";

const EVERY_MS = 1_000;

/** Tells what is wrong, each time that it changes. Nothing is told of an archive that was well from the start. */
export function watchArchive(
  archive: Readonly<{ figures: ArchiveFigures }>,
  textOf: (figures: ArchiveFigures) => string | undefined,
  tell: (warning: string | undefined) => void,
): void {
  let told: string | undefined;
  const check = () => {
    const warning = textOf(archive.figures);
    if (warning !== told) tell(warning);
    told = warning;
  };
  check();
  setInterval(check, EVERY_MS).unref();
}

/** Which batches are damaged. */
export function damageText({ damage: { count, places } }: ArchiveFigures): string | undefined {
  if (count === 0) return undefined;
  const more = count > places.length ? ` and ${count - places.length} more` : "";
  return `the archive is damaged at ${places.join(", ")}${more}: see \`daybook archive repair\``;
}
