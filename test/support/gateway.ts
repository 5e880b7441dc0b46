/** Gateways for tests that send nothing, and what a whole one can do. */
import type { Capabilities, Gateway } from '../../src/gateway/gateway.ts';

/** Everything that the daemon makes use of. */
export const CAPABLE: Capabilities = { partsInAnswer: true, validity: true, binary: true };

/** A gateway that never answers. */
export function silentGateway(capabilities: Partial<Capabilities> = {}): Gateway {
  return {
    capabilities: { ...CAPABLE, ...capabilities },
    send: () => undefined,
    close: () => Promise.resolve(),
  };
}
