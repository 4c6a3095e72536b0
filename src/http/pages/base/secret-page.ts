/** The page that shows a new secret, once. */
import { note } from "./blocks.ts";
import type { Fragment } from "./html.ts";
import { html } from "./html.ts";
import type { NavItem, Page } from "./layout.ts";

type SecretOptions = Readonly<{
  title: string;
  /** What the secret is called: `key`. */
  noun: string;
  /** `null` if it was shown before. */
  secret: string | null;
  /** What to know about it. */
  more: Fragment;
  trail: readonly NavItem[];
  /** The page to go to next. */
  next: NavItem;
}>;

export function secretPage({ title, noun, secret, more, trail, next }: SecretOptions): Page {
  return {
    title,
    trail,
    body: html`${
      secret === null
        ? note("warn", `This form was sent before. Only its first answer shows the ${noun}.`)
        : html`${note("good", html`Copy the ${noun} now. It is shown once. ${more}`)}<code class="secret">${secret}</code>`
    }
<p><a class="button outline" href="${next.path}">${next.label}</a></p>`,
  };
}
