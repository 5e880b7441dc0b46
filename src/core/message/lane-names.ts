/**
 * Names the lanes that counters are kept under: an account and a sender. Senders are free text of applications, so a
 * limited number get a name of their own; the rest of an account is `other`.
 *
 * Always holds: a lane has one name for as long as the daemon runs, and the number of names is bounded.
 */

/** One and the same object for one lane. */
export interface LaneName {
  readonly account: string;
  /** '' = messages without a sender on an account that has none. */
  readonly sender: string;
}

/** Lanes that rows bring in and that get a name of their own; each account has one `other` more. */
export const NAMED_MAX = 100;
/** The same of lanes that the configuration lists: each name costs 24 lines of `/metrics`. */
export const CONFIGURED_NAMED_MAX = 300;
/** What stands for every account or sender that has no name of its own. */
export const OTHER = 'other';

const NAME = /^[0-9A-Za-z]{0,15}$/;

/** What a row's NULLs stand for. */
export interface NameDefaults {
  /** The accounts of the configuration, each with its default sender (null = none) and those it lists. */
  readonly accounts: ReadonlyMap<
    string,
    { readonly sender: string | null; readonly senders: readonly string[] }
  >;
  readonly defaultAccount: string | null;
}

export class LaneNames {
  #defaults: NameDefaults;
  readonly #names = new Map<string, Map<string, LaneName>>([[OTHER, new Map()]]);
  #configured: readonly LaneName[] = [];
  #named = 0;

  /** What the configuration names has a name from the start. */
  constructor(defaults: NameDefaults) {
    this.#defaults = defaults;
    this.configure(defaults);
  }

  /** The configuration was read again: names that were given stay, new ones come to them. */
  configure(defaults: NameDefaults): void {
    this.#defaults = defaults;
    const configured: LaneName[] = [];
    for (const [account, { sender, senders }] of defaults.accounts) {
      const own = this.#names.get(account) ?? new Map<string, LaneName>();
      this.#names.set(account, own);
      for (const one of [sender ?? '', ...senders].filter((word) => NAME.test(word))) {
        /* Beyond the limit, the lane is one of `other` when its rows come. */
        if (!own.has(one) && this.#named >= CONFIGURED_NAMED_MAX) continue;
        configured.push(this.#name(own, account, one));
      }
    }
    this.#configured = configured;
  }

  /** The accounts that have a name of their own. */
  get accounts(): readonly string[] {
    return [...this.#defaults.accounts.keys()];
  }

  /** The names that the configuration gave. */
  get configured(): readonly LaneName[] {
    return this.#configured;
  }

  /** The name of a row's lane; null and what it stands for are one. */
  of(account: string | null, sender: string | null): LaneName {
    const row = account ?? this.#defaults.defaultAccount ?? OTHER;
    const named = this.#names.has(row) ? row : OTHER;
    const own = this.#names.get(named) ?? new Map<string, LaneName>();
    const one = sender ?? this.#defaults.accounts.get(row)?.sender ?? '';
    const mayName = this.#named < NAMED_MAX && named !== OTHER && NAME.test(one);
    return own.get(one) ?? this.#name(own, named, mayName ? one : OTHER);
  }

  #name(own: Map<string, LaneName>, account: string, sender: string): LaneName {
    const known = own.get(sender);
    if (known !== undefined) return known;
    const name = { account, sender };
    own.set(sender, name);
    if (sender !== OTHER) this.#named += 1;
    return name;
  }
}
