// LeanCloud's guide. Mended is only what does not parse there: `fucntion`, and a `.catch(error) {`.
import { CheckFailed, emit } from '../report.mjs';
import { hears, id, isDark, script } from './page.mjs';

/** The stream's callback is printed with the typo `steam`; where it is used as `stream`, a page has that. */
const login = (name) => `
var Realtime = AV.Realtime;
var WebRTCPlugin = AV.WebRTCPlugin;
var realtime = new Realtime({
  appId: '{{appid}}',
  plugins: [WebRTCPlugin],
});
var me, stream;
var heard = [];
realtime.createWebRTCClient('${name}').then(function(tom) {
  me = tom;
  tom.on('conflict', function() { heard.push('conflict'); });
});
var mediaStreamConstraints = {
  audio: true,
  video: true,
};
navigator.mediaDevices.getUserMedia(mediaStreamConstraints).then(function(steam) {
  stream = steam;
  document.getElementById('local_video').srcObject = stream;
});`;

const SHOW = "function show(stream) { document.getElementById('remote').srcObject = stream; }";

async function enter(seeds, name) {
  const page = await seeds.open('leancloud');
  page.id = id(name);
  await script(page, SHOW + login(page.id));
  await page.waitForFunction('me && stream');
  return page;
}

/** Jerry's side, as far as every sample needs it; what he does with the call is each one's own. */
const listen = (page, then) => script(page, `
me.on('call', function(incomingCall) {
  window.incomingCall = incomingCall;
  incomingCall.on('cancel', function() { heard.push('cancel ' + incomingCall.state); });
  incomingCall.on('close', function() { heard.push('close ' + incomingCall.state); });
  incomingCall.on('connect', show);
  ${then}
});`);

const call = (page, to) => script(page, `
me.call('${to}', stream).then(function(outgoingCall) {
  window.outgoingCall = outgoingCall;
  heard.push('called ' + outgoingCall.state);
  outgoingCall.on('accept', function() { heard.push('accept ' + outgoingCall.state); });
  outgoingCall.on('refuse', function() { heard.push('refuse ' + outgoingCall.state); });
  outgoingCall.on('close', function() { heard.push('close ' + outgoingCall.state); });
  outgoingCall.on('connect', function(stream) { heard.push('connect ' + outgoingCall.state); show(stream); });
}).catch(function(error) { heard.push(error.message); });`);

async function heard(page, ...events) {
  try {
    await page.waitForFunction((wanted) => window.heard.join() === wanted, events.join(), { timeout: 20_000 });
  } catch {
    throw new CheckFailed(`${page.id} heard ${JSON.stringify(await page.evaluate('heard'))}, not ${JSON.stringify(events)}`);
  }
  emit('heard', { who: page.id, events });
}

async function accepted(seeds) {
  const [tom, jerry] = [await enter(seeds, 'Tom'), await enter(seeds, 'Jerry')];
  await listen(jerry, 'incomingCall.accept(stream).then(function() {});');
  await call(tom, jerry.id);
  await Promise.all([hears(tom, 'S3, Tom'), hears(jerry, 'S3, Jerry'), hears(tom, 'S3, himself', 'local_video')]);
  await heard(tom, 'called calling', 'accept calling', 'connect connected');
  await script(tom, `
stream.getVideoTracks()[0].enabled = false;
stream.getAudioTracks()[0].enabled = false;`);
  // A second for what was on its way.
  await tom.waitForTimeout(1000);
  await isDark(jerry, 'S3, Jerry, while Tom has switched off both');
  await script(tom, 'outgoingCall.close().then(function() {});');
  await heard(jerry, 'close closed');
  const live = () => tom.evaluate(() => stream.getTracks().filter(({ readyState }) => readyState === 'live').length);
  if ((await live()) !== 2) throw new CheckFailed('the end of the call ended the camera');
  await script(tom, `
stream.getTracks().forEach(function(track) {
  track.stop();
});`);
  if ((await live()) !== 0) throw new CheckFailed('the camera goes on');
}

async function refused(seeds) {
  const [tom, jerry] = [await enter(seeds, 'Tom'), await enter(seeds, 'Jerry')];
  await listen(jerry, 'incomingCall.refuse().then(function() {});');
  await call(tom, jerry.id);
  await heard(tom, 'called calling', 'refuse refused');
  if ((await jerry.evaluate('incomingCall.state')) !== 'refused') throw new CheckFailed('Jerry refused, and his call does not say so');
}

async function canceled(seeds) {
  const [tom, jerry] = [await enter(seeds, 'Tom'), await enter(seeds, 'Jerry')];
  await listen(jerry, '');
  await call(tom, jerry.id);
  await jerry.waitForFunction('window.incomingCall');
  await script(tom, 'outgoingCall.cancel().then(function() {});');
  await heard(jerry, 'cancel canceled');
  await tom.waitForFunction("outgoingCall.state === 'canceled'");
}

async function conflict(seeds) {
  const [earlier, later] = [await enter(seeds, 'Tom'), await enter(seeds, 'Tom')];
  await heard(earlier, 'conflict');
  await heard(later);
  // Who is not there cannot be called.
  await call(later, id('Nobody'));
  await heard(later, `Call failed as ${id('Nobody')} is not online`);
}

/** A room of four is six calls: whoever is in calls the one who comes. */
async function room(seeds) {
  const inside = [];
  for (const name of ['Tom', 'Jerry', 'Spike', 'Tyke']) {
    const newcomer = await enter(seeds, name);
    await script(newcomer, `
var remotes = {};
me.on('call', function(incomingCall) {
  incomingCall.accept(stream).then(function() {});
  incomingCall.on('connect', function(stream) { remotes[incomingCall.from] = stream; });
});`);
    for (const member of inside) {
      await script(member, `
me.call('${newcomer.id}', stream).then(function(outgoingCall) {
  outgoingCall.on('connect', function(stream) { remotes[outgoingCall.to] = stream; });
}).catch(function(error) { heard.push(error.message); });`);
    }
    inside.push(newcomer);
  }
  for (const page of inside) {
    const others = inside.filter((one) => one !== page).map((one) => one.id);
    await page.waitForFunction((wanted) => Object.keys(window.remotes).sort().join() === wanted, others.toSorted().join(), { timeout: 30_000 });
    for (const other of others) {
      await script(page, `show(remotes['${other}']);`);
      await hears(page, `S3-room, ${other} at ${page.id}`);
    }
  }
}

export const leancloud = { S3: accepted, 'S3-refuse': refused, 'S3-cancel': canceled, 'S3-conflict': conflict, 'S3-room': room };
