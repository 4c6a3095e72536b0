/** Looks once a second whether the archive knows of damaged batches. */
import type { ArchiveFigures } from "../archive/archive-protocol.ts";

const EVERY_MS = 1_000;

/** Tells which batches are damaged, each time that this changes. Nothing is told of an archive that was whole from the start. */
export function watchDamage(
  archive: Readonly<{ figures: ArchiveFigures }>,
  tell: (warning: string | undefined) => void,
): void {
  let told: string | undefined;
  const check = () => {
    const warning = damageText(archive.figures);
    if (warning !== told) tell(warning);
    told = warning;
  };
  check();
  setInterval(check, EVERY_MS).unref();
}

function damageText({ damage: { count, places } }: ArchiveFigures): string | undefined {
  if (count === 0) return undefined;
  const more = count > places.length ? ` and ${count - places.length} more` : "";
  return `the archive is damaged at ${places.join(", ")}${more}: see \`daybook archive repair\``;
}
