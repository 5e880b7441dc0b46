/**
 * Reads what an account, its groups and its senders allow at a moment: the pace of each, from what is configured,
 * learned and recently seen, and what is left of its longer windows.
 */
import type { Config } from '../../config/config.ts';
import { usageWindowOf, type UsageWindow } from '../../core/window/usage-window.ts';
import type { GroupRule, NestedRules, Per } from '../../core/window/rate-limits.ts';
import { zones } from '../../core/time/zone.ts';
import type { AccountAllowance, Allowance } from '../../estimate/forecast.ts';
import type { UsageWindowRow } from '../../spool/write/usage-window-rows.ts';
import { NO_FLOW, together, USED_OVER_S, type Flow } from '../../spool/read/lane-traffic.ts';
import type {
  AccountReading,
  CircuitColumns,
  Looking,
  ReadyCount,
} from '../../spool/read/standing.ts';
import { DEFAULT_LIMIT, paceOf, senderPaceOf } from '../../limiter/pace.ts';
import { defaultsOf } from '../open-spool.ts';

export interface ForecastOptions extends Looking {
  /** How long rows without a deadline of their own may be sent. */
  readonly validityMs: number;
  /** `[fairness] reserve`. */
  readonly reserve: number;
  /** By account: usage windows of several scopes, where there are any. */
  readonly nested: ReadonlyMap<string, NestedRules>;
}

/** `now` in Unix seconds. */
export function forecastOptionsOf(config: Config, now: number): ForecastOptions {
  const nested = config.accounts.flatMap(({ name, nested: rules }) =>
    rules === null ? [] : [[name, rules] as const],
  );
  const inParts = nested.filter(([, { account, senders, groups }]) =>
    [account, ...senders.values(), ...groups].some(({ per }) => per === 'part'),
  );
  return {
    ...{ defaults: defaultsOf(config), now, inParts: new Set(inParts.map(([name]) => name)) },
    ...{ validityMs: config.messages.validityMs, reserve: config.fairness.reserve },
    nested: new Map(nested),
  };
}

export interface Allowed {
  readonly allowance: AccountAllowance;
  /** The groups of the allowance, as they are configured. */
  readonly groups: readonly GroupRule[];
  /** What the spool says of each window. */
  readonly rowOf: ReadonlyMap<UsageWindow, UsageWindowRow>;
}

/** The pace seen is believed from this number of requests over this time (s). */
const SEEN_MIN = 30;
const SEEN_S_MIN = 5;
/** A window that is used up so far may have slowed down what was seen. */
const NEARLY_USED = 0.9;

interface LimitFacts {
  readonly known: AccountReading;
  readonly rules: NestedRules | null;
  readonly rowOf: ReadonlyMap<UsageWindow, UsageWindowRow>;
  /** Parts that a message becomes, on average. */
  readonly parts: number;
  readonly now: number;
}

/** The pace that an account and its senders allow, and from when on. */
export function allowedOf(known: AccountReading, options: ForecastOptions): Allowed {
  const { circuit, senders, flows, since, caps } = known;
  const { reserve, now } = options;
  const rules = options.nested.get(known.account) ?? null;
  const rowOf = windowsOf(caps, now);
  const facts: LimitFacts = { known, rules, rowOf, parts: partsIn(known.ready), now };
  const groups = (rules?.groups ?? [])
    .map((rule) => ({
      ...{ senders: rule.senders, per: rule.per, opensInS: 0 },
      windows: windowsIn(rowOf, 'group', rule.name),
      rate: rule.perSecond === null ? Infinity : senderPaceOf(rule.perSecond),
    }))
    .filter(({ rate, windows }) => rate < Infinity || windows.length > 0);
  const grouped = new Set(groups.flatMap((group) => group.senders));
  const named = caps.flatMap(({ scope, name }) => (scope === 'sender' ? (name ?? []) : []));
  const lanes = [...new Set([...senders.keys(), ...named])].flatMap((sender) => {
    const lane = laneAllowance(sender, grouped.has(sender), facts);
    return lane === null ? [] : [[sender, lane] as const];
  });
  const limited = new Set([...grouped, ...lanes.map(([name]) => name)]);
  /* Where only the account limits, the pace seen is that of the account. */
  const free = [...since].filter(([sender]) => !limited.has(sender)).map(([, at]) => at);
  const seen = { circuit, flow: together([...flows.values()]), since: Math.min(...free) };
  const per = rules?.account.per ?? 'request';
  const rate = seenRate({ ...seen, per }, facts) ?? paceOf(limitOf(circuit) ?? DEFAULT_LIMIT);
  const allowance = {
    ...{ reserve, groups, lanes: new Map(lanes), per, windows: windowsIn(rowOf, 'account', null) },
    rate: circuit.state === 'active' ? rate : 0,
    opensInS: opensIn(circuit, now),
  };
  return { allowance, groups: rules?.groups ?? [], rowOf };
}

/* Null = only its account, and its group, limit it. */
function laneAllowance(sender: string, isGrouped: boolean, facts: LimitFacts): Allowance | null {
  const { known, rules, rowOf, now } = facts;
  const circuit = known.senders.get(sender) ?? null;
  const limit = circuit === null ? null : limitOf(circuit);
  const per = rules?.senders.get(sender)?.per ?? 'request';
  const opensInS = circuit === null ? 0 : opensIn(circuit, now);
  const rest = { per, opensInS, windows: windowsIn(rowOf, 'sender', sender) };
  if (circuit !== null && circuit.state !== 'active') return { ...rest, rate: 0 };
  if (circuit === null || limit === null) {
    return opensInS === 0 && rest.windows.length === 0 ? null : { ...rest, rate: Infinity };
  }
  const since = isGrouped ? undefined : known.since.get(sender);
  const seen = { circuit, flow: known.flows.get(sender), since, per };
  return { ...rest, rate: seenRate(seen, facts) ?? senderPaceOf(limit) };
}

function windowsOf(
  rows: readonly UsageWindowRow[],
  now: number,
): ReadonlyMap<UsageWindow, UsageWindowRow> {
  const zoneOf = zones();
  const at = { now, nowMs: 0 };
  const windows = rows.map((row) => {
    const { allowed: count, span, zone, used, state } = row;
    const window = usageWindowOf({ count, span }, zoneOf(zone));
    if (span === 'day') window.close({ cost: used, key: window.open(used, at) }, used, at);
    else window.restore(state, at);
    return [window, row] as const;
  });
  return new Map(windows);
}

function windowsIn(
  rowOf: ReadonlyMap<UsageWindow, UsageWindowRow>,
  scope: UsageWindowRow['scope'],
  name: string | null,
): readonly UsageWindow[] {
  const own = [...rowOf].filter(([, row]) => row.scope === scope && row.name === name);
  return own.map(([window]) => window);
}

interface SeenTraffic {
  readonly circuit: CircuitColumns;
  readonly flow: Flow | undefined;
  /** Since when there was always something to send (Unix seconds). */
  readonly since: number | undefined;
  readonly per: Per;
}

/* Per second, where there was always something to send: the machine, the gateway or other users of the account may
   allow less than the limit does. Null = too little was seen. */
function seenRate(
  { circuit, flow = NO_FLOW, since = Infinity, per }: SeenTraffic,
  { known, parts, now }: LimitFacts,
): number | null {
  const from = now - USED_OVER_S;
  if (since > from || (circuit.blocked_until ?? 0) > from) return null;
  if (known.caps.some(({ used, allowed }) => used >= allowed * NEARLY_USED)) return null;
  const spanS = flow.lastAt - flow.firstAt;
  if (flow.used < SEEN_MIN || spanS < SEEN_S_MIN) return null;
  return ((flow.used - 1) / spanS) * (per === 'part' ? parts : 1);
}

function partsIn(ready: readonly ReadyCount[]): number {
  const rows = ready.reduce((sum, { count }) => sum + count, 0);
  const parts = ready.reduce((sum, one) => sum + one.count * one.parts, 0);
  return rows === 0 ? 1 : parts / rows;
}

function opensIn({ blocked_until: until }: CircuitColumns, now: number): number {
  return until === null ? 0 : Math.max(0, until - now);
}

/** Per second: what was learned from the gateway holds; null = neither learned nor configured. */
export function limitOf(circuit: CircuitColumns): number | null {
  return circuit.learned_rate ?? circuit.configured_rate;
}
