// Somebody else in a conference.
import { Emitter } from './emitter.js';
import type { ParticipantInfo, StreamInfo } from './messages.js';
import { RemoteStream } from './remote-stream.js';

export interface ParticipantEvents {
  stream_added: RemoteStream;
  stream_removed: RemoteStream;
  disconnected: string | undefined;
}

/** Makes the stream that fetches this. */
export type Subscribe = (participant: string, info: StreamInfo) => RemoteStream;

export class Participant extends Emitter<ParticipantEvents> {
  readonly id: string;
  name: string | null;
  userData: unknown;
  readonly streams = new Map<string, RemoteStream>();
  readonly #subscribe: Subscribe;
  #gone = false;

  constructor(info: ParticipantInfo, subscribe: Subscribe) {
    super();
    this.id = info.id;
    this.name = info.name ?? null;
    this.userData = info.user_data ?? null;
    this.#subscribe = subscribe;
  }

  get isConnected(): boolean {
    return !this.#gone;
  }

  /** Makes it as the server says it is. */
  update(info: ParticipantInfo): void {
    this.name = info.name ?? null;
    this.userData = info.user_data ?? null;
    const there = new Map((info.streams ?? []).map((stream) => [stream.name, stream]));
    for (const name of [...this.streams.keys()]) if (!there.has(name)) this.removeStream(name);
    for (const stream of there.values()) this.addStream(stream);
  }

  addStream(info: StreamInfo): void {
    if (this.#gone || this.streams.has(info.name)) return;
    const stream = this.#subscribe(this.id, info);
    this.streams.set(info.name, stream);
    this.emit('stream_added', stream);
  }

  removeStream(name: string): void {
    const stream = this.streams.get(name);
    if (!stream) return;
    this.streams.delete(name);
    stream.close();
    this.emit('stream_removed', stream);
  }

  leave(reason?: string): void {
    if (this.#gone) return;
    for (const name of [...this.streams.keys()]) this.removeStream(name);
    this.#gone = true;
    this.emit('disconnected', reason);
  }

  /** The server's worker was replaced: what it forwarded has to be fetched anew. */
  restart(): void {
    for (const stream of this.streams.values()) stream.restart();
  }

  protected override current<Name extends keyof ParticipantEvents>(name: Name): readonly ParticipantEvents[Name][] {
    if (name === 'stream_added') return [...this.streams.values()] as ParticipantEvents[Name][];
    return name === 'disconnected' && this.#gone ? [undefined as ParticipantEvents[Name]] : [];
  }
}
