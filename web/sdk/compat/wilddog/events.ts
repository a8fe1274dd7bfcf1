// Wilddog's `on` and `off`: names in both spellings, and states that are told to who listens late.

type Handler = (...values: never[]) => void;

/** `streamAdded` became `stream_added` in its v0.5; the seeds print both. */
const plain = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export class WilddogEvents {
  readonly #handlers = new Map<string, Set<Handler>>();
  /** What holds by now: by event, the arguments of each time that a late listener must still hear. */
  readonly #held = new Map<string, unknown[][]>();

  on(name: string, handler: Handler): this {
    const key = plain(name);
    const set = this.#handlers.get(key) ?? new Set();
    this.#handlers.set(key, set.add(handler));
    for (const values of this.#held.get(key) ?? []) queueMicrotask(() => set.has(handler) && handler(...(values as never[])));
    return this;
  }

  off(name: string, handler?: Handler): this {
    if (handler) this.#handlers.get(plain(name))?.delete(handler);
    else this.#handlers.delete(plain(name));
    return this;
  }

  once(name: string, handler: Handler): this {
    const wrapped: Handler = (...values) => {
      this.off(name, wrapped);
      handler(...values);
    };
    return this.on(name, wrapped);
  }

  protected fire(name: string, ...values: unknown[]): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) handler(...(values as never[]));
  }

  /** Fires, and remembers. */
  protected hold(name: string, ...values: unknown[]): void {
    this.#held.set(name, [...(this.#held.get(name) ?? []), values]);
    this.fire(name, ...values);
  }

  /** What began no longer holds. */
  protected release(name: string, first?: unknown): void {
    const left = (this.#held.get(name) ?? []).filter(([value]) => first !== undefined && value !== first);
    this.#held.set(name, left);
  }
}
