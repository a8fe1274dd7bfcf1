// Cube's contact-video demo: it prints no code, but the three calls and the order in which its page makes them.
import { emit } from '../report.mjs';
import { hears, id, script } from './page.mjs';

async function contactVideo(seeds) {
  const [caller, callee] = [await seeds.open('cube'), await seeds.open('cube')];
  for (const [one, name] of [[caller, id('10000')], [callee, id('20000')]]) {
    await script(one, `
var engine = window.cube();
var events = [];
engine.start({ address: '127.0.0.1', domain: 'shixincube.com', appKey: 'shixin-cubeteam-opensource-appkey' });
engine.mpComm.start();
engine.mpComm.setLocalVideoElement(document.getElementById('local'));
engine.mpComm.setRemoteVideoElement(document.getElementById('remote'));
for (const name in CallEvent) engine.mpComm.on(name, function(event) { events.push(event.getName()); });
engine.signIn('${name}').then(function() { document.title = 'in'; });`);
    await one.waitForFunction("document.title === 'in'");
  }
  await script(caller, `engine.mpComm.makeCall(new Contact('${id('20000')}'), new MediaConstraint(true, true));`);
  await callee.waitForFunction("events.includes('NewCall')");
  await script(callee, 'engine.mpComm.answerCall(new MediaConstraint(true, true));');
  await Promise.all([hears(caller, 'S4, the caller'), hears(callee, 'S4, the callee')]);
  await script(caller, 'engine.mpComm.hangupCall();');
  await callee.waitForFunction("events.includes('Bye')");
  emit('events', { caller: await caller.evaluate('events'), callee: await callee.evaluate('events') });
}

/** Three in a group: everybody sees somebody else, by the server. */
async function group(seeds) {
  const members = [];
  for (const name of ['10000', '20000', '30000']) {
    const one = await seeds.open('cube');
    await script(one, `
var engine = window.cube();
var events = [];
engine.start({ address: '127.0.0.1', domain: 'shixincube.com', appKey: 'shixin-cubeteam-opensource-appkey' });
engine.mpComm.start();
engine.mpComm.setRemoteVideoElement(document.getElementById('remote'));
for (const name in CallEvent) engine.mpComm.on(name, function(event) { events.push(event.getName()); });
engine.signIn('${id(name)}').then(function() { document.title = 'in'; });`);
    await one.waitForFunction("document.title === 'in'");
    await script(one, `engine.mpComm.makeCall(new Group('${id('group')}'), new MediaConstraint(true, true));`);
    members.push(one);
  }
  for (const one of members) await one.waitForFunction("events.includes('Followed')");
  await Promise.all(members.map((one, at) => hears(one, `S4-group, member ${at + 1}`)));
  await script(members[0], 'engine.mpComm.hangupCall();');
  await members[1].waitForFunction("events.includes('Left')").catch(async () => {
    throw new Error(`nobody left: ${JSON.stringify(await members[1].evaluate('events'))}`);
  });
}

export const cube = { S4: contactVideo, 'S4-group': group };
