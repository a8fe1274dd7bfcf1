import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { connect, receiveProgram } from '../../dist/sdk/meetingcast.js';
import { FakePeer, FakeSocket, http, install, joined, sent, settle } from './fake-browser.mjs';

beforeEach(install);

const url = 'http://server.example';
/** As a JWT looks: only its claims are read here. */
const jwt = (name, claims) => `h.${Buffer.from(JSON.stringify({ name, ...claims })).toString('base64url')}.s`;
const expired = { status: 401, text: JSON.stringify({ code: 'token_expired', detail: 'The token has expired.' }) };

/** Gives one token after the other; the last one again and again. */
function source(...tokens) {
  const asked = [];
  const give = async () => {
    asked.push(Date.now());
    return tokens[Math.min(asked.length, tokens.length) - 1];
  };
  return { give, asked };
}

test('a function is asked for the token, once for all who need it', async () => {
  const { give, asked } = source('a.b.c');
  const client = await connect({ url, token: give });
  assert.deepEqual(FakeSocket.last.protocols, ['bearer.a.b.c']);
  await Promise.all([client.rest.json('GET', '/v1/one'), client.rest.json('GET', '/v1/two')]);
  assert.equal(asked.length, 1);
  assert.ok(http.requests.every(({ headers }) => headers.authorization === 'Bearer a.b.c'));
});

test('before it expires its successor is asked for; meanwhile it is still good', async () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  try {
    const first = jwt('first', { iat: 5, exp: 65 });
    const { give, asked } = source(first, 'second');
    const client = await connect({ url, token: give });
    mock.timers.tick(44_000);
    await client.rest.json('GET', '/v1/early');
    assert.equal(asked.length, 1, 'iat and exp are by the issuer\'s clock, which is not ours');
    mock.timers.tick(2_000);
    await client.rest.json('GET', '/v1/late');
    await settle();
    assert.equal(asked.length, 2);
    await client.rest.json('GET', '/v1/after');
    assert.deepEqual(http.requests.map(({ headers }) => headers.authorization), [`Bearer ${first}`, `Bearer ${first}`, 'Bearer second']);
  } finally {
    mock.timers.reset();
  }
});

test('one that was issued a while ago holds for what is left of it', async () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  try {
    const { give, asked } = source(jwt('first', { iat: 0, exp: 1_060 }), 'second');
    const client = await connect({ url, token: give });
    mock.timers.tick(44_000);
    await client.rest.json('GET', '/v1/early');
    assert.equal(asked.length, 1);
    mock.timers.tick(2_000);
    await client.rest.json('GET', '/v1/late');
    assert.equal(asked.length, 2);
  } finally {
    mock.timers.reset();
  }
});

test('one that is over is never shown', async () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 });
  try {
    const { give } = source(jwt('first', { iat: 0, exp: 60 }), 'second');
    const client = await connect({ url, token: give });
    mock.timers.tick(61_000);
    await client.rest.json('GET', '/v1/late');
    assert.equal(http.requests[0].headers.authorization, 'Bearer second');
  } finally {
    mock.timers.reset();
  }
});

test('a request that is refused for an expired token goes out again with another, once', async () => {
  const { give, asked } = source('first', 'second');
  const client = await connect({ url, token: give });
  http.answer = ({ headers }) => (headers.authorization === 'Bearer first' ? expired : undefined);
  await client.rest.json('POST', '/v1/conferences/room/cast/stop');
  assert.deepEqual(sent('POST', '/stop').map(({ headers }) => headers.authorization), ['Bearer first', 'Bearer second']);
  http.answer = () => expired;
  await assert.rejects(client.rest.json('GET', '/v1/x'), { code: 'token_expired' });
  assert.equal(asked.length, 3);
});

test('a text is shown as it is, and its expiry told', async () => {
  const client = await connect({ url, token: 'a.b.c' });
  http.answer = () => expired;
  await assert.rejects(client.rest.json('GET', '/v1/x'), { code: 'token_expired' });
  assert.equal(sent('GET', '/v1/x').length, 1);
});

test('a socket that is not let in again since its token has expired tries with another', async () => {
  const { give } = source('first', 'second');
  await connect({ url, token: give });
  FakeSocket.answers.hello = () => undefined;
  http.answer = ({ path, headers }) => (path === '/v1/signal' && headers.authorization === 'Bearer first' ? expired : undefined);
  FakeSocket.last.drop();
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(FakeSocket.last.protocols, ['bearer.first']);
  FakeSocket.last.drop();
  await new Promise((resolve) => setTimeout(resolve, 700));
  await settle();
  assert.deepEqual(FakeSocket.last.protocols, ['bearer.second']);
});

test('what keeps us from a token is said', async () => {
  const refuse = async () => {
    throw new Error('The login is over.');
  };
  await assert.rejects(connect({ url, token: refuse }), { code: 'token_unavailable', message: 'The login is over.' });
});

test('every connection is made as the page wants it, with the server\'s TURN servers', async () => {
  const client = await connect({ url, participant: 'me', rtc: { iceTransportPolicy: 'relay' } });
  client.connectToConference('room');
  FakeSocket.last.say(joined('room', [{ id: 'ann', streams: [{ name: 'camera', audio: true, video: true }] }]));
  await settle();
  receiveProgram({ url, conference: 'room', token: client.rest.token, rtc: client.configuration });
  for (const { configuration } of FakePeer.all) {
    assert.deepEqual(configuration, { bundlePolicy: 'max-bundle', iceTransportPolicy: 'relay', iceServers: [{ urls: ['stun:stun.example'] }] });
  }
  assert.equal(FakePeer.all.length, 2);
});
