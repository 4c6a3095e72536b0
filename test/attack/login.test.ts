/** Clients that guess passwords, or cause hashing, lock no one else out: over real sockets from several addresses. */
import { Agent, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestServer } from "../integration/programmes/test-server.ts";
import type { Answer } from "../support/server.ts";

const LOGIN = "/v1/wallet/login";
const SIGN_UP = "/v1/wallet/signup";
const PASSWORD = "correct horse battery";

function via(client: string): Readonly<Record<string, string>> {
  return { "X-Forwarded-For": client };
}

/** A client at a local address, with its own connections. */
class LoginClient {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(url: string, localAddress: string) {
    this.#url = url;
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64, localAddress });
  }

  post(path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(`${this.#url}${path}`, {
        method: "POST",
        agent: this.#agent,
        headers: { "Content-Type": "application/json", ...headers },
      });
      outgoing.on("error", reject).on("response", (incoming) => {
        const { statusCode: status = 0, headers: received } = incoming;
        const answered = (chunks: readonly string[]) =>
          resolve({ status, text: chunks.join(""), headers: received });
        incoming.setEncoding("utf8").toArray().then(answered, reject);
      });
      outgoing.end(JSON.stringify(body));
    });
  }

  login(email: string, password: string, headers?: Readonly<Record<string, string>>): Promise<Answer> {
    return this.post(LOGIN, { email, password }, headers);
  }

  close(): void {
    this.#agent.destroy();
  }
}

function statusesOf(answers: readonly Answer[]): Readonly<Record<string, number>> {
  const grouped = Object.groupBy(answers, ({ status }) => String(status));
  return Object.fromEntries(Object.entries(grouped).map(([status, all = []]) => [status, all.length]));
}

function cookieOf({ headers }: Answer): string {
  return String(headers["set-cookie"]).split(";")[0] ?? "";
}

function opened(settings: Readonly<Record<string, string>>): {
  clientAt: (address: string) => LoginClient;
  signUp: (address: string, email: string) => Promise<Answer>;
} {
  const house = new TestServer({ SHARDS: "1", ...settings });
  const all: LoginClient[] = [];
  beforeAll(() => house.open());
  afterAll(() => {
    for (const client of all) client.close();
    return house.close();
  });
  const clientAt = (address: string) => {
    const client = new LoginClient(house.server.url, address);
    all.push(client);
    return client;
  };
  const signUp = async (address: string, email: string) => {
    const made = await clientAt(address).post(SIGN_UP, { name: "x", email, password: PASSWORD });
    expect(made.status, made.text).toBe(201);
    return made;
  };
  return { clientAt, signUp };
}

describe.each(["1", "3"])("with %s gateways", (gateways) => {
  const { clientAt, signUp } = opened({ GATEWAYS: gateways });

  test("during logins of 64 connections with random e-mails, all logins of another client are answered", async () => {
    await signUp("127.0.0.2", "victim@example.com");
    const attack = { isOver: false, refusals: 0 };
    const attackers = Array.from({ length: 64 }, async (_, i) => {
      const attacker = clientAt("127.0.0.66");
      const answers: Answer[] = [];
      for (let attempt = 0; !attack.isOver || attack.refusals === 0; attempt++) {
        const answer = await attacker.login(`a${i}.${attempt}@example.com`, "wrong");
        if (answer.status === 429) attack.refusals += 1;
        answers.push(answer);
      }
      return answers;
    });
    const victim = clientAt("127.0.0.2");
    const answers: Answer[] = [];
    for (let attempt = 0; attempt < 20; attempt++)
      answers.push(await victim.login("victim@example.com", PASSWORD));
    attack.isOver = true;
    expect(statusesOf(answers)).toEqual({ 200: 20 });
    const attacked = statusesOf((await Promise.all(attackers)).flat());
    // One address may fail this often per minute, whatever the e-mails and gateways.
    expect(attacked["401"]).toBeLessThanOrEqual(100);
  });

  test("all gateways together allow ten failures; from another address, or on a known device, the user still logs in", async () => {
    const made = await signUp("127.0.0.3", "ann@example.com");
    // One connection each, so that the kernel spreads them over the gateways.
    const tries = Array.from({ length: 40 }, () => clientAt("127.0.0.4").login("ann@example.com", "wrong"));
    const answers = await Promise.all(tries);
    expect(statusesOf(answers)).toEqual({ 401: 10, 429: 30 });
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers).toMatchObject({
      "ratelimit-limit": "10",
      "ratelimit-remaining": "0",
      "ratelimit-reset": expect.stringMatching(/^\d+$/),
      "retry-after": expect.stringMatching(/^\d+$/),
    });
    const here = clientAt("127.0.0.4");
    expect((await here.login("ann@example.com", PASSWORD)).status).toBe(429);
    expect((await here.login("ann@example.com", PASSWORD, { Cookie: cookieOf(made) })).status).toBe(200);
    expect((await clientAt("127.0.0.5").login("ann@example.com", PASSWORD)).status).toBe(200);
    const other = cookieOf(await signUp("127.0.0.5", "eve@example.com"));
    expect((await here.login("ann@example.com", PASSWORD, { Cookie: other })).status).toBe(429);
  });

  test("a stolen session gives no additional attempts at the password", async () => {
    const cookie = cookieOf(await signUp("127.0.0.6", "bob@example.com"));
    const thief = () => clientAt("127.0.0.7");
    const tries = Array.from({ length: 15 }, (_, i) =>
      i % 2 === 0
        ? thief().login("bob@example.com", "wrong", { Cookie: cookie })
        : thief().post(
            "/v1/wallet/password",
            { password: "wrong", new_password: PASSWORD },
            { Cookie: cookie },
          ),
    );
    expect(statusesOf(await Promise.all(tries))).toEqual({ 401: 10, 429: 5 });
    expect((await clientAt("127.0.0.6").login("bob@example.com", PASSWORD)).status).toBe(200);
  });

  test("X-Forwarded-For is ignored", async () => {
    const tries = Array.from({ length: 12 }, (_, i) =>
      clientAt("127.0.0.8").login("cy@example.com", "wrong", { "X-Forwarded-For": `192.0.2.${i}` }),
    );
    expect(statusesOf(await Promise.all(tries))).toEqual({ 401: 10, 429: 2 });
  });
});

describe("behind a trusted proxy", () => {
  const { clientAt, signUp } = opened({ TRUST_PROXY: "127.0.0.8/31" });

  test("no client locks out another, and other peers' X-Forwarded-For is ignored", async () => {
    await signUp("127.0.0.2", "ann@example.com");
    const proxy = clientAt("127.0.0.9");
    const tries = Array.from({ length: 12 }, (_, i) =>
      proxy.login("ann@example.com", "wrong", via(`6.6.6.${i}, 192.0.2.66`)),
    );
    expect(statusesOf(await Promise.all(tries))).toEqual({ 401: 10, 429: 2 });
    expect((await proxy.login("ann@example.com", PASSWORD, via("192.0.2.7"))).status).toBe(200);
    const outside = Array.from({ length: 12 }, (_, i) =>
      clientAt("127.0.0.10").login("ann@example.com", "wrong", via(`192.0.2.${i}`)),
    );
    expect(statusesOf(await Promise.all(outside))).toEqual({ 401: 10, 429: 2 });
  });

  test("sign-ups are limited per address and hour, and another address still signs up", async () => {
    const body = { name: "x", email: "taken@example.com", password: PASSWORD };
    // All from one network, in parallel: most are refused for lack of a slot, and count nevertheless.
    const tries = Array.from({ length: 9 }, (_, i) => {
      const proxy = clientAt("127.0.0.9");
      return Array.from({ length: 64 }, (__, j) => proxy.post(SIGN_UP, body, via(`2001:db8::${i}:${j}`)));
    });
    const answers = await Promise.all(tries.flat());
    expect(answers.filter(({ status }) => status !== 429)).toHaveLength(500);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers).toMatchObject({ "ratelimit-limit": "500", "retry-after": expect.any(String) });
    const other = await clientAt("127.0.0.9").post(SIGN_UP, body, via("2001:db8:0:1::1"));
    expect(other.status).toBe(409);
  });
});
