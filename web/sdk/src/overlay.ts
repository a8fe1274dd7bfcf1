// The wire's words of what is drawn over a program.
import type { Corner } from './cast.js';

export interface Title {
  /** 1 to 200 characters; shown as it is, never read as markup. */
  text: string;
  position?: 'top' | 'bottom';
}

export interface Logo {
  /** The name of a picture of the conference's, or of the server's. */
  picture: string;
  corner?: Corner;
  /** Its width, of the frame's: 0.02 to 0.5. */
  size?: number;
  /** 0 to 1. */
  opacity?: number;
}

export type Background = { color: string } | { picture: string };

export interface OverlayClock {
  corner?: Corner;
  /** IANA name; UTC when absent. */
  zone?: string;
  seconds?: boolean;
}

/** What the program shows when there is nothing else: a picture, or a media file without its sound, again and again. */
export type Slate = ({ picture: string } | { file: string }) & {
  /** `cover` when absent: the frame is filled. */
  fit?: 'cover' | 'contain';
};

/** What is absent stays, `null` goes, anything else takes its place whole. */
export interface OverlayPatch {
  labels?: boolean;
  title?: Title | null;
  logo?: Logo | null;
  background?: Background | null;
  clock?: OverlayClock | null;
  /** `null`: the card with the conference's name. */
  slate?: Slate | null;
}

export interface Overlay {
  labels: boolean;
  title: Required<Title> | null;
  logo: Required<Logo> | null;
  background: Background | null;
  clock: Required<OverlayClock> | null;
  slate: Slate | null;
  /** Of a change: the program's time of the first frame that shows it; `null` where no program shows it yet. */
  program_pts_ms: number | null;
}

/** A picture that an overlay may name. */
export interface Picture {
  name: string;
  content_type: string;
  bytes: number;
  width: number | null;
  height: number | null;
  /** One of the server's own: it stays. */
  server: boolean;
}
