/** `/wallet/password`: a new password for somebody who is logged in. */
import { check } from "../../input/validation.ts";
import type { Problem } from "../../problem.ts";
import { changePassword, PasswordChange } from "../../programmes/wallet/users.ts";
import { acceptedOrThrow } from "../../write-answers.ts";
import { problemNote, tryForm } from "../base/form-attempt.ts";
import { errorOf, field } from "../base/forms.ts";
import { html } from "../base/html.ts";
import type { Page } from "../base/layout.ts";
import { WALLET_AREA, type WalletPageDeps, type WalletPages } from "./area.ts";

const PATH = "/wallet/password";

export function addPasswordPages(pages: WalletPages, deps: WalletPageDeps): void {
  pages.page({ path: PATH }, () => passwordPage());
  pages.action({ path: PATH }, ({ request, session }) =>
    tryForm(
      request,
      async (fields) => {
        acceptedOrThrow((await changePassword(deps, request, session, check(PasswordChange, fields))).answer);
        return `${WALLET_AREA.login}?done=password`;
      },
      (_, problem) => passwordPage(problem),
    ),
  );
}

function passwordPage(problem?: Problem): Page {
  return {
    title: "Password",
    body: html`${problemNote(problem)}
<p>A new password ends all sessions, also those on other devices.</p>
<form method="post" action="${PATH}" class="stack">
${field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", error: errorOf(problem, "password") })}
${field({ name: "new_password", label: "New password", type: "password", autocomplete: "new-password", hint: "At least 8 characters.", error: errorOf(problem, "new_password") })}
<button>Change password</button>
</form>`,
  };
}
