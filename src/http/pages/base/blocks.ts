/** Parts that many pages consist of: tables, lists of facts, notes, pagers. */
import { type Fragment, type Html, html } from "./html.ts";

export type Column<T> = Readonly<{
  label: string;
  /** A number: aligned to the right. */
  isNumber?: boolean;
  /** The cell names its row. */
  isHead?: boolean;
  cell: (row: T) => Fragment;
}>;

type TableOptions<T> = Readonly<{
  /** Names the table for a screen reader. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  /** What it says without rows. */
  empty: string;
}>;

export function table<T>({ caption, columns, rows, empty }: TableOptions<T>): Html {
  if (rows.length === 0) return emptyNote(empty);
  return html`<div class="table" role="region" tabindex="0" aria-label="${caption}"><table>
<caption class="visually-hidden">${caption}</caption>
<thead><tr>${columns.map(({ label, isNumber }) => html`<th scope="col"${numberClass(isNumber)}>${label}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${columns.map((column) => cellOf(column, row))}</tr>`)}</tbody>
</table></div>`;
}

function cellOf<T>({ isHead, isNumber, cell }: Column<T>, row: T): Html {
  if (isHead === true) return html`<th scope="row">${cell(row)}</th>`;
  return html`<td${numberClass(isNumber)}>${cell(row)}</td>`;
}

function numberClass(isNumber: boolean | undefined): Fragment {
  return isNumber === true && html` class="right"`;
}

export function emptyNote(text: string): Html {
  return html`<p class="empty">${text}</p>`;
}

/** Names and values. Absent values are left out. */
export function facts(rows: readonly (readonly [name: string, value: Fragment])[]): Html {
  const shown = rows.filter(([, value]) => value !== undefined && value !== false);
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A part of a page with a heading. */
export function section(title: string, body: Fragment, aside?: Fragment): Html {
  return html`<section class="block"><div class="block-head"><h2>${title}</h2>${aside}</div>${body}</section>`;
}

/** A message above the content. */
export function note(tone: "good" | "warn" | "bad" | "plain", text: Fragment): Html {
  const role = tone === "bad" ? "alert" : "status";
  return html`<div class="note" data-tone="${tone}" role="${role}">${text}</div>`;
}

/** The link to the next page of a list. @param path of the list, with its query but the cursor. */
export function nextPage(path: string, nextCursor: string | null, shown: string): Fragment {
  if (nextCursor === null) return undefined;
  const mark = path.includes("?") ? "&" : "?";
  return html`<p class="pager"><a class="button outline small" href="${path}${mark}cursor=${encodeURIComponent(nextCursor)}">More ${shown}</a></p>`;
}
