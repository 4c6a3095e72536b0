/** The frame of every page: head, skip link, navigation, and the main part. */
import { answer, type Call, type HttpAnswer } from "../../call.ts";
import { type AssetName, assetPath } from "./assets.ts";
import { type Fragment, type Html, html } from "./html.ts";

/** Nothing inline and nothing from other hosts. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export type NavItem = Readonly<{ path: string; label: string }>;

/** A part of the pages with its own navigation, for one kind of user. */
export type Area = Readonly<{
  name: string;
  home: string;
  /** Paths of its login and logout. */
  login: string;
  logout: string;
  nav: readonly NavItem[];
}>;

export type Page = Readonly<{
  title: string;
  body: Html;
  /** 200 if absent. */
  status?: number;
  /** Beside the title, such as a button. */
  aside?: Fragment;
  /** The pages above this one, outermost first. */
  trail?: readonly NavItem[];
  /** Further files that the page needs. */
  assets?: readonly AssetName[];
}>;

/** Who sees the page; absent: nobody is logged in. */
export type Viewer = Readonly<{ area: Area; path: string; who: string }>;

const STYLES = ["oat.css", "daybook.css"] as const satisfies readonly AssetName[];
const SCRIPTS = ["htmx.js", "daybook.js"] as const satisfies readonly AssetName[];
/** htmx would add a style element, which the policy forbids; and a page should not wait for a minute. */
const HTMX_CONFIG = '{"includeIndicatorCSS":false,"defaultTimeout":10000,"history":false}';

export function pageAnswer(call: Call, page: Page, viewer?: Viewer): HttpAnswer<string> {
  return htmlAnswer(call, page.status ?? 200, documentOf(page, viewer));
}

/** A part of a page, which htmx puts into it. */
export function fragmentAnswer(call: Call, fragment: Html): HttpAnswer<string> {
  return htmlAnswer(call, 200, fragment);
}

function htmlAnswer(call: Call, status: number, text: Html): HttpAnswer<string> {
  return answer(call, status, text.toString(), {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": PAGE_POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
  }) as HttpAnswer<string>;
}

export function redirect(call: Call, path: string): HttpAnswer<null> {
  return answer(call, 303, null, { Location: path }) as HttpAnswer<null>;
}

function documentOf({ title, body, aside, trail = [], assets = [] }: Page, viewer: Viewer | undefined): Html {
  const styles = [...STYLES, ...assets.filter((name) => name.endsWith(".css"))];
  const scripts = [...SCRIPTS, ...assets.filter((name) => name.endsWith(".js"))];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="htmx-config" content="${HTMX_CONFIG}">
<title>${title} · Daybook</title>
<link rel="icon" href="data:,">
<script src="${assetPath("theme.js")}"></script>
${styles.map((name) => html`<link rel="stylesheet" href="${assetPath(name)}">`)}
${scripts.map((name) => html`<script src="${assetPath(name)}" defer></script>`)}
</head>
<body class="${viewer === undefined ? "outside" : "inside"}">
<a class="skip" href="#main">Skip to the content</a>
${header(viewer)}
<main id="main" tabindex="-1">
${trail.length > 0 && trailOf(trail, title)}
<div class="head"><h1>${title}</h1>${aside != null && html`<div class="aside">${aside}</div>`}</div>
${body}
</main>
</body>
</html>
`;
}

const THEME_SWITCH = html`<label class="theme" hidden><span class="visually-hidden">Colours</span>
<select id="theme"><option value="">System</option><option value="light">Light</option><option value="dark">Dark</option></select></label>`;

function header(viewer: Viewer | undefined): Html {
  if (viewer === undefined)
    return html`<header class="bar"><span class="brand">Daybook</span>${THEME_SWITCH}</header>`;
  const { area, path, who } = viewer;
  return html`<header class="bar">
<a class="brand" href="${area.home}">Daybook</a> <span class="area">${area.name}</span>
<span class="spacer"></span>
<span class="who">${who}</span>
${THEME_SWITCH}
<form method="post" action="${area.logout}"><button class="ghost small">Log out</button></form>
</header>
<nav class="side" aria-label="${area.name}"><ul>${area.nav.map((item) => navLink(item, path, area.home))}</ul></nav>`;
}

function navLink({ path, label }: NavItem, current: string, home: string): Html {
  const isHere = path === home ? current === home : current === path || current.startsWith(`${path}/`);
  return html`<li><a href="${path}"${isHere && html` aria-current="page"`}>${label}</a></li>`;
}

function trailOf(trail: readonly NavItem[], title: string): Html {
  return html`<nav class="trail" aria-label="Where you are"><ol>${trail.map(
    ({ path, label }) => html`<li><a href="${path}">${label}</a></li>`,
  )}<li aria-current="page">${title}</li></ol></nav>`;
}
