// `cube.mpComm`: calls between two, and of a group.
import { createStream, type Call, type Client, type Conference, type LocalStream, type RemoteStream } from '../../src/meetingcast.js';
import { CallEvent, ModuleError, moduleError, StateCode, Subject } from './event.js';
import { CallRecord, CommField, Contact, Group, MediaConstraint } from './record.js';

type Done = (record: CallRecord) => void;
type Failed = (error: ModuleError) => void;

interface Active {
  record: CallRecord;
  call?: Call;
  conference?: Conference;
  stream?: LocalStream;
}

export class MultipointComm extends Subject {
  #client: Client | null = null;
  #active: Active | null = null;
  #local: HTMLVideoElement | null = null;
  #remote: HTMLVideoElement | null = null;
  #agent: ((contact: Contact) => HTMLVideoElement | null) | null = null;

  start(): boolean {
    return true;
  }
  stop(): void {
    void this.hangupCall();
  }
  setLocalVideoElement(element: HTMLVideoElement): void {
    this.#local = element;
    this.#active?.stream?.attach(element);
  }
  setRemoteVideoElement(element: HTMLVideoElement): void {
    this.#remote = element;
    this.#active?.call?.remote.attach(element);
  }
  /** Asked for each one of a group where they are to be shown. */
  setVideoElementAgent(agent: (contact: Contact) => HTMLVideoElement | null): void {
    this.#agent = agent;
  }
  getActiveRecord(): CallRecord | null {
    return this.#active?.record ?? null;
  }
  getActiveField(): CommField | null {
    return this.#active?.record.field ?? null;
  }
  isCalling(): boolean {
    return this.#active !== null;
  }
  listMediaDevices(handler: (devices: MediaDeviceInfo[]) => void): void {
    void navigator.mediaDevices.enumerateDevices().then(handler);
  }

  /** By the engine, when somebody signed in. */
  serve(client: Client): void {
    this.#client = client;
    client.on('call', (call) => this.#rung(call));
  }

  /** Calls a contact; of a group, begins its call or joins the one that runs. */
  makeCall(target: Contact | Group | string, constraint?: MediaConstraint, done?: Done, failed?: Failed): boolean {
    if (!this.#client || this.#active) {
      const error = new ModuleError(this.#client ? StateCode.CallerBusy : StateCode.Uninitialized, this.#client ? 'in a call already' : 'not signed in');
      failed?.(error);
      return false;
    }
    const begin = target instanceof Group ? this.#join(target, constraint) : this.#ring(typeof target === 'string' ? new Contact(target) : target, constraint);
    void begin.then((record) => done?.(record), (error: unknown) => this.#fail(error, failed));
    return true;
  }

  answerCall(constraint?: MediaConstraint, second?: unknown, third?: Done | Failed, fourth?: Failed): boolean {
    // `target` between the constraint and the handlers may be left out.
    const [done, failed] = typeof second === 'function' ? [second as Done, third as Failed | undefined] : [third as Done | undefined, fourth];
    const active = this.#active;
    if (!active?.call) {
      failed?.(new ModuleError(StateCode.CommFieldStateError, 'nobody calls'));
      return false;
    }
    const { call, record } = active;
    void this.#open(active, constraint).then((stream) => call.accept(stream)).then(() => {
      record.answerTime = Date.now();
      done?.(record);
    }, (error: unknown) => this.#fail(error, failed));
    return true;
  }

  /** Ends the call, leaves the group's, or refuses what rings. */
  hangupCall(done?: Done, failed?: Failed): boolean {
    const active = this.#active;
    if (!active) {
      failed?.(new ModuleError(StateCode.CommFieldStateError, 'there is no call'));
      return false;
    }
    const { call, conference, record } = active;
    const rings = call?.direction === 'incoming' && call.state === 'ringing';
    const end = conference ? conference.leave() : rings ? call.refuse() : call?.close();
    void Promise.resolve(end).then(() => {
      if (conference) this.#end(active);
      done?.(record);
    }, (error: unknown) => this.#fail(error, failed));
    return true;
  }

  async #ring(contact: Contact, constraint?: MediaConstraint): Promise<CallRecord> {
    const client = this.#client as Client;
    const own = new Contact(client.id);
    const record = new CallRecord(client.id, new CommField(client.id), own, contact);
    const active: Active = { record };
    this.#active = active;
    this.notify(CallEvent.InProgress, record);
    const stream = await this.#open(active, constraint);
    active.call = await client.call(contact.id, { stream });
    this.#follow(active, active.call);
    return record;
  }

  async #join(group: Group, constraint?: MediaConstraint): Promise<CallRecord> {
    const client = this.#client as Client;
    const field = new CommField(group.id, group.name);
    const record = new CallRecord(client.id, field, new Contact(client.id), null);
    const active: Active = { record };
    this.#active = active;
    this.notify(CallEvent.InProgress, record);
    const stream = await this.#open(active, constraint);
    const conference = client.connectToConference(group.id, { stream });
    active.conference = conference;
    await new Promise<void>((resolve, reject) => {
      conference.once('connected', () => resolve());
      conference.once('connect_failed', reject);
    });
    record.answerTime = Date.now();
    this.notify(CallEvent.Connected, record);
    conference.on('participant_connected', (participant) => {
      const contact = new Contact(participant.id, participant.name ?? undefined);
      this.notify(CallEvent.Arrived, contact);
      participant.on('stream_added', (remote) => {
        const element = this.#agent?.(contact) ?? this.#remote;
        if (element) remote.attach(element);
        this.notify(CallEvent.Followed, contact);
        this.#media(remote, record);
      });
    });
    conference.on('participant_disconnected', ({ id }) => {
      this.notify(CallEvent.Unfollowed, new Contact(id));
      this.notify(CallEvent.Left, new Contact(id));
    });
    conference.on('disconnected', (error) => {
      if (!error) return;
      record.lastError = moduleError(error, record);
      this.#end(active);
    });
    return record;
  }

  #rung(call: Call): void {
    const own = this.#client?.id ?? '';
    const record = new CallRecord(own, new CommField(call.with), new Contact(call.with), new Contact(own));
    // The server answers busy by itself; this is for a group's call, which it does not count.
    if (this.#active) return void call.refuse().catch(() => undefined);
    const active: Active = { record, call };
    this.#active = active;
    this.#follow(active, call);
    this.notify(CallEvent.NewCall, record);
  }

  #follow(active: Active, call: Call): void {
    const { record } = active;
    if (this.#remote) call.remote.attach(this.#remote);
    if (call.direction === 'outgoing') call.on('ringing', () => this.notify(CallEvent.Ringing, record));
    call.on('accepted', () => {
      record.answerTime ||= Date.now();
      this.notify(CallEvent.Connected, record);
    });
    call.on('connected', () => this.notify(CallEvent.MediaConnected, record));
    call.on('closed', (reason) => {
      if (this.#active !== active) return;
      this.#end(active, false);
      if (reason === 'busy' || (reason === 'refused' && call.direction === 'outgoing')) this.notify(CallEvent.Busy, record);
      else if (reason === 'timeout') this.notify(CallEvent.Timeout, record);
      this.notify(CallEvent.Bye, record);
    });
  }

  #media(remote: RemoteStream, record: CallRecord): void {
    remote.on('state', (state) => {
      if (state === 'connected') this.notify(CallEvent.MediaConnected, record);
      if (state === 'failed' || state === 'closed') this.notify(CallEvent.MediaDisconnected, record);
    });
  }

  async #open(active: Active, constraint = new MediaConstraint()): Promise<LocalStream> {
    active.stream = await createStream(constraint.getConstraints());
    if (this.#local) active.stream.attach(this.#local);
    return active.stream;
  }

  /** Cube opens the devices itself, so it also closes them. */
  #end(active: Active, told = true): void {
    if (this.#active !== active) return;
    this.#active = null;
    active.record.endTime = Date.now();
    active.stream?.close();
    if (told) this.notify(CallEvent.Bye, active.record);
  }

  #fail(thrown: unknown, failed?: Failed): void {
    const active = this.#active;
    const error = moduleError(thrown, active?.record ?? null);
    if (active) {
      active.record.lastError = error;
      this.#end(active, false);
    }
    this.notify(CallEvent.Failed, error);
    failed?.(error);
  }
}
