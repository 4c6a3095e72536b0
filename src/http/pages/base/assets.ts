/**
 * Style sheets and scripts of the pages, from this server alone. The path of a file contains a hash of it, so browsers keep
 * it for good, and a new version has another path.
 */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "@hono/zod-openapi";
import { Problem } from "../../problem.ts";
import type { Routes } from "../../routes.ts";
import { StaticFile } from "../static-file.ts";

const YEAR_S = 365 * 24 * 60 * 60;
const TAG_CHARACTERS = 12;
const CSS = "text/css; charset=utf-8";
const JAVASCRIPT = "text/javascript; charset=utf-8";

type Source = Readonly<{ type: string; url: () => string | URL }>;

function own(name: string): Source["url"] {
  return () => new URL(`../assets/${name}`, import.meta.url);
}

/** Packages are located on first use: most servers never show a page. */
const SOURCES = {
  "oat.css": { type: CSS, url: () => import.meta.resolve("@knadh/oat/oat.min.css") },
  "uplot.css": { type: CSS, url: () => import.meta.resolve("uplot/dist/uPlot.min.css") },
  "daybook.css": { type: CSS, url: own("daybook.css") },
  "theme.js": { type: JAVASCRIPT, url: own("theme.js") },
  "htmx.js": { type: JAVASCRIPT, url: () => import.meta.resolve("htmx.org/dist/htmx.min.js") },
  "uplot.js": { type: JAVASCRIPT, url: () => import.meta.resolve("uplot/dist/uPlot.iife.min.js") },
  "daybook.js": { type: JAVASCRIPT, url: own("daybook.js") },
  "chart.js": { type: JAVASCRIPT, url: own("chart.js") },
} as const satisfies Record<string, Source>;

export type AssetName = keyof typeof SOURCES;
type Asset = Readonly<{ path: string; tag: string; file: StaticFile }>;

const loaded = new Map<AssetName, Asset>();

function load(name: AssetName): Asset {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const { type, url } = SOURCES[name];
  const bytes = readFileSync(new URL(url()));
  const tag = hash("sha256", bytes, "hex").slice(0, TAG_CHARACTERS);
  const file = new StaticFile({ type, maxAgeS: YEAR_S, isImmutable: true, read: () => bytes });
  const asset = { path: `/assets/${tag}/${name}`, tag, file };
  loaded.set(name, asset);
  return asset;
}

/** The path under which a page loads the file. */
export function assetPath(name: AssetName): string {
  return load(name).path;
}

export function addAssets(routes: Routes): void {
  routes.add(
    {
      method: "get",
      access: "open",
      group: "pages",
      isPage: true,
      servesUnready: true,
      path: "/assets/{tag}/{file}",
      summary: "Get a file of the pages",
      answer: { status: 200, description: "A file.", content: { "text/css": z.string() } },
    },
    (request, call) => {
      const name = request.param("file");
      if (!Object.hasOwn(SOURCES, name)) throw new Problem("not_found");
      const { tag, file } = load(name as AssetName);
      // Never another version: it would be kept under this path for good.
      if (request.param("tag") !== tag) throw new Problem("not_found");
      return file.answer(request, call);
    },
  );
}
