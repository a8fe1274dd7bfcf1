// HTTP to the server: JSON, SDP, and problems turned into errors.
import { fromProblem, MeetingCastError } from './problem.js';
import { Token, type TokenSource } from './token.js';

export interface HttpAnswer {
  readonly text: string;
  readonly location: string | null;
}

export class Rest {
  readonly base: string;
  readonly token: Token;

  constructor(base: string, token?: TokenSource | Token) {
    this.base = base.replace(/\/+$/, '');
    this.token = token instanceof Token ? token : new Token(token);
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { text } = await this.send(method, path, body === undefined ? undefined : JSON.stringify(body), 'application/json');
    return (text ? JSON.parse(text) : null) as T;
  }

  /** `path` may be a whole URL, as a `Location` may be. */
  async send(method: string, path: string, body?: string | Blob, type?: string): Promise<HttpAnswer> {
    const url = new URL(path, `${this.base}/`);
    // A Location on another host must not be handed our token.
    const own = url.origin === new URL(this.base).origin;
    // A page that is being closed has no time to wait for another token before it hangs up.
    const token = own ? (this.token.isRenewable && method !== 'DELETE' ? await this.token.get() : this.token.current) : undefined;
    try {
      return await this.#send(method, url, body, type, token);
    } catch (error) {
      // Nothing was done: the server looks at the token first. So the same request may go out again, with a fresh one.
      if (!(error instanceof MeetingCastError) || error.code !== 'token_expired' || token === undefined) throw error;
      const fresh = await this.token.insteadOf(token);
      if (fresh === token) throw error;
      return this.#send(method, url, body, type, fresh);
    }
  }

  async #send(method: string, url: URL, body: string | Blob | undefined, type: string | undefined, token: string | undefined): Promise<HttpAnswer> {
    const headers: Record<string, string> = {};
    if (body !== undefined && type) headers['content-type'] = type;
    if (token) headers['authorization'] = `Bearer ${token}`;
    let response: Response;
    try {
      // A page that is being closed still hangs up.
      const keepalive = method === 'DELETE';
      response = await fetch(url, { method, headers, keepalive, ...(body === undefined ? {} : { body }) });
    } catch (error) {
      throw new MeetingCastError('network_lost', 'The server cannot be reached.', { cause: error });
    }
    const text = await response.text();
    if (response.ok) return { text, location: response.headers.get('location') };
    throw fromProblem(parsed(text), response.status, response.headers.get('retry-after'));
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** An id in a path. */
export const segment = (id: string): string => encodeURIComponent(id);
