/** Where the tests' own installation of Valkey looks for it. */
import { expect, test } from "vitest";
import { backportsOf } from "./debian-backports.ts";

const RELEASE = 'NAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\nID=debian\n';

const STANZAS = `Types: deb
# a snapshot
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;

test("a source in stanzas names the release and its backports, on the same mirror with the same key", () => {
  const files = new Map([
    ["sources.list.d/cloud.list", "deb https://packages.example/apt cloud-bookworm main\n"],
    ["sources.list.d/debian.sources", STANZAS],
  ]);
  const text = `Types: deb
# a snapshot
URIs: http://mirror.example/debian
Suites: bookworm bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;
  expect(backportsOf(RELEASE, files)).toEqual({
    file: "sources.list.d/debian.sources",
    text,
    suite: "bookworm-backports",
  });
});

test("a source of one line keeps its options and components", () => {
  const line = "deb [signed-by=/key.gpg arch=amd64] http://mirror.example/debian bookworm main contrib";
  const files = new Map([
    ["sources.list", `# deb http://old.example bookworm main\n${line}\ndeb-src http://x bookworm main\n`],
  ]);
  expect(backportsOf(RELEASE, files)?.text).toBe(
    `${line}\n${line.replace("bookworm", "bookworm-backports")}\n`,
  );
});

test.each([
  ["the release has no name", "ID=arch\n", STANZAS],
  ["no source has the release", RELEASE, STANZAS.replaceAll("bookworm", "trixie")],
])("nothing is found where %s", (_, release, stanzas) => {
  expect(backportsOf(release, new Map([["debian.sources", stanzas]]))).toBeUndefined();
});
