// HTTP to the server: JSON, SDP, and problems turned into errors.
import { fromProblem, MeetingCastError } from './problem.js';

export interface HttpAnswer {
  readonly text: string;
  readonly location: string | null;
}

export class Rest {
  readonly base: string;
  readonly token: string | undefined;

  constructor(base: string, token?: string) {
    this.base = base.replace(/\/+$/, '');
    this.token = token;
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { text } = await this.send(method, path, body === undefined ? undefined : JSON.stringify(body), 'application/json');
    return (text ? JSON.parse(text) : null) as T;
  }

  /** `path` may be a whole URL, as a `Location` may be. */
  async send(method: string, path: string, body?: string, type?: string): Promise<HttpAnswer> {
    const headers: Record<string, string> = {};
    if (body !== undefined && type) headers['content-type'] = type;
    if (this.token) headers['authorization'] = `Bearer ${this.token}`;
    const url = new URL(path, `${this.base}/`);
    // A Location on another host must not be handed our token.
    if (url.origin !== new URL(this.base).origin) delete headers['authorization'];
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
