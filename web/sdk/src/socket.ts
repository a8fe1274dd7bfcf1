// The signalling WebSocket: signs in, comes back after a loss with its session, and matches answers to requests.
import { Emitter } from './emitter.js';
import type { ClientMessage, Reply, ServerMessage, Welcome } from './messages.js';
import { asError, fromProblem, MeetingCastError } from './problem.js';
import type { Token } from './token.js';

const PING_MS = 15_000;
/** As the server counts: nothing heard for so long is a dead connection. */
const DEAD_MS = 45_000;
const REQUEST_DEADLINE_MS = 15_000;
const WELCOME_DEADLINE_MS = 10_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
/** The same id signed in elsewhere: coming back would throw the other one out in turn. */
const CONFLICT = 4001;

interface SocketEvents {
  message: ServerMessage;
  /** Signed in, again or for the first time. */
  welcome: Welcome;
  /** The connection is lost; another attempt follows. */
  lost: undefined;
  /** There will be no other attempt. */
  over: MeetingCastError;
}

export interface SocketOptions {
  /** `ws://` or `wss://`, up to and including `/v1/signal`. */
  url: string;
  token: Token;
  participant?: string | undefined;
  maxCalls?: number | undefined;
  /** Not let in again, for a reason that a browser does not tell of a WebSocket. */
  refused: () => void;
}

interface Waiting {
  resolve: (reply: Reply) => void;
  reject: (error: MeetingCastError) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class SignalSocket extends Emitter<SocketEvents> {
  readonly #options: SocketOptions;
  readonly #waiting = new Map<string, Waiting>();
  #socket: WebSocket | null = null;
  #client: string | undefined;
  #session: string | undefined;
  #next = 1;
  #attempts = 0;
  #ready = false;
  #over = false;
  #everWelcome = false;
  #heardAt = 0;
  #pinging: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SocketOptions) {
    super();
    this.#options = options;
    this.#client = options.participant;
  }

  get isReady(): boolean {
    return this.#ready;
  }

  /** Resolves when the server has let us in; rejects when it cannot be reached or refuses at the first attempt. */
  open(): Promise<Welcome> {
    return new Promise((resolve, reject) => {
      this.once('welcome', resolve);
      this.once('over', reject);
      void this.#dial();
    });
  }

  /** Sends, and resolves with the answer. */
  request(message: ClientMessage): Promise<Reply> {
    const socket = this.#socket;
    if (!socket || !this.#ready) return Promise.reject(new MeetingCastError('not_connected', 'There is no connection to the server at the moment.'));
    const ref = String(this.#next++);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(new MeetingCastError('timeout', `The server did not answer ${message.type} in time.`));
      }, REQUEST_DEADLINE_MS);
      this.#waiting.set(ref, { resolve, reject, timer });
      socket.send(JSON.stringify({ ...message, ref }));
    });
  }

  close(): void {
    this.#end(new MeetingCastError('closed', 'The client was closed.'));
  }

  async #dial(): Promise<void> {
    const url = new URL(this.#options.url);
    let token: string | undefined;
    try {
      // Only where it may take time: who has a token dials at once.
      token = this.#options.token.isRenewable ? await this.#options.token.get() : this.#options.token.current;
    } catch (error) {
      return this.#refused(asError(error, 'token_unavailable'));
    }
    if (this.#over) return;
    // A token in the URL would stand in the logs of every proxy between; as a subprotocol it does not.
    const protocols = token ? [`bearer.${token}`] : [];
    const socket = new WebSocket(url, protocols);
    this.#socket = socket;
    const deadline = setTimeout(() => socket.close(), WELCOME_DEADLINE_MS);
    socket.onopen = () => {
      socket.send(JSON.stringify({
        type: 'hello',
        ...(this.#client ? { client: this.#client } : {}),
        ...(this.#session ? { session: this.#session } : {}),
        ...(this.#options.maxCalls ? { max_calls: this.#options.maxCalls } : {}),
      }));
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (this.#socket !== socket || typeof data !== 'string') return;
      this.#heardAt = Date.now();
      let message: ServerMessage | Reply;
      try {
        message = JSON.parse(data) as ServerMessage | Reply;
      } catch {
        return; // Not ours to understand; what was meant by it will be missed, not misread.
      }
      if (message.type === 'welcome') clearTimeout(deadline);
      this.#take(message);
    };
    socket.onclose = (event: CloseEvent) => {
      clearTimeout(deadline);
      if (this.#socket === socket) this.#lost(event.code);
    };
    // `close` follows every `error`; without a handler some environments print it.
    socket.onerror = () => undefined;
  }

  #take(message: ServerMessage | Reply): void {
    switch (message.type) {
      case 'ok':
      case 'error':
        return this.#answer(message);
      case 'welcome':
        this.#client = message.client;
        this.#session = message.session;
        this.#ready = true;
        this.#everWelcome = true;
        this.#attempts = 0;
        this.#watch();
        return this.emit('welcome', message);
      case 'conflict':
        return this.#end(new MeetingCastError('conflict', 'The same id signed in elsewhere.'));
      case 'pong':
        return;
      default:
        return this.emit('message', message);
    }
  }

  #answer(reply: Reply): void {
    const waiting = reply.ref === undefined ? undefined : this.#waiting.get(reply.ref);
    if (!waiting || reply.ref === undefined) {
      // An error without a ref before the welcome is the refusal of our hello.
      if (reply.type === 'error' && !this.#ready) this.#end(fromProblem(reply));
      return;
    }
    this.#waiting.delete(reply.ref);
    clearTimeout(waiting.timer);
    if (reply.type === 'ok') waiting.resolve(reply);
    else waiting.reject(fromProblem(reply));
  }

  /** Browsers answer pings by themselves but tell nobody; so we ask too, to see a dead network from this side. */
  #watch(): void {
    clearInterval(this.#pinging);
    this.#pinging = setInterval(() => {
      if (Date.now() - this.#heardAt > DEAD_MS) this.#socket?.close();
      else if (this.#ready) this.#socket?.send('{"type":"ping"}');
    }, PING_MS);
  }

  #lost(code: number): void {
    const wasReady = this.#ready;
    this.#forget();
    if (code === CONFLICT) return this.#end(new MeetingCastError('conflict', 'The same id signed in elsewhere.'));
    if (wasReady) this.emit('lost', undefined);
    else if (this.#everWelcome) this.#options.refused();
    this.#refused(new MeetingCastError('network_lost', 'The server cannot be reached, or it refused the connection.'));
  }

  /** Not let in: that is the end at the first attempt, and a reason to wait at the others. */
  #refused(error: MeetingCastError): void {
    if (this.#over) return;
    if (!this.#everWelcome) return this.#end(error);
    // Half of the wait is chance: a server that comes back is not met by all its clients in one moment.
    const wait = Math.min(FIRST_WAIT_MS * 2 ** this.#attempts, LONGEST_WAIT_MS);
    this.#attempts += 1;
    this.#retry = setTimeout(() => void this.#dial(), wait / 2 + (Math.random() * wait) / 2);
  }

  #forget(): void {
    this.#ready = false;
    this.#socket = null;
    clearInterval(this.#pinging);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new MeetingCastError('network_lost', 'The connection to the server was lost.'));
    }
    this.#waiting.clear();
  }

  #end(error: MeetingCastError): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#forget();
    socket?.close(1000);
    this.emit('over', error);
  }
}
