// Events with types, and with memory: who listens late is told at once what already holds.

type Handler<T> = (payload: T) => void;

/** Where `off` is given the same function, it takes it off again. */
export class Emitter<Events extends object> {
  readonly #handlers = new Map<keyof Events, Set<Handler<never>>>();

  on<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): this {
    let set = this.#handlers.get(name);
    if (!set) this.#handlers.set(name, (set = new Set()));
    set.add(handler);
    // Taken now and told after this turn: what happens in between is told by its own event, behind these.
    for (const payload of this.current(name)) {
      queueMicrotask(() => {
        if (this.#handlers.get(name)?.has(handler)) call(handler, payload);
      });
    }
    return this;
  }

  off<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): this {
    this.#handlers.get(name)?.delete(handler);
    return this;
  }

  once<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): this {
    const wrapped: Handler<Events[Name]> = (payload) => {
      this.off(name, wrapped);
      handler(payload);
    };
    return this.on(name, wrapped);
  }

  /** For the class that owns the events. */
  protected emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) call(handler as Handler<Events[Name]>, payload);
  }

  /** What a handler of `name` that comes now has missed and still holds. */
  protected current<Name extends keyof Events>(_name: Name): readonly Events[Name][] {
    return [];
  }
}

/** A handler that throws must not keep the others from hearing, nor the SDK from going on. */
function call<T>(handler: Handler<T>, payload: T): void {
  try {
    handler(payload);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
