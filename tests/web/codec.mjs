// A page with the SDK publishes VP8, as a browser does that has no H.264 yet; when a cast begins that passes pictures
// through, it hears so and publishes H.264. See README.md.
import { openBrowser } from './chromium.mjs';
import { address, CheckFailed, emit, options, required, run, stdinClosed } from './report.mjs';

const values = options({ server: { type: 'string' }, conference: { type: 'string' }, participant: { type: 'string' } });
const server = address(values, 'server').replace(/\/$/, '');
const [conference, participant] = [required(values, 'conference'), required(values, 'participant')];

/** In the page. */
async function publish({ conference, participant }) {
  const { connect, createStream } = await import('/sdk/meetingcast.js');
  const add = RTCPeerConnection.prototype.addTransceiver;
  let first = true;
  RTCPeerConnection.prototype.addTransceiver = function (track, init) {
    const transceiver = add.call(this, track, init);
    if (track.kind === 'video' && first) {
      first = false;
      const { codecs } = RTCRtpSender.getCapabilities('video');
      transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => /vp8|rtx/i.test(mimeType)));
    }
    return transceiver;
  };
  const client = await connect({ url: location.origin, participant });
  const stream = await createStream({ audio: true, video: '360p' });
  const room = client.connectToConference(conference, { subscribe: false });
  room.on('error', (error) => window.report('error', { code: error.code }));
  room.on('codec_wanted', (wanted) => window.report('codec_wanted', wanted));
  room.on('connected', () => {
    const { session } = room.publish(stream);
    session.on('state', (state) => {
      if (state !== 'connected') return;
      const { peer } = session;
      const sdp = peer.localDescription.sdp;
      const video = sdp.slice(sdp.indexOf('m=video'));
      const [, payload] = /^m=video \d+ \S+ (\d+)/.exec(video);
      const [, offered] = new RegExp(`a=rtpmap:${payload} (\\w+)`).exec(video);
      const sender = peer.getSenders().find(({ track }) => track.kind === 'video');
      window.report('publishes', { offered_first: offered, sends: sender.getParameters().codecs[0].mimeType });
    });
  });
}

await run(async () => {
  const browser = await openBrowser();
  try {
    const page = await (await browser.newContext({ permissions: ['camera', 'microphone'] })).newPage();
    const broken = new Promise((_, reject) => page.on('pageerror', (error) => reject(new CheckFailed(error.message))));
    await page.exposeFunction('report', emit);
    // Any page of the server: the SDK comes from where it is.
    await page.goto(`${server}/watch/${conference}`);
    await page.evaluate(publish, { conference, participant });
    await Promise.race([stdinClosed(), broken]);
  } finally {
    await browser.close();
  }
});
