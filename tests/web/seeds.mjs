// The seeds' printed samples, in real pages against a running server: what they print happens. See README.md.
import { openBrowser } from './chromium.mjs';
import { servePages } from './page-server.mjs';
import { address, CheckFailed, emit, options, run } from './report.mjs';

const values = options({ server: { type: 'string' }, only: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const only = values.only?.split(',');
const pages = await servePages({
  '/sample.html': (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE),
});
const id = (name) => `${name}-${process.pid}`;

const PAGE = `<!doctype html><meta charset="utf-8"><title>sample</title>
<video id="local" muted></video><video id="remote" autoplay></video>`;

/** A developer's own page on another origin, which loads the face from our server and so is pointed at it. */
async function open(browser, face) {
  const opened = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
  opened.on('pageerror', (error) => process.stderr.write(`${face} failed: ${error.stack}\n`));
  await opened.goto(`${pages.origin}/sample.html`);
  await opened.addScriptTag({ url: `${server}/sdk/${face}.js` });
  return opened;
}

/** Runs a script as a `<script>` would: `var` makes globals. */
const script = (where, source) => where.addScriptTag({ content: source });

/** The remote picture moves and is not black, and its sound has energy. */
async function receives(where, what) {
  const seen = await where.evaluate(async () => {
    const video = document.getElementById('remote');
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    for (let turn = 0; turn < 150 && !(video.srcObject && video.videoWidth > 0); turn += 1) await wait(100);
    const before = video.getVideoPlaybackQuality().totalVideoFrames;
    let peak = 0;
    if (video.srcObject?.getAudioTracks().length) {
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(video.srcObject).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      // Chromium's microphone beeps once a second.
      for (let turn = 0; turn < 60; turn += 1) {
        analyser.getFloatTimeDomainData(samples);
        peak = Math.max(peak, ...samples.map(Math.abs));
        await wait(50);
      }
    } else {
      await wait(3000);
    }
    const canvas = new OffscreenCanvas(32, 18).getContext('2d');
    canvas.drawImage(video, 0, 0, 32, 18);
    const { data } = canvas.getImageData(0, 0, 32, 18);
    const brightest = data.filter((_, at) => at % 4 !== 3).reduce((one, other) => Math.max(one, other), 0);
    return { frames: video.getVideoPlaybackQuality().totalVideoFrames - before, brightest, peak: Math.round(peak * 1000) / 1000 };
  });
  emit('receives', { what, ...seen });
  if (seen.frames < 10 || seen.brightest < 50) throw new CheckFailed(`${what}: no moving picture`);
  return seen;
}

async function sees(where, what) {
  const { peak } = await receives(where, what);
  if (peak > 0) throw new CheckFailed(`${what}: sound that nobody sends`);
}

async function hears(where, what) {
  const { peak } = await receives(where, what);
  if (peak < 0.01) throw new CheckFailed(`${what}: no sound`);
}

/** Both streams that Wilddog's pages print: "a stream of only video of 640x480", and one of audio and video. */
const ONLY_VIDEO = "{ audio: false, video: 'standard' }";
const SOUND_AND_VIDEO = '{audio:true,video:true}';

const wilddogLogin = (media) => `
var config = {
    authDomain: "<appId>.wilddog.com",
    syncURL: "https://<appId>.wilddogio.com"
};
wilddog.initializeApp(config);
var ref = wilddog.sync().ref("你的自定义路径");
var videoInstance = wilddog.video();
var client;
var uid;
wilddog.auth().signInAnonymously()
    .then(function(user){
        uid = user.uid;
        client = wilddog.video().client()
    }).catch(function (error) {
        console.log(error);
    });
var localVideoElement = document.getElementById('local');
var localStream = null;
videoInstance.createStream(${media})
    .then(function(stream){
        localStream = stream;
        localStream.attach(localVideoElement);
    })
    .catch(function(err){
        console.log("Catch error! Error code is " + err);
    })`;

const WILDDOG_ANSWER = `
client.on('invite', function(incomingInvite){
    incomingInvite.accept(localStream)
        .then(function(conversation){
            conversation.on('participant_connected', function(participant){
                participant.on('streamAdded', function(stream){
                    stream.attach(document.getElementById('remote'));
                });
            });
        });
});`;

/** A stream of only video has nothing to be heard, and there must be nothing: sound that was not asked for would be a fault. */
const looks = (media) => (media === ONLY_VIDEO ? sees : hears);

async function wilddogCall(browser, name, media, invite) {
  const [ann, bob] = [await open(browser, 'wilddog'), await open(browser, 'wilddog')];
  for (const one of [ann, bob]) {
    await script(one, wilddogLogin(media));
    await one.waitForFunction('client && localStream');
  }
  await script(bob, WILDDOG_ANSWER);
  await script(ann, invite.replace(/'Wilddog ?Id'/i, JSON.stringify(await bob.evaluate('uid'))));
  await looks(media)(ann, `${name}, the caller`);
  await looks(media)(bob, `${name}, the callee`);
  await script(ann, `conversation.disconnect();
conversation.on('disconnected', function(){ document.title = 'disconnected'; })`);
  await ann.waitForFunction("document.title === 'disconnected'");
}

const S0 = `
var remoteEl = document.getElementById('remote');
client.inviteToConversation('wilddogId',{
        'stream':localStream,
        'userDate':'somethings'
    })
    .then(function(conversation){
        window.conversation = conversation;
        conversation.on('participant_connected', function(participant){
            console.log('A remote Participant connected: ' + participant.participantId);
            participant.on('streamAdded', function(stream){
                console.log('Receive stream!');
                stream.attach(remoteEl);
            });
        });
    });`;

const S1 = `
var remoteVideoElement = document.getElementById('remote');
client.inviteToConversation({
        mode:'p2p',
        participantId:'Wilddog Id',
        localStream:localStream
    })
    .then(function(conversation){
        window.conversation = conversation;
        conversation.on('participant_connected', function(participant){
            console.log('A remote Participant connected: ' + participant.participantId);
            participant.stream.attach(remoteVideoElement);
        });
    });`;

/** S2: the conference; all see each other. */
async function wilddogConference(browser, name, media) {
  const [ann, bob] = [await open(browser, 'wilddog'), await open(browser, 'wilddog')];
  for (const one of [ann, bob]) {
    await script(one, wilddogLogin(media));
    await one.waitForFunction('client && localStream');
    await script(one, `
var told = [];
var conference =  client.connectToConference('${name}',{'stream':localStream,'userData':'somethings'});
conference.on('connected', function(){ told.push('connected'); });
conference.on('participant_connected', function(participant){
    told.push('participant_connected ' + participant.Id);
    participant.on('streamAdded', function(stream){
        stream.attach(document.getElementById('remote'));
    });
});
conference.meetingCast.onStateChanged(function(cast){ told.push(cast.isStarted + ' ' + cast.anchor); });`);
  }
  const [annId, bobId] = [await ann.evaluate('uid'), await bob.evaluate('uid')];
  await ann.waitForFunction((other) => window.told.includes(`participant_connected ${other}`), bobId);
  return { ann, bob, annId, bobId };
}

async function wilddogSees(browser, name, media) {
  const { ann, bob } = await wilddogConference(browser, id(name.toLowerCase()), media);
  await looks(media)(ann, `${name}, one`);
  await looks(media)(bob, `${name}, the other`);
}

/** S2's MeetingCast: one directs, the other is told. */
async function wilddogCast(browser) {
  const { ann, bob, annId, bobId } = await wilddogConference(browser, id('s2-cast'), ONLY_VIDEO);
  // Nobody can be put on air before their media is there.
  await ann.waitForTimeout(3000);
  const does = async (what) => {
    const error = await ann.evaluate(`conference.meetingCast.${what}.then(() => null, (err) => err.message)`);
    emit('meeting_cast', { what: what.replace(/\(.*/, ''), error });
    return error;
  };
  const must = async (what) => {
    const error = await does(what);
    if (error) throw new CheckFailed(`meetingCast.${what}: ${error}`);
  };
  await must(`start(${JSON.stringify(annId)})`);
  const again = await does(`start(${JSON.stringify(annId)})`);
  if (!again?.startsWith('VIDEO_MEETINGCAST_START_FAILED:')) throw new CheckFailed(`a second start says ${again}`);
  await must(`switchParticipant(${JSON.stringify(bobId)})`);
  await bob.waitForFunction((own) => window.told.includes(`on ${own}`), bobId);
  emit('play', await bob.evaluate('conference.meetingCast.play'));
  await must('stop()');
  await bob.waitForFunction(() => window.told.at(-1).startsWith('off'));
}

/** S3: Tom calls Jerry. */
async function leancloud(browser) {
  const [tom, jerry] = [await open(browser, 'leancloud'), await open(browser, 'leancloud')];
  for (const [one, name] of [[tom, id('Tom')], [jerry, id('Jerry')]]) {
    await script(one, `
var Realtime = AV.Realtime;
var WebRTCPlugin = AV.WebRTCPlugin;
var realtime = new Realtime({
  appId: '{{appid}}',
  plugins: [WebRTCPlugin],
});
var me, stream;
realtime.createWebRTCClient('${name}').then(function(tom) { me = tom; });
var mediaStreamConstraints = {
  audio: true,
  video: true,
};
navigator.mediaDevices.getUserMedia(mediaStreamConstraints).then(function(steam) { stream = steam; });`);
    await one.waitForFunction('me && stream');
  }
  await script(jerry, `
var states = [];
me.on('call', function(incomingCall) {
  incomingCall.accept(stream).then(function() {});
  incomingCall.on('connect', function(stream) { document.getElementById('remote').srcObject = stream; });
  incomingCall.on('close', function() { states.push(incomingCall.state); });
});`);
  await script(tom, `
var states = [], outgoing;
me.call('${id('Jerry')}', stream).then(function(outgoingCall) {
  outgoing = outgoingCall;
  outgoingCall.on('accept', function() { states.push('accept ' + outgoingCall.state); });
  outgoingCall.on('connect', function(stream) {
    states.push('connect ' + outgoingCall.state);
    document.getElementById('remote').srcObject = stream;
  });
}).catch(function(error) { states.push(error.message); });`);
  await hears(tom, 'S3, Tom');
  await hears(jerry, 'S3, Jerry');
  await tom.evaluate('outgoing.close()');
  await jerry.waitForFunction("states.join() === 'closed'");
  emit('states', { tom: await tom.evaluate('states') });
}

/** S4: the contact-video demo's three calls. */
async function cube(browser) {
  const [caller, callee] = [await open(browser, 'cube'), await open(browser, 'cube')];
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
  await hears(caller, 'S4, the caller');
  await hears(callee, 'S4, the callee');
  await script(caller, 'engine.mpComm.hangupCall();');
  await callee.waitForFunction("events.includes('Bye')");
  emit('events', { caller: await caller.evaluate('events'), callee: await callee.evaluate('events') });
}

await run(async () => {
  const browser = await openBrowser();
  let failed = null;
  try {
    for (const [name, sample] of Object.entries({
      S0: () => wilddogCall(browser, 'S0', ONLY_VIDEO, S0),
      'S0-hear': () => wilddogCall(browser, 'S0-hear', SOUND_AND_VIDEO, S0),
      S1: () => wilddogCall(browser, 'S1', ONLY_VIDEO, S1),
      S3: () => leancloud(browser),
      S4: () => cube(browser),
      'S2-cast': () => wilddogCast(browser),
      'S2-see': () => wilddogSees(browser, 'S2-see', ONLY_VIDEO),
      'S2-hear': () => wilddogSees(browser, 'S2-hear', SOUND_AND_VIDEO),
    })) {
      if (only && !only.includes(name)) continue;
      try {
        await sample();
        emit('sample', { name, passed: true });
      } catch (error) {
        emit('sample', { name, passed: false, why: error.message });
        failed ??= new CheckFailed(`${name}: ${error.message}`);
      }
    }
  } finally {
    await browser.close();
    await pages.close();
  }
  if (failed) throw failed;
});
