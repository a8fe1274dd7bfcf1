// Our own devices: on and off, which of them, and the screen.
import type { LocalStream } from '../../sdk/src/meetingcast.js';
import { element, make } from './element.js';
import { show } from './notice.js';

type Kind = 'audio' | 'video';

interface Control {
  kind: Kind;
  device: MediaDeviceKind;
  name: string;
  button: HTMLButtonElement;
  picker: HTMLSelectElement;
}

const CONTROLS: readonly Control[] = [
  { kind: 'audio', device: 'audioinput', name: 'Microphone', button: element('mic', HTMLButtonElement), picker: element('mics', HTMLSelectElement) },
  { kind: 'video', device: 'videoinput', name: 'Camera', button: element('cam', HTMLButtonElement), picker: element('cams', HTMLSelectElement) },
];
const share = element('share', HTMLButtonElement);

export class Devices {
  readonly #streams: ReadonlyMap<string, LocalStream>;
  /** One change after the other: the last choice is the one that stays. */
  #work: Promise<void> = Promise.resolve();
  readonly #plugged = (): void => void this.#list();

  constructor(streams: ReadonlyMap<string, LocalStream>) {
    this.#streams = streams;
    for (const { kind, button, picker } of CONTROLS) {
      button.onclick = () => this.#turn(kind);
      picker.onchange = () => this.#choose(kind, picker.value);
    }
    this.#camera?.on('track_changed', () => this.draw());
    // Unplugged: those that are left can be chosen.
    this.#camera?.on('track_ended', this.#plugged);
    navigator.mediaDevices?.addEventListener('devicechange', this.#plugged);
    void this.#list();
  }

  close(): void {
    navigator.mediaDevices?.removeEventListener('devicechange', this.#plugged);
  }

  /** As they are. */
  draw(): void {
    for (const { kind, name, button, picker } of CONTROLS) {
      const track = this.#track(kind);
      button.hidden = !track;
      // One device is no choice.
      picker.hidden = !track || picker.options.length < 2;
      button.textContent = `${name} ${track?.enabled ? 'on' : 'off'}`;
      button.setAttribute('aria-pressed', String(track?.enabled ?? false));
      const { deviceId } = track?.getSettings() ?? {};
      if (deviceId) picker.value = deviceId;
    }
    share.textContent = this.#streams.has('screen') ? 'Stop sharing' : 'Share screen';
  }

  get #camera(): LocalStream | undefined {
    return this.#streams.get('camera');
  }

  #track(kind: Kind): MediaStreamTrack | undefined {
    const media = this.#camera?.mediaStream;
    return (kind === 'audio' ? media?.getAudioTracks() : media?.getVideoTracks())?.[0];
  }

  #turn(kind: Kind): void {
    const on = this.#track(kind)?.enabled ?? false;
    if (kind === 'audio') this.#camera?.enableAudio(!on);
    else this.#camera?.enableVideo(!on);
    this.draw();
  }

  #choose(kind: Kind, deviceId: string): void {
    const stream = this.#camera;
    if (!stream) return;
    this.#work = this.#work.then(() => (kind === 'audio' ? stream.useMicrophone(deviceId) : stream.useCamera(deviceId))).catch(show).then(() => this.draw());
  }

  async #list(): Promise<void> {
    const found = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    for (const { device, name, picker } of CONTROLS) {
      const options = found.filter(({ kind, deviceId }) => kind === device && deviceId !== '');
      picker.replaceChildren(...options.map(({ deviceId, label }, at) => make('option', { value: deviceId }, label || `${name} ${at + 1}`)));
    }
    this.draw();
  }
}
