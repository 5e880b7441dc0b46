/** Completion for fish, from the outline, with the words of the help beside each command and option. */
import {
  namesCommand,
  namesMeant,
  placesOf,
  takesFile,
  type OptionOutline,
  type Outline,
  type Place,
  type Value,
} from './outline.ts';

/** The script. */
export function fishCompletion(outline: Outline): string {
  const commands = outline.commands.map(
    ({ name, summary }) =>
      `complete -c sms-spoold -n '__sms_spoold_in ""' -a ${quoted(name)} -d ${quoted(summary)}`,
  );
  return `# fish completion for sms-spoold. Made by: sms-spoold completion fish
function __sms_spoold_in --description 'is this the command so far? "" = none yet'
    set -l words (commandline -opc)
    set -l command ''
    set -l skip no
    for word in $words[2..]
        if test $skip = yes
            set skip no
        else if test "$word" = --config
            set skip yes
        else if not string match -q -- '-*' $word
            set command $word
            break
        end
    end
    test "$command" = "$argv[1]"
end
complete -c sms-spoold -f
${[...commands, ...placesOf(outline).flatMap(linesOf)].join('\n')}
`;
}

function linesOf({ command, options, argument }: Place): readonly string[] {
  const head = `complete -c sms-spoold -n '__sms_spoold_in "${command}"'`;
  const own = argument === null ? [] : [`${head} ${answerOf(argument, '-f')}`];
  return [...options.map((option) => `${head}${optionOf(option)}`), ...own];
}

function optionOf({ short, long, summary, value }: OptionOutline): string {
  const names = [
    short === null ? '' : ` -s ${short.replace(/^-/, '')}`,
    long === null ? '' : ` -l ${long.replace(/^--/, '')}`,
  ].join('');
  const takes = value === null ? '' : ` ${answerOf(value)}`;
  return `${names}${takes} -d ${quoted(summary)}`;
}

/* -r: a value follows; -x: and it is no file; -f: nor is what stands here. */
function answerOf(value: Value, kind: '-x' | '-f' = '-x'): string {
  const own = value.isRequired ? kind : '-f';
  if (value.choices !== null) return `${own} -a ${quoted(value.choices.join(' '))}`;
  const names = namesMeant(value);
  if (names !== null) return `${own} -a ${quoted(`(${namesCommand(names)})`)}`;
  if (takesFile(value)) return kind === '-x' ? '-r -F' : '-F';
  return own;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
