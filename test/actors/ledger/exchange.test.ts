import { expect, test } from "vitest";
import { Exchange } from "../../../src/actors/ledger/exchange.ts";
import type { Credit } from "../../../src/actors/records/command.ts";

function message(messageSeq: number): Credit {
  const ids = {
    op: "credit",
    partner: "p",
    key: null,
    fingerprint: 0,
    id: `tr_${messageSeq}`,
    from: 0,
  } as const;
  const moved = { debit: "a", credit: "b", amount: 1, memo: null, metadata: null, occurredAtMs: null };
  return { ...ids, ...moved, no: messageSeq, createdAtMs: 0 };
}

/** Positions of the records that sent messages 1, 2, 3 and 4. */
const PLACES = [
  [1, 5, 0],
  [1, 5, 2],
  [1, 7, 1],
  [2, 1, 0],
].map(([epoch = 0, seq = 0, index = 0]) => ({ epoch, seq, index }));

function filled(): Exchange {
  const exchange = new Exchange();
  for (const [i, place] of PLACES.entries()) exchange.send(message(i + 1), place);
  return exchange;
}

test("messages are kept in order until acknowledged, and found by their sequence number", () => {
  const exchange = filled();
  expect([exchange.sent, exchange.forgotten, exchange.received]).toEqual([4, 0, 0]);
  expect(exchange.kept).toEqual(PLACES.map((place, i) => ({ message: message(i + 1), ...place })));
  exchange.forget(2);
  expect([exchange.sent, exchange.forgotten, exchange.kept.length]).toEqual([4, 2, 2]);
  expect([exchange.message(3).no, exchange.message(4).no]).toEqual([3, 4]);
  expect(() => exchange.message(2)).toThrow("I8");
  expect(() => exchange.message(5)).toThrow("I8");
  exchange.forget(2);
  for (const upTo of [1, 5]) expect(() => exchange.forget(upTo)).toThrow("I8");
  expect(() => exchange.send(message(4), { epoch: 2, seq: 2, index: 0 })).toThrow("without gaps");
  exchange.forget(4);
  exchange.send(message(5), { epoch: 2, seq: 2, index: 0 });
  expect(exchange.sent).toBe(5);
});

test("the sequence number of a kept message is found by the position of the record that sent it", () => {
  const exchange = filled();
  const numbers = () => PLACES.map((place) => exchange.messageSeqAt(place));
  expect(numbers()).toEqual([1, 2, 3, 4]);
  const others = [
    [0, 9, 9],
    [1, 5, 1],
    [1, 6, 0],
    [1, 7, 2],
    [2, 1, 1],
  ].map(([epoch = 0, seq = 0, index = 0]) => ({ epoch, seq, index }));
  for (const place of others) expect(exchange.messageSeqAt(place)).toBe(0);
  exchange.forget(3);
  expect(numbers()).toEqual([0, 0, 0, 4]);
  expect(new Exchange().messageSeqAt({ epoch: 1, seq: 1, index: 0 })).toBe(0);
});

test("each message is received once and in order, also after a restore from an image", () => {
  const exchange = new Exchange();
  exchange.restore(3, 7);
  expect([exchange.sent, exchange.forgotten, exchange.received]).toEqual([3, 3, 7]);
  for (const messageSeq of [7, 9]) expect(() => exchange.receive(messageSeq)).toThrow("I8");
  exchange.receive(8);
  expect(exchange.received).toBe(8);
  exchange.send(message(4), { epoch: 1, seq: 1, index: 0 });
  expect(exchange.message(4).no).toBe(4);
  expect(() => exchange.restore(0, 0)).toThrow("only a new exchange");
});
