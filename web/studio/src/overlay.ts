// Titles and pictures: what is drawn over the program, whether it runs or not.
import type { Client, Conference, Corner, MediaFile, Overlay, OverlayPatch, Slate } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';
import { attempt } from './notice.js';

/** Of a picture's name; anything else becomes a dash. */
const UNNAMED = /[^a-z0-9_-]+/g;

/** What the slate shows, by the value of its option: no picture has a name with a colon. */
const FILE = 'file:';

export class OverlayDesk {
  readonly #client: Client;
  readonly #conference: Conference;
  readonly #form = element('overlay', HTMLFormElement);
  readonly #apply = element('overlay-apply', HTMLButtonElement);
  readonly #labels = element('overlay-labels', HTMLInputElement);
  readonly #title = element('overlay-title', HTMLInputElement);
  readonly #position = element('overlay-position', HTMLSelectElement);
  readonly #logo = element('overlay-logo', HTMLSelectElement);
  readonly #corner = element('overlay-corner', HTMLSelectElement);
  readonly #file = element('overlay-file', HTMLInputElement);
  readonly #background = element('overlay-background', HTMLSelectElement);
  readonly #color = element('overlay-color', HTMLInputElement);
  readonly #clock = element('overlay-clock', HTMLSelectElement);
  readonly #zone = element('overlay-zone', HTMLInputElement);
  readonly #slate = element('overlay-slate', HTMLSelectElement);
  readonly #whole = element('overlay-slate-whole', HTMLInputElement);
  readonly #said = element('overlay-said', HTMLElement);
  #logoSize: number | undefined;

  constructor(client: Client, conference: Conference) {
    this.#client = client;
    this.#conference = conference;
    this.#zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      void attempt(this.#apply, () => this.#change());
    };
    this.#file.onchange = () => void attempt(this.#apply, () => this.#upload());
    this.#background.onchange = () => this.#draw();
    // Who may not direct has no use for it, and hears so when he tries.
    this.#read().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const { meetingCast } = this.#conference;
    const [overlay] = await Promise.all([meetingCast.overlay(), this.#pictures()]);
    this.#fill(overlay);
  }

  /** What can be chosen, with the choice that was. */
  async #pictures(): Promise<void> {
    const [pictures, files] = await Promise.all([this.#conference.meetingCast.pictures(), this.#files()]);
    const options = (): HTMLOptionElement[] => pictures.map(({ name }) => make('option', { value: name }, name));
    const fill = (select: HTMLSelectElement, ...first: HTMLOptionElement[]): void => {
      const before = select.value;
      select.replaceChildren(...first, ...options());
      if ([...select.options].some(({ value }) => value === before)) select.value = before;
    };
    const films = files.map(({ file }) => make('option', { value: `${FILE}${file}` }, `the file ${file}`));
    fill(this.#slate, make('option', { value: '' }, 'the card'), ...films);
    fill(this.#logo, make('option', { value: '' }, 'none'));
    // No picture has a name with a colon.
    fill(this.#background, make('option', { value: '' }, 'as usual'), make('option', { value: ':color' }, 'a colour'));
    this.#draw();
  }

  /** None where the server has no folder for them. */
  async #files(): Promise<MediaFile[]> {
    const list = this.#client.rest.json<{ files: MediaFile[] }>('GET', '/v1/media');
    return list.then(({ files }) => files, () => []);
  }

  #fill({ labels, title, logo, background, clock, slate }: Overlay): void {
    this.#labels.checked = labels;
    this.#title.value = title?.text ?? '';
    this.#position.value = title?.position ?? 'bottom';
    this.#logo.value = logo?.picture ?? '';
    this.#corner.value = logo?.corner ?? 'top_right';
    this.#logoSize = logo?.size;
    this.#background.value = !background ? '' : 'color' in background ? ':color' : background.picture;
    if (background && 'color' in background) this.#color.value = background.color;
    this.#clock.value = clock?.corner ?? '';
    if (clock) this.#zone.value = clock.zone;
    this.#slate.value = !slate ? '' : 'file' in slate ? `${FILE}${slate.file}` : slate.picture;
    this.#whole.checked = slate?.fit === 'contain';
    this.#draw();
  }

  #draw(): void {
    const label = this.#color.closest('label');
    if (label) label.hidden = this.#background.value !== ':color';
  }

  /** What was chosen for it. */
  get #shown(): Slate | null {
    const { value } = this.#slate;
    const fit = this.#whole.checked ? 'contain' : 'cover';
    if (!value) return null;
    return value.startsWith(FILE) ? { file: value.slice(FILE.length), fit } : { picture: value, fit };
  }

  async #change(): Promise<void> {
    const [text, background] = [this.#title.value.trim(), this.#background.value];
    const patch: OverlayPatch = {
      labels: this.#labels.checked,
      title: text ? { text, position: this.#position.value as 'top' | 'bottom' } : null,
      logo: this.#logo.value
        ? { picture: this.#logo.value, corner: this.#corner.value as Corner, ...(this.#logoSize === undefined ? {} : { size: this.#logoSize }) }
        : null,
      background: background === '' ? null : background === ':color' ? { color: this.#color.value } : { picture: background },
      clock: this.#clock.value ? { corner: this.#clock.value as Corner, zone: this.#zone.value.trim() || 'UTC' } : null,
      slate: this.#shown,
    };
    const overlay = await this.#conference.meetingCast.setOverlay(patch);
    this.#said.textContent = overlay.program_pts_ms === null ? 'kept for the program' : 'on the program';
  }

  async #upload(): Promise<void> {
    const file = this.#file.files?.[0];
    if (!file) return;
    const name = file.name.replace(/\.[^.]*$/, '').toLowerCase().replace(UNNAMED, '-').slice(0, 32) || 'picture';
    try {
      await this.#conference.meetingCast.putPicture(name, file);
      await this.#pictures();
      this.#logo.value = name;
      this.#said.textContent = `${name} is uploaded`;
    } finally {
      this.#file.value = '';
    }
  }
}
