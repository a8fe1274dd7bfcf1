// Conferences and their MeetingCast, as Wilddog words them.
import type { Client, Conference, LocalStream, MeetingCast } from '../../src/meetingcast.js';
import { asError } from '../../src/problem.js';
import { WilddogError, wilddogError, type WilddogCode } from './error.js';
import { WilddogEvents } from './events.js';
import { WilddogParticipant } from './participant.js';

const MEDIA_MS = 10_000;
const RETRY_MS = 300;

type Play = { rtmp: string | null; hls: string | null };

class WilddogMeetingCast {
  readonly #conference: Promise<Conference>;
  readonly #callbacks = new Set<(cast: WilddogMeetingCast) => void>();
  #cast: MeetingCast | undefined;

  constructor(conference: Promise<Conference>) {
    this.#conference = conference;
    conference.then((one) => {
      this.#cast = one.meetingCast;
      one.meetingCast.onStateChanged(() => {
        for (const callback of this.#callbacks) callback(this);
      });
    }, () => undefined);
  }

  get isStarted(): 'on' | 'off' {
    return this.#cast?.isStarted ? 'on' : 'off';
  }

  get anchor(): string | null {
    return this.#cast?.anchor ?? null;
  }

  get play(): Play {
    const { rtmp = null, hls = null } = this.#cast?.play ?? {};
    return { rtmp, hls };
  }

  start(participantId: string): Promise<void> {
    // Its viewers have both kinds of players.
    const start = { participant: participantId, outputs: [{ type: 'hls' as const }, { type: 'rtmp_play' as const }] };
    return this.#do(40312, (cast, conference) => soon(conference, participantId, () => cast.start(start)));
  }

  switchParticipant(participantId: string): Promise<void> {
    return this.#do(40313, (cast, conference) => soon(conference, participantId, () => cast.switchParticipant(participantId)));
  }

  stop(): Promise<void> {
    return this.#do(40314, (cast) => cast.stop());
  }

  onStateChanged(callback: (cast: WilddogMeetingCast) => void): void {
    this.#callbacks.add(callback);
    if (this.#cast?.cast) queueMicrotask(() => callback(this));
  }

  async #do(code: WilddogCode, work: (cast: MeetingCast, conference: Conference) => Promise<unknown>): Promise<void> {
    try {
      const conference = await this.#conference;
      if (conference.state !== 'connected') throw new WilddogError(code, 'conference is not connected!');
      await work(conference.meetingCast, conference);
    } catch (error) {
      throw wilddogError(error, code);
    }
  }
}

/** Pages direct as soon as somebody is there; their media follows a moment later, and is waited for. */
async function soon(conference: Conference, participant: string, work: () => Promise<unknown>): Promise<void> {
  const until = Date.now() + MEDIA_MS;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      const { code } = asError(error);
      const isHere = participant === conference.localId || conference.participants.has(participant);
      if (!isHere || !(code === 'stream_not_found' || code === 'media_not_ready') || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export interface ConferenceOptions {
  stream?: LocalStream | null;
  userData?: unknown;
  userDate?: unknown;
}

export class WilddogConference extends WilddogEvents {
  readonly Id: string;
  readonly conferenceId: string;
  readonly participants = new Map<string, WilddogParticipant>();
  readonly meetingCast: WilddogMeetingCast;
  status: 'connecting' | 'connected' | 'connect_failed' | 'disconnected' = 'connecting';
  localParticipant: { Id: string; participantId: string } | undefined;
  readonly #conference: Promise<Conference>;
  #left = false;

  constructor(client: Promise<Client>, id: string, { stream, userData, userDate }: ConferenceOptions = {}) {
    super();
    this.Id = this.conferenceId = id;
    const conference = client.then((one) => {
      this.localParticipant = { Id: one.id, participantId: one.id };
      return one.connectToConference(id, { stream: stream ?? undefined, userData: userData ?? userDate });
    });
    this.#conference = conference;
    this.meetingCast = new WilddogMeetingCast(conference);
    conference.then((one) => this.#follow(one), (error: unknown) => this.#failed(error));
  }

  disconnect(): void {
    this.#left = true;
    this.#conference.then((conference) => conference.leave(), () => undefined).catch(() => undefined);
  }

  #follow(conference: Conference): void {
    conference.on('connected', () => {
      this.status = 'connected';
      this.hold('connected', this.Id);
    });
    conference.on('connect_failed', (error) => this.#failed(error));
    conference.on('disconnected', (error) => {
      this.status = 'disconnected';
      this.release('connected');
      this.hold('disconnected', error && !this.#left ? wilddogError(error, 40004) : null);
    });
    conference.on('participant_connected', (peer) => {
      const participant = new WilddogParticipant(peer.id);
      this.participants.set(peer.id, participant);
      this.hold('participant_connected', participant);
      peer.on('stream_added', (stream) => participant.arrive(stream));
      peer.on('stream_removed', (stream) => participant.depart(stream));
    });
    conference.on('participant_disconnected', ({ id }) => {
      const participant = this.participants.get(id);
      if (!participant) return;
      this.participants.delete(id);
      this.release('participant_connected', participant);
      participant.leave();
      this.fire('participant_disconnected', participant);
    });
  }

  #failed(error: unknown): void {
    this.status = 'connect_failed';
    this.hold('connect_failed', wilddogError(error, 40003));
  }
}
