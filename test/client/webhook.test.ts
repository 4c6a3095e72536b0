/** The client's verification of webhooks, against the library of Standard Webhooks and against a real server. */
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { verifyWebhook, type WebhookRequest } from "../../clients/typescript/src/index.ts";
import { until } from "../support/until.ts";
import { WebhookReceiver } from "../support/webhook-receiver.ts";
import { sharedWorld } from "./daybooks.ts";

const OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NOW_MS = Date.UTC(2026, 10, 20);
const BODY = '{"id":"ev_1","type":"transfer.posted","data":{"memo":"Grüße"}}';

function signed(secrets: readonly string[], atMs = NOW_MS, body = BODY): WebhookRequest {
  const at = new Date(atMs);
  return {
    headers: {
      "webhook-id": "ev_1",
      "webhook-timestamp": String(Math.floor(atMs / 1000)),
      "webhook-signature": secrets.map((secret) => new Webhook(secret).sign("ev_1", at, body)).join(" "),
    },
    body,
    secrets: [NEW],
    nowMs: NOW_MS,
  };
}

function withHeader(name: string, value: string | string[] | undefined): WebhookRequest {
  const request = signed([NEW]);
  return { ...request, headers: { ...(request.headers as Record<string, string>), [name]: value } };
}

test("what a secret has signed is accepted, as text, as bytes, and with Headers", async () => {
  const request = signed([NEW]);
  const event = JSON.parse(BODY) as object;
  expect(await verifyWebhook(request)).toEqual(event);
  expect(await verifyWebhook({ ...request, body: Buffer.from(BODY) })).toEqual(event);
  expect(
    await verifyWebhook({ ...request, headers: new Headers(request.headers as Record<string, string>) }),
  ).toEqual(event);
});

test("while a secret is exchanged, either side may be first", async () => {
  for (const [signers, secrets] of [
    [[OLD], [NEW, OLD]],
    [[OLD], [OLD, NEW]],
    [[NEW, OLD], [OLD]],
    [[OLD, NEW], [NEW]],
  ] as const)
    expect(await verifyWebhook({ ...signed(signers), secrets })).toMatchObject({ id: "ev_1" });
  await expect(verifyWebhook({ ...signed([OLD]), secrets: [NEW] })).rejects.toMatchObject({
    code: "wrong_signature",
  });
});

test("the time may differ by the tolerance, and by no more", async () => {
  for (const [offsetS, code] of [
    [-300, ""],
    [-301, "too_old"],
    [300, ""],
    [301, "too_new"],
  ] as const) {
    const verified = verifyWebhook(signed([NEW], NOW_MS + offsetS * 1000));
    if (code === "") await expect(verified).resolves.toBeDefined();
    else await expect(verified).rejects.toMatchObject({ name: "WebhookError", code });
  }
  const late = { ...signed([NEW], NOW_MS - 60_000), toleranceS: 10 };
  await expect(verifyWebhook(late)).rejects.toMatchObject({ code: "too_old" });
});

test.each([
  ["webhook-id", undefined, "header_missing"],
  ["webhook-id", ["ev_1", "ev_1"], "header_missing"],
  ["webhook-id", "ev_2", "wrong_signature"],
  ["webhook-timestamp", undefined, "header_missing"],
  ["webhook-timestamp", "soon", "header_missing"],
  ["webhook-timestamp", String(NOW_MS / 1000 + 1), "wrong_signature"],
  ["webhook-signature", "", "header_missing"],
  ["webhook-signature", "v1,", "wrong_signature"],
  ["webhook-signature", "v1,%%%", "wrong_signature"],
  ["webhook-signature", "v1a,AAAA", "wrong_signature"],
] as const)("%s %j is %s", async (name, value, code) => {
  const request = withHeader(name, typeof value === "object" ? [...value] : value);
  await expect(verifyWebhook(request)).rejects.toMatchObject({ code });
});

test("a secret that is none, and no secret at all, are the caller's mistake", async () => {
  for (const secrets of [[], [""], ["whsec_"], ["whsec_%%"], [NEW, "whsec_ü"]])
    await expect(verifyWebhook({ ...signed([NEW]), secrets })).rejects.toThrow(TypeError);
});

test("any other body or signature is refused", async () => {
  const request = signed([NEW]);
  const signature = (request.headers as Record<string, string>)["webhook-signature"] ?? "";
  const bytes = Buffer.from(signature.slice(3), "base64");
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bytes.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.nat(BODY.length - 1),
      async (at, flip, cut) => {
        const other = Uint8Array.from(bytes, (byte, index) => (index === at ? byte ^ flip : byte));
        const forged = withHeader("webhook-signature", `v1,${Buffer.from(other).toString("base64")}`);
        await expect(verifyWebhook(forged)).rejects.toMatchObject({ code: "wrong_signature" });
        const shorter = { ...request, body: BODY.slice(0, cut) };
        await expect(verifyWebhook(shorter)).rejects.toMatchObject({ code: "wrong_signature" });
      },
    ),
    { numRuns: 50 },
  );
});

const world = sharedWorld({ WEBHOOKS_ALLOW_PRIVATE: "true" });

test("a real server's webhooks are verified before, while and after its secret is rotated", async () => {
  const partner = await world.newPartner();
  const receiver = await WebhookReceiver.start();
  const { id, secret: first } = await partner.post("/v1/webhooks", { body: { url: receiver.url } });
  const next = async () => {
    const count = receiver.received.length;
    await partner.post("/v1/webhooks/{id}/test", { path: { id } });
    await until("it has come", () => receiver.received.length > count);
    const { headers = {}, body = "" } = receiver.received.at(-1) ?? {};
    return { headers, body };
  };
  expect(await verifyWebhook({ ...(await next()), secrets: [first ?? ""] })).toMatchObject({
    type: "webhook.test",
  });
  const { secret: second } = await partner.post("/v1/webhooks/{id}/rotate", { path: { id } });
  const rotated = await next();
  for (const secrets of [[first ?? ""], [second ?? ""], [NEW, second ?? ""]])
    expect(await verifyWebhook({ ...rotated, secrets })).toMatchObject({ subject: id });
  await expect(verifyWebhook({ ...rotated, secrets: [NEW] })).rejects.toMatchObject({
    code: "wrong_signature",
  });
});
