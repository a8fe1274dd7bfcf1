import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { connect, LocalStream } from '../../dist/sdk/meetingcast.js';
import { FakeMediaStream, FakePeer, FakeSocket, FakeTrack, install, joined, settle } from './fake-browser.mjs';

beforeEach(install);

const camera = (height = 720) => new LocalStream(new FakeMediaStream([new FakeTrack('audio'), new FakeTrack('video', height)]));

/** In a room with a camera that is connected, and maybe a screen. */
async function publishing({ stream = camera(), screen } = {}) {
  const client = await connect({ url: 'http://server.example', participant: 'me' });
  const conference = client.connectToConference('room', { stream });
  FakeSocket.last.say(joined('room'));
  await settle();
  if (screen) conference.publish(screen, 'screen');
  await settle();
  for (const peer of FakePeer.all) peer.become('connected');
  await settle();
  return { stream, conference };
}

async function told(limits, stream = 'camera') {
  FakeSocket.last.say({ type: 'quality', conference: 'room', stream, ...limits });
  await settle();
}

/** What the encoder of a connection's picture was told. */
const encoding = (peer = 0) => FakePeer.all[peer].senders.find(({ track }) => track.kind === 'video').parameters.encodings[0];

test('untold, nothing is limited', async () => {
  await publishing();
  assert.deepEqual(encoding(), {});
});

test('rate and size are limited, each alone and both', async () => {
  await publishing();
  await told({ max_kbps: 600 });
  assert.deepEqual(encoding(), { maxBitrate: 600_000, scaleResolutionDownBy: 1 });
  await told({ max_height: 180 });
  assert.deepEqual(encoding(), { scaleResolutionDownBy: 4 });
  await told({ max_height: 360, max_kbps: 900 });
  assert.deepEqual(encoding(), { maxBitrate: 900_000, scaleResolutionDownBy: 2 });
  assert.deepEqual(FakePeer.all[0].senders[0].parameters, { encodings: [{}] }, 'the sound is as it was');
});

test('limits that are lifted are lifted, whether by null or by silence', async () => {
  await publishing();
  for (const nothing of [{ max_height: null, max_kbps: null }, {}]) {
    await told({ max_height: 360, max_kbps: 600 });
    await told(nothing);
    assert.deepEqual(encoding(), { scaleResolutionDownBy: 1 });
  }
});

test('a picture that is smaller already is not enlarged', async () => {
  await publishing({ stream: camera(240) });
  await told({ max_height: 720 });
  assert.equal(encoding().scaleResolutionDownBy ?? 1, 1);
});

test('another camera is measured anew', async () => {
  const { stream } = await publishing();
  await told({ max_height: 360 });
  stream.replaceTrack(new FakeTrack('video', 1080));
  await settle();
  assert.equal(encoding().scaleResolutionDownBy, 3);
});

test('of several at once the last one holds', async () => {
  await publishing();
  for (const max_kbps of [300, 600, 900]) FakeSocket.last.say({ type: 'quality', conference: 'room', stream: 'camera', max_kbps });
  await settle(60);
  assert.equal(encoding().maxBitrate, 900_000);
});

test('each stream has its own', async () => {
  await publishing({ screen: new LocalStream(new FakeMediaStream([new FakeTrack('video', 1080)])) });
  await told({ max_height: 540 }, 'screen');
  assert.deepEqual(encoding(0), {});
  assert.equal(encoding(1).scaleResolutionDownBy, 2);
  await told({ max_kbps: 100 }, 'window');
  assert.equal(encoding(1).maxBitrate, undefined);
});

test('limits told before the connection was up hold when it is', async () => {
  const client = await connect({ url: 'http://server.example', participant: 'me' });
  client.connectToConference('room', { stream: camera() });
  FakeSocket.last.say(joined('room'));
  await settle();
  FakePeer.all[0].senders[1].parameters = { encodings: [] };
  await told({ max_height: 360 });
  FakePeer.all[0].senders[1].parameters = { encodings: [{}] };
  FakePeer.all[0].become('connected');
  await settle();
  assert.equal(encoding().scaleResolutionDownBy, 2);
});
