import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { connect, LocalStream } from '../../dist/sdk/meetingcast.js';
import { FakeMediaStream, FakePeer, FakeSocket, FakeTrack, http, idle, install, joined, sent, settle } from './fake-browser.mjs';

beforeEach(install);

const URL_OF_SERVER = 'http://server.example';
const camera = () => new LocalStream(new FakeMediaStream([new FakeTrack('audio'), new FakeTrack('video')]));

async function inside(participants = [], options = {}) {
  const client = await connect({ url: URL_OF_SERVER, participant: 'me' });
  const conference = client.connectToConference('room', options);
  FakeSocket.last.say(joined('room', participants));
  await settle();
  return { client, conference };
}

test('signing in says who, keeps tokens out of the URL, and tells the ICE servers', async () => {
  const client = await connect({ url: URL_OF_SERVER, token: 'a.b.c', participant: 'me' });
  assert.equal(FakeSocket.last.url, 'ws://server.example/v1/signal');
  assert.deepEqual(FakeSocket.last.protocols, ['bearer.a.b.c']);
  assert.equal(client.id, 'me');
  assert.deepEqual(client.iceServers, [{ urls: ['stun:stun.example'] }]);
});

test('a refusal at the door rejects with the server\'s code', async () => {
  FakeSocket.answers.hello = (socket) => socket.say({ type: 'error', code: 'invalid_id', status: 422, detail: 'That is no id.' });
  await assert.rejects(connect({ url: URL_OF_SERVER, participant: '/' }), { code: 'invalid_id', status: 422, message: 'That is no id.' });
});

test('joining publishes by WHIP under our name and fetches the others by WHEP', async () => {
  await inside([{ id: 'ann', streams: [{ name: 'camera', audio: true, video: false }] }], { stream: camera(), userData: { role: 'host' } });
  assert.deepEqual(FakeSocket.last.of('join')[0].user_data, { role: 'host' });
  assert.equal(sent('POST', '/whip')[0].path, '/v1/conferences/room/whip?participant=me&stream=camera');
  assert.equal(sent('POST', '/whep')[0].path, '/v1/conferences/room/participants/ann/whep?stream=camera');
  const receiver = FakePeer.all.find(({ senders }) => senders[0].direction === 'recvonly');
  assert.equal(receiver.senders.length, 1, 'only sound is asked for where there is only sound');
});

test('with a token WHIP is told no name and the token goes as a header', async () => {
  const client = await connect({ url: URL_OF_SERVER, token: 'a.b.c' });
  client.connectToConference('room', { stream: camera() });
  FakeSocket.last.say(joined('room'));
  await settle();
  const [request] = sent('POST', '/whip');
  assert.equal(request.path, '/v1/conferences/room/whip?stream=camera');
  assert.equal(request.headers.authorization, 'Bearer a.b.c');
});

test('who listens late is told what is so, once', async () => {
  const { conference } = await inside([{ id: 'ann', streams: [{ name: 'camera', audio: true, video: true }] }]);
  const heard = [];
  conference.on('connected', (id) => heard.push(['connected', id]));
  conference.on('participant_connected', (participant) => {
    heard.push(['participant', participant.id]);
    participant.on('stream_added', (stream) => heard.push(['stream', stream.name]));
  });
  conference.meetingCast.onStateChanged((cast) => heard.push(['cast', cast.isStarted]));
  await settle();
  assert.deepEqual(heard, [['connected', 'room'], ['participant', 'ann'], ['cast', false], ['stream', 'camera']]);
});

test('people and streams come and go', async () => {
  const { conference } = await inside();
  const heard = [];
  conference.on('participant_connected', ({ id, userData }) => heard.push(['in', id, userData]));
  conference.on('participant_disconnected', ({ id }) => heard.push(['out', id]));
  for (const message of [
    { type: 'participant.connected', participant: { id: 'ann', user_data: 'x' } },
    { type: 'stream.added', participant: 'ann', stream: 'screen', audio: false, video: true },
    { type: 'participant.connected', participant: { id: 'me' } },
    { type: 'stream.removed', participant: 'ann', stream: 'screen' },
    { type: 'participant.disconnected', id: 'ann', reason: 'left' },
  ]) FakeSocket.last.say({ conference: 'room', ...message });
  await settle();
  assert.deepEqual(heard, [['in', 'ann', 'x'], ['out', 'ann']], 'we are not among the others');
});

test('a full conference is connect_failed with the server\'s code', async () => {
  FakeSocket.answers.join = (socket, { ref }) => socket.say({ type: 'error', ref, code: 'too_many_participants', status: 429, detail: 'Full.' });
  const client = await connect({ url: URL_OF_SERVER });
  const conference = client.connectToConference('room');
  await settle();
  const error = await new Promise((resolve) => conference.on('connect_failed', resolve));
  assert.equal(error.code, 'too_many_participants');
  assert.equal(conference.state, 'failed');
});

test('a replaced worker is published to again, and the limits hold there too', async () => {
  const { conference } = await inside([], { stream: camera() });
  const [first] = FakePeer.all;
  first.become('connected');
  FakeSocket.last.say({ type: 'quality', conference: 'room', stream: 'camera', max_height: 360, max_kbps: 600 });
  await settle();
  assert.deepEqual(first.senders[1].parameters.encodings[0], { maxBitrate: 600_000, scaleResolutionDownBy: 2 });
  FakeSocket.last.say({ type: 'worker.restarted', conference: 'room' });
  await settle();
  assert.ok(first.closed);
  assert.equal(sent('POST', '/whip').length, 2);
  FakePeer.all[1].become('connected');
  await settle();
  assert.equal(FakePeer.all[1].senders[1].parameters.encodings[0].maxBitrate, 600_000);
  assert.equal(conference.publications.get('camera').session.state, 'connected');
});

test('a lost media connection is published again', async () => {
  await inside([], { stream: camera() });
  FakePeer.all[0].become('connected');
  FakePeer.all[0].become('failed');
  await new Promise((resolve) => setTimeout(resolve, 700));
  await settle();
  assert.equal(sent('POST', '/whip').length, 2);
});

test('what cannot succeed is told, not tried again', async () => {
  http.answer = ({ path }) => path.includes('/whip') && { status: 406, text: JSON.stringify({ code: 'codec_unsupported', detail: 'No common codec.' }) };
  const { conference } = await inside([], { stream: camera() });
  const failed = new Promise((resolve) => conference.on('error', resolve));
  conference.publish(camera(), 'screen');
  assert.equal((await failed).code, 'codec_unsupported');
});

test('another device takes its place without a new negotiation', async () => {
  const stream = camera();
  await inside([], { stream });
  const [old] = stream.mediaStream.getVideoTracks();
  const fresh = new FakeTrack('video', 360);
  old.enabled = false;
  stream.replaceTrack(fresh);
  await settle();
  assert.equal(FakePeer.all[0].senders[1].track, fresh);
  assert.ok(old.stopped && !fresh.enabled, 'a camera that was switched off stays so');
  assert.equal(sent('POST', '/whip').length, 1);
});

test('a lost socket comes back with its session and nobody leaves', async () => {
  const { client, conference } = await inside([{ id: 'ann' }]);
  const heard = [];
  client.on('disconnected', () => heard.push('disconnected'));
  client.on('reconnected', (resumed) => heard.push(resumed));
  conference.on('participant_disconnected', () => heard.push('out'));
  FakeSocket.last.drop();
  await new Promise((resolve) => setTimeout(resolve, 400));
  FakeSocket.last.say(joined('room', [{ id: 'ann' }]));
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  assert.deepEqual(FakeSocket.last.of('hello')[0], { type: 'hello', client: 'me', session: 'key' });
  assert.deepEqual(FakeSocket.last.of('join'), [], 'the server kept the place');
  assert.deepEqual(heard, ['disconnected', true]);
});

test('a session that was given up is begun again; media that still runs goes on', async () => {
  const { conference } = await inside([{ id: 'ann' }], { stream: camera() });
  FakePeer.all[0].become('connected');
  FakeSocket.answers.hello = (socket) => socket.say({ type: 'welcome', client: 'me', session: 'other', resumed: false });
  FakeSocket.last.drop();
  await new Promise((resolve) => setTimeout(resolve, 400));
  FakeSocket.last.say(joined('room', [{ id: 'bob' }]));
  await settle();
  assert.equal(FakeSocket.last.of('join').length, 1);
  assert.deepEqual([...conference.participants.keys()], ['bob']);
  assert.equal(sent('POST', '/whip').length, 1);
});

test('a conflict ends it, without another attempt', async () => {
  const { client, conference } = await inside();
  FakeSocket.last.say({ type: 'conflict' });
  await settle();
  const error = await new Promise((resolve) => client.on('closed', resolve));
  assert.equal(error.code, 'conflict');
  assert.equal(conference.state, 'disconnected');
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(FakeSocket.all.length, 1);
});

test('leaving hangs up and leaves; the camera stays on', async () => {
  const stream = camera();
  const { conference } = await inside([], { stream });
  await conference.leave();
  assert.equal(sent('DELETE', '/v1/sessions/').length, 1);
  assert.equal(FakeSocket.last.of('leave').length, 1);
  assert.ok(stream.mediaStream.getTracks().every(({ stopped }) => !stopped));
  assert.equal(await new Promise((resolve) => conference.on('disconnected', (error) => resolve(error ?? 'by ourselves'))), 'by ourselves');
});

test('the cast is begun, switched and ended by REST, and everybody hears of it', async () => {
  const { conference } = await inside();
  const { meetingCast } = conference;
  const heard = [];
  meetingCast.onStateChanged((cast) => heard.push([cast.isStarted, cast.anchor]));
  await settle();
  const live = idle('room', { state: 'live', source: { participant: 'ann' }, play: { hls: 'http://server.example/hls', rtmp: null, whep: null } });
  http.answer = ({ path }) => ({ status: 200, text: JSON.stringify(path.endsWith('/start') ? live : { took_ms: 41 }) });
  const cast = await meetingCast.start('ann');
  assert.equal(cast.play.hls, 'http://server.example/hls');
  assert.deepEqual(JSON.parse(sent('POST', '/cast/start')[0].body), { participant: 'ann' });
  assert.equal((await meetingCast.switchParticipant('bob')).took_ms, 41);
  FakeSocket.last.say({ type: 'cast.changed', conference: 'room', cast: { ...live, source: { participant: 'bob' } } });
  await settle();
  assert.deepEqual(heard, [[false, null], [true, 'ann'], [true, 'bob']]);
  http.answer = () => ({ status: 409, text: JSON.stringify({ code: 'cast_already_started', detail: 'It runs already.' }) });
  await assert.rejects(meetingCast.start('ann'), { code: 'cast_already_started', message: 'It runs already.' });
});

test('another operator\'s overlay and pictures are told with what they are now', async () => {
  const { conference } = await inside();
  const heard = [];
  conference.meetingCast.on('overlay_changed', ({ title, program_pts_ms }) => heard.push([title.text, program_pts_ms]));
  conference.meetingCast.on('pictures_changed', (pictures) => heard.push(pictures.map(({ name }) => name)));
  FakeSocket.last.say({ type: 'conference.pictures', conference: 'room', pictures: [{ name: 'logo' }] });
  FakeSocket.last.say({ type: 'cast.overlay', conference: 'room', overlay: { labels: false, title: { text: 'Hi', position: 'top' }, program_pts_ms: 40 } });
  await settle();
  assert.deepEqual(heard, [['logo'], ['Hi', 40]]);
});

test('levels that were asked for, or not any more, are asked for so again after a return', async () => {
  const { conference } = await inside();
  const heard = [];
  conference.on('levels', ({ inputs }) => heard.push(inputs[0].dbov));
  await conference.tellLevels(true);
  FakeSocket.last.say({ type: 'levels', conference: 'room', inputs: [{ participant: 'ann', stream: 'camera', dbov: -20 }], program_dbov: null });
  await settle();
  assert.deepEqual(heard, [-20]);
  for (const on of [true, false]) {
    if (!on) await conference.tellLevels(false);
    FakeSocket.last.drop();
    await new Promise((resolve) => setTimeout(resolve, 400));
    FakeSocket.last.say(joined('room'));
    await settle();
    assert.deepEqual(FakeSocket.last.of('levels').map((message) => message.on), [on]);
  }
});

test('why a WebSocket was refused is asked for without it', async () => {
  http.answer = ({ path }) => path === '/v1/signal' && { status: 401, text: JSON.stringify({ code: 'token_expired', detail: 'The token has expired.' }) };
  const dialled = connect({ url: URL_OF_SERVER, token: 'a.b.c' });
  FakeSocket.last.drop();
  await assert.rejects(dialled, { code: 'token_expired', status: 401 });
});
