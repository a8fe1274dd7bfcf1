// `wilddog`, as its pages find it: the app, its login, and Video, on a MeetingCast server.
import { connect, createScreenStream, createStream, LocalStream, type Client } from '../../src/meetingcast.js';
import { serverUrl } from '../server/address.js';
import { WilddogConference, type ConferenceOptions } from './conference.js';
import { IncomingInvite, OutgoingInvite } from './conversation.js';
import { wilddogError, WilddogError } from './error.js';
import { WilddogEvents } from './events.js';

interface User {
  uid: string;
  isAnonymous: boolean;
}

interface InviteOptions {
  stream?: LocalStream | null;
  userData?: unknown;
  /** The seeds print this typo. */
  userDate?: unknown;
}

/** v0.4's form. */
interface InviteConstraints {
  mode?: 'p2p' | 'server_based';
  participantId: string;
  localStream?: LocalStream | null;
  userData?: unknown;
}

class Auth {
  currentUser: User | null = null;
  /** Whoever asks for a client before the login waits for it. */
  readonly signedIn: Promise<Client>;
  #signIn!: (client: Promise<Client>) => void;

  constructor() {
    this.signedIn = new Promise((resolve) => (this.#signIn = resolve));
    this.signedIn.catch(() => undefined);
  }

  /** Who signed in before on this tab is the same again after a reload; another tab is somebody else. */
  signInAnonymously(): Promise<User> {
    const kept = sessionStorage.getItem('meetingcast.wilddog.uid');
    const uid = kept ?? `anonymous-${crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)}`;
    sessionStorage.setItem('meetingcast.wilddog.uid', uid);
    return this.#connect({ participant: uid }, true);
  }

  signInWithCustomToken(token: string): Promise<User> {
    return this.#connect({ token }, false);
  }

  /** Passwords are checked by nobody here: a server that wants to know who somebody is wants a token. */
  signInWithEmailAndPassword(email: string): Promise<User> {
    return this.#connect({ participant: email }, false);
  }

  async #connect(who: { participant?: string; token?: string }, isAnonymous: boolean): Promise<User> {
    const signing = connect({ url: serverUrl(), ...who });
    this.#signIn(signing);
    try {
      this.currentUser = { uid: (await signing).id, isAnonymous };
      return this.currentUser;
    } catch (error) {
      throw wilddogError(error, 40101);
    }
  }
}

class VideoClient extends WilddogEvents {
  readonly #client: Promise<Client>;
  readonly conversations = new Map<string, unknown>();
  readonly conferences = new Map<string, WilddogConference>();
  uid: string | undefined;

  constructor(client: Promise<Client>) {
    super();
    this.#client = client;
    client.then((one) => {
      this.uid = one.id;
      one.on('call', (call) => {
        const invite = new IncomingInvite(call, one.id);
        // Held while it rings: a page may log in, and listen later.
        this.hold('invite', invite);
        call.on('state', (state) => {
          if (state !== 'ringing') this.release('invite', invite);
        });
      });
      one.on('closed', (error) => this.hold('error', wilddogError(error, 40101)));
    }, (error: unknown) => this.hold('error', wilddogError(error, 40101)));
  }

  /** v0.4 wanted it; there is nothing left to do but to wait for the login. */
  async init(_options?: unknown): Promise<void> {
    try {
      await this.#client;
    } catch (error) {
      throw wilddogError(error, 40101);
    }
  }

  inviteToConversation(to: string | InviteConstraints, options: InviteOptions = {}): OutgoingInvite {
    const [peer, stream, userData, mode] = typeof to === 'string'
      ? [to, options.stream, options.userData ?? options.userDate, 'p2p' as const]
      : [to?.participantId, to?.localStream, to?.userData, to?.mode === 'server_based' ? ('relay' as const) : ('p2p' as const)];
    if (typeof peer !== 'string' || peer === '') throw new WilddogError(40001, 'the id of who is invited is missing');
    let own = '';
    const call = this.#client.then((client) => {
      own = client.id;
      return client.call(peer, { mode, userData, stream: stream ?? undefined });
    });
    return new OutgoingInvite(peer, () => own, call);
  }

  connectToConference(id: string, options: ConferenceOptions = {}): WilddogConference {
    if (typeof id !== 'string' || id === '') throw new WilddogError(40001, 'the conference id is missing');
    const conference = new WilddogConference(this.#client, id, options);
    this.conferences.set(id, conference);
    return conference;
  }
}

class Video {
  readonly #auth: Auth;
  #client: VideoClient | undefined;

  constructor(auth: Auth) {
    this.#auth = auth;
  }

  client(): VideoClient {
    return (this.#client ??= new VideoClient(this.#auth.signedIn));
  }

  async createStream(options: { audio?: boolean; video?: boolean | string } = {}): Promise<LocalStream> {
    try {
      return await createStream(options);
    } catch (error) {
      throw wilddogError(error, 40002);
    }
  }

  async createScreenStream(): Promise<LocalStream> {
    try {
      return await createScreenStream();
    } catch (error) {
      throw wilddogError(error, 40002);
    }
  }
}

class Wilddog {
  readonly SDK_VERSION = '0.5.0';
  #auth = new Auth();
  #video: Video | undefined;

  /** `authDomain` and `syncURL` named Wilddog's servers; ours is where this script came from. */
  initializeApp(_config?: unknown): this {
    return this;
  }

  auth(): Auth {
    return this.#auth;
  }

  video(): Video {
    return (this.#video ??= new Video(this.#auth));
  }

  /** Pages make a reference to hand it to `client.init`, which does not need it any more. */
  sync(): { ref: (path?: string) => { path: string } } {
    return { ref: (path = '/') => ({ path }) };
  }
}

Object.assign(globalThis, { wilddog: new Wilddog() });
