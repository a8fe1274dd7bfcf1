import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { connect, LocalStream } from '../../dist/sdk/meetingcast.js';
import { FakeMediaStream, FakePeer, FakeSocket, FakeTrack, install, joined, sent, settle } from './fake-browser.mjs';

beforeEach(() => {
  install();
  FakeSocket.answers['call.invite'] = (socket, { ref }) => socket.say({ type: 'ok', ref, call: 'c1', state: 'ringing' });
});

const camera = () => new LocalStream(new FakeMediaStream([new FakeTrack('audio'), new FakeTrack('video')]));
const signIn = () => connect({ url: 'http://server.example', participant: 'me' });
const state = (state, more = {}) => FakeSocket.last.say({ type: 'call.state', call: 'c1', state, ...more });

test('a call rings, is accepted, offers, connects and is hung up', async () => {
  const client = await signIn();
  const call = await client.call('ann', { userData: 'hi', stream: camera() });
  assert.equal(call.state, 'ringing');
  assert.deepEqual(FakeSocket.last.of('call.invite')[0].user_data, 'hi');
  state('accepted', { by: 'ann' });
  await settle();
  const [offer] = FakeSocket.last.of('call.signal');
  assert.equal(offer.sdp.type, 'offer');
  assert.deepEqual(FakePeer.all[0].configuration.iceServers, [{ urls: ['stun:stun.example'] }]);
  FakeSocket.last.say({ type: 'call.signal', call: 'c1', from: 'ann', sdp: { type: 'answer', sdp: 'theirs' } });
  FakeSocket.last.say({ type: 'call.signal', call: 'c1', from: 'ann', candidate: { candidate: 'one' } });
  await settle();
  assert.deepEqual(FakePeer.all[0].candidates, [{ candidate: 'one' }]);
  FakePeer.all[0].ontrack({ track: new FakeTrack('video') });
  FakePeer.all[0].become('connected');
  await settle();
  assert.equal(FakeSocket.last.of('call.connected').length, 1);
  state('connected');
  await settle();
  const remote = await new Promise((resolve) => call.on('connected', resolve));
  assert.equal(remote.mediaStream.getTracks().length, 1);
  await call.close();
  state('closed', { reason: 'hangup', by: 'me' });
  await settle();
  assert.equal(call.state, 'closed');
  assert.ok(FakePeer.all[0].closed);
  assert.equal(client.calls.size, 0);
});

test('the one who is called answers, and what came early is not lost', async () => {
  const client = await signIn();
  FakeSocket.last.say({ type: 'call.incoming', call: 'c1', from: 'ann', user_data: 'hi', mode: 'p2p' });
  await settle();
  const call = await new Promise((resolve) => client.on('call', resolve));
  assert.deepEqual([call.with, call.userData, call.state], ['ann', 'hi', 'ringing']);
  FakeSocket.last.say({ type: 'call.signal', call: 'c1', sdp: { type: 'offer', sdp: 'theirs' } });
  await call.accept(camera());
  state('accepted', { by: 'me' });
  await settle();
  assert.equal(FakeSocket.last.of('call.signal').find(({ sdp }) => sdp).sdp.type, 'answer');
});

for (const reason of ['refused', 'canceled', 'busy', 'timeout']) {
  test(`a call that ends as ${reason} says so`, async () => {
    const client = await signIn();
    const call = await client.call('ann');
    state('closed', { reason });
    await settle();
    assert.equal(call.state, reason);
    await new Promise((resolve) => call.on(reason, resolve));
    assert.equal(await new Promise((resolve) => call.on('closed', resolve)), reason);
  });
}

test('nobody there rejects at once', async () => {
  FakeSocket.answers['call.invite'] = (socket, { ref }) => {
    socket.say({ type: 'ok', ref, call: 'c1', state: 'closed' });
    socket.say({ type: 'call.state', call: 'c1', state: 'closed', reason: 'offline' });
  };
  const client = await signIn();
  await assert.rejects(client.call('ann'), { code: 'offline' });
});

test('a second invitation of the same is the same call', async () => {
  const client = await signIn();
  assert.equal(await client.call('ann'), await client.call('ann'));
});

test('a relayed call meets in the conference that the server names', async () => {
  const client = await signIn();
  const call = await client.call('ann', { mode: 'relay', stream: camera() });
  state('accepted', { conference: 'call:c1' });
  await settle();
  assert.equal(FakeSocket.last.of('join')[0].conference, 'call:c1');
  FakeSocket.last.say(joined('call:c1', [{ id: 'ann', streams: [{ name: 'camera', audio: true, video: true }] }]));
  await settle();
  const receiver = FakePeer.all.find(({ senders }) => senders[0].direction === 'recvonly');
  receiver.ontrack({ track: new FakeTrack('video') });
  receiver.become('connected');
  await settle();
  assert.equal(FakeSocket.last.of('call.connected').length, 1);
  state('connected');
  await settle();
  assert.equal(call.remote.mediaStream.getTracks().length, 1);
  state('closed', { reason: 'hangup' });
  await settle();
  assert.equal(FakeSocket.last.of('leave').length, 1);
  assert.equal(sent('DELETE', '/v1/sessions/').length, 2);
});
