// The token that we show the server: one for good, or one that is fetched anew before it expires.
import { asError } from './problem.js';

/** A token, or what gives one: asked at the beginning, and again whenever the last one is about to expire, or was refused since it had. */
export type TokenSource = string | (() => string | Promise<string>);

/** So long before its end another one is asked for; of a short life it is the last quarter. */
const AHEAD_MS = 30_000;

export class Token {
  readonly #source: TokenSource | undefined;
  #current: string | undefined;
  #renewAt = Number.POSITIVE_INFINITY;
  #endsAt = Number.POSITIVE_INFINITY;
  /** Everybody who asks meanwhile waits for the same answer. */
  #asking: Promise<string> | undefined;

  constructor(source?: TokenSource) {
    this.#source = source;
    if (typeof source === 'string') this.#current = source;
  }

  /** Whether a token is shown at all; without one the server has to be told who we are. */
  get isUsed(): boolean {
    return this.#source !== undefined;
  }

  /** Whether another one can be had, which may take time. */
  get isRenewable(): boolean {
    return typeof this.#source === 'function';
  }

  /** As it was last; `undefined` where none is used, or none was given yet. */
  get current(): string | undefined {
    return this.#current;
  }

  /** The one to show now. One that holds a little longer is good enough while its successor is on the way. */
  async get(): Promise<string | undefined> {
    if (!this.isRenewable || (this.#current !== undefined && Date.now() < this.#renewAt)) return this.#current;
    const next = this.#ask();
    if (this.#current === undefined || Date.now() >= this.#endsAt) return next;
    // Whoever needs it asks again, and hears then what went wrong.
    next.catch(() => undefined);
    return this.#current;
  }

  /** The server would not have it: another, unless somebody else got that already. */
  async insteadOf(refused: string): Promise<string | undefined> {
    return this.isRenewable && this.#current === refused ? this.#ask() : this.#current;
  }

  #ask(): Promise<string> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #fetch(): Promise<string> {
    try {
      const token = typeof this.#source === 'function' ? await this.#source() : (this.#source ?? '');
      const [now, life] = [Date.now(), lifetime(token)];
      this.#current = token;
      this.#endsAt = now + life;
      this.#renewAt = now + life - Math.min(AHEAD_MS, life / 4);
      return token;
    } catch (error) {
      throw asError(error, 'token_unavailable');
    }
  }
}

/**
 * How long a token still holds, milliseconds, by `exp` (RFC 7519 §4.1.4). A clock of ours that says it is over already, or that it
 * holds for longer than from its `iat` on, is wrong: then it counts as new. Without an `exp` it holds until the server says otherwise.
 */
function lifetime(token: string): number {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const { exp, iat } = JSON.parse(atob(payload)) as { exp?: unknown; iat?: unknown };
    if (typeof exp !== 'number') return Number.POSITIVE_INFINITY;
    const left = exp * 1000 - Date.now();
    const whole = typeof iat === 'number' ? (exp - iat) * 1000 : Math.max(0, left);
    return left > 0 && left < whole ? left : whole;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
