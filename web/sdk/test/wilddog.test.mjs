// The samples that Wilddog's guides print, as they stand. Where one does not parse (a fullwidth comma), only that is mended.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { FakePeer, FakeSocket, FakeTrack, http, idle, installPage, joined, loadFace, runSample, settle } from './fake-browser.mjs';

beforeEach(() => {
  installPage();
  loadFace('wilddog');
  FakeSocket.answers['call.invite'] = (socket, { ref }) => socket.say({ type: 'ok', ref, call: 'c1', state: 'ringing' });
});

const LOGIN = `
var config = {
    authDomain: "<appId>.wilddog.com",
    syncURL: "https://<appId>.wilddogio.com"
};
wilddog.initializeApp(config);
var ref = wilddog.sync().ref("你的自定义路径");
var videoInstance = wilddog.video();
var client;
wilddog.auth().signInAnonymously()
    .then(function(user){
        client = wilddog.video().client()
    }).catch(function (error) {
        console.log(error);
    });`;

const STREAM = `
var localVideoElement = document.getElementById('local');
var localStream = null;
videoInstance.createStream({
        audio: false,
        video: 'standard'
    })
    .then(function(stream){
        localStream = stream;
        localStream.attach(localVideoElement);
    })
    .catch(function(err){
        console.log("Catch error! Error code is " + err);
    })`;

const CALL = `
var remoteEl = document.getElementById('remote');
client.inviteToConversation('wilddogId',{
        'stream':localStream,
        'userDate':'somethings'
    })
    .then(function(conversation){
        globalThis.conversation = conversation;
        conversation.on('participant_connected', function(participant){
            console.log('A remote Participant connected: ' + participant.participantId);
            participant.on('streamAdded', function(stream){
                console.log('Receive stream!');
                stream.attach(remoteEl);
            });
        });
    });`;

async function connected() {
  FakeSocket.last.say({ type: 'call.state', call: 'c1', state: 'accepted' });
  await settle();
  FakePeer.all[0].ontrack({ track: new FakeTrack('video') });
  FakeSocket.last.say({ type: 'call.state', call: 'c1', state: 'connected' });
  await settle();
}

test('login, stream, invitation and remote picture as the guide prints them', async () => {
  await runSample(LOGIN);
  await runSample(STREAM);
  assert.deepEqual(navigator.mediaDevices.asked[0], { audio: false, video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } } });
  assert.equal(document.getElementById('local').srcObject.getTracks().length, 1);
  const { said, restore } = await runSample(CALL);
  const [invite] = FakeSocket.last.of('call.invite');
  assert.deepEqual([invite.to, invite.user_data, invite.mode], ['wilddogId', 'somethings', 'p2p']);
  await connected();
  assert.deepEqual(said, ['A remote Participant connected: wilddogId', 'Receive stream!']);
  assert.equal(document.getElementById('remote').srcObject.getTracks().length, 1);

  const events = await runSample(`
conversation.disconnect();
conversation.on('disconnected', function(){
    console.log('You disconnected！');
})`);
  assert.equal(FakeSocket.last.of('call.close').length, 1);
  FakeSocket.last.say({ type: 'call.state', call: 'c1', state: 'closed', reason: 'hangup' });
  await settle();
  restore();
  assert.deepEqual(events.said, ['You disconnected！']);
});

test('v0.4: init, one object of constraints, and the stream is attached before it is there', async () => {
  const { said, restore } = await runSample(`
var client = wilddog.video().client();
var ref = wilddog.sync().ref('x');
wilddog.auth().signInAnonymously()
    .then(function(user){
        client.init({ref: ref, user: user})
        .then(function(){
            console.log("Init succeed!");
        });
    })`);
  assert.deepEqual(said, ['Init succeed!']);
  await runSample('var videoInstance = wilddog.video();' + STREAM);
  await runSample(`
var remoteVideoElement = document.getElementById('remote');
client.inviteToConversation({
        mode:'p2p',
        participantId:'Wilddog-Id',
        localStream:localStream
    })
    .then(function(conversation){
        conversation.on('participant_connected', function(participant){
            participant.stream.attach(remoteVideoElement);
        });
    });`);
  await connected();
  restore();
  assert.equal(FakeSocket.last.of('call.invite')[0].to, 'Wilddog-Id');
  assert.equal(document.getElementById('remote').srcObject.getTracks().length, 1);
});

test('an invitation is accepted by who listens late', async () => {
  await runSample(LOGIN);
  FakeSocket.last.say({ type: 'call.incoming', call: 'c2', from: 'bob', user_data: 'hi', mode: 'p2p' });
  await settle();
  const { said, restore } = await runSample(`
var localStream = null;
var client = wilddog.video().client();
client.on('invite', function(incomingInvite){
    incomingInvite.accept(localStream)
        .then(function(conversation){
            console.log('accepted ' + incomingInvite.from + ' ' + conversation.participant.Id);
        });
});`);
  await settle();
  restore();
  assert.deepEqual(said, ['accepted bob bob']);
  assert.equal(FakeSocket.last.of('call.accept')[0].call, 'c2');
});

test('a refused and a busy invitation reject with Wilddog\'s numbers', async () => {
  for (const [reason, code, status] of [['refused', 40203, 'rejected'], ['busy', 40204, 'busy'], ['timeout', 40204, 'canceled']]) {
    installPage();
    loadFace('wilddog');
    FakeSocket.answers['call.invite'] = (socket, { ref }) => socket.say({ type: 'ok', ref, call: 'c1', state: 'ringing' });
    await runSample(LOGIN).then(({ restore }) => restore());
    const invite = globalThis.client.inviteToConversation('bob', {});
    await settle();
    FakeSocket.last.say({ type: 'call.state', call: 'c1', state: 'closed', reason });
    await assert.rejects(Promise.resolve(invite), { code });
    assert.equal(invite.status, status);
  }
});

test('the conference as the guide prints it, late handlers included', async () => {
  await runSample(LOGIN);
  await runSample(STREAM);
  const { said, restore } = await runSample(`
var conference =  client.connectToConference('123456',{'stream':localStream,'userData':'somethings'});`);
  FakeSocket.last.say(joined('123456', [{ id: 'bob', streams: [{ name: 'camera', audio: true, video: true }] }]));
  await settle();
  const late = await runSample(`
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
});`);
  await settle();
  assert.deepEqual(late.said, ['You connected！', 'New participant connected:  bob', 'Receive stream!']);
  assert.deepEqual(FakeSocket.last.of('join')[0].user_data, 'somethings');

  let early = 1;
  http.answer = ({ path, method }) => {
    if (path.endsWith('/cast/stop')) return { status: 409, text: JSON.stringify({ code: 'cast_not_started', detail: 'There is no cast.' }) };
    if (path.endsWith('/cast/start') && early-- > 0) return { status: 404, text: JSON.stringify({ code: 'stream_not_found', detail: 'No camera yet.' }) };
    if (path.endsWith('/cast/start')) {
      return { status: 201, text: JSON.stringify(idle('123456', { state: 'live', source: { participant: 'bob' }, play: { hls: 'h', rtmp: 'r', whep: null } })) };
    }
    return method === 'DELETE' && { status: 200, text: '' };
  };
  const cast = await runSample(`
conference.meetingCast.onStateChanged(function(cast){ console.log(cast.isStarted, cast.anchor, cast.play.hls) });
conference.meetingCast.start('bob')
  .then(function(){
    console.log('成功开启直播！');
  })
  .catch(function(err){
    console.log('开启直播失败，错误信息：',err.message);
  })
conference.meetingCast.stop()
  .then(function(){
    console.log('成功关闭直播！');
  })
  .catch(function(err){
    console.log('关闭直播失败，错误信息：',err.code, err.message);
  })`);
  await new Promise((resolve) => setTimeout(resolve, 400));
  await settle();
  assert.deepEqual(cast.said.toSorted(), [
    '关闭直播失败，错误信息： 40314 VIDEO_MEETINGCAST_STOP_FAILED:There is no cast.', '成功开启直播！', 'off  ', 'on bob h',
  ].toSorted());

  const end = await runSample(`
conference.disconnect();
conference.on('disconnected', function(){
    console.log('released');
})`);
  await settle();
  late.restore();
  restore();
  assert.deepEqual(end.said, ['You disconnected！', 'released']);
});
