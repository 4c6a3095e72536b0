/** The source of a Debian release's backports: that of the release itself, with another suite. Pure. */

export type Backports = Readonly<{ file: string; text: string; suite: string }>;

/** `deb [options] URI suite component…` */
const ONE_LINE = /^(deb\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)(\s.+)$/;

/**
 * @param release the content of /etc/os-release.
 * @param sources the content of apt's files, by name: `.list` in the form of one line, or `.sources` in that of stanzas.
 * @returns a file with the release and its backports, from the same mirror; `undefined` if no source is that mirror.
 */
export function backportsOf(release: string, sources: ReadonlyMap<string, string>): Backports | undefined {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  if (codename === undefined) return undefined;
  const suite = `${codename}-backports`;
  for (const [file, content] of sources) {
    const text = file.endsWith(".sources")
      ? stanzaWith(content, codename, suite)
      : lineWith(content, codename, suite);
    if (text !== undefined) return { file, text, suite };
  }
  return undefined;
}

function stanzaWith(content: string, codename: string, suite: string): string | undefined {
  const stanza = content
    .split(/\n\s*\n/)
    .find((each) => valueOf(each, "Suites").includes(codename) && valueOf(each, "Types").includes("deb"));
  return stanza?.replace(/^Suites:.*$/m, `Suites: ${codename} ${suite}`).concat("\n");
}

function valueOf(stanza: string, field: string): readonly string[] {
  return new RegExp(`^${field}:(.*)$`, "m").exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
}

function lineWith(content: string, codename: string, suite: string): string | undefined {
  for (const line of content.split("\n")) {
    const [, before = "", found, after = ""] = ONE_LINE.exec(line.trim()) ?? [];
    if (found === codename) return `${before}${codename}${after}\n${before}${suite}${after}\n`;
  }
  return undefined;
}
