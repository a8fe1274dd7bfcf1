// A call between two: the server keeps the state, this end follows it.
import { CallPeer } from './call-peer.js';
import type { Client } from './client.js';
import type { Conference } from './conference.js';
import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import type { CallMode, CallSignal, CallStateMessage, CloseReason } from './messages.js';
import { MeetingCastError } from './problem.js';
import { RemoteStream } from './remote-stream.js';

export type CallState = 'inviting' | 'ringing' | 'accepted' | 'refused' | 'canceled' | 'busy' | 'timeout' | 'connected' | 'closed';

export interface CallEvents {
  state: CallState;
  ringing: undefined;
  accepted: undefined;
  refused: undefined;
  canceled: undefined;
  busy: undefined;
  timeout: undefined;
  /** With the other end's media. */
  connected: RemoteStream;
  /** It is over, however it came to that. */
  closed: CloseReason;
}

export interface CallParties {
  id: string;
  /** The other end. */
  with: string;
  direction: 'outgoing' | 'incoming';
  mode: CallMode;
  userData: unknown;
}

const ENDINGS: ReadonlySet<string> = new Set(['refused', 'canceled', 'busy', 'timeout']);

export class Call extends Emitter<CallEvents> {
  readonly id: string;
  readonly with: string;
  readonly direction: CallParties['direction'];
  readonly mode: CallMode;
  readonly userData: unknown;
  readonly remote = new RemoteStream('call');
  readonly #client: Client;
  #stream: LocalStream | undefined;
  #state: CallState = 'inviting';
  #reason: CloseReason | undefined;
  #peer: CallPeer | null = null;
  #conference: Conference | null = null;
  #reported = false;
  /** What the other end sent before our media was set up. */
  readonly #early: CallSignal[] = [];

  constructor(client: Client, parties: CallParties, stream?: LocalStream) {
    super();
    this.#client = client;
    this.id = parties.id;
    this.with = parties.with;
    this.direction = parties.direction;
    this.mode = parties.mode;
    this.userData = parties.userData;
    this.#stream = stream;
    if (parties.direction === 'incoming') this.#state = 'ringing';
  }

  get state(): CallState {
    return this.#state;
  }

  get isOver(): boolean {
    return this.#reason !== undefined;
  }

  /** Why it is over. */
  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  /** In relay mode: where both ends meet, which can be cast. */
  get conference(): Conference | null {
    return this.#conference;
  }

  /** Takes the call. Resolves when the server knows; `connected` follows. */
  async accept(stream?: LocalStream): Promise<void> {
    if (this.direction !== 'incoming') throw new MeetingCastError('invalid_argument', 'Only the one who is called can accept.');
    this.#stream = stream ?? this.#stream;
    await this.#say('call.accept');
  }

  refuse(): Promise<void> {
    return this.#say('call.refuse');
  }

  /** Takes it back before it was answered. */
  cancel(): Promise<void> {
    return this.#say('call.cancel');
  }

  /** Hangs up, from whatever state. Camera and microphone stay as they are. */
  async close(): Promise<void> {
    if (!this.isOver) await this.#say('call.close');
  }

  take(message: CallStateMessage): void {
    if (this.isOver) return;
    switch (message.state) {
      case 'inviting':
        return;
      case 'ringing':
        return this.#move('ringing');
      case 'accepted':
        this.#move('accepted');
        return this.#meet(message);
      case 'connected':
        if (this.#state !== 'accepted') this.#move('accepted');
        this.#state = 'connected';
        this.emit('state', 'connected');
        return this.emit('connected', this.remote);
      case 'closed':
        return this.end(message.reason ?? 'hangup');
    }
  }

  signal(message: CallSignal): void {
    if (this.#peer) this.#peer.take(message);
    else this.#early.push(message);
  }

  /** Over, by the server's word or since the client is. */
  end(reason: CloseReason): void {
    if (this.isOver) return;
    this.#reason = reason;
    this.#client.forgetCall(this);
    this.#peer?.close();
    this.remote.close();
    void this.#conference?.leave();
    this.#state = ENDINGS.has(reason) && this.#state !== 'connected' ? (reason as CallState) : 'closed';
    this.emit('state', this.#state);
    if (this.#state === 'refused' || this.#state === 'canceled' || this.#state === 'busy' || this.#state === 'timeout') this.emit(this.#state, undefined);
    this.emit('closed', reason);
  }

  protected override current<Name extends keyof CallEvents>(name: Name): readonly CallEvents[Name][] {
    if (name === 'state') return [this.#state as CallEvents[Name]];
    if (name === 'closed') return this.#reason ? [this.#reason as CallEvents[Name]] : [];
    if (name === 'connected') return this.#state === 'connected' ? [this.remote as CallEvents[Name]] : [];
    if (name === 'accepted' && this.#state === 'connected') return [undefined as CallEvents[Name]];
    return name === this.#state ? [undefined as CallEvents[Name]] : [];
  }

  async #say(type: 'call.accept' | 'call.refuse' | 'call.cancel' | 'call.close'): Promise<void> {
    await this.#client.socket.request({ type, call: this.id });
  }

  #move(state: 'ringing' | 'accepted'): void {
    if (this.#state === state || this.#state === 'connected') return;
    this.#state = state;
    this.emit('state', state);
    this.emit(state, undefined);
  }

  #meet({ conference, token }: CallStateMessage): void {
    if (this.#peer || this.#conference) return;
    if (conference) return this.#meetIn(conference, token);
    this.#peer = new CallPeer({
      configuration: this.#client.configuration,
      stream: this.#stream,
      // One of the two has to begin.
      offers: this.direction === 'outgoing',
      send: (body) => void this.#client.socket.request({ type: 'call.signal', call: this.id, ...body }).catch(() => undefined),
      track: (track) => this.remote.put(track),
      connected: () => this.#report(),
      lost: () => void this.close().catch(() => undefined),
      stats: (stats) => this.remote.report(stats),
    });
    for (const message of this.#early.splice(0)) this.#peer.take(message);
  }

  #meetIn(id: string, token: string | undefined): void {
    this.#conference = this.#client.connectToConference(id, { stream: this.#stream, token });
    this.#conference.on('participant_connected', (participant) => {
      if (participant.id !== this.with) return;
      participant.on('stream_added', (stream) => {
        stream.on('state', (state) => {
          if (state !== 'connected') return;
          for (const track of stream.mediaStream.getTracks()) this.remote.put(track);
          this.#report();
        });
        stream.on('stats', (stats) => this.remote.report(stats));
      });
    });
    this.#conference.on('connect_failed', () => void this.close().catch(() => undefined));
  }

  #report(): void {
    if (this.#reported || this.isOver) return;
    this.#reported = true;
    void this.#client.socket.request({ type: 'call.connected', call: this.id }).catch(() => {
      this.#reported = false;
    });
  }
}
