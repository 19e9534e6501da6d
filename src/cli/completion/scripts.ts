// What `sipreg completion SHELL` prints. The scripts are thin: for each TAB they ask "sipreg __complete SHELL", which knows the
// commands; so a script that was installed once stays right. The first line of its answer is ":files" where the shell is to
// offer files. `check_sipreg` is completed by the `sipreg` on the PATH, because all that it says itself is a plugin's.

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** bash 3.2 (macOS) and later. What bash replaces begins after the last of COMP_WORDBREAKS in the word. */
const BASH = `# bash completion for sipreg and check_sipreg: made by "sipreg completion bash".
# Try it:  source <(sipreg completion bash)

_sipreg() {
  local program=\${1/#\\~/$HOME} line=\${COMP_LINE:0:COMP_POINT} word answer candidate breaks= kept= IFS=$'\\n'
  case \${program##*/} in check_sipreg) program=sipreg ;; esac
  COMPREPLY=()
  answer=$("$program" __complete bash -- "$line" 2>/dev/null) || return 0
  if [[ $answer == :files* ]]; then
    compopt -o default 2>/dev/null || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    return 0
  fi
  word=\${line##*[[:space:]]}
  for candidate in = : @; do [[ $COMP_WORDBREAKS == *"$candidate"* ]] && breaks+=$candidate; done
  [[ -n $breaks ]] && kept=\${word%"\${word##*[$breaks]}"}
  kept=\${kept%@} # readline leaves that one to the word
  for candidate in $answer; do COMPREPLY+=("\${candidate#"$kept"}"); done
}

complete -F _sipreg sipreg check_sipreg
`;

const ZSH = `#compdef sipreg check_sipreg
# zsh completion for sipreg and check_sipreg: made by "sipreg completion zsh".
# Try it:  source <(sipreg completion zsh)
# For good: sipreg completion zsh > "$fpath[1]/_sipreg"

_sipreg() {
  local program=\${(Q)words[1]} answer
  local -a candidates
  [[ \${program:t} == check_sipreg ]] && program=sipreg
  program=\${program/#\\~/$HOME}
  answer=$("$program" __complete zsh -- "\${(@Q)words[1,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null) || return 1
  candidates=("\${(@f)answer}")
  case $answer in
    '') return 1 ;;
    :files*)
      compset -P '--*='
      _files
      ;;
    *) _describe 'sipreg' candidates ;;
  esac
}

if [[ \${funcstack[1]} == _sipreg ]]; then
  _sipreg "$@"
else
  compdef _sipreg sipreg check_sipreg
fi
`;

const FISH = `# fish completion for sipreg and check_sipreg: made by "sipreg completion fish".
# Try it:  sipreg completion fish | source
# For good: sipreg completion fish > ~/.config/fish/completions/sipreg.fish

function __sipreg_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    test (basename -- $program) = check_sipreg; and set program sipreg
    set -l answer ($program __complete fish -- $words "$current" 2>/dev/null)
    or return
    if string match -q ':files*' -- "$answer[1]"
        set -l before (string match -r -- '^--[^=]+=' "$current")
        __fish_complete_path (string replace -r -- '^--[^=]+=' '' "$current") | string replace -r '^' -- "$before"
    else
        test (count $answer) -gt 0; and printf '%s\\n' $answer
    end
end

complete -c sipreg -f -a '(__sipreg_complete)'
complete -c check_sipreg -f -a '(__sipreg_complete)'
`;

/** The script that makes `shell` complete sipreg. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
