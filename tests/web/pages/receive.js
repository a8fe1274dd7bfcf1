// The other end of publish.mjs in the self test: answers one offer and looks at what arrives.
import { TONE_MAX_HZ, read, reader } from './pattern.js';

const view = document.getElementById('view');
const seen = { frames: 0, unreadable: 0, steps: [], flashes: [], last: null };
let peer;
let analyser;

/** Notes every frame whose number is not the next one, and the numbers of the flashes. */
function watchFrames() {
  const context = reader();
  const onFrame = () => {
    const { counter, flash, colour } = read(context, view);
    seen.frames += 1;
    seen.colour = colour;
    if (counter === null) {
      seen.unreadable += 1;
    } else {
      if (seen.last !== null && counter !== seen.last + 1) seen.steps.push([seen.last, counter]);
      if (flash) seen.flashes.push(counter);
      seen.last = counter;
    }
    view.requestVideoFrameCallback(onFrame);
  };
  view.requestVideoFrameCallback(onFrame);
}

window.receiver = {
  async answer(offer) {
    peer = new RTCPeerConnection();
    const tracks = new MediaStream();
    peer.ontrack = ({ track }) => {
      tracks.addTrack(track);
      if (track.kind !== 'audio') return;
      const audio = new AudioContext({ sampleRate: 48_000 });
      analyser = new AnalyserNode(audio, { fftSize: 8192 });
      audio.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    };
    view.srcObject = tracks;
    await peer.setRemoteDescription({ type: 'offer', sdp: offer });
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== 'complete') await new Promise((resolve) => peer.addEventListener('icegatheringstatechange', resolve, { once: true }));
    watchFrames();
    return peer.localDescription.sdp;
  },
  close() {
    peer.close();
  },
  async look() {
    const all = [...(await peer.getStats()).values()];
    const video = all.find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video');
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(spectrum);
    // Below the beep, which may be what sounds just now.
    const tones = spectrum.subarray(0, Math.floor((TONE_MAX_HZ * 8192) / 48_000));
    const peak = tones.indexOf(Math.max(...tones));
    return {
      codec: all.find((entry) => entry.id === video.codecId)?.mimeType,
      framesDecoded: video.framesDecoded,
      width: video.frameWidth,
      height: video.frameHeight,
      tone_hz: (peak * 48_000) / 8192,
      ...seen,
    };
  },
};
