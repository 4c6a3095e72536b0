/** Which errors count as exhausted resources. */
import { expect, test } from "vitest";
import { isExhaustion } from "../../src/errors/exhaustion.ts";

const coded = (code: string | number, name = "code") => Object.assign(new Error("no"), { [name]: code });

test.each([
  ["no file descriptor", coded("EMFILE")],
  ["none in the whole system", coded("ENFILE")],
  ["no memory", coded("ENOMEM")],
  ["a full disk", coded("ENOSPC")],
  ["no process", coded("EAGAIN")],
  ["a thread that could not begin", new Error("Worker initialization failure: EMFILE")],
  ["an error that has lost its code with its thread", new Error("EMFILE: too many open files, open '/x'")],
  ["SQLite: it can open no file", coded(14, "errcode")],
  ["SQLite: a full disk", coded(13, "errcode")],
  ["SQLite: no room for its shared memory", coded(4874, "errcode")],
  ["what it has led to", new Error("the log cannot be opened", { cause: coded("EMFILE") })],
])("%s is one", (_, error) => {
  expect(isExhaustion(error)).toBe(true);
});

test.each([
  ["a bug", new TypeError("x is not a function")],
  ["a broken rule", new Error("the account EMFILE: has no owner")],
  ["SQLite: a damaged file", coded(11, "errcode")],
  ["SQLite: a disk that cannot be read", coded(266, "errcode")],
  ["a file that is not there", coded("ENOENT")],
  ["no error at all", "EMFILE"],
])("%s is none", (_, error) => {
  expect(isExhaustion(error)).toBe(false);
});
