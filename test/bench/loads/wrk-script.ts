/**
 * The script for wrk. All requests are built before the clock starts. Only an idempotency key, which must be new each
 * time, is inserted between two prebuilt halves.
 */

/** As long as a UUID. The script replaces it by the key. */
const KEY_PLACE = "00000000-0000-4000-8000-000000000000";

export type WrkScript = Readonly<{
  method: "GET" | "POST";
  path: string;
  /** The path of each body; if empty, all use `path`. */
  paths: readonly string[];
  contentType: string;
  token: string;
  /** The offset and length of each body in the file. */
  bodiesFile: string;
  lengths: readonly number[];
  /** With keys: 8 hex digits that no other run uses. */
  keyTag: string | undefined;
}>;

export function wrkScript(script: WrkScript): string {
  const { method, path, paths, contentType, token, bodiesFile, lengths, keyTag } = script;
  const keyHeader = keyTag === undefined ? "" : `headers["Idempotency-Key"] = "${KEY_PLACE}"`;
  return `local lengths = {${lengths.join(",")}}
local paths = {${paths.map((each) => JSON.stringify(each)).join(",")}}
local heads, tails, count, turn = {}, {}, #lengths, 0
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init()
  local headers = {["Content-Type"] = "${contentType}", ["Authorization"] = "Bearer ${token}"}
  ${keyHeader}
  local file = assert(io.open("${bodiesFile}", "rb"))
  for i, length in ipairs(lengths) do
    local text = wrk.format("${method}", paths[i] or "${path}", headers, file:read(length))
    local from, to = text:find("${KEY_PLACE}", 1, true)
    if from == nil then
      heads[i] = text
    else
      heads[i], tails[i] = text:sub(1, from - 1), text:sub(to + 1)
    end
  end
  file:close()
end

function request()
  turn = turn + 1
  local i = turn % count + 1
  local tail = tails[i]
  if tail == nil then return heads[i] end
  return heads[i] .. string.format("${keyTag ?? ""}-%04x-4000-8000-%012x", number, turn) .. tail
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"p50_us":%d,"p99_us":%d}\\n',
    summary.requests, summary.duration, errors.status, errors.connect, errors.read, errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}
