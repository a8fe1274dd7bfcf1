// A conference that we are in, or are on our way into.
import type { ShedRendition } from './cast.js';
import type { Client } from './client.js';
import { Emitter } from './emitter.js';
import type { LocalStream } from './local-stream.js';
import { MeetingCast } from './meeting-cast.js';
import type { ConferenceMessage, LevelsMessage, ParticipantInfo, QualityMessage, StreamInfo } from './messages.js';
import { Participant } from './participant.js';
import { asError, MeetingCastError } from './problem.js';
import { Publication } from './publication.js';
import { RemoteStream } from './remote-stream.js';
import { Rest, segment } from './rest.js';
import type { TokenSource } from './token.js';
import { h264First } from './video-codec.js';

export type ConferenceState = 'connecting' | 'connected' | 'failed' | 'disconnected';

export interface ConferenceOptions {
  /** Published as `camera`. Without one, we only watch. */
  stream?: LocalStream | undefined;
  /** What the others may read of us. */
  userData?: unknown;
  /** For a conference that wants another token than the client's. */
  token?: TokenSource | undefined;
  /** `false`: who is there is told, nothing is fetched. */
  subscribe?: boolean | undefined;
}

/** What the server does without while it has too much to do. */
export interface Load {
  /** Whether snapshots are made. */
  snapshots: boolean;
  /** All that get fewer pictures than the program now. */
  renditions: ShedRendition[];
}

export interface CodecWanted {
  /** The name of a stream of ours. */
  stream: string;
  codec: 'h264';
  /** It is published again with it; otherwise this browser cannot, and the cast cannot show the stream. */
  republished: boolean;
}

export interface ConferenceEvents {
  connected: string;
  connect_failed: MeetingCastError;
  /** Nothing when we left ourselves. */
  disconnected: MeetingCastError | undefined;
  participant_connected: Participant;
  participant_disconnected: Participant;
  /** The server sheds load, or takes it back. */
  load: Load;
  /** Five times a second, after `tellLevels(true)`. */
  levels: LevelsMessage;
  /** The cast passes pictures through, and a stream of ours is not of the codec that it takes. */
  codec_wanted: CodecWanted;
  /** A stream of ours cannot be published. What cannot be received, its own stream tells. */
  error: MeetingCastError;
}

export class Conference extends Emitter<ConferenceEvents> {
  readonly id: string;
  readonly participants = new Map<string, Participant>();
  readonly publications = new Map<string, Publication>();
  readonly meetingCast: MeetingCast;
  readonly #client: Client;
  readonly #rest: Rest;
  readonly #options: ConferenceOptions;
  #state: ConferenceState = 'connecting';
  #error: MeetingCastError | undefined;
  #load: Load | undefined;
  #passing = false;
  /** As it was asked last. */
  #levels: boolean | undefined;

  constructor(client: Client, id: string, options: ConferenceOptions = {}) {
    super();
    this.id = id;
    this.#client = client;
    this.#options = options;
    this.#rest = options.token ? new Rest(client.rest.base, options.token) : client.rest;
    this.meetingCast = new MeetingCast(this.#rest, id);
  }

  get state(): ConferenceState {
    return this.#state;
  }

  /** Ours, in this conference. */
  get localId(): string {
    return this.#client.id;
  }

  /** Goes in, also again after a session that was not resumed. */
  async enter(): Promise<void> {
    const { userData } = this.#options;
    try {
      await this.#client.socket.request({ type: 'join', conference: this.id, ...(userData === undefined ? {} : { user_data: userData }) });
    } catch (thrown) {
      const error = asError(thrown);
      // The socket comes back, and the client enters again then.
      if (error.code === 'network_lost' || error.code === 'not_connected') return;
      if (this.#state === 'connecting') this.#fail(error);
      else this.#end(error);
    }
  }

  /** Has the server tell how loud everybody and the cast is, or no longer: the event `levels`. */
  async tellLevels(on: boolean): Promise<void> {
    this.#levels = on;
    await this.#client.socket.request({ type: 'levels', conference: this.id, on });
  }

  /** Publishes a stream beside the others, as `screen`. */
  publish(stream: LocalStream, name = 'camera'): Publication {
    if (this.#state === 'failed' || this.#state === 'disconnected') throw new MeetingCastError('not_connected', 'This conference was left.');
    if (this.publications.has(name)) throw new MeetingCastError('invalid_argument', `A stream is published as ${name} already.`);
    const publication = new Publication({
      rest: this.#rest,
      conference: this.id,
      participant: this.#rest.token.isUsed ? undefined : this.#client.id,
      name,
      stream,
      configuration: () => this.#client.configuration,
      prefersH264: () => this.meetingCast.isPassingThrough,
    });
    this.publications.set(name, publication);
    publication.session.on('error', (error) => this.emit('error', error));
    publication.session.start();
    return publication;
  }

  async unpublish(name = 'camera'): Promise<void> {
    const publication = this.publications.get(name);
    this.publications.delete(name);
    await publication?.close();
  }

  /** Leaves. Camera and microphone stay as they are. */
  async leave(): Promise<void> {
    if (this.#state === 'failed' || this.#state === 'disconnected') return;
    // All at once: a page that is being closed has no time for one after the other.
    const left = this.#client.socket.request({ type: 'leave', conference: this.id }).catch(() => undefined);
    const closed = [...this.publications.values()].map((publication) => publication.close());
    this.#end();
    await Promise.all([left, ...closed]);
  }

  /** What the server says of this conference. */
  take(message: ConferenceMessage): void {
    if (this.#state === 'failed' || this.#state === 'disconnected') return;
    switch (message.type) {
      case 'joined':
        return this.#joined(message.participants, message.cast);
      case 'participant.connected':
        return this.#seen(message.participant);
      case 'participant.disconnected':
        return this.#left(message.id, message.reason);
      case 'stream.added':
        if (message.participant === this.localId) return;
        return this.#known(message.participant).addStream({ name: message.stream, audio: message.audio, video: message.video });
      case 'stream.removed':
        return this.participants.get(message.participant)?.removeStream(message.stream);
      case 'cast.changed':
        return this.#follow(message.cast);
      case 'cast.cues':
      case 'cast.cue':
        return this.meetingCast.cuesChanged();
      case 'cast.overlay':
        return this.meetingCast.overlayChanged(message.overlay);
      case 'conference.pictures':
        return this.meetingCast.picturesChanged(message.pictures);
      case 'load.shed':
      case 'load.restored':
        this.#load = { snapshots: message.snapshots, renditions: message.renditions };
        return this.emit('load', this.#load);
      case 'levels':
        return this.emit('levels', message);
      case 'worker.restarted':
        for (const { session } of this.publications.values()) session.restart();
        for (const participant of this.participants.values()) participant.restart();
        return;
      case 'ended': {
        const removed = message.reason === 'removed';
        return this.#end(new MeetingCastError(removed ? 'removed' : 'conference_ended', removed ? 'You were removed from the conference.' : 'The conference was ended.'));
      }
    }
  }

  obey({ stream, max_height, max_kbps }: QualityMessage): void {
    void this.publications.get(stream)?.limit({ maxHeight: max_height, maxKbps: max_kbps });
  }

  /** The client is closed, or thrown out. */
  lose(error: MeetingCastError): void {
    if (this.#state === 'connecting') this.#fail(error);
    else this.#end(error);
  }

  protected override current<Name extends keyof ConferenceEvents>(name: Name): readonly ConferenceEvents[Name][] {
    const held: { [Key in keyof ConferenceEvents]?: readonly ConferenceEvents[Key][] } = {
      connected: this.#state === 'connected' ? [this.id] : [],
      connect_failed: this.#state === 'failed' && this.#error ? [this.#error] : [],
      disconnected: this.#state === 'disconnected' ? [this.#error] : [],
      participant_connected: [...this.participants.values()],
      load: this.#load ? [this.#load] : [],
    };
    return held[name] ?? [];
  }

  /** Also after every return: media that was lost meanwhile finds out by itself, and media that was not goes on. */
  #joined(infos: ParticipantInfo[], cast: Parameters<MeetingCast['update']>[0]): void {
    const first = this.#state === 'connecting';
    this.#state = 'connected';
    this.#follow(cast);
    if (first) {
      this.emit('connected', this.id);
      if (this.#options.stream) this.publish(this.#options.stream);
    }
    // A session that was not resumed knows nothing of it.
    if (this.#levels !== undefined && !first) void this.tellLevels(this.#levels).catch(() => undefined);
    const there = new Set(infos.map(({ id }) => id));
    for (const id of [...this.participants.keys()]) if (!there.has(id)) this.#left(id);
    for (const info of infos) this.#seen(info);
  }

  /** A cast that passes pictures through shows H.264 only: who sends something else when it begins publishes anew. */
  #follow(cast: Parameters<MeetingCast['update']>[0]): void {
    this.meetingCast.update(cast);
    const began = this.meetingCast.isPassingThrough && !this.#passing;
    this.#passing = this.meetingCast.isPassingThrough;
    if (!began) return;
    const republished = h264First() !== null;
    for (const { name, sendsOtherThanH264, session } of this.publications.values()) {
      if (!sendsOtherThanH264) continue;
      this.emit('codec_wanted', { stream: name, codec: 'h264', republished });
      if (republished) session.restart();
    }
  }

  #seen(info: ParticipantInfo): void {
    if (info.id === this.localId) return;
    const participant = this.participants.get(info.id) ?? this.#add(info);
    participant.update(info);
  }

  #known(id: string): Participant {
    return this.participants.get(id) ?? this.#add({ id });
  }

  #add(info: ParticipantInfo): Participant {
    const participant = new Participant(info, (id, stream) => this.#subscribe(id, stream));
    this.participants.set(info.id, participant);
    // Before its streams: who listens to the participant in this event hears of every stream.
    this.emit('participant_connected', participant);
    return participant;
  }

  #left(id: string, reason?: string): void {
    const participant = this.participants.get(id);
    if (!participant) return;
    this.participants.delete(id);
    participant.leave(reason);
    this.emit('participant_disconnected', participant);
  }

  #subscribe(participant: string, { name, audio, video }: StreamInfo): RemoteStream {
    if (this.#options.subscribe === false) return new RemoteStream(name);
    const query = new URLSearchParams({ stream: name });
    const path = `/v1/conferences/${segment(this.id)}/participants/${segment(participant)}/whep?${query}`;
    return new RemoteStream(name, { rest: this.#rest, path, configuration: () => this.#client.configuration, audio, video });
  }

  #fail(error: MeetingCastError): void {
    this.#client.forget(this);
    this.#state = 'failed';
    this.#error = error;
    this.emit('connect_failed', error);
  }

  #end(error?: MeetingCastError): void {
    if (this.#state === 'disconnected') return;
    this.#client.forget(this);
    this.#state = 'disconnected';
    this.#error = error;
    for (const participant of this.participants.values()) participant.leave();
    this.participants.clear();
    for (const publication of this.publications.values()) void publication.close();
    this.publications.clear();
    this.emit('disconnected', error);
  }
}
