// Calls between two, as Wilddog words them: an invitation, and a conversation when it is accepted.
import type { Call, LocalStream } from '../../src/meetingcast.js';
import { WilddogError, wilddogError } from './error.js';
import { WilddogEvents } from './events.js';
import { WilddogParticipant } from './participant.js';

export class Conversation extends WilddogEvents {
  readonly Id: string;
  readonly mode: 'p2p' | 'server_based';
  readonly localParticipant: { Id: string; participantId: string };
  readonly participant: WilddogParticipant;
  readonly participants: Map<string, WilddogParticipant>;
  status: 'connecting' | 'connected' | 'disconnected' = 'connecting';
  readonly #call: Call;

  constructor(call: Call, own: string) {
    super();
    this.#call = call;
    this.Id = call.id;
    this.mode = call.mode === 'relay' ? 'server_based' : 'p2p';
    this.localParticipant = { Id: own, participantId: own };
    this.participant = new WilddogParticipant(call.with);
    this.participants = new Map([[call.with, this.participant]]);
    call.on('connected', (stream) => {
      this.status = 'connected';
      this.hold('connected', this.Id);
      this.hold('participant_connected', this.participant);
      this.participant.arrive(stream);
    });
    call.on('closed', (reason) => {
      const wasConnected = this.status === 'connected';
      this.status = 'disconnected';
      if (!wasConnected) return this.hold('connect_failed', new WilddogError(40003, reason));
      this.release('connected');
      this.release('participant_connected');
      this.participant.leave();
      this.hold('participant_disconnected', this.participant);
      this.hold('disconnected', this.Id);
    });
  }

  disconnect(): void {
    void this.#call.close().catch(() => undefined);
  }
}

/** Then-able, as the seeds use it, and an object with events of its own. */
export class OutgoingInvite extends WilddogEvents implements PromiseLike<Conversation> {
  readonly to: string;
  conversationId: string | undefined;
  conversation: Conversation | undefined;
  status: 'pending' | 'accepted' | 'rejected' | 'canceled' | 'failed' | 'busy' = 'pending';
  readonly #made: Promise<Conversation>;
  #call: Call | undefined;

  constructor(to: string, own: () => string, call: Promise<Call>) {
    super();
    this.to = to;
    this.#made = this.#follow(own, call);
    // A page may listen to events and never use the promise.
    this.#made.catch(() => undefined);
  }

  then<Kept = Conversation, Caught = never>(
    kept?: ((value: Conversation) => Kept | PromiseLike<Kept>) | null,
    caught?: ((reason: unknown) => Caught | PromiseLike<Caught>) | null,
  ): Promise<Kept | Caught> {
    return this.#made.then(kept, caught);
  }

  catch<Caught>(caught: (reason: unknown) => Caught): Promise<Conversation | Caught> {
    return this.#made.catch(caught);
  }

  async cancel(): Promise<void> {
    if (this.status === 'pending') await this.#call?.cancel();
  }

  async #follow(own: () => string, pending: Promise<Call>): Promise<Conversation> {
    let call: Call;
    try {
      call = await pending;
    } catch (error) {
      this.status = 'failed';
      const failure = wilddogError(error, 40202);
      this.hold('failed', failure);
      throw failure;
    }
    this.#call = call;
    this.conversationId = call.id;
    return new Promise((resolve, reject) => {
      const fail = (status: 'rejected' | 'canceled' | 'busy', error: WilddogError) => (): void => {
        if (this.status !== 'pending') return;
        this.status = status;
        this.hold(status, error);
        reject(error);
      };
      call.on('accepted', () => {
        if (this.status !== 'pending') return;
        this.status = 'accepted';
        this.conversation = new Conversation(call, own());
        this.hold('accepted', this.conversation);
        resolve(this.conversation);
      });
      call.on('refused', fail('rejected', new WilddogError(40203, `${this.to} refused`)));
      call.on('busy', fail('busy', new WilddogError(40204, `${this.to} is busy`)));
      call.on('canceled', fail('canceled', new WilddogError(40202, 'canceled')));
      // Wilddog's caller takes an invitation back that nobody answers for 30 s.
      call.on('timeout', fail('canceled', new WilddogError(40204, `${this.to} did not answer`)));
      call.on('closed', (reason) => {
        if (this.status !== 'pending') return;
        this.status = 'failed';
        const error = new WilddogError(40202, reason);
        this.hold('failed', error);
        reject(error);
      });
    });
  }
}

export class IncomingInvite extends WilddogEvents {
  readonly from: string;
  readonly conversationId: string;
  readonly userData: unknown;
  status: 'pending' | 'accepted' | 'rejected' | 'canceled' = 'pending';
  readonly #call: Call;
  readonly #own: string;

  constructor(call: Call, own: string) {
    super();
    this.#call = call;
    this.#own = own;
    this.from = call.with;
    this.conversationId = call.id;
    this.userData = call.userData;
    call.on('closed', () => {
      if (this.status !== 'pending') return;
      this.status = 'canceled';
      this.hold('canceled', this);
    });
  }

  async accept(stream?: LocalStream | null): Promise<Conversation> {
    try {
      await this.#call.accept(stream ?? undefined);
    } catch (error) {
      throw wilddogError(error, 40202);
    }
    this.status = 'accepted';
    return new Conversation(this.#call, this.#own);
  }

  async reject(): Promise<void> {
    this.status = 'rejected';
    await this.#call.refuse();
  }
}
