/** Writes the completion scripts of bash, zsh and fish from the outline, with the words of the help. */
import {
  namesCommand,
  namesMeant,
  optionNames,
  contextsOf,
  takesFile,
  type CompletionContext,
  type OptionOutline,
  type Outline,
  type ValueOutline,
} from './outline.ts';

/* To be sourced, or put where bash-completion looks. Needs only bash 4. */
function bashCompletion(outline: Outline): string {
  const commands = outline.commands.map(({ name }) => name).join(' ');
  const places = contextsOf(outline);
  return `# bash completion for sms-spoold. Made by: sms-spoold completion bash
_sms_spoold() {
  local cur prev word command='' skip='' i
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # bash splits --option=value at the sign.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $prev == '=' ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $skip ]]; then
      [[ $word == '=' ]] || skip=''
    elif [[ $word == --config ]]; then
      skip=yes
    elif [[ $word != -* ]]; then
      command=$word
      break
    fi
  done

  case "$command $prev" in
${places.flatMap(bashValueCases).join('\n')}
  esac
  case $command in
${places.map((place) => bashWordCase(place, commands)).join('\n')}
  esac
}
complete -F _sms_spoold sms-spoold
`;
}

/* After an option that needs a value. */
function bashValueCases({ command, options }: CompletionContext): readonly string[] {
  return options.flatMap((option) => {
    if (option.value?.isRequired !== true) return [];
    const patterns = optionNames(option).map((name) => `'${command} ${name}'`);
    const reply = bashReplyOf(option.value) ?? 'COMPREPLY=()';
    return [`    ${patterns.join(' | ')}) ${reply}; return ;;`];
  });
}

/* Where no option waits for its value. */
function bashWordCase({ command, options, argument }: CompletionContext, commands: string): string {
  const names = options.flatMap(optionNames).join(' ');
  const words = command === '' ? commands : '';
  const otherwise = (argument === null ? null : bashReplyOf(argument)) ?? bashWords(`'${words}'`);
  return `    '${command}')
      if [[ $cur == -* ]]; then
        ${bashWords(`'${names}'`)}
      else
        ${otherwise}
      fi
      ;;`;
}

function bashReplyOf(value: ValueOutline): string | null {
  if (value.choices !== null) return bashWords(`'${value.choices.join(' ')}'`);
  const names = namesMeant(value);
  if (names !== null) return bashWords(`"$(${namesCommand(names)})"`);
  if (!takesFile(value)) return null;
  return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")`;
}

function bashWords(words: string): string {
  return `mapfile -t COMPREPLY < <(compgen -W ${words} -- "$cur")`;
}

/* To be sourced after compinit, or put as `_sms-spoold` into a folder of fpath. */
function zshCompletion(outline: Outline): string {
  const [before, ...places] = contextsOf(outline);
  const commands = outline.commands.map(
    ({ name, summary }) => `    ${zshQuoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`,
  );
  return `#compdef sms-spoold
# zsh completion for sms-spoold. Made by: sms-spoold completion zsh
_sms_spoold_commands() {
  local -a commands=(
${commands.join('\n')}
  )
  _describe -t commands command commands
}
_sms_spoold_accounts() {
  compadd -- \${(f)"$(${namesCommand('accounts')})"}
}
_sms_spoold_campaigns() {
  compadd -- \${(f)"$(${namesCommand('campaigns')})"}
}
_sms_spoold() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C -s \\
${(before?.options ?? []).map(zshOptionOf).join('')}    '1:command:_sms_spoold_commands' \\
    '*::argument:->argument'
  [[ $state == argument ]] || return
  case $words[1] in
${places.map(zshCaseOf).join('\n')}
  esac
}
if [[ $funcstack[1] == _sms_spoold || $funcstack[1] == _sms-spoold ]]; then
  _sms_spoold "$@"
elif (( $+functions[compdef] )); then
  compdef _sms_spoold sms-spoold
fi
`;
}

function zshCaseOf({ command, options, argument }: CompletionContext): string {
  const rest =
    argument === null
      ? `'*: :'`
      : zshQuoted(`${argument.isVariadic ? '*' : '1'}:${argument.name}:${zshActionOf(argument)}`);
  return `    ${command})
      _arguments -s \\
${options.map(zshOptionOf).join('')}    ${rest}
      ;;`;
}

/* Lines of _arguments; two names of an option exclude each other. */
function zshOptionOf(option: OptionOutline): string {
  const names = optionNames(option);
  return names
    .map((name) => {
      const apart = names.length > 1 ? `(${names.join(' ')})` : '';
      const { value } = option;
      const sign = value !== null && name.startsWith('--') ? '=' : '';
      const words = `[${option.summary.replaceAll(/[[\]\\]/g, '\\$&')}]`;
      const colon = value?.isRequired === false ? '::' : ':';
      const argument =
        value === null ? '' : `${colon}${value.name.replaceAll(':', '\\:')}:${zshActionOf(value)}`;
      return `    ${zshQuoted(`${apart}${name}${sign}${words}${argument}`)} \\\n`;
    })
    .join('');
}

function zshActionOf(value: ValueOutline): string {
  if (value.choices !== null) return `(${value.choices.join(' ')})`;
  const names = namesMeant(value);
  /* Colons would end the action. */
  if (names !== null) return `_sms_spoold_${names}`;
  return takesFile(value) ? '_files' : ' ';
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishCompletion(outline: Outline): string {
  const commands = outline.commands.map(
    ({ name, summary }) =>
      `complete -c sms-spoold -n '__sms_spoold_in ""' -a ${fishQuoted(name)} -d ${fishQuoted(summary)}`,
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
${[...commands, ...contextsOf(outline).flatMap(fishLinesOf)].join('\n')}
`;
}

function fishLinesOf({ command, options, argument }: CompletionContext): readonly string[] {
  const head = `complete -c sms-spoold -n '__sms_spoold_in "${command}"'`;
  const own = argument === null ? [] : [`${head} ${fishValueOf(argument, '-f')}`];
  return [...options.map((option) => `${head}${fishOptionOf(option)}`), ...own];
}

function fishOptionOf({ short, long, summary, value }: OptionOutline): string {
  const names = [
    short === null ? '' : ` -s ${short.replace(/^-/, '')}`,
    long === null ? '' : ` -l ${long.replace(/^--/, '')}`,
  ].join('');
  const takes = value === null ? '' : ` ${fishValueOf(value)}`;
  return `${names}${takes} -d ${fishQuoted(summary)}`;
}

/* -r: a value follows; -x: one that is no file; -f: no file here. */
function fishValueOf(value: ValueOutline, kind: '-x' | '-f' = '-x'): string {
  const own = value.isRequired ? kind : '-f';
  if (value.choices !== null) return `${own} -a ${fishQuoted(value.choices.join(' '))}`;
  const names = namesMeant(value);
  if (names !== null) return `${own} -a ${fishQuoted(`(${namesCommand(names)})`)}`;
  if (takesFile(value)) return kind === '-x' ? '-r -F' : '-F';
  return own;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

export const COMPLETION_SCRIPTS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const satisfies Readonly<Record<string, (outline: Outline) => string>>;
