/**
 * Completion for bash, from the outline: commands, options, what may be written for them, and files where a
 * file is meant. Needs nothing but bash 4; works with the bash-completion package and without it.
 */
import {
  namesCommand,
  namesMeant,
  optionNames,
  placesOf,
  takesFile,
  type Outline,
  type Place,
  type Value,
} from './outline.ts';

/** A script to be sourced, or put where bash-completion looks. */
export function bashCompletion(outline: Outline): string {
  const commands = outline.commands.map(({ name }) => name).join(' ');
  const places = placesOf(outline);
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
${places.flatMap(valueCases).join('\n')}
  esac
  case $command in
${places.map((place) => wordCase(place, commands)).join('\n')}
  esac
}
complete -F _sms_spoold sms-spoold
`;
}

/* What may be written for each option that takes a value. */
function valueCases({ command, options }: Place): readonly string[] {
  return options.flatMap((option) => {
    const { value } = option;
    if (value === null) return [];
    const patterns = optionNames(option).map((name) => `'${command} ${name}'`);
    const answer = replyOf(value) ?? 'COMPREPLY=()';
    /* Where the value may be left out, another option may follow. */
    if (!value.isRequired) return [];
    return [`    ${patterns.join(' | ')}) ${answer}; return ;;`];
  });
}

/* What may stand here when no option waits for its value. */
function wordCase({ command, options, argument }: Place, commands: string): string {
  const names = options.flatMap(optionNames).join(' ');
  const words = command === '' ? commands : '';
  const other = argument === null ? null : replyOf(argument);
  const otherwise = other ?? `mapfile -t COMPREPLY < <(compgen -W '${words}' -- "$cur")`;
  return `    '${command}')
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '${names}' -- "$cur")
      else
        ${otherwise}
      fi
      ;;`;
}

function replyOf(value: Value): string | null {
  if (value.choices !== null) {
    return `mapfile -t COMPREPLY < <(compgen -W '${value.choices.join(' ')}' -- "$cur")`;
  }
  const names = namesMeant(value);
  if (names !== null) {
    return `mapfile -t COMPREPLY < <(compgen -W "$(${namesCommand(names)})" -- "$cur")`;
  }
  if (!takesFile(value)) return null;
  return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")`;
}
