/** The rules of the books once more, as plainly as possible and without a line of the ledger's: an oracle for tests. */
import type {
  Command,
  CreateAccount,
  SetAccountStatus,
  Transfer,
  UpdateAccount,
} from "../../src/actors/command.ts";

type Row = {
  asset: string;
  status: string;
  floor: number | null;
  ceiling: number | null;
  posted: bigint;
  seq: number;
};

const MAX = 2n ** 53n - 1n;

export class BookModel {
  readonly #rows = new Map<string, Row>();
  /** System accounts by partner, name, asset and owner of the other side. */
  readonly #slices = new Map<string, bigint>();

  /** `ok`, or the reason that takes precedence. */
  execute(command: Command): string {
    switch (command.op) {
      case "create_account":
        return this.#create(command);
      case "update_account":
        return this.#update(command);
      case "set_account_status":
        return this.#setStatus(command);
      case "transfer":
        return this.#transfer(command);
      default:
        throw new Error(`not in the model: ${command.op}`);
    }
  }

  *accounts(): Generator<[partner: string, id: string, posted: number, seq: number]> {
    for (const [key, { posted, seq }] of this.#rows) {
      const [partner = "", id = ""] = key.split(" ");
      yield [partner, id, Number(posted), seq];
    }
  }

  #create({ partner, id, asset, floor, ceiling }: CreateAccount): string {
    if (this.#rows.has(`${partner} ${id}`)) return "account_exists";
    if ((floor ?? 0) > 0 || (ceiling ?? 0) < 0) return "balance_conflict";
    this.#rows.set(`${partner} ${id}`, { asset, status: "open", floor, ceiling, posted: 0n, seq: 0 });
    return "ok";
  }

  #update({ partner, id, floor, ceiling }: UpdateAccount): string {
    const row = this.#rows.get(`${partner} ${id}`);
    if (row === undefined) return "account_not_found";
    if (row.status === "closed") return "account_closed";
    const changed = {
      ...row,
      ...(floor !== undefined && { floor }),
      ...(ceiling !== undefined && { ceiling }),
    };
    if (changed.floor !== null && row.posted < BigInt(changed.floor)) return "balance_conflict";
    if (changed.ceiling !== null && row.posted > BigInt(changed.ceiling)) return "balance_conflict";
    Object.assign(row, changed);
    return "ok";
  }

  #setStatus({ partner, id, action }: SetAccountStatus): string {
    const row = this.#rows.get(`${partner} ${id}`);
    if (row === undefined) return "account_not_found";
    if (action === "close") {
      if (row.posted !== 0n) return "account_not_empty";
      row.status = "closed";
      return "ok";
    }
    if (row.status === "closed") return "account_closed";
    row.status = action === "freeze" ? "frozen" : "open";
    return "ok";
  }

  #transfer({ partner, debit, credit, amount, vnode }: Transfer): string {
    if (debit === credit) return "same_account";
    const from = this.#rows.get(`${partner} ${debit}`);
    const to = this.#rows.get(`${partner} ${credit}`);
    if ((from === undefined && debit[0] !== "@") || (to === undefined && credit[0] !== "@"))
      return "account_not_found";
    const asset = from?.asset ?? to?.asset;
    if (asset === undefined || (to ?? { asset }).asset !== asset) return "asset_mismatch";
    if (from?.status === "closed" || to?.status === "closed") return "account_closed";
    if (from?.status === "frozen") return "account_frozen";
    const value = BigInt(amount);
    if (from && from.floor !== null && from.posted - value < BigInt(from.floor)) return "insufficient_funds";
    if (to && to.ceiling !== null && to.posted + value > BigInt(to.ceiling)) return "ceiling_exceeded";
    const slice = (name: string) => `${partner} ${name} ${asset} ${vnode}`;
    const fromPosted = (from?.posted ?? this.#slices.get(slice(debit)) ?? 0n) - value;
    const toPosted = (to?.posted ?? this.#slices.get(slice(credit)) ?? 0n) + value;
    if (fromPosted < -MAX || toPosted > MAX) return "balance_out_of_range";
    if (from) Object.assign(from, { posted: fromPosted, seq: from.seq + 1 });
    else this.#slices.set(slice(debit), fromPosted);
    if (to) Object.assign(to, { posted: toPosted, seq: to.seq + 1 });
    else this.#slices.set(slice(credit), toPosted);
    return "ok";
  }
}
