export declare const isH264: (mimeType: string | undefined) => boolean;
/** All that the browser can send, H.264 first; `null` where it cannot send that. */
export declare function h264First(): RTCRtpCodec[] | null;
