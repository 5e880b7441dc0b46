/**
 * The places where something is completed, for every shell: before a command, and after each one, with the
 * options that hold there.
 */
import type { ArgumentOutline, OptionOutline, Outline, Value } from './outline.ts';

export interface Place {
  /** '' = before any command. */
  readonly command: string;
  /** Those of the command and those of the program. */
  readonly options: readonly OptionOutline[];
  /** The first argument that can be completed; null = none can. */
  readonly argument: ArgumentOutline | null;
}

/** Before any command, then after each, in the order of the help. */
export function placesOf({ program, commands }: Outline): readonly Place[] {
  const first = { command: '', options: program.options, argument: null };
  return [
    first,
    ...commands.map(({ name, options, arguments: all }) => {
      const own = new Set(options.flatMap(optionNames));
      const everywhere = program.options.filter(
        (option) => !optionNames(option).some((one) => own.has(one)),
      );
      const argument =
        all.find((one) => one.choices !== null || takesFile(one) || namesMeant(one) !== null) ??
        null;
      return { command: name, options: [...options, ...everywhere], argument };
    }),
  ];
}

/** `-h` and `--help`, whichever there are. */
export function optionNames({ short, long }: OptionOutline): readonly string[] {
  return [short, long].filter((name) => name !== null);
}

/** What names of the spool are meant; null = none. */
export function namesMeant({ name, of }: Value): 'accounts' | 'campaigns' | null {
  if (of === '--campaign') return 'campaigns';
  if (of === '--account' || name === 'account') return 'accounts';
  return null;
}

/**
 * The command that prints them, one a line. Shells expand what it prints, so it leaves out names with other
 * characters than letters, digits and . _ @ : + -
 */
export function namesCommand(names: 'accounts' | 'campaigns'): string {
  return `sms-spoold completion --names ${names} 2>/dev/null`;
}

/** Whether a file of this machine is meant. */
export function takesFile({ name }: Value): boolean {
  return name === 'file';
}
