// Figures of a running connection, every two seconds, from what the browser counts.

export interface StreamStats {
  /** Picture and sound together, since the last figures. */
  kbps: number;
  /** Packets that were lost, percent. For what is sent: as the other side reports it. */
  lossPercent: number;
  width: number;
  height: number;
  fps: number;
  rttMs: number | null;
  jitterMs: number | null;
  /** 0 to 1. */
  audioLevel: number | null;
  /** Frames encoded or decoded so far. */
  frames: number;
}

export const STATS_MS = 2_000;

type Entry = Readonly<Record<string, unknown>>;

const number = (entry: Entry, name: string): number => (typeof entry[name] === 'number' ? entry[name] : 0);
const optional = (entry: Entry, name: string): number | null => (typeof entry[name] === 'number' ? entry[name] : null);

interface Totals {
  at: number;
  bytes: number;
  packets: number;
  lost: number;
}

/** Keeps what was counted before, to tell rates. */
export class StatsReader {
  #before: Totals | null = null;

  read(report: RTCStatsReport, now = Date.now()): StreamStats {
    const totals: Totals = { at: now, bytes: 0, packets: 0, lost: 0 };
    const stats: StreamStats = { kbps: 0, lossPercent: 0, width: 0, height: 0, fps: 0, rttMs: null, jitterMs: null, audioLevel: null, frames: 0 };
    report.forEach((value: unknown) => {
      const entry = value as Entry;
      switch (entry['type']) {
        case 'inbound-rtp':
          totals.bytes += number(entry, 'bytesReceived');
          totals.packets += number(entry, 'packetsReceived');
          totals.lost += Math.max(0, number(entry, 'packetsLost'));
          stats.frames += number(entry, 'framesDecoded');
          if (entry['kind'] === 'audio') stats.audioLevel = optional(entry, 'audioLevel');
          picture(stats, entry);
          break;
        case 'outbound-rtp':
          totals.bytes += number(entry, 'bytesSent');
          totals.packets += number(entry, 'packetsSent');
          stats.frames += number(entry, 'framesEncoded');
          picture(stats, entry);
          break;
        case 'remote-inbound-rtp':
          totals.lost += Math.max(0, number(entry, 'packetsLost'));
          stats.rttMs = milliseconds(optional(entry, 'roundTripTime')) ?? stats.rttMs;
          break;
        case 'media-source':
          if (entry['kind'] === 'audio') stats.audioLevel = optional(entry, 'audioLevel');
          break;
        case 'candidate-pair':
          if (entry['nominated'] === true) stats.rttMs ??= milliseconds(optional(entry, 'currentRoundTripTime'));
          break;
        default:
      }
    });
    const before = this.#before;
    this.#before = totals;
    // Counters that went back belong to another connection: no rate spans both.
    if (before && totals.at > before.at && totals.bytes >= before.bytes) {
      stats.kbps = Math.round(((totals.bytes - before.bytes) * 8) / (totals.at - before.at));
      const [packets, lost] = [totals.packets - before.packets, Math.max(0, totals.lost - before.lost)];
      if (packets + lost > 0) stats.lossPercent = Math.round((lost / (packets + lost)) * 1000) / 10;
    }
    return stats;
  }
}

const milliseconds = (seconds: number | null): number | null => (seconds === null ? null : Math.round(seconds * 1000));

function picture(stats: StreamStats, entry: Entry): void {
  if (entry['kind'] !== 'video') return;
  stats.width = number(entry, 'frameWidth');
  stats.height = number(entry, 'frameHeight');
  stats.fps = number(entry, 'framesPerSecond');
  stats.jitterMs = milliseconds(optional(entry, 'jitter'));
}
