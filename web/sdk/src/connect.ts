// Signing in.
import { Client } from './client.js';
import { Rest } from './rest.js';
import { SignalSocket } from './socket.js';

export interface ConnectOptions {
  /** The server, as `https://cast.example`. Absent: where the page came from. */
  url?: string | undefined;
  /** In token mode: who we are and what we may. */
  token?: string | undefined;
  /** In open mode: who we are; the server makes an id up when absent. */
  participant?: string | undefined;
  /** Calls at once, 1 to 4; beyond, callers hear `busy`. */
  maxCalls?: number | undefined;
  /** Own STUN and TURN servers, or `iceTransportPolicy: 'relay'`. */
  rtc?: RTCConfiguration | undefined;
}

/** Resolves when signed in. A connection that is lost later comes back by itself. */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const base = new URL(options.url ?? location.origin);
  const rest = new Rest(base.href, options.token);
  const signal = new URL(`${rest.base}/v1/signal`);
  signal.protocol = base.protocol === 'https:' || base.protocol === 'wss:' ? 'wss:' : 'ws:';
  const { token, participant, maxCalls } = options;
  const socket = new SignalSocket({ url: signal.href, token, participant, maxCalls });
  return new Client(rest, socket, await socket.open(), options.rtc);
}
