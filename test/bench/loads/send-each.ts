/** Prepares a server: sends each request once, as fast as it answers. */
import { KeepAliveConnection, type PostTarget, postRequest } from "./keep-alive-connection.ts";

const CREATED = 201;
const SILENCE_MS_MAX = 60_000;

type Requests = Omit<PostTarget, "contentType"> &
  Readonly<{ connections: number; count: number; bodyOf: (i: number) => string }>;

/** @throws Error if an answer is not 201, if none comes for a minute, or if a connection breaks. */
export async function sendEach(requests: Requests): Promise<void> {
  const { url, connections, count, bodyOf } = requests;
  const target = { ...requests, contentType: "application/json" };
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const silence = setTimeout(() => reject(new Error("no answer came in time")), SILENCE_MS_MAX);
  let sent = 0;
  let answered = 0;
  const sendNext = (connection: KeepAliveConnection) => {
    if (sent === count) return;
    connection.send(sent, postRequest(target, Buffer.from(bodyOf(sent))));
    sent += 1;
  };
  const receive = (connection: KeepAliveConnection, status: number) => {
    if (status !== CREATED) return reject(new Error(`request ${connection.request}: ${status}`));
    silence.refresh();
    answered += 1;
    if (answered === count) resolve();
    else sendNext(connection);
  };
  const all: KeepAliveConnection[] = [];
  for (let i = 0; i < Math.min(connections, count); i++)
    all.push(await KeepAliveConnection.open(hostname, Number(port), receive));
  for (const connection of all) sendNext(connection);
  await promise.finally(() => {
    clearTimeout(silence);
    for (const connection of all) connection.close();
  });
}
