// `AV.Realtime` and `AV.WebRTCPlugin`, as their pages find them, on a MeetingCast server.
import { connect, LocalStream, type Client, type MeetingCastError } from '../../src/meetingcast.js';
import { serverUrl } from '../server/address.js';
import { IncomingCall, OutgoingCall } from './call.js';
import { LeanCloudEvents } from './events.js';

/** Four people in a chat room are three calls each; the server allows one more. */
const MAX_CALLS = 4;

/** LeanCloud's numbers, where there is one. */
const CODES: Readonly<Record<string, number>> = {
  token_missing: 4103, token_invalid: 4102, token_expired: 4112, forbidden: 4302, conflict: 4111, timeout: 4108, network_lost: 4108, too_many_clients: 4113,
};

type Signed = string | { token?: string; signature?: string };

interface ClientOptions {
  RTCConfiguration?: RTCConfiguration;
  /** Signs the login. Here it returns our token, alone or as `token` or `signature` of what it returned before. */
  signature?: (clientId: string) => Signed | Promise<Signed>;
  /** Signed the conversation of a call; the login's token says all that by itself. It is asked, since its refusal refuses. */
  conversationSignature?: (...about: unknown[]) => unknown;
  tag?: string;
  isReconnect?: boolean;
}

interface NumberedError extends Error {
  code: number | string;
}

function numbered(error: MeetingCastError): NumberedError {
  return Object.assign(new Error(error.message, { cause: error }), { code: CODES[error.code] ?? error.code });
}

class WebRTCClient extends LeanCloudEvents {
  readonly id: string;
  readonly #client: Client;
  readonly #options: ClientOptions;

  constructor(client: Client, options: ClientOptions) {
    super();
    this.id = client.id;
    this.#client = client;
    this.#options = options;
    client.on('call', (call) => {
      const incoming = new IncomingCall(call, this.id);
      this.hold('call', incoming);
      call.on('state', (state) => {
        if (state !== 'ringing') this.release('call', incoming);
      });
    });
    client.on('conflict', () => this.hold('conflict'));
    client.on('disconnected', () => this.fire('disconnect'));
    client.on('reconnected', () => this.fire('reconnect'));
  }

  /** Resolves when it rings there. */
  async call(to: string, stream?: MediaStream): Promise<OutgoingCall> {
    await this.#options.conversationSignature?.(null, this.id, [to], 'create');
    try {
      return new OutgoingCall(await this.#client.call(to, { stream: stream && new LocalStream(stream) }), this.id);
    } catch (error) {
      const known = error as MeetingCastError;
      throw known.code === 'offline' ? Object.assign(new Error(`Call failed as ${to} is not online`), { code: 'offline' }) : numbered(known);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

interface RealtimeOptions {
  appId?: string;
  appKey?: string;
  /** Named LeanCloud's servers. A URL is taken; anything else means where this script came from. */
  server?: string;
  plugins?: unknown[];
}

class Realtime {
  readonly #url: string;

  constructor({ server }: RealtimeOptions = {}) {
    this.#url = server && /^https?:/.test(server) ? server : serverUrl();
  }

  async createWebRTCClient(id?: string, options: ClientOptions = {}): Promise<WebRTCClient> {
    const signed = id === undefined ? undefined : await options.signature?.(id);
    const token = typeof signed === 'string' ? signed : (signed?.token ?? signed?.signature);
    try {
      const client = await connect({ url: this.#url, token, participant: id, maxCalls: MAX_CALLS, rtc: options.RTCConfiguration });
      return new WebRTCClient(client, options);
    } catch (error) {
      throw numbered(error as MeetingCastError);
    }
  }
}

/** Handed to `plugins`; what it added is built in. */
const WebRTCPlugin = { name: 'leancloud-realtime-plugin-webrtc' };

const scope = globalThis as typeof globalThis & { AV?: Record<string, unknown> };
scope.AV = { ...scope.AV, Realtime, WebRTCPlugin, isWebRTCSupported: typeof RTCPeerConnection !== 'undefined' };
