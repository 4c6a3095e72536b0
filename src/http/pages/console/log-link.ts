/** Links to positions in the log. */
import type { BatchPosition } from "../../../archive/queries/query.ts";
import { type Html, html } from "../base/html.ts";

export function positionLink({ shard, epoch, seq }: BatchPosition): Html {
  return html`<a class="mono" href="/console/log/${shard}:${epoch}-${seq}">${shard}:${epoch}-${seq}</a>`;
}

const POSITION = /^(\d{1,5}):(\d{1,15})-(\d{1,15})$/;

/** `<shard>:<epoch>-<seq>`; `undefined` for another text. */
export function positionOf(text: string): BatchPosition | undefined {
  const [, shard, epoch, seq] = POSITION.exec(text.trim()) ?? [];
  return shard === undefined ? undefined : { shard: Number(shard), epoch: Number(epoch), seq: Number(seq) };
}
