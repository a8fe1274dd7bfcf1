// Titles and pictures: what is drawn over the program, whether it runs or not, and its slate. What others change is shown,
// and what is being typed here stays.
import type { Client, Conference, Corner, MediaFile, Overlay, OverlayPatch, Picture, Slate } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';
import { Following } from './following.js';
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
  readonly #fields = new Following({
    labels: checkbox(this.#labels),
    title: this.#title,
    position: this.#position,
    logo: this.#logo,
    corner: this.#corner,
    background: this.#background,
    color: this.#color,
    clock: this.#clock,
    zone: this.#zone,
    slate: this.#slate,
    whole: checkbox(this.#whole),
  });
  readonly #follow = (overlay: Overlay): void => this.#show(overlay);
  readonly #list = (pictures: readonly Picture[]): void => this.#choose(pictures);
  /** What was missed while the connection was away. */
  readonly #again = (): void => void this.#read();
  /** What the slate can be, besides pictures. */
  #files: MediaFile[] = [];
  /** As the server has it: for what has no field here. */
  #overlay: Overlay | null = null;

  constructor(client: Client, conference: Conference) {
    this.#client = client;
    this.#conference = conference;
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      void attempt(this.#apply, () => this.#change());
    };
    this.#file.onchange = () => void attempt(this.#apply, () => this.#upload());
    this.#background.onchange = () => this.#draw();
    this.#fields.take({ zone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC' });
    conference.meetingCast.on('overlay_changed', this.#follow).on('pictures_changed', this.#list);
    client.on('reconnected', this.#again);
    void this.#read();
  }

  close(): void {
    this.#conference.meetingCast.off('overlay_changed', this.#follow).off('pictures_changed', this.#list);
    this.#client.off('reconnected', this.#again);
  }

  async #read(): Promise<void> {
    const { meetingCast } = this.#conference;
    try {
      const [overlay, pictures, files] = await Promise.all([meetingCast.overlay(), meetingCast.pictures(), this.#films()]);
      this.#files = files;
      this.#choose(pictures);
      this.#show(overlay);
    } catch {
      // Who may not direct has no use for it, and hears so when he tries.
    }
  }

  /** What can be chosen, with the choice that was. */
  #choose(pictures: readonly Picture[]): void {
    const options = (): HTMLOptionElement[] => pictures.map(({ name }) => make('option', { value: name }, name));
    const fill = (select: HTMLSelectElement, ...first: HTMLOptionElement[]): void => {
      const before = select.value;
      select.replaceChildren(...first, ...options());
      if ([...select.options].some(({ value }) => value === before)) select.value = before;
    };
    const films = this.#files.map(({ file }) => make('option', { value: `${FILE}${file}` }, `the file ${file}`));
    fill(this.#slate, make('option', { value: '' }, 'the card'), ...films);
    fill(this.#logo, make('option', { value: '' }, 'none'));
    // No picture has a name with a colon.
    fill(this.#background, make('option', { value: '' }, 'as usual'), make('option', { value: ':color' }, 'a colour'));
    // What could not be chosen before, perhaps.
    if (this.#overlay) this.#show(this.#overlay);
    this.#draw();
  }

  /** None where the server has no folder for them. */
  async #films(): Promise<MediaFile[]> {
    const list = this.#client.rest.json<{ files: MediaFile[] }>('GET', '/v1/media');
    return list.then(({ files }) => files, () => []);
  }

  #show(overlay: Overlay): void {
    const { labels, title, logo, background, clock, slate } = overlay;
    this.#overlay = overlay;
    this.#fields.take({
      labels: labels ? 'on' : '',
      title: title?.text ?? '',
      position: title?.position ?? 'bottom',
      logo: logo?.picture ?? '',
      corner: logo?.corner ?? 'top_right',
      background: !background ? '' : 'color' in background ? ':color' : background.picture,
      ...(background && 'color' in background ? { color: background.color } : {}),
      clock: clock?.corner ?? '',
      ...(clock ? { zone: clock.zone } : {}),
      slate: !slate ? '' : 'file' in slate ? `${FILE}${slate.file}` : slate.picture,
      whole: slate?.fit === 'contain' ? 'on' : '',
    });
    this.#draw();
  }

  #draw(): void {
    const label = this.#color.closest('label');
    if (label) label.hidden = this.#background.value !== ':color';
  }

  /** What was chosen for it. */
  get #stand(): Slate | null {
    const { value } = this.#slate;
    const fit = this.#whole.checked ? 'contain' : 'cover';
    if (!value) return null;
    return value.startsWith(FILE) ? { file: value.slice(FILE.length), fit } : { picture: value, fit };
  }

  /** What was changed here, and nothing else: others may have changed the rest meanwhile. */
  #patch(): OverlayPatch {
    const [text, background, had, fields] = [this.#title.value.trim(), this.#background.value, this.#overlay, this.#fields];
    return {
      ...(fields.differs('labels') ? { labels: this.#labels.checked } : {}),
      ...(fields.differs('title', 'position') ? { title: text ? { text, position: this.#position.value as 'top' | 'bottom' } : null } : {}),
      ...(fields.differs('logo', 'corner')
        ? { logo: this.#logo.value ? { ...(had?.logo ?? {}), picture: this.#logo.value, corner: this.#corner.value as Corner } : null }
        : {}),
      ...(fields.differs('background', 'color')
        ? { background: background === '' ? null : background === ':color' ? { color: this.#color.value } : { picture: background } }
        : {}),
      ...(fields.differs('clock', 'zone')
        ? { clock: this.#clock.value ? { ...(had?.clock ?? {}), corner: this.#clock.value as Corner, zone: this.#zone.value.trim() || 'UTC' } : null }
        : {}),
      ...(fields.differs('slate', 'whole') ? { slate: this.#stand } : {}),
    };
  }

  async #change(): Promise<void> {
    const overlay = await this.#conference.meetingCast.setOverlay(this.#patch());
    this.#show(overlay);
    this.#said.textContent = overlay.program_pts_ms === null ? 'kept for the program' : 'on the program';
  }

  async #upload(): Promise<void> {
    const file = this.#file.files?.[0];
    if (!file) return;
    const name = file.name.replace(/\.[^.]*$/, '').toLowerCase().replace(UNNAMED, '-').slice(0, 32) || 'picture';
    try {
      await this.#conference.meetingCast.putPicture(name, file);
      this.#choose(await this.#conference.meetingCast.pictures());
      this.#logo.value = name;
      this.#said.textContent = `${name} is uploaded`;
    } finally {
      this.#file.value = '';
    }
  }
}

/** A checkbox as a field with a value. */
function checkbox(input: HTMLInputElement): { value: string } {
  return {
    get value() {
      return input.checked ? 'on' : '';
    },
    set value(text) {
      input.checked = text !== '';
    },
  };
}
