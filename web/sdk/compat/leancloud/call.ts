// A call as LeanCloud's plugin words it: four states, plain MediaStreams, no busy and no timeout.
import { type Call, LocalStream } from '../../src/meetingcast.js';
import { LeanCloudEvents } from './events.js';

export type LeanCloudState = 'calling' | 'connected' | 'closed' | 'canceled' | 'refused';

abstract class LeanCloudCall extends LeanCloudEvents {
  readonly call: Call;
  #state: LeanCloudState = 'calling';

  constructor(call: Call) {
    super();
    this.call = call;
    call.on('connected', (stream) => {
      this.#state = 'connected';
      this.hold('connect', stream.mediaStream);
    });
    call.on('closed', (reason) => {
      const wasConnected = this.#state === 'connected';
      // Busy is a refusal that nobody had to make.
      if (!wasConnected && (reason === 'refused' || reason === 'busy')) {
        this.#state = 'refused';
        this.hold('refuse');
      } else if (!wasConnected && (reason === 'canceled' || reason === 'timeout')) {
        this.#state = 'canceled';
        this.hold('cancel');
      } else {
        this.#state = 'closed';
        this.hold('close');
      }
    });
  }

  get state(): LeanCloudState {
    return this.#state;
  }

  close(): Promise<void> {
    return this.call.close();
  }
}

export class OutgoingCall extends LeanCloudCall {
  readonly from: string;
  readonly to: string;

  constructor(call: Call, own: string) {
    super(call);
    this.from = own;
    this.to = call.with;
    call.on('accepted', () => this.hold('accept'));
  }

  cancel(): Promise<void> {
    return this.call.cancel();
  }
}

export class IncomingCall extends LeanCloudCall {
  readonly from: string;
  readonly to: string;

  constructor(call: Call, own: string) {
    super(call);
    this.from = call.with;
    this.to = own;
  }

  accept(stream?: MediaStream): Promise<void> {
    return this.call.accept(stream && new LocalStream(stream));
  }

  refuse(): Promise<void> {
    return this.call.refuse();
  }
}
