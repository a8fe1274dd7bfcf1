// Which video codecs this browser can send, in which order.

const H264 = 'video/h264';

export const isH264 = (mimeType: string | undefined): boolean => mimeType?.toLowerCase() === H264;

/** All that the browser can send, H.264 first; `null` where it cannot send that. */
export function h264First(): RTCRtpCodec[] | null {
  const known = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  const first = known.filter(({ mimeType }) => isH264(mimeType));
  return first.length === 0 ? null : [...first, ...known.filter(({ mimeType }) => !isH264(mimeType))];
}
