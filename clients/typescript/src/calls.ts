/** The types of calls: their paths, inputs and answers, from the OpenAPI document. */
import type { paths } from "./openapi.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";

export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Readonly<Record<M, object>> ? P : never;
}[keyof paths];

export type CallOptions = Readonly<{
  /** 1 to 255 visible ASCII characters. Without one, the client makes one for each call. */
  idempotencyKey?: string | undefined;
  /** Ends the call, retries included. */
  signal?: AbortSignal | undefined;
}>;

type Operation<P extends keyof paths, M extends Method> = paths[P][M];

type Parameters<O> = O extends { parameters: infer All }
  ? Pick<All, keyof All & ("path" | "query")>
  : unknown;

type Content<T> = Readonly<{ content: Readonly<{ "application/json": T }> }>;

type Body<O> = O extends { requestBody: Content<infer T> }
  ? { body: T }
  : O extends { requestBody?: Content<infer T> }
    ? { body?: T }
    : { body?: never };

/** `Dry` is inferred from the query, so that the type of the answer can depend on it. */
type Init<O, Dry> = Parameters<O> & Body<O> & CallOptions & { query?: { dry_run?: Dry } };

type Json<Response> = Response extends Content<infer T> ? T : undefined;

type Answer<O> = O extends { responses: infer All } ? Json<All[keyof All]> : never;

/** Only the answers to dry runs have no id. */
type WithId<T> = Extract<T, { id: string }> extends never ? T : Extract<T, { id: string }>;

type Optional<T> = Record<never, never> extends T ? [init?: T] : [init: T];

/** @throws DaybookError for any answer without success, and if there was none; the reason of `signal` */
export type Call<M extends Method> = <P extends PathOf<M>, Dry extends "true" | "false" = "false">(
  path: P,
  ...init: Optional<Init<Operation<P, M>, Dry>>
) => Promise<Dry extends "true" ? Answer<Operation<P, M>> : WithId<Answer<Operation<P, M>>>>;

type Page<T> = Readonly<{ data: readonly T[]; next_cursor: string | null }>;

/** Some lists have other forms besides, which have no cursor. */
type PageOf<P extends PathOf<"get">> = Extract<Answer<Operation<P, "get">>, Page<unknown>>;

/** The routes that answer with pages. */
export type ListPath = { [P in PathOf<"get">]: PageOf<P> extends never ? never : P }[PathOf<"get">];

export type ItemOf<P extends ListPath> = PageOf<P> extends Page<infer T> ? T : never;

export type ListInit<P extends ListPath> = Optional<
  Parameters<Operation<P, "get">> & Readonly<{ signal?: AbortSignal | undefined }>
>;
