/** Reads a stream of server-sent events (the HTML standard, 9.2). */

/** What a blank line ends. Heartbeats have no data, and may have an id. */
export type Message = Readonly<{ id: string | undefined; data: string | undefined }>;

/** Far above one message of the server. */
const MESSAGE_CHARACTERS_MAX = 16 * 1024 * 1024;

/**
 * Splits text that arrives in pieces into messages. A stream may end its lines with CR, LF or both, and a piece may end
 * anywhere.
 */
export class MessageReader {
  #rest = "";
  #lines: string[] = [];
  #characters = 0;

  /** @throws Error for a message without an end */
  read(text: string): readonly Message[] {
    const messages: Message[] = [];
    const all = this.#rest + text;
    // A CR at the end may be half of a line's end.
    const end = Math.max(all.lastIndexOf("\n"), all.lastIndexOf("\r", all.length - 2)) + 1;
    this.#rest = all.slice(end);
    this.#characters += text.length;
    for (const line of all
      .slice(0, end)
      .split(/\r\n|\r|\n/)
      .slice(0, -1)) {
      if (line !== "") this.#lines.push(line);
      else {
        if (this.#lines.length > 0) messages.push(messageOf(this.#lines));
        this.#lines = [];
        this.#characters = this.#rest.length;
      }
    }
    if (this.#characters > MESSAGE_CHARACTERS_MAX)
      throw new Error("the server sent a message without an end");
    return messages;
  }
}

function messageOf(lines: readonly string[]): Message {
  const values = (name: string) =>
    lines.flatMap((line) =>
      line.startsWith(`${name}:`) ? [line.slice(name.length + 1).replace(/^ /, "")] : [],
    );
  const data = values("data");
  return { id: values("id").at(-1), data: data.length === 0 ? undefined : data.join("\n") };
}
