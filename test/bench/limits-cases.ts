/** The cases of issue C, each with the models of the limit it is played against and its bars. */
import type { GatewayOptions, Model } from './limits-gateway.ts';

export interface Case {
  readonly title: string;
  readonly models: readonly Model[];
  readonly gateway: Omit<GatewayOptions, 'model'>;
  /** Requests per second in the configuration. */
  readonly configured: number;
  readonly concurrency: number;
  readonly senders: number;
  readonly seconds: number;
  /** Seconds between which it is counted: what is used, and what is refused. */
  readonly used: readonly [number, number];
  readonly refused: readonly [number, number];
  readonly bars: { readonly used: number; readonly refused: number };
}

const SECONDS = 120;
/** Long enough for the pace to have come as near to the limit as it may. */
const LATER_SECONDS = 300;
/** At 1000/s: as many requests as at 30/s in half an hour. */
const FAST_SECONDS = 60;
const PERIOD = 60;
const RAISED_AT = 30;
const CUT_AT = 40;

const plain: Case['gateway'] = {
  limit: () => 30,
  depth: 3,
  latencySd: 15,
  isNamed: false,
  neighbour: null,
  senderRate: null,
};

const base = {
  models: ['A', 'B', 'C'],
  gateway: plain,
  configured: 30,
  concurrency: 20,
  senders: 1,
  seconds: SECONDS,
  used: [0, SECONDS],
  refused: [0, SECONDS],
  bars: { used: 0.94, refused: 0.003 },
} as const;

const sine = (second: number): number =>
  30 * 0.35 * (1 - Math.cos((2 * Math.PI * second) / PERIOD));

export const CASES: readonly Case[] = [
  { ...base, title: 'limit known', models: ['A', 'B', 'C', 'bucket'] },
  {
    ...base,
    title: 'known, later',
    models: ['A', 'B', 'C', 'bucket'],
    seconds: LATER_SECONDS,
    used: [SECONDS, LATER_SECONDS],
    refused: [SECONDS, LATER_SECONDS],
  },
  {
    ...base,
    title: 'window named',
    models: ['C'],
    /* Five at once, so that a text comes. */
    gateway: { ...plain, isNamed: true, neighbour: (at) => (at >= 3 && at < 3.1 ? 60 : 0) },
    used: [10, SECONDS],
    refused: [10, SECONDS],
    bars: { used: 0.98, refused: 0.003 },
  },
  {
    ...base,
    title: '30 set, 20 real',
    models: ['A', 'B'],
    gateway: { ...plain, limit: () => 20 },
    used: [20, SECONDS],
    refused: [20, SECONDS],
    bars: { used: 0.88, refused: 0.01 },
  },
  {
    ...base,
    title: '0–70 % are theirs',
    models: ['C'],
    gateway: { ...plain, neighbour: sine },
    bars: { used: 0.85, refused: 0.035 },
  },
  {
    ...base,
    title: 'the same, named',
    models: ['C'],
    gateway: { ...plain, neighbour: sine, isNamed: true },
    bars: { used: 0.85, refused: 0.035 },
  },
  {
    ...base,
    title: '50 senders',
    gateway: { ...plain, senderRate: 1 },
    senders: 50,
    bars: { used: 0.93, refused: 0.005 },
  },
  {
    ...base,
    title: '1000/s',
    seconds: FAST_SECONDS,
    used: [0, FAST_SECONDS],
    refused: [0, FAST_SECONDS],
    models: ['C', 'bucket'],
    gateway: { ...plain, limit: () => 1000, depth: 10, latencySd: 3 },
    configured: 1000,
    concurrency: 256,
  },
  {
    ...base,
    title: '30, then 60',
    gateway: { ...plain, limit: (at) => (at < RAISED_AT ? 30 : 60) },
    configured: 60,
    concurrency: 40,
    used: [RAISED_AT + 80, RAISED_AT + 90],
    refused: [RAISED_AT, SECONDS],
    bars: { used: 0.88, refused: 0.01 },
  },
  {
    ...base,
    title: '30, then 10',
    gateway: { ...plain, limit: (at) => (at < CUT_AT ? 30 : 10) },
    used: [CUT_AT + 20, SECONDS],
    refused: [CUT_AT + 20, SECONDS],
    bars: { used: 0.88, refused: 0.02 },
  },
];
