/** What clients ask of segments: users come and go, and draws raise and lower the percentage. */

import { shardOfVnode, vnodeOfAccount } from "../../../src/actors/ledger/routing.ts";
import {
  addUsers,
  changeUser,
  createSegment,
  createUser,
  deleteSegment,
  lowerPercent,
  type MembershipExpiry,
  raisePercent,
  removeUsers,
} from "../../../src/actors/programmes/segments/acts.ts";
import type { Draw } from "../../../src/actors/programmes/segments/draw.ts";
import type { Gateway } from "../../../src/gateway/gateway.ts";
import type { Ledger } from "../../../src/gateway/ports.ts";
import { drawOf, emptyDraw } from "../../../src/http/programmes/segments/draws.ts";
import type { Random } from "../../support/random.ts";
import { question } from "../questions.ts";
import { askedOf } from "../workload.ts";
import { askAlone, type Keyed, type Tools } from "./asked-act.ts";

const SEGMENTS = 2;
const USERS = 24;

type Drawn = { generation: number; percent: number | null; isBusy: boolean };

export class SegmentWorkload {
  readonly #random: Random;
  readonly #shards: number;
  readonly #segments = new Map<string, Drawn>();

  constructor(random: Random, shards: number) {
    this.#random = random;
    this.#shards = shards;
  }

  act(tools: Tools): void {
    const random = this.#random;
    const { partner, nowMs } = tools;
    const slug = `seg${random.below(SEGMENTS)}`;
    const user = () => `u${random.below(USERS)}`;
    const until = (): MembershipExpiry =>
      random.oneOf([
        null,
        null,
        ["after", random.oneOf([20, 300, 2_000])],
        ["at", nowMs + random.below(900)],
      ]);
    const name = `${partner} ${slug}`;
    switch (random.below(14)) {
      case 0:
      case 1: {
        const draw = random.chance(0.3) ? emptyDraw(random.below(100)) : null;
        // A draw of nobody chooses by the range alone: it is a percentage of those who come later.
        return askAlone(tools, createSegment(slug, draw), (effect) => {
          const { generation } = effect as { generation: number };
          this.#segments.set(name, { generation, percent: draw?.percent ?? null, isBusy: false });
        });
      }
      case 2:
        if (random.chance(0.7)) return tools.done();
        this.#segments.delete(name);
        return askAlone(tools, deleteSegment(slug));
      case 3:
      case 4:
      case 5:
        return this.#changePercent(tools, name, slug);
      case 6:
      case 7:
        return askAlone(tools, createUser(user()));
      case 8: {
        const shard = random.below(this.#shards);
        const users = Array.from({ length: 1 + random.below(6) }, user).filter(
          (id) => this.#shardOf(partner, `user:${id}`) === shard,
        );
        const [first] = users;
        if (first === undefined) return tools.done();
        const vnode = vnodeOfAccount(partner, `user:${first}`);
        if (random.chance(0.3)) return askAlone(tools, removeUsers(slug, users, vnode));
        return askAlone(tools, addUsers(slug, users, until(), vnode));
      }
      default: {
        const add = random.chance(0.6) ? [[slug, until()] as const] : [];
        const remove = add.length === 0 || random.chance(0.2) ? [`seg${random.below(SEGMENTS)}`] : [];
        return askAlone(tools, changeUser(user(), { add, remove }));
      }
    }
  }

  /** One at a time for each segment: a draw counts on nobody being chosen between its survey and its record. */
  #changePercent(tools: Tools, name: string, slug: string): void {
    const drawn = this.#segments.get(name);
    if (drawn === undefined || drawn.isBusy) return tools.done();
    const { partner } = tools;
    const { percent: from } = drawn;
    const percent = 1 + this.#random.below(100);
    let draw: Draw | undefined;
    drawn.isBusy = true;
    const survey = question(
      `a draw of ${percent} % of ${slug}`,
      (gateway: Gateway) => drawOf(gateway as unknown as Ledger, partner, slug, percent, from),
      (told) => {
        draw = told;
      },
    );
    tools.ask(survey, () => {
      const isCurrent = this.#segments.get(name) === drawn;
      if (draw === undefined || !isCurrent) {
        drawn.isBusy = false;
        tools.done();
        return;
      }
      const change = percent < (from ?? 0) ? lowerPercent : raisePercent;
      const act = change(slug, drawn.generation, draw, from);
      const command = { ...askedOf(partner, tools.newKey()), op: "act", act } as Keyed;
      tools.insist(command, ({ outcome }) => {
        // Of one that was given up nobody knows: it stays busy for ever.
        if (outcome !== undefined) drawn.isBusy = false;
        if (outcome?.ok === true) drawn.percent = percent;
        tools.done();
      });
    });
  }

  #shardOf(partner: string, subject: string): number {
    return shardOfVnode(vnodeOfAccount(partner, subject), this.#shards);
  }
}
