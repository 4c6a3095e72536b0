/** What a partner makes of its webhooks, as reads show it. */
import { expect, test } from "vitest";
import { imageOf } from "../../../../src/actors/ledger/image.ts";
import { factsOfAct } from "../../../../src/actors/programmes/programmes.ts";
import {
  askEndpoint,
  askWebhook,
  askWebhooks,
  SECRET_GRACE_MS,
  WEBHOOKS_OF_PARTNER_MAX,
  WEBHOOKS_SUBJECT,
  type WebhooksActs,
  type WebhookView,
  webhooksAct,
} from "../../../../src/actors/programmes/webhooks/acts.ts";
import { restored } from "../../ledger/copies.ts";
import { LedgerRun } from "../../ledger/ledger-run.ts";

const PARTNER = "acme";
const SETTINGS = { url: "https://a.example/", types: ["topup.completed"], description: "orders" } as const;

/** A ledger with webhooks. Accepted commands give their effect, refused ones code and subject. */
class WebhooksFixture {
  #drawn = 0;
  readonly #random = (bytes: number) => new Uint8Array(bytes).fill(++this.#drawn);
  readonly run = new LedgerRun(() => {}, this.#random);

  do<A extends keyof WebhooksActs>(act: A, fields: WebhooksActs[A]["fields"], partner = PARTNER): unknown {
    const built = webhooksAct(act, WEBHOOKS_SUBJECT, fields as never) as never;
    const { outcome } = this.run.do({ op: "act", partner, key: null, fingerprint: 0, act: built });
    if (!outcome.ok) return [outcome.code, outcome.subject];
    return "effect" in outcome ? outcome.effect : undefined;
  }

  create(settings: Partial<WebhookView> = {}): string {
    return (this.do("create_webhook", { ...SETTINGS, ...settings }) as { webhook: WebhookView }).webhook.id;
  }

  view(id: string, partner = PARTNER): WebhookView | null {
    return this.run.ask(partner, askWebhook(id));
  }

  listed(limit: number, before: Parameters<typeof askWebhooks>[0][1] = null) {
    return this.run.ask(PARTNER, askWebhooks([limit, before]));
  }

  restart(): void {
    this.run.ledger = restored([...imageOf(this.run.ledger.state)], this.#random);
  }
}

test("a webhook is enabled when it is made, with an id and a secret of its own", () => {
  const fixture = new WebhooksFixture();
  const id = `wh_${"02".repeat(12)}`;
  const webhook = { id, ...SETTINGS, enabled: true, createdAtMs: fixture.run.nowMs };
  const secret = `webhooks of acme: ${"03".repeat(32)}`;
  expect(fixture.do("create_webhook", SETTINGS)).toEqual({ webhook, secret });
  const progress = { version: 0, fromMs: fixture.run.nowMs, cursor: null, blocked: [] };
  fixture.restart();
  expect(fixture.view(id)).toEqual(webhook);
  expect(fixture.run.ask(PARTNER, askEndpoint(id))).toEqual({
    partner: PARTNER,
    webhook,
    secrets: [[secret, null]],
    progress,
    sends: [],
  });
  expect([
    fixture.view(id, "other"),
    fixture.view("none"),
    fixture.run.ask("other", askEndpoint(id)),
  ]).toEqual([null, null, null]);
});

test("a change replaces what it names and leaves the rest; a description is removed by null", () => {
  const fixture = new WebhooksFixture();
  const webhook = fixture.create();
  const changes = [
    [{ url: "https://b.example/" }, { url: "https://b.example/" }],
    [{ types: [] }, { types: [] }],
    [{ enabled: false }, { enabled: false }],
    [{ description: null }, { description: null }],
    [{ description: "shop" }, { description: "shop" }],
    [{ enabled: true }, { enabled: true }],
    [{}, {}],
  ] as const;
  let expected = fixture.view(webhook);
  for (const [change, shown] of changes) {
    expected = { ...(expected as WebhookView), ...shown };
    expect(fixture.do("update_webhook", { webhook, ...change })).toEqual({ webhook: expected });
    expect(fixture.view(webhook)).toEqual(expected);
  }
  expect(fixture.do("update_webhook", { webhook: "none", enabled: false })).toEqual([
    "webhook_not_found",
    "none",
  ]);
});

test("webhooks are listed in pages, newest first, without deleted ones", () => {
  const fixture = new WebhooksFixture();
  expect(fixture.listed(9)).toEqual({ rows: [], upTo: null });
  const [first = "", second = "", third = ""] = [1, 2, 3].map(() => {
    fixture.run.nowMs += 1;
    return fixture.create();
  });
  const ids = ({ rows }: ReturnType<typeof fixture.listed>) => rows.map(([, { id }]) => id);
  const page = fixture.listed(2);
  expect(ids(page)).toEqual([third, second]);
  expect(ids(fixture.listed(2, page.upTo))).toEqual([first]);
  expect(fixture.do("delete_webhook", { webhook: second })).toBeNull();
  expect(ids(fixture.listed(9))).toEqual([third, first]);
  fixture.do("delete_webhook", { webhook: first });
  fixture.do("delete_webhook", { webhook: third });
  expect([ids(fixture.listed(9)), fixture.view(third)]).toEqual([[], null]);
  expect(fixture.do("delete_webhook", { webhook: third })).toEqual(["webhook_not_found", third]);
});

test("gateways are told of every webhook when they start, and of each that changes", () => {
  const fixture = new WebhooksFixture();
  const ids = [fixture.create(), fixture.create()];
  const facts = ids.map((webhook) => ({ fact: "webhook", partner: PARTNER, webhook }));
  expect([...fixture.run.ledger.state.programmes.facts()]).toEqual(facts);
  const [webhook = ""] = ids;
  const created = webhooksAct("create_webhook", WEBHOOKS_SUBJECT, SETTINGS);
  const effect = { webhook: fixture.view(webhook), secret: "s" } as never;
  expect(factsOfAct(created, effect, PARTNER)).toEqual(facts.slice(0, 1));
  for (const act of ["sent", "progress"])
    expect(factsOfAct(Object.assign({ webhook }, created, { act }), null, PARTNER)).toEqual([]);
});

test("a replay begins at its time; the version tells a delivery that it has been overtaken", () => {
  const fixture = new WebhooksFixture();
  const webhook = fixture.create();
  const fromMs = fixture.run.nowMs - 5;
  expect(fixture.do("replay", { webhook, fromMs })).toEqual({ fromMs });
  expect(fixture.run.ask(PARTNER, askEndpoint(webhook))?.progress).toEqual({
    version: 1,
    fromMs,
    cursor: null,
    blocked: [],
  });
});

const held = (subject: string) => {
  const after = [1, 0, 1, 1, 0, 0] as const;
  return { subject, after, tries: 1, firstFailedMs: 1, retryAtMs: 2 };
};

test("the texts of a webhook and the subjects that it holds back take memory", () => {
  const fixture = new WebhooksFixture();
  const bytes = () => fixture.run.ledger.state.book(PARTNER).usage.bytes;
  const taken = (act: () => void) => {
    const before = bytes();
    act();
    return bytes() - before;
  };
  const plain = taken(() => fixture.create({ description: null }));
  const described = taken(() => fixture.create({ description: "0123456789" }));
  expect(described - plain).toBe(10);
  const webhook = fixture.create();
  expect(taken(() => fixture.do("update_webhook", { webhook, url: `${SETTINGS.url}1234` }))).toBe(4);
  const store = (version: number, subjects: readonly string[], unblocked: readonly string[] = []) =>
    fixture.do("progress", { webhook, version, cursor: null, blocked: subjects.map(held), unblocked });
  const one = taken(() => store(0, ["a"]));
  expect(one).toBeGreaterThan(100);
  expect(taken(() => store(1, ["a"]))).toBe(0);
  expect(taken(() => store(2, ["abc"], ["a", "none"]))).toBe(2);
});

test("a partner has up to 50 webhooks, and a secret that was replaced signs for a day", () => {
  expect([WEBHOOKS_OF_PARTNER_MAX, SECRET_GRACE_MS]).toEqual([50, 86_400_000]);
});
