// Cube's contact-video demo: sign in, makeCall, answerCall, hangupCall, with the events that its page draws by.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { FakeSocket, installPage, joined, loadFace, settle } from './fake-browser.mjs';

let heard;

async function signIn() {
  installPage();
  loadFace('cube');
  FakeSocket.answers['call.invite'] = (socket, { ref }) => socket.say({ type: 'ok', ref, call: 'c1', state: 'ringing' });
  heard = [];
  const engine = cube();
  engine.start({ address: '127.0.0.1', domain: 'shixincube.com', appKey: 'key' });
  engine.mpComm.start();
  engine.mpComm.setRemoteVideoElement(document.getElementById('remote'));
  engine.mpComm.setLocalVideoElement(document.getElementById('local'));
  for (const name of Object.values(CallEvent)) engine.mpComm.on(name, (event) => heard.push(event.getName()));
  await engine.signIn('10000');
  return engine;
}

const state = async (state, more = {}) => {
  FakeSocket.last.say({ type: 'call.state', call: 'c1', state, ...more });
  await settle();
};

let engine;
beforeEach(async () => {
  engine = await signIn();
});

test('makeCall rings, connects and hangs up', async () => {
  const record = await new Promise((resolve, reject) => {
    engine.mpComm.makeCall(new Contact('20000'), new MediaConstraint(true, true), resolve, reject);
  });
  assert.deepEqual([record.getPeer().getId(), record.isCaller(), record.isActive()], ['20000', true, true]);
  await state('accepted');
  await state('connected');
  engine.mpComm.hangupCall();
  await state('closed', { reason: 'hangup' });
  assert.deepEqual(heard, ['InProgress', 'Ringing', 'Connected', 'MediaConnected', 'Bye']);
  assert.equal(record.isActive(), false);
  assert.equal(engine.mpComm.isCalling(), false);
});

test('answerCall answers what rings', async () => {
  FakeSocket.last.say({ type: 'call.incoming', call: 'c1', from: '20000', mode: 'p2p' });
  await settle();
  const record = await new Promise((resolve, reject) => engine.mpComm.answerCall(new MediaConstraint(true, true), resolve, reject));
  assert.equal(record.getCaller().getId(), '20000');
  assert.equal(FakeSocket.last.of('call.accept').length, 1);
  assert.deepEqual(heard, ['NewCall']);
});

test('hanging up before answering refuses; the caller hears Busy', async () => {
  FakeSocket.last.say({ type: 'call.incoming', call: 'c1', from: '20000', mode: 'p2p' });
  await settle();
  engine.mpComm.hangupCall();
  await settle();
  assert.equal(FakeSocket.last.of('call.refuse').length, 1);
  engine = await signIn();
  engine.mpComm.makeCall('20000');
  await settle();
  await state('closed', { reason: 'refused' });
  assert.deepEqual(heard, ['InProgress', 'Ringing', 'Busy', 'Bye']);
});

test('who is not there, and who calls twice, is told by number', async () => {
  FakeSocket.answers['call.invite'] = (socket, { ref }) => {
    socket.say({ type: 'ok', ref, call: 'c1', state: 'closed' });
    socket.say({ type: 'call.state', call: 'c1', state: 'closed', reason: 'offline' });
  };
  const code = () => new Promise((resolve) => engine.mpComm.makeCall(new Contact('20000'), undefined, undefined, (error) => resolve(error.code)));
  const first = code();
  assert.equal(await code(), 41);
  assert.equal(await first, 19);
});

test('a group meets in a conference', async () => {
  const done = new Promise((resolve, reject) => engine.mpComm.makeCall(new Group('g1'), new MediaConstraint(true, true), resolve, reject));
  await settle();
  FakeSocket.last.say(joined('g1', [{ id: '20000', streams: [{ name: 'camera', audio: true, video: true }] }]));
  const record = await done;
  await settle();
  assert.equal(record.field.getId(), 'g1');
  assert.deepEqual(heard, ['InProgress', 'Connected', 'Arrived', 'Followed']);
  engine.mpComm.hangupCall();
  await settle();
  assert.equal(FakeSocket.last.of('leave').length, 1);
  assert.equal(heard.at(-1), 'Bye');
});
