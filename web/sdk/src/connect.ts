// Signing in.
import { Client } from './client.js';
import type { Welcome } from './messages.js';
import { asError } from './problem.js';
import { Rest } from './rest.js';
import { SignalSocket } from './socket.js';
import type { TokenSource } from './token.js';

export interface ConnectOptions {
  /** The server, as `https://cast.example`. Absent: where the page came from. */
  url?: string | undefined;
  /** In token mode: who we are and what we may. A function is asked again before the token expires. */
  token?: TokenSource | undefined;
  /** In open mode: who we are; the server makes an id up when absent. */
  participant?: string | undefined;
  /** Calls at once, 1 to 4; beyond, callers hear `busy`. */
  maxCalls?: number | undefined;
  /** Own STUN and TURN servers, or `iceTransportPolicy: 'relay'`; for calls and for media to and from the server. */
  rtc?: RTCConfiguration | undefined;
}

/** Resolves when signed in. A connection that is lost later comes back by itself. */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const base = new URL(options.url ?? location.origin);
  const rest = new Rest(base.href, options.token);
  const signal = new URL(`${rest.base}/v1/signal`);
  signal.protocol = base.protocol === 'https:' || base.protocol === 'wss:' ? 'wss:' : 'ws:';
  const { participant, maxCalls } = options;
  const refused = (): void => {
    // Whoever asks with an expired token gets another, and the next attempt has it.
    if (rest.token.isRenewable) void rest.send('GET', '/v1/signal').catch(() => undefined);
  };
  const socket = new SignalSocket({ url: signal.href, token: rest.token, participant, maxCalls, refused });
  const client = new Client(rest, socket, await opened(rest, socket), options.rtc);
  globalThis.addEventListener?.('pagehide', ({ persisted }) => {
    if (!persisted) client.abandon();
  });
  return client;
}

/** A browser does not tell why a WebSocket was refused; the same request without the upgrade does. */
async function opened(rest: Rest, socket: SignalSocket): Promise<Welcome> {
  try {
    return await socket.open();
  } catch (thrown) {
    const error = asError(thrown);
    if (error.code !== 'network_lost') throw error;
    try {
      await rest.send('GET', '/v1/signal');
    } catch (reason) {
      const said = asError(reason);
      // It would have let us in, had it been a WebSocket.
      if (said.code !== 'invalid_request') throw said;
    }
    throw error;
  }
}
