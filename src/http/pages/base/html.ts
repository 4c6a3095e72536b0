/**
 * HTML text. A value that is put into a template is escaped, unless it is `Html` itself, so text of users cannot become
 * markup. (JSX would need a build.)
 */
import { html as tag } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

export type Html = HtmlEscapedString;
/** What a template may contain. `false` and nothing are left out. */
export type Fragment = Html | string | number | bigint | false | null | undefined | readonly Fragment[];

/** Not a promise: no `Fragment` is one. */
export function html(strings: TemplateStringsArray, ...values: Fragment[]): Html {
  return tag(strings, ...values) as Html;
}
