// The other ones, with every spelling of their id.
import type { RemoteStream } from '../../src/meetingcast.js';
import { WilddogEvents } from './events.js';

/** Pages of v0.4 attach at once what comes a moment later: the element waits here. */
class AwaitedStream {
  #real: RemoteStream | undefined;
  readonly #elements = new Set<HTMLMediaElement>();

  attach(element: HTMLMediaElement): void {
    if (this.#real) this.#real.attach(element);
    else this.#elements.add(element);
  }

  detach(element: HTMLMediaElement): void {
    this.#elements.delete(element);
    this.#real?.detach(element);
  }

  arrive(stream: RemoteStream): void {
    this.#real = stream;
    for (const element of this.#elements) stream.attach(element);
    this.#elements.clear();
  }
}

export class WilddogParticipant extends WilddogEvents {
  readonly Id: string;
  readonly participantId: string;
  readonly #awaited = new AwaitedStream();
  #stream: RemoteStream | undefined;

  constructor(id: string) {
    super();
    this.Id = this.participantId = id;
  }

  get stream(): RemoteStream | AwaitedStream {
    return this.#stream ?? this.#awaited;
  }

  arrive(stream: RemoteStream): void {
    this.#stream = stream;
    this.#awaited.arrive(stream);
    this.hold('stream_added', stream);
  }

  depart(stream: RemoteStream): void {
    this.release('stream_added', stream);
    if (this.#stream === stream) this.#stream = undefined;
  }

  leave(): void {
    this.hold('disconnected', this);
  }
}
