// One identity, signed in: the door to conferences and calls.
import { Call } from './call.js';
import { Conference, type ConferenceOptions } from './conference.js';
import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import type { CallMode, CallSignal, CallStateMessage, Limits, ServerMessage, Welcome } from './messages.js';
import { MeetingCastError } from './problem.js';
import type { Rest } from './rest.js';
import type { SignalSocket } from './socket.js';

export interface ClientEvents {
  /** Somebody calls. */
  call: Call;
  /** The same id signed in elsewhere; this client is over. */
  conflict: undefined;
  /** The server cannot be reached at the moment; it is tried again. */
  disconnected: undefined;
  /** Back; `true` when nobody noticed. */
  reconnected: boolean;
  /** Over. */
  closed: MeetingCastError;
}

export interface CallOptions {
  mode?: CallMode | undefined;
  userData?: unknown;
  stream?: LocalStream | undefined;
}

/** An answer that says the call is over already is followed by the reason at once. */
const REASON_MS = 2_000;

export class Client extends Emitter<ClientEvents> {
  readonly rest: Rest;
  readonly socket: SignalSocket;
  readonly conferences = new Map<string, Conference>();
  readonly calls = new Map<string, Call>();
  readonly #rtc: RTCConfiguration;
  #id: string;
  #welcome: Welcome;
  #over: MeetingCastError | undefined;
  /** Of calls whose invitation is not answered yet. */
  readonly #early = new Map<string, (CallStateMessage | CallSignal)[]>();
  #inviting = 0;

  constructor(rest: Rest, socket: SignalSocket, welcome: Welcome, rtc: RTCConfiguration = {}) {
    super();
    this.rest = rest;
    this.socket = socket;
    this.#rtc = rtc;
    this.#welcome = welcome;
    this.#id = welcome.client;
    socket.on('message', (message) => this.#take(message));
    socket.on('lost', () => this.emit('disconnected', undefined));
    socket.on('welcome', (again) => this.#back(again));
    socket.on('over', (error) => this.#end(error));
  }

  get id(): string {
    return this.#id;
  }

  get limits(): Limits {
    return this.#welcome.limits ?? {};
  }

  /** The server's, unless the page has its own. */
  get iceServers(): RTCIceServer[] {
    return this.#rtc.iceServers ?? this.#welcome.ice_servers ?? [];
  }

  /** What every connection of ours is made with, from browser to browser and to the server. */
  get configuration(): RTCConfiguration {
    return { ...this.#rtc, iceServers: this.iceServers };
  }

  /** Goes into a conference; one that there is not yet is begun by us. At once: `connected` follows. */
  connectToConference(id: string, options: ConferenceOptions = {}): Conference {
    const known = this.conferences.get(id);
    if (known) return known;
    const conference = new Conference(this, id, options);
    if (this.#over) {
      conference.lose(this.#over);
      return conference;
    }
    this.conferences.set(id, conference);
    void conference.enter();
    return conference;
  }

  /** Calls somebody. Resolves when it rings there; rejects with `offline` when nobody is there. */
  async call(to: string, { mode = 'p2p', userData, stream }: CallOptions = {}): Promise<Call> {
    this.#inviting += 1;
    try {
      const reply = await this.socket.request({ type: 'call.invite', to, mode, ...(userData === undefined ? {} : { user_data: userData }) });
      const id = String(reply.call);
      const known = this.calls.get(id);
      if (known) return known;
      const call = new Call(this, { id, with: to, direction: 'outgoing', mode, userData: userData ?? null }, stream);
      this.calls.set(id, call);
      if (reply.state === 'ringing') call.take({ type: 'call.state', call: id, state: 'ringing' });
      for (const message of this.#early.get(id) ?? []) this.#toCall(call, message);
      this.#early.delete(id);
      if (reply.state === 'closed' && !call.isOver) await over(call);
      if (call.reason === 'offline') throw new MeetingCastError('offline', `${to} is not online.`);
      return call;
    } finally {
      this.#inviting -= 1;
      if (this.#inviting === 0) this.#early.clear();
    }
  }

  /** Leaves everything. */
  async close(): Promise<void> {
    await Promise.all([...this.calls.values()].map((call) => call.close().catch(() => undefined)));
    await Promise.all([...this.conferences.values()].map((conference) => conference.leave()));
    this.socket.close();
  }

  /** As the page goes: says goodbye without waiting, else everybody would see us for the 30 s that a place is kept. */
  abandon(): void {
    for (const call of this.calls.values()) void call.close().catch(() => undefined);
    for (const conference of [...this.conferences.values()]) void conference.leave();
    this.socket.close();
  }

  /** By the conference itself, when it is over. */
  forget(conference: Conference): void {
    if (this.conferences.get(conference.id) === conference) this.conferences.delete(conference.id);
  }

  forgetCall(call: Call): void {
    this.calls.delete(call.id);
  }

  protected override current<Name extends keyof ClientEvents>(name: Name): readonly ClientEvents[Name][] {
    const rings = [...this.calls.values()].filter((call) => call.direction === 'incoming' && call.state === 'ringing');
    if (name === 'call') return rings as ClientEvents[Name][];
    if (name === 'conflict') return this.#over?.code === 'conflict' ? [undefined as ClientEvents[Name]] : [];
    return name === 'closed' && this.#over ? [this.#over as ClientEvents[Name]] : [];
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case 'call.incoming': {
        if (this.calls.has(message.call)) return;
        const { call: id, from, mode, user_data } = message;
        const call = new Call(this, { id, with: from, direction: 'incoming', mode, userData: user_data ?? null });
        this.calls.set(id, call);
        return this.emit('call', call);
      }
      case 'call.state':
      case 'call.signal': {
        const call = this.calls.get(message.call);
        if (call) return this.#toCall(call, message);
        if (this.#inviting > 0) this.#early.set(message.call, [...(this.#early.get(message.call) ?? []), message]);
        return;
      }
      case 'quality':
        for (const conference of this.conferences.values()) {
          if (!message.conference || message.conference === conference.id) conference.obey(message);
        }
        return;
      case 'welcome':
      case 'conflict':
      case 'pong':
        return;
      default:
        this.conferences.get(message.conference)?.take(message);
    }
  }

  #toCall(call: Call, message: CallStateMessage | CallSignal): void {
    if (message.type === 'call.state') call.take(message);
    else call.signal(message);
  }

  #back(welcome: Welcome): void {
    this.#welcome = welcome;
    this.#id = welcome.client;
    const resumed = welcome.resumed === true;
    if (!resumed) {
      // The server gave up our calls when it gave up the session.
      for (const call of [...this.calls.values()]) call.end('lost');
    }
    // Seats that were kept say `joined` by themselves; the others, and those on their way, are taken again.
    for (const conference of this.conferences.values()) {
      if (!resumed || conference.state === 'connecting') void conference.enter();
    }
    this.emit('reconnected', resumed);
  }

  #end(error: MeetingCastError): void {
    this.#over = error;
    for (const call of [...this.calls.values()]) call.end('lost');
    for (const conference of [...this.conferences.values()]) conference.lose(error);
    if (error.code === 'conflict') this.emit('conflict', undefined);
    this.emit('closed', error);
  }
}

function over(call: Call): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, REASON_MS);
    call.once('closed', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
