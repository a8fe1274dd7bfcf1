// Wilddog Video's numbers for what went wrong. `message` is `NAME:detail`, as its pages print it.
import { asError } from '../../src/problem.js';

const NAMES = {
  40000: 'VIDEO_UNKNOWN_ERROR',
  40001: 'VIDEO_INVALID_ARGUMENT',
  40002: 'VIDEO_DEVICE_NOT_AVAILABLE',
  40003: 'VIDEO_CONNECT_FAILED',
  40004: 'VIDEO_CONNECTION_DISOCONNECTED',
  40005: 'VIDEO_TOO_MANY_ACTIVE_CONNECTIONS',
  40101: 'VIDEO_CLIENT_REGISTRATION_FAILED',
  40102: 'VIDEO_INVALID_AUTH_ARGUMENT',
  40202: 'VIDEO_CONVERSATION_INVITATION_FAILED',
  40203: 'VIDEO_CONVERSATION_INVITATION_REJECTED',
  40204: 'VIDEO_CONVERSATION_INVITATION_IGNORED',
  40302: 'VIDEO_CONFERENCE_TOO_MANY_PARTICIPANTS',
  40311: 'VIDEO_MEETINGCAST_REGISTRATION_FAILED',
  40312: 'VIDEO_MEETINGCAST_START_FAILED',
  40313: 'VIDEO_MEETINGCAST_SWITCH_FAILED',
  40314: 'VIDEO_MEETINGCAST_STOP_FAILED',
} as const;

export type WilddogCode = keyof typeof NAMES;

export class WilddogError extends Error {
  readonly code: WilddogCode;
  constructor(code: WilddogCode, detail: string) {
    super(`${NAMES[code]}:${detail}`);
    this.name = NAMES[code];
    this.code = code;
  }
  /** Pages write `"Error code is " + err`. */
  override toString(): string {
    return `${this.code} ${this.message}`;
  }
}

const CODES: Readonly<Record<string, WilddogCode>> = {
  device_unavailable: 40002,
  invalid_argument: 40001,
  network_lost: 40004,
  too_many_participants: 40302,
  too_many_conferences: 40005,
  token_missing: 40101,
  token_invalid: 40102,
  token_expired: 40102,
  forbidden: 40102,
  conflict: 40101,
  cast_disabled: 40311,
};

/** Ours as theirs; `otherwise` for what has no number of its own. */
export function wilddogError(thrown: unknown, otherwise: WilddogCode = 40000): WilddogError {
  if (thrown instanceof WilddogError) return thrown;
  const { code, message } = asError(thrown);
  return new WilddogError(CODES[code] ?? otherwise, message);
}
