/**
 * Completion for zsh, from the outline, with the words of the help beside each command and option. May be
 * sourced after compinit, or put as `_sms-spoold` where fpath leads.
 */
import {
  namesCommand,
  namesMeant,
  optionNames,
  placesOf,
  takesFile,
  type OptionOutline,
  type Outline,
  type Place,
  type Value,
} from './outline.ts';

/** The script. */
export function zshCompletion(outline: Outline): string {
  const [before, ...places] = placesOf(outline);
  const commands = outline.commands.map(
    ({ name, summary }) => `    ${quoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`,
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
${(before?.options ?? []).map(specOf).join('')}    '1:command:_sms_spoold_commands' \\
    '*::argument:->argument'
  [[ $state == argument ]] || return
  case $words[1] in
${places.map(caseOf).join('\n')}
  esac
}
if [[ $funcstack[1] == _sms_spoold || $funcstack[1] == _sms-spoold ]]; then
  _sms_spoold "$@"
elif (( $+functions[compdef] )); then
  compdef _sms_spoold sms-spoold
fi
`;
}

function caseOf({ command, options, argument }: Place): string {
  const rest =
    argument === null
      ? `'*: :'`
      : quoted(`${argument.isVariadic ? '*' : '1'}:${argument.name}:${actionOf(argument)}`);
  return `    ${command})
      _arguments -s \\
${options.map(specOf).join('')}    ${rest}
      ;;`;
}

/* One line of _arguments; an option with two names is two that exclude each other. */
function specOf(option: OptionOutline): string {
  const names = optionNames(option);
  return names
    .map((name) => {
      const apart = names.length > 1 ? `(${names.join(' ')})` : '';
      const { value } = option;
      const sign = value !== null && name.startsWith('--') ? '=' : '';
      const words = `[${option.summary.replaceAll(/[[\]\\]/g, '\\$&')}]`;
      const colon = value?.isRequired === false ? '::' : ':';
      const argument =
        value === null ? '' : `${colon}${value.name.replaceAll(':', '\\:')}:${actionOf(value)}`;
      return `    ${quoted(`${apart}${name}${sign}${words}${argument}`)} \\\n`;
    })
    .join('');
}

function actionOf(value: Value): string {
  if (value.choices !== null) return `(${value.choices.join(' ')})`;
  const names = namesMeant(value);
  /* Colons would end the action. */
  if (names !== null) return `_sms_spoold_${names}`;
  return takesFile(value) ? '_files' : ' ';
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
