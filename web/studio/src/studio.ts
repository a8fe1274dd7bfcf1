// The studio: in at the door, then the room.
import { connect, createScreenStream, createStream, type Client, type Conference, type LocalStream } from '../../sdk/src/meetingcast.js';
import { Control } from './control.js';
import { Devices } from './devices.js';
import { chosen, element } from './element.js';
import { attempt, show } from './notice.js';
import { forget, pasted } from './renew.js';
import { Tiles } from './tiles.js';

const door = element('door', HTMLFormElement);
const room = element('room', HTMLElement);
const leave = element('leave', HTMLButtonElement);
const where = element('where', HTMLElement);
const fields = {
  conference: element('conference', HTMLInputElement),
  participant: element('participant', HTMLInputElement),
  token: element('token', HTMLInputElement),
  preset: element('preset', HTMLSelectElement),
};

/** A token is asked for half a minute before it expires. */
const RENEW_MS = 5_000;

interface Session {
  client: Client;
  conference: Conference;
  tiles: Tiles;
  control: Control;
  devices: Devices;
  /** Asks for another token in time, also while nothing else needs one. */
  renewing: ReturnType<typeof setInterval>;
  streams: Map<string, LocalStream>;
}

let session: Session | null = null;

async function open(media: string): Promise<Map<string, LocalStream>> {
  switch (media) {
    case 'camera':
      return new Map([['camera', await createStream({ audio: true, video: fields.preset.value })]]);
    case 'microphone':
      return new Map([['camera', await createStream({ audio: true, video: false })]]);
    case 'screen':
      return new Map([['screen', await createScreenStream({ audio: true })]]);
    default:
      return new Map();
  }
}

async function enter(): Promise<void> {
  const token = fields.token.value.trim() || undefined;
  const participant = fields.participant.value.trim() || undefined;
  // Devices first: who may not use the camera should not appear in the conference.
  const streams = await open(chosen('media'));
  try {
    const client = await connect({ token: token && pasted(token), ...(token ? {} : { participant }) });
    const conference = client.connectToConference(fields.conference.value.trim());
    await new Promise<void>((resolve, reject) => {
      conference.once('connected', () => resolve());
      conference.once('connect_failed', reject);
    });
    const tiles = new Tiles(conference, (tile) => control.take(tile));
    const control = new Control(client, conference, tiles);
    const renewing = setInterval(() => void client.rest.token.get().catch(() => undefined), RENEW_MS);
    session = { client, conference, tiles, control, devices: new Devices(streams), renewing, streams };
    for (const [name, stream] of streams) send(session, name, stream);
    conference.on('error', show);
    conference.on('disconnected', (error) => {
      if (error) show(error);
      out();
    });
    client.on('disconnected', () => (where.textContent = `${conference.id}: the connection is lost, trying again …`));
    client.on('reconnected', () => (where.textContent = conference.id));
    where.textContent = conference.id;
    for (const [shown, hidden] of [[room, door], [leave, null], [where, null]] as const) {
      shown.hidden = false;
      if (hidden) hidden.hidden = true;
    }
    session.devices.draw();
    control.draw();
    element('start', HTMLButtonElement).focus();
  } catch (error) {
    for (const stream of streams.values()) stream.close();
    throw error;
  }
}

function send({ conference, tiles, streams }: Session, name: string, stream: LocalStream): void {
  streams.set(name, stream);
  conference.publish(stream, name);
  tiles.addOwn(conference.localId, name, stream);
  // The browser's own bar ends a screen share, too.
  stream.on('track_ended', ({ kind }) => {
    if (name === 'screen' && kind === 'video') void unsend(name);
  });
}

async function unsend(name: string): Promise<void> {
  const stream = session?.streams.get(name);
  if (!session || !stream) return;
  session.streams.delete(name);
  session.tiles.removeOwn(session.conference.localId, name);
  stream.close();
  session.devices.draw();
  await session.conference.unpublish(name);
}

function out(): void {
  if (!session) return;
  const { client, tiles, control, devices, renewing, streams } = session;
  session = null;
  control.close();
  devices.close();
  clearInterval(renewing);
  forget();
  tiles.clear();
  for (const stream of streams.values()) stream.close();
  void client.close();
  room.hidden = leave.hidden = where.hidden = true;
  door.hidden = false;
}

door.onsubmit = (event) => {
  event.preventDefault();
  void attempt(door.querySelector<HTMLButtonElement>('button[type=submit]'), enter);
};
leave.onclick = () => void attempt(leave, async () => {
  await session?.conference.leave();
  out();
});
element('share', HTMLButtonElement).onclick = () => void attempt(element('share', HTMLButtonElement), async () => {
  if (session?.streams.has('screen')) await unsend('screen');
  else if (session) send(session, 'screen', await createScreenStream({ audio: true }));
  session?.devices.draw();
});

const query = new URLSearchParams(location.search);
fields.conference.value = query.get('conference') ?? '';
fields.participant.value = query.get('participant') ?? '';
