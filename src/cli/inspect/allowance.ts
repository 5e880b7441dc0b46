/**
 * What an account, its groups and its senders allow at a moment: the pace of each by what is configured, learned
 * and seen of late, and what is left of its longer windows.
 */
import type { Config } from '../../config/config.ts';
import { usageWindowOf, type UsageWindow } from '../../core/window/usage-window.ts';
import type { GroupRule, NestedRules, Per } from '../../core/window/rate-limits.ts';
import { zones } from '../../core/time/zone.ts';
import type { AccountAllowance, Allowance, GroupAllowance } from '../../estimate/forecast.ts';
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
  /** The groups that it is about. */
  readonly groups: readonly GroupRule[];
  /** What the spool says of each window. */
  readonly rowOf: ReadonlyMap<UsageWindow, UsageWindowRow>;
}

/** What went of late is believed when it was so many, over so long (s). */
const SEEN_MIN = 30;
const SEEN_S_MIN = 5;
/** A window that is used up so far may have held back what went of late. */
const NEARLY_USED = 0.9;

/** What an account and its senders allow: at what pace, and from when on. */
export function allowedOf(known: AccountReading, options: ForecastOptions): Allowed {
  const { circuit, senders, flows, since } = known;
  const { reserve, now } = options;
  const rules = options.nested.get(known.account) ?? null;
  const windows = windowsOf(known.caps, now);
  const look: Reading = { known, windows, parts: partsIn(known.ready), now };
  const names = new Set([...senders.keys(), ...windows.namesOf('sender')]);
  const groups = groupsOf(rules, windows);
  const grouped = new Set(groups.flatMap((group) => group.senders));
  const lanes = [...names].flatMap((sender) => {
    const per = rules?.senders.get(sender)?.per ?? 'request';
    const lane = laneAllowance(sender, { per, isGrouped: grouped.has(sender) }, look);
    return lane === null ? [] : [[sender, lane] as const];
  });
  const held = new Set([...grouped, ...lanes.map(([name]) => name)]);
  /* Where nothing but the account is in the way, what goes is what it allows. */
  const free = [...since].filter(([sender]) => !held.has(sender)).map(([, at]) => at);
  const seen = { circuit, flow: together([...flows.values()]), since: earliest(free) };
  const per = rules?.account.per ?? 'request';
  const pace = paceOf(limitOf(circuit) ?? DEFAULT_LIMIT);
  const allowance = {
    ...{ reserve, groups, lanes: new Map(lanes), per, windows: windows.of('account', null) },
    rate: circuit.state === 'active' ? rateOf(pace, { ...seen, per }, look) : 0,
    opensInS: opensIn(circuit, now),
  };
  return { allowance, groups: rules?.groups ?? [], rowOf: windows.rowOf };
}

/** What all rules of an account are looked at with. */
interface Reading {
  readonly known: AccountReading;
  readonly windows: Windows;
  /** Parts that a message becomes, on average. */
  readonly parts: number;
  readonly now: number;
}

interface Windows {
  readonly of: (scope: UsageWindowRow['scope'], name: string | null) => readonly UsageWindow[];
  readonly namesOf: (scope: UsageWindowRow['scope']) => readonly string[];
  readonly rowOf: ReadonlyMap<UsageWindow, UsageWindowRow>;
}

function windowsOf(rows: readonly UsageWindowRow[], now: number): Windows {
  const zoneOf = zones();
  const at = { now, nowMs: 0 };
  const windows = rows.map((row) => {
    const { allowed: count, span, zone, used, state } = row;
    const window = usageWindowOf({ count, span }, zoneOf(zone));
    if (span === 'day') window.close({ cost: used, key: window.open(used, at) }, used, at);
    else window.restore(state, at);
    return [window, row] as const;
  });
  return {
    of: (scope, name) =>
      windows.flatMap(([window, row]) =>
        row.scope === scope && row.name === name ? [window] : [],
      ),
    namesOf: (scope) => rows.flatMap((row) => (row.scope === scope ? (row.name ?? []) : [])),
    rowOf: new Map(windows),
  };
}

/* Those that have a limit. */
function groupsOf(rules: NestedRules | null, windows: Windows): readonly GroupAllowance[] {
  const groups = (rules?.groups ?? []).map(({ name, senders, perSecond, per }) => ({
    ...{ senders, per, opensInS: 0, windows: windows.of('group', name) },
    rate: perSecond === null ? Infinity : senderPaceOf(perSecond),
  }));
  return groups.filter(({ rate, windows: own }) => rate < Infinity || own.length > 0);
}

/* Null = nothing but its account, and its group, is in its way. */
function laneAllowance(
  sender: string,
  { per, isGrouped }: { readonly per: Per; readonly isGrouped: boolean },
  look: Reading,
): Allowance | null {
  const { known, now } = look;
  const circuit = known.senders.get(sender) ?? null;
  const limit = circuit === null ? null : limitOf(circuit);
  const opensInS = circuit === null ? 0 : opensIn(circuit, now);
  const windows = look.windows.of('sender', sender);
  const isActive = circuit === null || circuit.state === 'active';
  if (isActive && limit === null && opensInS === 0 && windows.length === 0) return null;
  if (!isActive) return { rate: 0, opensInS, per, windows };
  if (circuit === null || limit === null) return { rate: Infinity, opensInS, per, windows };
  const since = isGrouped ? undefined : known.since.get(sender);
  const seen = { circuit, flow: known.flows.get(sender), since, per };
  return { rate: rateOf(senderPaceOf(limit), seen, look), opensInS, per, windows };
}

/* What really went, where there was always something to send: the machine, the gateway's answers or other
 * users of the account may allow less than the limit does. Else the pace that the daemon takes. */
function rateOf(
  pace: number,
  seen: {
    readonly circuit: CircuitColumns;
    readonly flow: Flow | undefined;
    readonly since: number | undefined;
    readonly per: Per;
  },
  { known, parts, now }: Reading,
): number {
  const { flow = NO_FLOW, since = Infinity, circuit, per } = seen;
  const from = now - USED_OVER_S;
  if (since > from || (circuit.blocked_until ?? 0) > from) return pace;
  if (known.caps.some(({ used, allowed }) => used >= allowed * NEARLY_USED)) return pace;
  const spanS = flow.lastAt - flow.firstAt;
  if (flow.used < SEEN_MIN || spanS < SEEN_S_MIN) return pace;
  return ((flow.used - 1) / spanS) * (per === 'part' ? parts : 1);
}

function partsIn(ready: readonly ReadyCount[]): number {
  const rows = ready.reduce((sum, { count }) => sum + count, 0);
  const parts = ready.reduce((sum, one) => sum + one.count * one.parts, 0);
  return rows === 0 ? 1 : parts / rows;
}

function earliest(instants: readonly number[]): number {
  return instants.reduce((a, b) => Math.min(a, b), Infinity);
}

function opensIn({ blocked_until: until }: CircuitColumns, now: number): number {
  return until === null ? 0 : Math.max(0, until - now);
}

/** Per second: what was learned from the gateway holds; null = nobody said. */
export function limitOf(
  circuit: Pick<CircuitColumns, 'learned_rate' | 'configured_rate'>,
): number | null {
  return circuit.learned_rate ?? circuit.configured_rate;
}
