/** Generators of random histories of ledger commands, with few names and small amounts so that commands interact. */
import fc from "fast-check";
import { homeVnodeOf } from "../../../src/actors/ledger/routing.ts";
import type { Command, CreateAccount, Limit } from "../../../src/actors/records/command.ts";

/** The next command, `afterMs` later. `which` selects the transfer that it is about: see `commandOf`. */
export type Step = Readonly<{ afterMs: number; command: Command; which: number }>;

/** Ids of the transfers created so far, and of those that were created as pending. */
export type Made = Readonly<{ all: readonly string[]; pending: readonly string[] }>;

/** With two shards, and with five, these accounts are on several shards. */
const ACCOUNTS = ["a", "a/2", "b", "d", "h"];
/** Id of a transfer that does not exist. */
const NO_TRANSFER = "tr_0019001";

/** True in one of `times` cases. */
const seldom = (times: number) => fc.nat({ max: times - 1 }).map((dice) => dice === 0);
/** Null in one of two cases. */
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 });

/** Usually `p`, which has accounts and transfers. */
const partner = seldom(20).map((isOther) => (isOther ? "q" : "p"));
const header = { partner, key: fc.constant(null), fingerprint: fc.constant(0) };
const details = { memo: fc.constant(null), metadata: fc.constant(null), occurredAtMs: fc.constant(null) };

const person = fc.oneof(
  { weight: 80, arbitrary: fc.constantFrom(...ACCOUNTS) },
  { weight: 1, arbitrary: fc.constant("none") },
);
const party = fc.oneof(
  { weight: 6, arbitrary: person },
  { weight: 1, arbitrary: fc.constantFrom("@x", "@y") },
);
/** Debit and credit account, seldom the same one. */
const parties = fc
  .tuple(party, party, party)
  .map(([debit, credit, other]) => ({ debit, credit: credit === debit ? other : credit }));
const small = fc.integer({ min: 1, max: 9 });
const amount = fc.oneof(
  { weight: 30, arbitrary: small },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 52, 2 ** 52 - 5, Number.MAX_SAFE_INTEGER) },
);
const onePosting = fc.tuple(parties, amount).map(([sides, of]) => [{ ...sides, amount: of }]);
const severalPostings = fc.array(
  fc.tuple(parties, small).map(([sides, of]) => ({ ...sides, amount: of })),
  { minLength: 2, maxLength: 5 },
);

const limit: fc.Arbitrary<Limit> = fc.record({
  windowS: fc.constantFrom(1, 2, 60),
  direction: fc.constantFrom("debit" as const, "credit" as const),
  maxAmount: orNull(fc.integer({ min: 0, max: 40 })),
  maxCount: orNull(fc.integer({ min: 0, max: 6 })),
});
const limits = fc
  .tuple(
    seldom(2),
    fc.uniqueArray(limit, { maxLength: 2, selector: ({ windowS, direction }) => `${windowS} ${direction}` }),
  )
  .map(([has, some]) => (has ? some : []));

const transfer = fc
  .tuple(fc.record({ ...header, ...details, op: fc.constant("transfer" as const), amount }), parties)
  .map(([plain, { debit, credit }]) => {
    return { ...plain, debit, credit, vnode: homeVnodeOf(plain.partner, debit, credit, null) };
  });

const compound = fc
  .record({
    ...header,
    ...details,
    op: fc.constant("compound_transfer" as const),
    postings: fc.oneof(onePosting, severalPostings),
    available: seldom(4),
    pending: fc.boolean(),
    // Above the time that commands without a pause take: a message is logged 1 ms after its cause.
    timeoutMs: orNull(fc.constantFrom(20, 40, 1000, 5000, 90_000)),
  })
  .map((shape) => {
    const [{ debit, credit } = { debit: "", credit: "" }] = shape.postings;
    const available = shape.available && shape.postings.length === 1 && !debit.startsWith("@");
    const vnode = homeVnodeOf(shape.partner, debit, credit, null);
    return { ...shape, available, timeoutMs: shape.pending ? shape.timeoutMs : null, vnode };
  });

const id = fc.constant(NO_TRANSFER);
const settled = fc.constant(null);
const post = fc.record({
  ...header,
  op: fc.constant("post_transfer" as const),
  id,
  amount: fc.option(fc.integer({ min: 1, max: 6 }), { nil: null, freq: 2 }),
  final: seldom(4),
  settled,
});
const end = fc.record({ ...header, op: fc.constant("void_transfer" as const), id, settled });
const revert = fc.record({
  ...header,
  op: fc.constant("revert_transfer" as const),
  id,
  original: fc.constant(null),
  vnode: fc.constant(0),
});

const create = fc.record({
  ...header,
  op: fc.constant("create_account" as const),
  id: fc.constantFrom(...ACCOUNTS),
  asset: seldom(12).map((isOther) => (isOther ? "USD/2" : "PTS/0")),
  floor: orNull(fc.integer({ min: -9, max: 1 })),
  ceiling: orNull(fc.integer({ min: -1, max: 90 })),
  metadata: fc.constant(null),
  limits,
});
const update = fc.record(
  {
    ...header,
    op: fc.constant("update_account" as const),
    id: person,
    floor: orNull(fc.integer({ min: -9, max: 9 })),
    ceiling: orNull(fc.integer({ min: 0, max: 60 })),
    limits,
    metadata: fc.constantFrom('{"a":"1"}', '{"a":null}', '{"b":"2"}'),
  },
  { requiredKeys: ["partner", "key", "fingerprint", "op", "id"] },
);
const status = fc.record({
  ...header,
  op: fc.constant("set_account_status" as const),
  id: person,
  action: fc.constantFrom("freeze" as const, "unfreeze" as const, "unfreeze" as const, "close" as const),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: transfer },
  { weight: 12, arbitrary: compound },
  { weight: 10, arbitrary: post },
  { weight: 3, arbitrary: end },
  { weight: 4, arbitrary: revert },
  { weight: 1, arbitrary: create },
  { weight: 2, arbitrary: update },
  { weight: 2, arbitrary: status },
);

/** Long enough at times for limit windows to slide and pending transfers to expire. */
const afterMs = fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 7, 7, 17, 17, 50, 250, 1000, 61_000);

const step: fc.Arbitrary<Step> = fc.record({ afterMs, command, which: fc.nat({ max: 7 }) });

/** Creates all accounts and funds most of them. */
const beginning: fc.Arbitrary<readonly Step[]> = fc
  .tuple(...ACCOUNTS.map((name) => fc.tuple(create, fc.integer({ min: 0, max: 30 }), fc.constant(name))))
  .map((accounts) =>
    accounts.flatMap(([made, funds, name]) => {
      const floor = made.floor === null ? null : Math.min(made.floor, 0);
      const account: CreateAccount = { ...made, partner: "p", id: name, floor };
      return [account, ...funding(name, funds)].map((each) => ({ afterMs: 0, command: each, which: 0 }));
    }),
  );

export const history: fc.Arbitrary<readonly Step[]> = fc
  .tuple(beginning, fc.array(step, { minLength: 30, maxLength: 80 }))
  .map(([first, then]) => [...first, ...then]);

function funding(credit: string, funds: number): readonly Command[] {
  if (funds === 0) return [];
  const [op, from, debit] = ["transfer", "p", "@x"] as const;
  const vnode = homeVnodeOf(from, debit, credit, null);
  const rest = { memo: null, metadata: null, occurredAtMs: null, vnode } as const;
  return [{ op, partner: from, key: null, fingerprint: 0, debit, credit, amount: funds, ...rest }];
}

/**
 * The command of a step with its transfer's id filled in. A low `which` selects one of the newest transfers, mostly of
 * those created as pending; the highest selects one that does not exist.
 */
export function commandOf({ command: given, which }: Step, { all, pending }: Made): Command {
  switch (given.op) {
    case "post_transfer":
    case "void_transfer":
      return { ...given, id: which < 6 ? newest(pending, which) : which < 7 ? newest(all, 0) : NO_TRANSFER };
    case "revert_transfer":
      return { ...given, id: which < 7 ? newest(all, which) : NO_TRANSFER };
    default:
      return given;
  }
}

function newest(ids: readonly string[], which: number): string {
  return ids.at(-1 - (which % Math.max(1, ids.length))) ?? NO_TRANSFER;
}
