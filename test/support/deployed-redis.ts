/** A Redis with the conf and the users of deploy/redis. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RedisServer, RedisServerOptions } from "./redis.ts";

const DEPLOY = new URL("../../deploy/redis/", import.meta.url);
const PASSWORDS = { daybook: "app-secret", operator: "operator-secret" } as const;

/** @param dir folder for the file of users, with passwords. */
export function deployedIn(dir: string): RedisServerOptions {
  const aclfile = join(dir, "users.acl");
  const acl = readFileSync(new URL("users.acl", DEPLOY), "utf8")
    .replace("@DAYBOOK_PASSWORD@", PASSWORDS.daybook)
    .replace("@OPERATOR_PASSWORD@", PASSWORDS.operator);
  writeFileSync(aclfile, acl);
  return {
    configFile: new URL("redis.conf", DEPLOY).pathname,
    settings: { aclfile, bind: "127.0.0.1" },
    login: { username: "operator", password: PASSWORDS.operator },
  };
}

/** A `WAL_URL` with the login of one of the two users. */
export function urlOf({ socket }: RedisServer, user: keyof typeof PASSWORDS): string {
  return `redis+unix://${user}:${PASSWORDS[user]}@localhost${socket}`;
}
