// Wilddog's pages. Mended is only what does not parse there: a fullwidth comma. Names of people are ours.
import { CheckFailed, emit } from '../report.mjs';
import { hears, id, says, script, sees } from './page.mjs';

/** Both streams that are printed: "a stream of only video of 640x480", and one of audio and video. */
const ONLY_VIDEO = "{ audio: false, video: 'standard' }";
const SOUND_AND_VIDEO = '{audio:true,video:true}';

/** A stream of only video has nothing to be heard, and there must be nothing. */
const looks = (media) => (media === ONLY_VIDEO ? sees : hears);

const CONFIG = `
var config = {
    authDomain: "<appId>.wilddog.com",
    syncURL: "https://<appId>.wilddogio.com"
};
wilddog.initializeApp(config);
var ref = wilddog.sync().ref("你的自定义路径");`;

/** v0.5. `uid` is for us: how an app passes it on is its own matter. */
const LOGIN = `${CONFIG}
var videoInstance = wilddog.video();
var client;
var uid;
wilddog.auth().signInAnonymously()
    .then(function(user){
        uid = user.uid;
        client = wilddog.video().client()
    }).catch(function (error) {
        console.log(error);
    });`;

/** v0.4. Its next sample takes `videoInstance` for given. */
const LOGIN_BY_INIT = `${CONFIG}
var client = wilddog.video().client();
var uid;
wilddog.auth().signInAnonymously()
    .then(function(user){
        uid = user.uid;
        client.init({ref: ref, user: user})
        .then(function(){
            console.log("Init succeed!");
        });
    }).catch(function (error) {
        console.log(error);
    });
var videoInstance = wilddog.video();`;

const stream = (media) => `
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

/** Shows the stream that is there already: the sample attaches `localStream`, not the `localstream` it is given. */
const PREVIEW = `
var localElement = document.getElementById('local_video');
wilddog.video().createStream({audio:true,video:true})
    .then(function(localstream){
        localStream.attach(localElement);
    });`;

const ACCEPT = `
var client = wilddog.video().client();
client.on('invite', function(incomingInvite){
    incomingInvite.accept(localStream)
        .then(function(conversation){
            window.conversation = conversation;
            conversation.on('participant_connected', function(participant){
                window.participant = participant;
                var remoteEl = document.getElementById('remote');
                participant.on('streamAdded', function(stream){
                    console.log('Receive stream!');
                    stream.attach(remoteEl);
                });
            });
        });
});`;

const INVITE = `
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

const INVITE_BY_CONSTRAINTS = `
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

/** Of a conversation and of a conference. */
const events = (where) => `
${where}.on('connected', function(){
    console.log('You connected！');
});
${where}.on('connect_failed', function(){
    console.log('You connect failed！');
});
${where}.on('disconnected', function(){
    console.log('You disconnected！');
});
${where}.on('participant_connected', function(participant){
    console.log('New participant connected: ', participant.Id);
});
${where}.on('participant_disconnected', function(participant){
    console.log('A participant disconnected: ', participant.Id);
});`;

async function enter(seeds, login, media) {
  const pages = [await seeds.open('wilddog'), await seeds.open('wilddog')];
  for (const page of pages) {
    await script(page, login);
    await script(page, stream(media));
    await page.waitForFunction('client && uid && localStream');
  }
  return { ann: pages[0], bob: pages[1], annId: await pages[0].evaluate('uid'), bobId: await pages[1].evaluate('uid') };
}

async function call(seeds, name, { login = LOGIN, media = ONLY_VIDEO, invite = INVITE }) {
  const { ann, bob, annId, bobId } = await enter(seeds, login, media);
  if (login === LOGIN_BY_INIT) await says(ann, 'Init succeed!', name);
  await script(bob, ACCEPT);
  await script(ann, invite.replace(/'Wilddog ?Id'/i, JSON.stringify(bobId)));
  await Promise.all([looks(media)(ann, `${name}, the caller`), looks(media)(bob, `${name}, the callee`)]);
  await says(ann, `A remote Participant connected: ${bobId}`, name);
  // Late handlers are told what holds.
  for (const [page, other] of [[ann, bobId], [bob, annId]]) {
    await script(page, events('conversation'));
    await says(page, 'You connected！', name);
    await says(page, `New participant connected:  ${other}`, name);
  }
  await script(ann, PREVIEW);
  await looks(media)(ann, `${name}, the preview`, 'local_video');
  await script(ann, `
conversation.disconnect();
conversation.on('disconnected', function(){
    //释放资源
    console.log('released');
})`);
  await says(ann, 'released', name);
  await says(bob, 'You disconnected！', name);
  await says(bob, `A participant disconnected:  ${annId}`, name);
}

async function meet(seeds, name, media) {
  const { ann, bob, annId, bobId } = await enter(seeds, LOGIN, media);
  for (const page of [ann, bob]) {
    await script(page, `
var remoteVideoElement = document.getElementById('remote');
var conference =  client.connectToConference('${id(name)}',{'stream':localStream,'userData':'somethings'});
conference.on('connected', function(){
    console.log('You connected！');
});
conference.on('participant_connected', function(participant){
    console.log('New participant connected: ', participant.Id);
      var remoteEl = document.getElementById('remote');
    participant.on('streamAdded', function(stream){
            console.log('Receive stream!');
        stream.attach(remoteEl);
    });
});
conference.on('connect_failed', function(){
    console.log('You connect failed！');
});
conference.on('disconnected', function(){
  console.log('You disconnected！');
});
conference.on('participant_disconnected', function(participant){
    console.log('A participant disconnected: ', participant.Id);
});`);
    await says(page, 'You connected！', name);
  }
  await says(ann, `New participant connected:  ${bobId}`, name);
  await says(bob, `New participant connected:  ${annId}`, name);
  return { ann, bob, annId, bobId };
}

async function conference(seeds, name, media) {
  const { ann, bob, annId } = await meet(seeds, name, media);
  await Promise.all([looks(media)(ann, `${name}, one`), looks(media)(bob, `${name}, the other`)]);
  await script(ann, `
conference.disconnect();
conference.on('disconnected', function(){
    //释放资源
    console.log('released');
})`);
  await says(ann, 'released', name);
  await says(bob, `A participant disconnected:  ${annId}`, name);
}

/** One directs, the other is told; whether somebody is seen already is not waited for, as in the sample. */
async function cast(seeds, name) {
  const { ann, bob, annId, bobId } = await meet(seeds, name, ONLY_VIDEO);
  await script(bob, `
var told = [];
conference.meetingCast.onStateChanged(function(cast){ told.push(cast.isStarted + ' ' + cast.anchor); });`);
  const direct = (what, good, bad) => script(ann, `
conference.meetingCast.${what}
  .then(function(){
    console.log('${good}');
  })
  .catch(function(err){
    console.log('${bad}，错误信息：',err.message);
  })`);
  await direct(`start('${annId}')`, '成功开启直播！', '开启直播失败');
  await says(ann, '成功开启直播！', name);
  await bob.waitForFunction((who) => window.told.includes(`on ${who}`), annId);
  await direct(`start('${annId}')`, '成功开启直播！', '开启直播失败');
  await says(ann, '开启直播失败，错误信息： VIDEO_MEETINGCAST_START_FAILED:a cast is running in this conference; stop it before another start', name);
  await direct(`switchParticipant('${bobId}')`, '成功切换直播人！', '切换直播人失败');
  await says(ann, '成功切换直播人！', name);
  await bob.waitForFunction((who) => window.told.includes(`on ${who}`), bobId);
  const play = await bob.evaluate('conference.meetingCast.play');
  emit('play', play);
  if (!play.hls?.startsWith('http') || !play.rtmp?.startsWith('rtmp://')) throw new CheckFailed(`${name}: nothing to play in ${JSON.stringify(play)}`);
  await direct('stop()', '成功关闭直播！', '关闭直播失败');
  await says(ann, '成功关闭直播！', name);
  await bob.waitForFunction(() => window.told.at(-1).startsWith('off'));
  await direct('stop()', '成功关闭直播！', '关闭直播失败');
  await says(ann, '关闭直播失败，错误信息： VIDEO_MEETINGCAST_STOP_FAILED:', name);
}

export const wilddog = {
  S0: (seeds) => call(seeds, 'S0', {}),
  'S0-hear': (seeds) => call(seeds, 'S0-hear', { media: SOUND_AND_VIDEO }),
  S1: (seeds) => call(seeds, 'S1', { login: LOGIN_BY_INIT, invite: INVITE_BY_CONSTRAINTS }),
  'S2-cast': (seeds) => cast(seeds, 'S2-cast'),
  'S2-see': (seeds) => conference(seeds, 'S2-see', ONLY_VIDEO),
  'S2-hear': (seeds) => conference(seeds, 'S2-hear', SOUND_AND_VIDEO),
};
