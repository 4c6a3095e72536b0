/** A client of one Daybook server, with one key. */
import createClient, { type Client } from "openapi-fetch";
import type { Call, CallOptions, ItemOf, ListInit, ListPath, Method } from "./calls.ts";
import { type EventsOptions, type FeedEvent, followEvents } from "./event-stream.ts";
import { idempotencyKeys, KEY_HEADER } from "./idempotency-keys.ts";
import type { paths } from "./openapi.ts";
import { cursorParameter, type PageOf, pagesOf } from "./pages.ts";
import { type Fetch, RETRY_POLICY, type RetryPolicy, retryingFetch } from "./retrying-fetch.ts";

export type DaybookOptions = Readonly<{
  /** Where the server is, without `/v1`. In a browser it may be empty: the page's own server. */
  url: string;
  /** An API key, or the token of a wallet user's session. A function is asked before each try. */
  key?: string | (() => string | Promise<string>) | undefined;
  /** What differs from the default policy. */
  retry?: Partial<RetryPolicy> | undefined;
  /** Instead of the global `fetch`. */
  fetch?: Fetch | undefined;
}>;

export type Daybook = Readonly<{
  get: Call<"get">;
  post: Call<"post">;
  put: Call<"put">;
  patch: Call<"patch">;
  delete: Call<"delete">;
  /** All items of a list. */
  items<P extends ListPath>(path: P, ...init: ListInit<P>): AsyncGenerator<ItemOf<P>, void, undefined>;
  /** The same, page by page. Pages may be empty. */
  pages<P extends ListPath>(
    path: P,
    ...init: ListInit<P>
  ): AsyncGenerator<readonly ItemOf<P>[], void, undefined>;
  /**
   * Follows the events, each once and in their order, from now on or after `after`. Reconnects as long as it takes, until
   * `signal` is aborted, which ends the iteration.
   *
   * @throws DaybookError the server refuses the request: for example `forbidden`, or `events_expired` if the events after
   *   `after` are not kept any more
   */
  events(options?: EventsOptions): AsyncGenerator<FeedEvent, void, undefined>;
  /** The client underneath, with the same keys, retries and errors: for headers, and answers other than JSON. */
  raw: Client<paths>;
}>;

type AnyInit = CallOptions & Readonly<{ path?: unknown; query?: object; body?: unknown }>;
/** The types of `Call` and `ListPath` check what goes through it. */
type Untyped = (path: string, init: object) => Promise<{ data?: unknown }>;

export function createDaybook({ url, key, retry, fetch: given }: DaybookOptions): Daybook {
  const send = withKey(given ?? ((request) => fetch(request)), key);
  const baseUrl = url.replace(/\/+$/, "");
  const raw = createClient<paths>({
    baseUrl,
    fetch: retryingFetch(send, { ...RETRY_POLICY, ...retry }),
    pathSerializer: filledPath,
  });
  raw.use(idempotencyKeys);
  const call = (method: Method) => {
    const untyped = raw[method.toUpperCase() as Uppercase<Method>] as unknown as Untyped;
    return async (path: string, { path: values, query, body, idempotencyKey, signal }: AnyInit = {}) => {
      const headers = { [KEY_HEADER]: idempotencyKey };
      return (await untyped(path, { params: { path: values, query }, body, headers, signal })).data;
    };
  };
  const get = call("get");
  const pages = <P extends ListPath>(path: P, init: AnyInit = {}) =>
    pagesOf<P>(async (cursor) => {
      const query = cursor === undefined ? {} : { [cursorParameter(path)]: cursor };
      return (await get(path, { ...init, query: { ...init.query, ...query } })) as PageOf<ItemOf<P>>;
    });
  return {
    get: get as Call<"get">,
    post: call("post") as Call<"post">,
    put: call("put") as Call<"put">,
    patch: call("patch") as Call<"patch">,
    delete: call("delete") as Call<"delete">,
    pages: (path, ...[init]) => pages(path, init as AnyInit),
    async *items(path, ...[init]) {
      for await (const page of pages(path, init as AnyInit)) yield* page;
    },
    events: (options = {}) => followEvents(send, baseUrl, options),
    raw,
  };
}

function withKey(send: Fetch, key: DaybookOptions["key"]): Fetch {
  if (key === undefined) return send;
  return async (request) => {
    request.headers.set("Authorization", `Bearer ${typeof key === "string" ? key : await key()}`);
    return send(request);
  };
}

/** @throws TypeError for a value that URLs cannot carry: a browser or Node.js would send the request elsewhere */
function filledPath(path: string, values: Readonly<Record<string, unknown>>): string {
  return path.replace(/\{([^{}]+)\}/g, (_, name: string) => {
    const value = String((values as Record<string, string | number | undefined>)[name] ?? "");
    if (/^\.{0,2}$/.test(value)) throw new TypeError(`${name} must not be "${value}"`);
    return encodeURIComponent(value);
  });
}
