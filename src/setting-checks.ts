/** Checks of the texts of settings. */
import { parseTrustedProxies } from "./trusted-proxies.ts";

export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

export function isTrustedProxies(text: string): boolean {
  try {
    parseTrustedProxies(text);
    return true;
  } catch {
    return false;
  }
}

export function isDatabaseUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && /^\/\w+$/.test(url.pathname) && url.search === "";
}

export function isBaseUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  return url.search === "" && url.hash === "" && url.username === "" && url.password === "";
}

/** Whether it is an origin in the form that browsers send. */
export function isOrigin(text: string): boolean {
  return isBaseUrl(text) && URL.parse(text)?.origin === text;
}
