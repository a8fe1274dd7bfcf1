// One participant's stream: picture, name, level, figures, and the whole of it a button.
import { LocalStream, type RemoteStream, type StreamStats } from '../../sdk/src/meetingcast.js';
import { make } from './element.js';
import { drawMeter, METER } from './levels.js';
import { sentence } from './notice.js';

export interface TileOf {
  participant: string;
  stream: string;
  media: LocalStream | RemoteStream | null;
  own: boolean;
  take: (tile: Tile) => void;
}

export class Tile {
  readonly element = make('li', { class: 'tile' });
  readonly participant: string;
  readonly stream: string;
  readonly #media: TileOf['media'];
  readonly #meter = make('meter', METER);
  readonly #kbps = make('dd', {}, '–');
  readonly #loss = make('dd', {}, '–');
  readonly #size = make('dd', {}, '–');
  readonly #flag = make('span', { class: 'flag' });
  readonly #text = make('p');
  readonly #take = make('button', { type: 'button', class: 'take', 'aria-pressed': 'false' });

  constructor({ participant, stream, media, own, take }: TileOf) {
    this.participant = participant;
    this.stream = stream;
    this.#media = media;
    const shown = stream === 'camera' ? participant : `${participant}, ${stream}`;
    this.#meter.setAttribute('aria-label', `Sound of ${shown}`);
    this.#take.setAttribute('aria-label', `Put ${shown} on air`);
    this.#take.addEventListener('click', () => take(this));
    const video = make('video', { playsinline: '', 'aria-label': `Picture of ${shown}`, tabindex: '-1' });
    this.#text.textContent = media ? 'Connecting …' : 'No camera and no microphone';
    const screen = make('div', { class: 'screen' }, this.#text, video);
    const figure = (name: string, value: HTMLElement): HTMLElement => make('div', {}, make('dt', {}, name), value);
    this.element.append(
      screen,
      make('p', { class: 'name' }, make('span', {}, own ? `${shown} (you)` : shown), this.#flag),
      this.#meter,
      make('dl', {}, figure('rate', this.#kbps), figure('loss', this.#loss), figure('picture', this.#size)),
      this.#take,
    );
    if (!media) return;
    media.attach(video);
    // The others are heard, as in any conference.
    video.muted = own;
    video.addEventListener('playing', () => (this.#text.textContent = ''));
    const figures = (stats: StreamStats): void => this.#figures(stats);
    if (media instanceof LocalStream) {
      media.on('stats', figures);
    } else {
      media.on('stats', figures);
      media.on('error', (error) => (this.#text.textContent = sentence(error)));
    }
  }

  /** How loud it is for the server, decibels below full scale. Drawn often. */
  draw(db: number): void {
    drawMeter(this.#meter, db);
  }

  mark(state: 'air' | 'armed' | 'none'): void {
    this.element.dataset['air'] = String(state === 'air');
    this.element.dataset['armed'] = String(state === 'armed');
    this.#take.setAttribute('aria-pressed', String(state !== 'none'));
    this.#flag.textContent = state === 'air' ? 'on air' : state === 'armed' ? 'first' : '';
  }

  remove(): void {
    if (this.#media) for (const video of this.element.querySelectorAll('video')) this.#media.detach(video);
    this.element.remove();
  }

  #figures({ kbps, lossPercent, width, height, fps }: StreamStats): void {
    this.#kbps.textContent = `${kbps} kbit/s`;
    this.#loss.textContent = `${lossPercent} %`;
    this.#size.textContent = height > 0 ? `${width}×${height}, ${Math.round(fps)}/s` : 'sound only';
  }
}
