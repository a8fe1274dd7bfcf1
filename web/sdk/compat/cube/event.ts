// Cube's events: an object with a name and data, to handlers of that name or of all.
import { asError } from '../../src/problem.js';

export const CallEvent = {
  NewCall: 'NewCall', InProgress: 'InProgress', Ringing: 'Ringing', Connected: 'Connected', Busy: 'Busy', Bye: 'Bye', Timeout: 'Timeout',
  Failed: 'Failed', Invite: 'Invite', Invited: 'Invited', Arrived: 'Arrived', Left: 'Left', Followed: 'Followed', Unfollowed: 'Unfollowed',
  MediaConnected: 'MediaConnected', MediaDisconnected: 'MediaDisconnected', MicrophoneVolume: 'MicrophoneVolume',
} as const;

export type CallEventName = keyof typeof CallEvent;

export class ObservableEvent {
  readonly name: string;
  readonly data: unknown;
  constructor(name: string, data: unknown) {
    this.name = name;
    this.data = data;
  }
  getName(): string {
    return this.name;
  }
  getData(): unknown {
    return this.data;
  }
}

type Handler = (event: ObservableEvent) => void;

export class Subject {
  readonly #handlers = new Map<string, Set<Handler>>();

  on(name: string, handler: Handler): this {
    this.#handlers.set(name, (this.#handlers.get(name) ?? new Set()).add(handler));
    return this;
  }
  un(name: string, handler: Handler): this {
    this.#handlers.get(name)?.delete(handler);
    return this;
  }
  off(name: string, handler: Handler): this {
    return this.un(name, handler);
  }
  protected notify(name: CallEventName, data: unknown): void {
    const event = new ObservableEvent(name, data);
    for (const handler of [...(this.#handlers.get(name) ?? []), ...(this.#handlers.get('*') ?? [])]) handler(event);
  }
}

/** MultipointCommStateCode, as far as it can come to that here. */
export const StateCode = {
  Ok: 0, InvalidParameter: 5, Failure: 9, NoDevice: 13, NoContact: 14, NoCommField: 15, NoPeerEndpoint: 19, CommFieldStateError: 21,
  CallerBusy: 41, CalleeBusy: 42, BeCalleeBlocked: 46, Uninitialized: 101, MediaPermissionDenied: 110, SignalingError: 115, RTCPeerError: 117, ServerFault: 200,
} as const;

const CODES: Readonly<Record<string, number>> = {
  device_unavailable: StateCode.MediaPermissionDenied, invalid_argument: StateCode.InvalidParameter, invalid_id: StateCode.InvalidParameter,
  offline: StateCode.NoPeerEndpoint, busy: StateCode.CalleeBusy, network_lost: StateCode.SignalingError, not_connected: StateCode.Uninitialized,
  timeout: StateCode.SignalingError, media_failed: StateCode.RTCPeerError, forbidden: StateCode.Failure, too_many_participants: StateCode.CommFieldStateError,
};

export class ModuleError extends Error {
  readonly module = 'MultipointComm';
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data: unknown = null) {
    super(message);
    this.name = 'ModuleError';
    this.code = code;
    this.data = data;
  }
}

export function moduleError(thrown: unknown, data: unknown = null): ModuleError {
  if (thrown instanceof ModuleError) return thrown;
  const { code, message } = asError(thrown);
  return new ModuleError(CODES[code] ?? StateCode.Failure, message, data);
}
