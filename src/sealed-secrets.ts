/**
 * Encrypts the signing secrets that are stored in the log, in snapshots and in the archive, so that a copy of those cannot
 * sign anything. AES-256-GCM with the server's `SECRET_KEY`, which is stored elsewhere. The purpose of a secret is
 * authenticated with it, so it cannot be decrypted for another purpose.
 */
import { createCipheriv, createDecipheriv, hash, hkdfSync } from "node:crypto";

const CIPHER = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_LENGTH = 8;
/** `sealed:<version>:<id of the key>:<nonce, ciphertext and tag in base64url>`. */
const SEALED = /^sealed:1:([0-9a-f]{8}):([\w-]+)$/;
/** Earlier versions logged secrets unencrypted, as hex. */
const CLEAR = /^[0-9a-f]{64}$/;

type Random = (bytes: number) => Uint8Array;
type Seal = (secret: Uint8Array, purpose: string, random: Random) => string;
/** @returns the secret, or `undefined` if it was encrypted with another key or for another purpose, or was changed. */
export type OpenSecret = (stored: string, purpose: string) => Uint8Array | undefined;

/** @param secretKey the setting `SECRET_KEY`. */
export function sealerOf(secretKey: string): Seal {
  const key = keyOf(secretKey);
  const keyId = keyIdOf(key);
  return (secret, purpose, random) => {
    const nonce = random(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(purpose, "utf8"));
    const sealed = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    return `sealed:1:${keyId}:${sealed.toString("base64url")}`;
  };
}

/** @param secretKey the setting `SECRET_KEY`. */
export function openerOf(secretKey: string): OpenSecret {
  const key = keyOf(secretKey);
  const keyId = keyIdOf(key);
  return (stored, purpose) => {
    if (CLEAR.test(stored)) return Buffer.from(stored, "hex");
    const [, sealedKeyId, text = ""] = SEALED.exec(stored) ?? [];
    const sealed = Buffer.from(text, "base64url");
    if (sealedKeyId !== keyId || sealed.length <= NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(purpose, "utf8"))
      .setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
  };
}

function keyOf(secretKey: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secretKey, "", "daybook: secrets in the log", KEY_BYTES));
}

/** Identifies a key without revealing it. */
function keyIdOf(key: Uint8Array): string {
  return hash("sha256", key, "hex").slice(0, KEY_ID_LENGTH);
}
