// Events as Node's: `on`, `once`, `off`; what happened is told to who listens late.

type Handler = (value?: never) => void;

export class LeanCloudEvents {
  readonly #handlers = new Map<string, Set<Handler>>();
  readonly #held = new Map<string, unknown[]>();

  on(name: string, handler: Handler): this {
    const set = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, set.add(handler));
    for (const value of this.#held.get(name) ?? []) queueMicrotask(() => set.has(handler) && handler(value as never));
    return this;
  }

  once(name: string, handler: Handler): this {
    const wrapped: Handler = (value) => {
      this.off(name, wrapped);
      handler(value);
    };
    return this.on(name, wrapped);
  }

  off(name: string, handler?: Handler): this {
    if (handler) this.#handlers.get(name)?.delete(handler);
    else this.#handlers.delete(name);
    return this;
  }

  protected hold(name: string, value?: unknown): void {
    this.#held.set(name, [...(this.#held.get(name) ?? []), value]);
    this.fire(name, value);
  }

  protected fire(name: string, value?: unknown): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) handler(value as never);
  }

  /** What began no longer holds. */
  protected release(name: string, value: unknown): void {
    this.#held.set(name, (this.#held.get(name) ?? []).filter((one) => one !== value));
  }
}
