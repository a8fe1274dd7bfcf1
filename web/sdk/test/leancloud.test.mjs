// The samples that LeanCloud's WebRTC guide prints. What does not parse there (`fucntion`, `.catch(error) {`) is mended, nothing else.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { FakePeer, FakeSocket, FakeTrack, installPage, loadFace, runSample, settle } from './fake-browser.mjs';

beforeEach(() => {
  installPage();
  loadFace('leancloud');
  FakeSocket.answers['call.invite'] = (socket, { ref }) => socket.say({ type: 'ok', ref, call: 'c1', state: 'ringing' });
});

const LOGIN = `
var Realtime = AV.Realtime;
var WebRTCPlugin = AV.WebRTCPlugin;
var realtime = new Realtime({
  appId: '{{appid}}',
  plugins: [WebRTCPlugin],
});
realtime.createWebRTCClient('Tom').then(function(tom) {
  globalThis.tom = tom;
  tom.on('conflict', function() { console.log('conflict'); });
});`;
const state = async (state, more = {}) => {
  FakeSocket.last.say({ type: 'call.state', call: 'c1', state, ...more });
  await settle();
};

test('Tom calls Jerry: accept comes before connect, then it is hung up', async () => {
  const { restore } = await runSample(LOGIN);
  const sample = await runSample(`
var mediaStreamConstraints = {
  audio: true,
  video: true,
};
navigator.mediaDevices.getUserMedia(mediaStreamConstraints).then(function(stream) {
  return tom.call('Jerry', stream).then(function(outgoingCall) {
    globalThis.outgoingCall = outgoingCall;
    console.log(outgoingCall.state, outgoingCall.to);
    outgoingCall.on('accept', function() { console.log('accept ' + outgoingCall.state); });
    outgoingCall.on('connect', function(stream) { console.log('connect ' + stream.getTracks().length + ' ' + outgoingCall.state); });
    outgoingCall.on('close', function() { console.log('close ' + outgoingCall.state); });
  });
});`);
  await state('accepted');
  FakePeer.all[0].ontrack({ track: new FakeTrack('video') });
  await state('connected');
  outgoingCall.close().then(() => undefined);
  await state('closed', { reason: 'hangup' });
  restore();
  assert.deepEqual(sample.said, ['calling Jerry', 'accept calling', 'connect 1 connected', 'close closed']);
});

test('Jerry is called, accepts, or hears that it was taken back', async () => {
  const { restore } = await runSample(LOGIN.replace("'Tom'", "'Jerry'"));
  FakeSocket.last.say({ type: 'call.incoming', call: 'c1', from: 'Tom', mode: 'p2p' });
  await settle();
  const { said } = await runSample(`
tom.on('call', function(incomingCall) {
  console.log('call from ' + incomingCall.from + ' ' + incomingCall.state);
  incomingCall.on('cancel', function() { console.log('cancel ' + incomingCall.state); });
});`);
  await state('closed', { reason: 'canceled' });
  restore();
  assert.deepEqual(said, ['call from Tom calling', 'cancel canceled']);
});

test('refused; not online; thrown out', async () => {
  const { said, restore } = await runSample(LOGIN);
  const call = await tom.call('Jerry');
  call.on('refuse', () => undefined);
  await state('closed', { reason: 'refused' });
  assert.deepEqual(said, []);
  assert.equal(call.state, 'refused');
  FakeSocket.answers['call.invite'] = (socket, { ref }) => {
    socket.say({ type: 'ok', ref, call: 'c2', state: 'closed' });
    socket.say({ type: 'call.state', call: 'c2', state: 'closed', reason: 'offline' });
  };
  await assert.rejects(tom.call('Jerry'), { message: 'Call failed as Jerry is not online' });
  FakeSocket.last.say({ type: 'conflict' });
  await settle();
  restore();
  const heard = [];
  tom.on('conflict', () => heard.push('conflict'));
  await settle();
  assert.deepEqual(heard, ['conflict']);
});

test('a signature factory brings the token, RTCConfiguration the TURN server', async () => {
  const { Realtime } = AV;
  const client = await new Realtime({ appId: 'x' }).createWebRTCClient('Tom', {
    signature: async (id) => ({ signature: `${id}.b.c`, timestamp: 1, nonce: 'n' }),
    RTCConfiguration: { iceServers: [{ urls: 'turn:own.example' }] },
  });
  assert.deepEqual(FakeSocket.last.protocols, ['bearer.Tom.b.c']);
  assert.equal(FakeSocket.last.url, 'ws://server.example/v1/signal');
  assert.equal(FakeSocket.last.of('hello')[0].max_calls, 4);
  await client.call('Jerry');
  await state('accepted');
  assert.deepEqual(FakePeer.all[0].configuration.iceServers, [{ urls: 'turn:own.example' }]);
});
