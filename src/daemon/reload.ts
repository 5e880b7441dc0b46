/**
 * Takes up a new configuration while the daemon works. Everything that can fail or takes time is prepared first, and
 * changes nothing; then all of it is taken up at once, between two turns of the loop.
 *
 * Always holds: a configuration that cannot be taken up changes nothing, and one line says why. Open requests end as
 * they began; learned rates, waits and suspensions stay. A key that needs a restart keeps its value and is named.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock.ts';
import { changesBetween, fixedAmong, keepFixed } from '../config/changes.ts';
import type { AccountConfig, Config } from '../config/config.ts';
import { isRunReason } from '../core/answer/classification-rules.ts';
import type { LaneReason } from '../core/account/stop-reasons.ts';
import { LOW_BALANCE, SPEND_LIMIT } from '../core/account/safety.ts';
import type { AccountQueue } from '../dispatch/schedule/account-queue.ts';
import type { AccountLimits } from '../dispatch/feedback/account-throttle.ts';
import { budgetOf, recall, recallSpent } from '../dispatch/feedback/budgets.ts';
import type { EventEntry } from '../log/event-lines.ts';
import type { AccountFactory } from './account-factory.ts';
import type { AccountRates } from './account-rates.ts';
import type { RunningParts } from './shutdown.ts';
import type { LogSink } from '../log/log-sink.ts';
import type { StatusLog } from '../log/status-log.ts';

export interface ReloadParts extends RunningParts {
  readonly clock: Clock;
  readonly log: StatusLog;
  readonly rates: AccountRates;
  readonly factory: AccountFactory;
  /** From here on this configuration is in force, except in the account queues. */
  readonly adopt: (config: Config) => void;
  /** Writes the rows of accounts and senders, in a transaction. */
  readonly writeRows: () => void;
}

/** Prepared before anything is changed. */
interface Prepared {
  readonly before: Config;
  /** As it was read. */
  readonly read: Config;
  /** As it is taken up. */
  readonly after: Config;
  readonly logFile: LogSink | null;
  readonly ceilings: ReadonlyMap<string, number>;
  readonly entries: readonly EventEntry[];
}

export class Reload {
  readonly #parts: ReloadParts;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
  }

  /** Takes up what `load` returns; `mayGoOn` is asked once it is ready, and false leaves all as it is. */
  async run(before: Config, load: () => Config, mayGoOn: () => boolean): Promise<void> {
    let prepared: Prepared;
    try {
      prepared = await this.#prepare(before, load);
    } catch (error) {
      sayRefused(this.#parts.log, error);
      return;
    }
    if (mayGoOn()) this.#takeUp(prepared);
  }

  async #prepare(before: Config, load: () => Config): Promise<Prepared> {
    const read = load();
    refuseNothing(before, read);
    const after = keepFixed(before, read);
    const logFile = this.#parts.log.openFile(after.log.file);
    const entries: EventEntry[] = [];
    const ceilings = new Map<string, number>();
    for (const account of after.accounts) {
      ceilings.set(account.name, await this.#ceilingOf(account, before, entries));
    }
    return { before, read, after, logFile, ceilings, entries };
  }

  /* The account is not asked again while nothing of it has changed. */
  async #ceilingOf(account: AccountConfig, before: Config, entries: EventEntry[]): Promise<number> {
    const known = this.#parts.limits.get(account.name)?.ceiling;
    const old = accountOf(before, account.name);
    const isSame = old !== null && !differ(old, account, ['rate', ...CREDENTIALS]);
    if (isSame && known !== undefined && known !== null) return known;
    return this.#parts.rates.rateOf(account, this.#parts.spool, entries);
  }

  #takeUp(prepared: Prepared): void {
    const { log, queues, dispatcher } = this.#parts;
    const { before, after, entries } = prepared;
    log.adopt(after.log, prepared.logFile);
    this.#parts.adopt(after);
    const gone = [...queues.values()].filter(({ name }) => accountOf(after, name) === null);
    for (const queue of gone) this.#remove(queue);
    for (const account of after.accounts) this.#account(account, prepared);
    dispatcher.reconfigured((work) => {
      work.entries.push(...entries);
      this.#parts.writeRows();
    });
    for (const warning of after.warnings) {
      if (!before.warnings.includes(warning)) log.say('daemon.warning', { warning });
    }
    this.#sayReloaded(prepared);
  }

  #account(account: AccountConfig, { before, after, ceilings }: Prepared): void {
    const { queues, limits, dispatcher, factory } = this.#parts;
    const { name, rate: configuredRate, concurrency } = account;
    const ceiling = ceilings.get(name) ?? Infinity;
    const own: AccountLimits = { configuredRate, concurrency, ceiling };
    const queue = queues.get(name);
    const old = accountOf(before, name);
    if (queue === undefined || old === null) {
      this.#add(account, own, after);
      return;
    }
    const isSame = isDeepStrictEqual(
      [limits.get(name), old.senders, old.sender],
      [own, account.senders, account.sender],
    );
    if (!isSame) dispatcher.configure(queue, own);
    limits.set(name, own);
    if (!isDeepStrictEqual(old.nested, account.nested)) queue.limits.configure(account.nested);
    this.#money(queue, before, after);
    const hasNewCredentials = differ(old, account, CREDENTIALS);
    const hasNewGateway = hasNewCredentials || differ(old, account, ['concurrency', 'timeoutMs']);
    if (hasNewGateway) factory.replaceGateway(account);
    if (hasNewCredentials) this.#tryAgain(queue);
    const isOther = hasNewCredentials || old.sender !== account.sender;
    this.#endRuns(queue, (reason) => isOther || !isRunReason(reason, after.classify));
  }

  /* Refused messages go again under what may have been corrected, as after `resume`. */
  #endRuns(queue: AccountQueue, isOver: (reason: LaneReason) => boolean): void {
    const { dispatcher, spool } = this.#parts;
    for (const sender of [null, ...queue.circuit.troubledSenders.keys()]) {
      const state = queue.circuit.stateOf(sender);
      if (state.kind !== 'suspended' || state.run === null || !isOver(state.run.reason)) continue;
      const change = queue.circuit.endRun(sender);
      if (change !== null) dispatcher.circuitChanged(queue, change);
      dispatcher.reconfigured(() => void spool.setAside.release({ account: queue.name, sender }));
    }
  }

  #add(account: AccountConfig, limits: AccountLimits, after: Config): void {
    const { queues, spool, clock, factory, daySpend, dispatcher } = this.#parts;
    const queue = factory.make(account, limits.ceiling ?? Infinity, spool);
    const { spentSince } = daySpend;
    const known = { clock, waitMaxMs: after.retry.maxDelayMs, spentSince };
    for (const { change } of recall(spool, new Map([[account.name, queue]]), known)) {
      dispatcher.circuitChanged(queue, change);
    }
    this.#parts.limits.set(account.name, limits);
    queues.set(account.name, queue);
  }

  #remove(queue: AccountQueue): void {
    const { queues, limits, dispatcher } = this.#parts;
    queues.delete(queue.name);
    limits.delete(queue.name);
    dispatcher.retire(queue, () => {
      if (queues.has(queue.name)) return;
      this.#parts.spool.circuits.forget(queue.name);
      this.#parts.spool.setAside.releaseOrphans();
    });
  }

  #money(queue: AccountQueue, before: Config, after: Config): void {
    if (!differ(before.safety, after.safety, MONEY_KEYS)) return;
    const { spool, clock, daySpend, dispatcher } = this.#parts;
    const now = clock.now();
    const { circuit } = queue;
    const old = circuit.budget;
    circuit.budget = budgetOf(after.safety);
    recallSpent(spool, queue, { now, spentSince: daySpend.spentSince });
    const { budget } = circuit;
    if (old !== null && budget !== null && old.spentAt >= budget.dayOf(now)) {
      budget.recall(old.spent, now);
    }
    const state = circuit.stateOf();
    const held = state.kind === 'paused' ? null : circuit.enforceBudget(now);
    if (held !== null) dispatcher.circuitChanged(queue, held);
    if (state.kind === 'suspended' && MONEY_REASONS.includes(state.reason)) this.#tryAgain(queue);
  }

  /* What stopped the account may be over: one message is sent as a probe. */
  #tryAgain(queue: AccountQueue): void {
    const { circuit } = queue;
    const state = circuit.stateOf();
    if (state.kind !== 'suspended') return;
    const now = this.#parts.clock.now();
    const isHeld = circuit.budget?.holds(state.reason) === true;
    const change = isHeld ? circuit.askAgain(now) : circuit.look(null, true, now);
    if (change !== null) this.#parts.dispatcher.circuitChanged(queue, change);
  }

  #sayReloaded({ before, read, after }: Prepared): void {
    const { log } = this.#parts;
    const changed = changesBetween(before, after);
    const needsRestart = fixedAmong(changesBetween(before, read));
    const accounts = after.accounts.map(({ name }) => name);
    const facts = { config: read.file ?? undefined, accounts, changed };
    if (needsRestart.length === 0) log.say('daemon.reloaded', facts);
    else {
      const remedy = 'restart the daemon: these stay as they were until then';
      log.say('daemon.reloaded', { ...facts, needs_restart: needsRestart, remedy }, 'warn');
    }
  }
}

const MONEY_REASONS: readonly LaneReason[] = [SPEND_LIMIT, LOW_BALANCE];

/** Logs in one line why a configuration was not taken up. */
export function sayRefused(log: StatusLog, error: unknown): void {
  const why = error instanceof Error ? error.message : String(error);
  log.say('daemon.reload-failed', {
    error: why.replaceAll('\n', '; '),
    remedy: 'Configuration unchanged. Fix the file and send SIGHUP again.',
  });
}

/* Between an editor's two renames there is no file, and nothing else must be read instead. */
function refuseNothing(before: Config, read: Config): void {
  if (before.file !== null && read.file === null) throw new Error(`${before.file} is gone`);
  if (before.accounts.length > 0 && read.accounts.length === 0) {
    throw new Error('no account is configured');
  }
}

function accountOf(config: Config, name: string): AccountConfig | null {
  return config.accounts.find((account) => account.name === name) ?? null;
}

const CREDENTIALS = ['apiKey', 'apiSecret', 'signature', 'baseUrl'] as const;
const MONEY_KEYS = ['spendPerDay', 'minBalance', 'zone'] as const;

function differ<T>(before: T, after: T, keys: readonly (keyof T)[]): boolean {
  return keys.some((key) => !isDeepStrictEqual(before[key], after[key]));
}
