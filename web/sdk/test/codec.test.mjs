import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { connect, LocalStream } from '../../dist/sdk/meetingcast.js';
import { FakeMediaStream, FakePeer, FakeRtpSender, FakeSocket, FakeTrack, idle, install, joined, settle } from './fake-browser.mjs';

beforeEach(install);

const passing = { state: 'live', encoding: { mode: 'passthrough' } };
const composing = { state: 'live', encoding: { mode: 'compose' } };

/** In a room with that cast, with a camera of which the server took `codec`. */
async function publishing(cast, codec) {
  const stream = new LocalStream(new FakeMediaStream([new FakeTrack('audio'), new FakeTrack('video')]));
  const client = await connect({ url: 'http://server.example', participant: 'me' });
  const conference = client.connectToConference('room', { stream });
  const wanted = [];
  conference.on('codec_wanted', (event) => wanted.push(event));
  FakeSocket.last.say(joined('room', [], cast));
  await settle();
  video().parameters = { encodings: [{}], codecs: [{ mimeType: codec }] };
  FakePeer.all[0].become('connected');
  await settle();
  return { conference, wanted };
}

async function told(cast) {
  FakeSocket.last.say({ type: 'cast.changed', conference: 'room', cast: idle('room', cast) });
  await settle();
}

const senders = (peer = FakePeer.all.at(-1)) => peer.senders;
const video = () => senders().find(({ track }) => track.kind === 'video');

test('H.264 is offered first where pictures pass through, and nothing is lost', async () => {
  await publishing(passing, 'video/H264');
  assert.deepEqual(video().preferred, ['video/H264', 'video/H264', 'video/VP8', 'video/rtx', 'video/VP9']);
  assert.equal(senders()[0].preferred, undefined, 'the sound is left alone');
});

test('the browser chooses where pictures are composed', async () => {
  await publishing(composing, 'video/VP8');
  assert.equal(video().preferred, undefined);
});

test('who sends VP8 when a passthrough cast begins is told, and publishes again, once', async () => {
  const { wanted } = await publishing({}, 'video/VP8');
  await told(composing);
  assert.deepEqual([FakePeer.all.length, wanted], [1, []]);
  await told(passing);
  assert.deepEqual(wanted, [{ stream: 'camera', codec: 'h264', republished: true }]);
  assert.equal(FakePeer.all.length, 2);
  assert.equal(video().preferred[0], 'video/H264');
  await told({ ...passing, source_state: 'live' });
  assert.equal(FakePeer.all.length, 2);
});

test('who sends H.264 already goes on', async () => {
  const { wanted } = await publishing({}, 'video/H264');
  await told(passing);
  assert.deepEqual([FakePeer.all.length, wanted], [1, []]);
});

test('a browser without H.264 is told, and goes on with what it has', async () => {
  FakeRtpSender.codecs = [{ mimeType: 'video/VP8' }];
  const { wanted } = await publishing({}, 'video/VP8');
  await told(passing);
  assert.deepEqual(wanted, [{ stream: 'camera', codec: 'h264', republished: false }]);
  assert.equal(FakePeer.all.length, 1);
});

test('what the server sheds is told, also to who listens later', async () => {
  const { conference } = await publishing(composing, 'video/VP8');
  const renditions = [{ rendition: '360p', fps: 15 }];
  FakeSocket.last.say({ type: 'load.shed', conference: 'room', snapshots: false, renditions });
  await settle();
  const heard = [];
  conference.on('load', (load) => heard.push(load));
  await settle();
  assert.deepEqual(heard, [{ snapshots: false, renditions }]);
  FakeSocket.last.say({ type: 'load.restored', conference: 'room', snapshots: true, renditions: [] });
  await settle();
  assert.deepEqual(heard[1], { snapshots: true, renditions: [] });
});
