/** The partner whose accounts or transfers a page of the console shows. */
import type { Directory } from "../../../gateway/ports.ts";
import { Problem } from "../../problem.ts";
import { type Field, field } from "../base/forms.ts";
import type { Html } from "../base/html.ts";

/** Choices in a list; partners beyond them are reached from the list of partners. */
const CHOICES_MAX = 500;

/** The chosen partner, or the first one; `undefined` if there is none. @throws Problem 404 */
export function chosenPartner(directory: Directory, chosen: string | undefined): string | undefined {
  if (chosen === undefined || chosen === "") return sortedIds(directory)[0];
  return knownPartner(directory, chosen);
}

/** @throws Problem 404 */
export function knownPartner(directory: Directory, id: string): string {
  if (directory.partner(id) === undefined)
    throw new Problem("partner_not_found", `There is no partner ${id}.`);
  return id;
}

export function partnerField(directory: Directory, value: string | undefined, all?: string): Html {
  const ids = sortedIds(directory).slice(0, CHOICES_MAX);
  const shown = value === undefined || value === "" || ids.includes(value) ? ids : [value, ...ids];
  const choices = shown.map((id) => ({ value: id, label: id }));
  const options: Field = {
    name: "partner",
    label: "Partner",
    value,
    isOptional: true,
    choices: all === undefined ? choices : [{ value: "", label: all }, ...choices],
  };
  return field({ ...options, isBare: true });
}

export function sortedIds(directory: Directory): readonly string[] {
  return directory
    .partners()
    .map(({ id }) => id)
    .toSorted();
}
