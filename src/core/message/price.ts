/** Adds prices: EUR with at most eight decimals, as the gateway writes them. */

/** The sum of what is known; null = nothing is. Binary fractions leave no tail behind. */
export function sumOf(prices: Iterable<number | null>): number | null {
  let sum: number | null = null;
  for (const price of prices) {
    if (price !== null) sum = Math.round(((sum ?? 0) + price) * 1e8) / 1e8;
  }
  return sum;
}
