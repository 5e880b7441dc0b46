/**
 * Words that the field does not know, with the words that it does. None of the left column may come back.
 */

/** Word → the field's word. A word is found in comments, in texts, and as a part of an identifier (`deskOf`,
 *  `#desks`); its plural with `s` counts, too. */
export const OLD_WORDS: Readonly<Record<string, string>> = {
  desk: 'account queue',
  nest: 'limit path',
  reservoir: 'usage forecast',
  sluice: 'fair shares',
  basin: 'backlog',
  strand: 'row queue',
  ladder: 'level queue',
  outlook: 'forecast',
  turnout: 'message ETA',
  tide: 'window phase',
  nearness: 'safety margin',
  crowding: 'concurrency feedback',
  probation: 'half-open',
  heal: 'close the circuit',
  books: 'stats',
  headcount: 'stats',
  census: 'stats',
  misfit: 'wrong permission',
  distrust: 'rolled back',
};

/** Identifier → the new one. Found only as a whole identifier in code: elsewhere the word is plain English. */
export const OLD_NAMES: Readonly<Record<string, string>> = {
  Cap: 'UsageWindow',
  capOf: 'usageWindowOf',
  Pile: 'Backlog',
  pour: 'allocate',
  Course: 'Standing',
  Turns: 'LazyHeap',
  Turn: 'SortKey',
  Fairness: 'DeficitCounter or Scheduler',
  Owed: 'DeficitCounter',
  Look: 'TakePass',
  Beat: 'WindowSchedule',
  Width: 'ConcurrencyWindow',
  Pressure: 'ThrottleResponse',
  SenderPressure: 'ThrottleResponse',
  Drift: 'RateReporter',
  Gate: 'Circuit',
  Gates: 'circuit rows',
  AccountHealth: 'AccountCircuit',
  Rules: 'Policy',
  Figures: 'stats',
  glance: 'stats',
};
