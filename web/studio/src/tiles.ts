// Everybody's tiles, in the order of their coming.
import type { Conference, LocalStream, Participant, RemoteStream } from '../../sdk/src/meetingcast.js';
import { element } from './element.js';
import { Tile } from './tile.js';

const DRAW_MS = 100;

export class Tiles {
  readonly #list = element('tiles', HTMLUListElement);
  readonly #tiles = new Map<string, Tile>();
  readonly #take: (tile: Tile) => void;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(conference: Conference, take: (tile: Tile) => void) {
    this.#take = take;
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
    for (const tile of this.#tiles.values()) tile.draw();
  }
}
