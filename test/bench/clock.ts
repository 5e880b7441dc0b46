/** The clock that all processes of one machine share. */

/** Milliseconds of the monotonic clock, with a fraction; only differences mean anything. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
