export const SECRET_PREFIX = "whsec_";

/** A webhook's secret in the form of Standard Webhooks. */
export function secretText(secret: Uint8Array): string {
  return SECRET_PREFIX + Buffer.from(secret).toString("base64");
}
