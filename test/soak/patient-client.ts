/** The checker's client: it retries while the server is away, or its archive is behind. */
import { type Answer, Client } from "../support/client.ts";

const PAUSE_MS = 50;
const ANSWERED_MS_MAX = 120_000;

export class PatientClient extends Client {
  /** Rejects only if nothing but 503 comes for long. */
  override async send(...request: Parameters<Client["send"]>): Promise<Answer> {
    const endMs = performance.now() + ANSWERED_MS_MAX;
    for (;;) {
      const answer = await super.send(...request).catch((error: unknown) => String(error));
      if (typeof answer !== "string" && answer.status !== 503) return answer;
      if (performance.now() > endMs) {
        const [method, path] = request;
        throw new Error(`${method} ${path}: ${typeof answer === "string" ? answer : answer.text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
