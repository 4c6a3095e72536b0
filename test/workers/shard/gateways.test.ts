import { expect, test } from "vitest";
import type { Fact } from "../../../src/actors/records/command.ts";
import { decode } from "../../../src/actors/records/pack.ts";
import type { Channel } from "../../../src/workers/channels/channel.ts";
import { Gateways } from "../../../src/workers/shard/gateways.ts";
import { TO_GATEWAY, type ToGateway } from "../../../src/workers/shard/messages.ts";

const REVOKED: readonly Fact[] = [{ fact: "key_revoked", keyId: "k" }];
const REPLIES: ToGateway = [TO_GATEWAY.replies, 1, 1, 5, [[7, null]]];

type Told = Readonly<{ channel: Channel; messages: ToGateway[] }>;

function attach(gateways: Gateways, gateway: number, follows = false): Told {
  const messages: ToGateway[] = [];
  const channel = { post: (bytes: Uint8Array) => messages.push(decode(bytes) as ToGateway), close: () => {} };
  gateways.attach(gateway, channel, follows);
  return { channel, messages };
}

/** Confirms all facts sent to this gateway. */
function confirm(gateways: Gateways, gateway: number, { messages }: Told): void {
  for (const [kind, no] of messages) if (kind === TO_GATEWAY.facts) gateways.confirmed(gateway, no);
}

function started() {
  const gateways = new Gateways();
  const [one, two] = [attach(gateways, 0), attach(gateways, 1)];
  for (const gateway of gateways.numbers) gateways.welcome(gateway, []);
  confirm(gateways, 0, one);
  confirm(gateways, 1, two);
  return { gateways, one, two };
}

test("a broadcast is complete when every gateway has confirmed it", () => {
  const { gateways, one, two } = started();
  let known = false;
  gateways.tell(REVOKED, () => {
    known = true;
  });
  confirm(gateways, 0, one);
  expect(known).toBe(false);
  confirm(gateways, 1, two);
  expect(known).toBe(true);
});

test("a shard does not wait for an ended gateway, and sends its replies to no other gateway", () => {
  const { gateways, one, two } = started();
  let known = false;
  gateways.tell(REVOKED, () => {
    known = true;
  });
  confirm(gateways, 0, one);
  gateways.remove(1);
  expect(known).toBe(true);
  const next = attach(gateways, 2);
  gateways.send(1, REPLIES);
  expect([...two.messages, ...next.messages]).not.toContainEqual(REPLIES);
});

test("a shard waits for a gateway with a broken channel until it has confirmed all facts over a new channel", () => {
  const { gateways, one, two } = started();
  const known: string[] = [];
  gateways.tell(REVOKED, () => known.push("told before"));
  confirm(gateways, 0, one);
  gateways.detach(1, two.channel);
  gateways.tell(REVOKED, () => known.push("told meanwhile"));
  confirm(gateways, 0, one);
  expect(known, "it may live on, and take the key that is revoked").toEqual([]);
  const again = attach(gateways, 1);
  gateways.welcome(1, REVOKED);
  expect(again.messages[0]).toEqual([TO_GATEWAY.welcome, REVOKED]);
  expect(known).toEqual([]);
  confirm(gateways, 1, again);
  expect(known).toEqual(["told before", "told meanwhile"]);
});

test("facts lost with a replaced channel are sent again over the new one", () => {
  const { gateways, one } = started();
  let known = false;
  gateways.tell(REVOKED, () => {
    known = true;
  });
  confirm(gateways, 0, one);
  const again = attach(gateways, 1);
  gateways.welcome(1, REVOKED);
  confirm(gateways, 1, again);
  expect(known).toBe(true);
});

test("a starting shard reports no outcome before all gateways have its facts", () => {
  const gateways = new Gateways();
  const [one, two] = [attach(gateways, 0), attach(gateways, 1)];
  gateways.welcome(0, REVOKED);
  confirm(gateways, 0, one);
  gateways.tell([], () => gateways.send(0, REPLIES));
  confirm(gateways, 0, one);
  gateways.welcome(1, REVOKED);
  expect(two.messages[0]).toEqual([TO_GATEWAY.welcome, REVOKED]);
  expect(one.messages).not.toContainEqual(REPLIES);
  confirm(gateways, 1, two);
  expect(one.messages).toContainEqual(REPLIES);
});

test("a confirmation over a new channel before the welcome does not count for facts that were missed", () => {
  const { gateways, one, two } = started();
  let known = false;
  gateways.tell(REVOKED, () => {});
  confirm(gateways, 0, one);
  gateways.detach(1, two.channel);
  const again = attach(gateways, 1);
  // As for a retry of the revocation, while the welcome waits for a batch.
  gateways.tell([], () => {
    known = true;
  });
  confirm(gateways, 0, one);
  confirm(gateways, 1, again);
  expect(known).toBe(false);
  gateways.welcome(1, REVOKED);
  confirm(gateways, 1, again);
  expect(known).toBe(true);
});

test("a gateway that connects while the log does not answer is informed of that", () => {
  const { gateways } = started();
  gateways.setAvailable(false);
  const again = attach(gateways, 1);
  gateways.welcome(1, []);
  expect(again.messages.slice(0, 2)).toEqual([
    [TO_GATEWAY.welcome, []],
    [TO_GATEWAY.available, false],
  ]);
});

test("a follower learns every broadcast, and none waits for it", () => {
  const { gateways, one, two } = started();
  const follower = attach(gateways, 9, true);
  gateways.welcome(9, []);
  let known = false;
  gateways.tell(REVOKED, () => {
    known = true;
  });
  confirm(gateways, 0, one);
  confirm(gateways, 1, two);
  expect(known).toBe(true);
  expect(follower.messages.at(-1)).toEqual([TO_GATEWAY.facts, expect.any(Number), REVOKED]);
});
