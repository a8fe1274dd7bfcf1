// Everybody's tiles, in the order of their coming, and how loud everybody and the program is.
import type { Conference, Levels, LocalStream, Participant, RemoteStream } from '../../sdk/src/meetingcast.js';
import { element } from './element.js';
import { drawMeter, Heard, whileVisible } from './levels.js';
import { Tile } from './tile.js';

/** As often as levels come. */
const DRAW_MS = 200;

export class Tiles {
  readonly #list = element('tiles', HTMLUListElement);
  readonly #tiles = new Map<string, Tile>();
  readonly #take: (tile: Tile) => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #program = element('program-level', HTMLMeterElement);
  readonly #heard = new Heard();
  readonly #conference: Conference;
  readonly #hear = (levels: Levels): void => this.#heard.take(levels, performance.now());
  readonly #quiet: () => void;

  constructor(conference: Conference, take: (tile: Tile) => void) {
    this.#take = take;
    this.#conference = conference;
    conference.on('levels', this.#hear);
    // Without a connection there is nothing to ask; the conference asks again when there is one.
    this.#quiet = whileVisible(document, (on) => void conference.tellLevels(on).catch(() => undefined));
    conference.on('participant_connected', (participant) => this.#follow(participant));
    conference.on('participant_disconnected', ({ id }) => this.#drop(id, ''));
    this.#timer = setInterval(() => this.#draw(), DRAW_MS);
  }

  addOwn(id: string, name: string, stream: LocalStream): void {
    this.#put(id, name, stream, true);
  }

  removeOwn(id: string, name: string): void {
    this.#drop(id, name);
  }

  /** Who is on air, or who would be first. */
  mark(state: (tile: Tile) => 'air' | 'armed' | 'none'): void {
    for (const tile of this.#tiles.values()) tile.mark(state(tile));
  }

  clear(): void {
    clearInterval(this.#timer);
    this.#quiet();
    this.#conference.off('levels', this.#hear);
    for (const tile of this.#tiles.values()) tile.remove();
    this.#tiles.clear();
  }

  #follow(participant: Participant): void {
    // Who sends nothing is seen all the same.
    this.#put(participant.id, '', null, false);
    participant.on('stream_added', (stream) => {
      this.#drop(participant.id, '');
      this.#put(participant.id, stream.name, stream, false);
    });
    participant.on('stream_removed', ({ name }) => {
      this.#drop(participant.id, name);
      if (participant.isConnected && participant.streams.size === 0) this.#put(participant.id, '', null, false);
    });
  }

  #put(participant: string, stream: string, media: LocalStream | RemoteStream | null, own: boolean): void {
    const key = JSON.stringify([participant, stream]);
    this.#tiles.get(key)?.remove();
    const tile = new Tile({ participant, stream: stream || 'camera', media, own, take: this.#take });
    this.#tiles.set(key, tile);
    this.#list.append(tile.element);
  }

  #drop(participant: string, stream: string): void {
    const key = JSON.stringify([participant, stream]);
    this.#tiles.get(key)?.remove();
    this.#tiles.delete(key);
  }

  #draw(): void {
    const now = performance.now();
    for (const tile of this.#tiles.values()) tile.draw(this.#heard.of(tile.participant, tile.stream, now));
    drawMeter(this.#program, this.#heard.program(now));
  }
}
