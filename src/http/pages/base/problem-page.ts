/** Problems as pages, for people. */
import type { Call, HttpAnswer } from "../../call.ts";
import { PROBLEMS, type ProblemCode } from "../../problem.ts";
import { note } from "./blocks.ts";
import { hidden } from "./forms.ts";
import { html } from "./html.ts";
import { pageAnswer } from "./layout.ts";

type Body = Readonly<{ code: ProblemCode; detail: string; retryable: boolean }>;

/** The page that shows the problem of an answer. */
export function problemPage(call: Call, problem: HttpAnswer<string>): HttpAnswer<string> {
  const { code, detail, retryable } = JSON.parse(problem.body) as Body;
  const page = pageAnswer(call, {
    title: PROBLEMS[code].title.replace(/\.$/, ""),
    status: problem.status,
    body: html`${note("bad", detail)}
${retryable && call.unsent !== undefined && html`<form method="post">${hidden(call.unsent)}<button>Send again</button></form>`}
<p>${retryable ? "The same may succeed later." : "Repeating it does not help until something changes."}
Status ${problem.status}, <a href="/problems/${code}">${code}</a>, request ${call.requestId}.</p>
<p><a class="button outline" href="/">To the first page</a></p>`,
  });
  const { "Retry-After": retryAfter } = problem.headers;
  if (retryAfter !== undefined) page.headers["Retry-After"] = retryAfter;
  return page;
}
