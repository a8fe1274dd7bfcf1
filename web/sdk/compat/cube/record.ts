// What Cube's calls are about: contacts, groups, constraints, and the record of a call.
import type { StreamOptions } from '../../src/meetingcast.js';

class Named {
  readonly id: string;
  readonly name: string;
  constructor(id: string | number, name?: string) {
    this.id = String(id);
    this.name = name ?? this.id;
  }
  getId(): string {
    return this.id;
  }
  getName(): string {
    return this.name;
  }
}

export class Contact extends Named {}

/** A group's call is a conference of that name. */
export class Group extends Named {}

/** A field is what a group's call happens in. */
export class CommField extends Group {}

export const VideoDimension = {
  QVGA: { width: 320, height: 240 },
  VGA: { width: 640, height: 480 },
  VGA_IDEAL: { width: 640, height: 480 },
  SVGA: { width: 800, height: 600 },
  HD: { width: 1280, height: 720 },
  FullHD: { width: 1920, height: 1080 },
  FourK: { width: 4096, height: 2160 },
  EightK: { width: 7680, height: 4320 },
} as const;

export class MediaConstraint {
  video: boolean;
  audio: boolean;
  dimension: { width: number; height: number } = VideoDimension.VGA_IDEAL;
  constructor(video = true, audio = true) {
    this.video = video;
    this.audio = audio;
  }
  setVideoDimension(dimension: { width: number; height: number }): void {
    this.dimension = dimension;
  }
  getConstraints(): StreamOptions {
    const { width, height } = this.dimension;
    return { audio: this.audio, video: this.video && { width: { ideal: width }, height: { ideal: height } } };
  }
}

export class CallRecord {
  readonly caller: Contact | null;
  readonly callee: Contact | null;
  readonly field: CommField;
  readonly #own: string;
  startTime = Date.now();
  answerTime = 0;
  endTime = 0;
  lastError: unknown = null;

  constructor(own: string, field: CommField, caller: Contact | null, callee: Contact | null) {
    this.#own = own;
    this.field = field;
    this.caller = caller;
    this.callee = callee;
  }
  getCaller(): Contact | null {
    return this.caller;
  }
  getCallee(): Contact | null {
    return this.callee;
  }
  isCaller(): boolean {
    return this.caller?.id === this.#own;
  }
  getPeer(): Contact | null {
    return this.isCaller() ? this.callee : this.caller;
  }
  isActive(): boolean {
    return this.endTime === 0;
  }
  /** Milliseconds of talk. */
  getDuration(): number {
    return this.answerTime === 0 ? 0 : (this.endTime || Date.now()) - this.answerTime;
  }
}
