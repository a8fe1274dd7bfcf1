// Media files of the server: which one to show, and the one on air paused and moved.
import type { Cast, Client, Conference, FileSource, MediaFile } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';
import { attempt } from './notice.js';

export class Files {
  readonly #conference: Conference;
  readonly #box = element('files', HTMLDetailsElement);
  readonly #which = element('file', HTMLSelectElement);
  readonly #loop = element('file-loop', HTMLInputElement);
  readonly #then = element('file-then', HTMLSelectElement);
  readonly #show = element('show-file', HTMLButtonElement);
  readonly #moves = element('file-moves', HTMLElement);
  readonly #play = element('file-play', HTMLButtonElement);
  readonly #place = element('file-place', HTMLInputElement);
  readonly #time = element('file-time', HTMLElement);
  /** What the server last said, and when. */
  #known: { cast: Cast | null; at: number } = { cast: null, at: 0 };
  /** The place is being dragged. */
  #held = false;

  constructor(client: Client, conference: Conference, show: (source: FileSource) => Promise<void>) {
    this.#conference = conference;
    this.#box.ontoggle = () => {
      if (this.#box.open) void attempt(null, () => this.#list(client));
    };
    this.#loop.onchange = () => (this.#then.disabled = this.#loop.checked);
    this.#show.onclick = () => void attempt(this.#show, () => show(this.#source));
    this.#play.onclick = () => void attempt(this.#play, () => this.#move(this.#conference.meetingCast.cast?.file?.paused ? 'play' : 'pause'));
    this.#place.oninput = () => {
      this.#held = true;
      this.#say(Number(this.#place.value));
    };
    this.#place.onchange = () => {
      this.#held = false;
      void attempt(null, () => this.#move({ to_ms: Number(this.#place.value) }));
    };
  }

  /** The cast was told anew. */
  draw(): void {
    const { cast, isStarted } = this.#conference.meetingCast;
    const file = isStarted ? cast?.file : null;
    this.#moves.hidden = !file;
    if (!file) return;
    this.#play.textContent = file.paused ? 'Play' : 'Pause';
    this.#place.disabled = file.duration_ms === null;
    this.#place.max = String(Math.max(0, (file.duration_ms ?? 0) - 100));
    this.tell();
  }

  /** Time passes. */
  tell(): void {
    const { cast } = this.#conference.meetingCast;
    if (cast !== this.#known.cast) this.#known = { cast, at: performance.now() };
    const file = cast?.file;
    if (!file || this.#moves.hidden || this.#held) return;
    const since = file.paused ? 0 : performance.now() - this.#known.at;
    const position = Math.min(file.position_ms + since, file.duration_ms ?? Infinity);
    this.#place.value = String(position);
    this.#say(position);
  }

  get #source(): FileSource {
    const ends = this.#loop.checked ? { loop: true } : { then: this.#then.value as NonNullable<FileSource['then']> };
    return { file: this.#which.value, ...ends };
  }

  async #list(client: Client): Promise<void> {
    const { files } = await client.rest.json<{ files: MediaFile[] }>('GET', '/v1/media');
    const before = this.#which.value;
    this.#which.replaceChildren(...files.map(({ file }) => make('option', { value: file }, file)));
    if (files.some(({ file }) => file === before)) this.#which.value = before;
    this.#show.disabled = files.length === 0;
  }

  async #move(to: 'pause' | 'play' | { to_ms: number }): Promise<void> {
    await this.#conference.meetingCast.controlFile(to);
    this.draw();
  }

  #say(position: number): void {
    const length = this.#conference.meetingCast.cast?.file?.duration_ms;
    const time = (ms: number): string => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;
    this.#time.textContent = length ? `${time(position)} of ${time(length)}` : time(position);
  }
}
