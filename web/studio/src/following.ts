// Fields that follow what the server has, but for those that somebody has changed and not sent.

/** As an input or a select has it. */
export interface Field {
  value: string;
}

export class Following<Name extends string> {
  readonly #fields: Readonly<Record<Name, Field>>;
  /** What the server had last, as the fields show it. */
  readonly #known = new Map<Name, string>();

  constructor(fields: Readonly<Record<Name, Field>>) {
    this.#fields = fields;
    for (const name of this.#names()) this.#known.set(name, fields[name].value);
  }

  /** Whether one of these shows something that is not the server's. */
  differs(...names: Name[]): boolean {
    return names.some((name) => this.#fields[name].value !== this.#known.get(name));
  }

  /** What the server has now. A field that was changed here keeps what is in it; what is absent stays as it is. */
  take(values: Readonly<Partial<Record<Name, string>>>): void {
    for (const name of this.#names()) {
      const value = values[name];
      if (value === undefined) continue;
      const [field, changed] = [this.#fields[name], this.differs(name)];
      // Written only when it is another: that would move the cursor.
      if (!changed && field.value !== value) field.value = value;
      // A select shows nothing of what it cannot offer: nobody changed that.
      this.#known.set(name, changed ? value : field.value);
    }
  }

  #names(): Name[] {
    return Object.keys(this.#fields) as Name[];
  }
}
