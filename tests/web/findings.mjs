// A validator's ledger: every rule that was looked at, how often, and where it did not hold.

/** Of a rule that never holds these many cases are told; the rest is counted. */
const MAX_TOLD = 10;

export class Findings {
  #rules = new Map();

  /** Notes one case of `rule`; `detail` says what was seen, and is kept when it does not hold. */
  check(rule, holds, detail) {
    const entry = this.#rules.get(rule) ?? { checked: 0, failed: 0, details: [] };
    this.#rules.set(rule, entry);
    entry.checked += 1;
    if (!holds) {
      entry.failed += 1;
      if (entry.details.length < MAX_TOLD) entry.details.push(detail);
    }
    return Boolean(holds);
  }

  /** Notes why a rule could not be looked at. */
  skip(rule, reason) {
    if (!this.#rules.has(rule)) this.#rules.set(rule, { checked: 0, failed: 0, details: [], skipped: reason });
  }

  get report() {
    return Object.fromEntries(this.#rules);
  }

  /** Sentences for everything that did not hold. */
  get faults() {
    return [...this.#rules].flatMap(([rule, { details, failed }]) => {
      const more = failed > details.length ? [`${rule}: and ${failed - details.length} more`] : [];
      return [...details.map((detail) => `${rule}: ${detail}`), ...more];
    });
  }
}
