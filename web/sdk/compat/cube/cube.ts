// `cube`, as its pages find it: the engine, its contacts and its multipoint calls, on a MeetingCast server.
import { connect, type Client } from '../../src/meetingcast.js';
import { serverUrl } from '../server/address.js';
import { CallEvent, ModuleError, moduleError, ObservableEvent, StateCode } from './event.js';
import { MultipointComm } from './multipoint.js';
import { CallRecord, CommField, Contact, Group, MediaConstraint, VideoDimension } from './record.js';

interface Config {
  /** Named Cube's gateway. A URL is taken; anything else means where this script came from. */
  address?: string;
  domain?: string;
  /** Here: a token, where the server wants one. */
  appKey?: string;
}

const isToken = (text: string | undefined): text is string => text !== undefined && text.split('.').length === 3;

class Engine {
  readonly mpComm = new MultipointComm();
  readonly contact = {
    getContact: (id: string | number, done?: (contact: Contact) => void): Promise<Contact> => {
      const contact = new Contact(id);
      done?.(contact);
      return Promise.resolve(contact);
    },
  };
  #config: Config = {};
  #client: Client | null = null;

  start(config: Config = {}, done?: () => void): boolean {
    this.#config = config;
    done?.();
    return true;
  }

  stop(): void {
    void this.signOut();
  }

  async signIn(id: string | number | Contact, name?: string): Promise<Contact> {
    const contact = id instanceof Contact ? id : new Contact(id, name);
    const { address, appKey } = this.#config;
    try {
      const url = address && /^https?:/.test(address) ? address : serverUrl();
      this.#client = await connect({ url, ...(isToken(appKey) ? { token: appKey } : { participant: contact.id }) });
    } catch (error) {
      throw moduleError(error, contact);
    }
    this.mpComm.serve(this.#client);
    return contact;
  }

  async signOut(): Promise<void> {
    this.mpComm.stop();
    await this.#client?.close();
    this.#client = null;
  }

  getMultipointComm(): MultipointComm {
    return this.mpComm;
  }
}

const engine = new Engine();
// Pages call `cube()` for the engine, and some use `cube` as the engine.
const cube = Object.assign(() => engine, {
  mpComm: engine.mpComm,
  contact: engine.contact,
  start: engine.start.bind(engine),
  stop: engine.stop.bind(engine),
  signIn: engine.signIn.bind(engine),
  signOut: engine.signOut.bind(engine),
});

Object.assign(globalThis, {
  cube, Contact, Group, CommField, CallRecord, CallEvent, MultipointCommEvent: CallEvent, CommEvent: CallEvent, MediaConstraint, VideoDimension,
  MultipointCommState: StateCode, ModuleError, ObservableEvent,
});
