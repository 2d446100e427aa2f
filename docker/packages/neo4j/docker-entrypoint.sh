#!/bin/bash
# Starts Neo4j as the official image does, with the same variables:
#   NEO4J_AUTH       neo4j/PASSWORD: the password of an empty volume (an existing one keeps its own); none: no login
#   NEO4J_AUTH_PATH  a file that holds the same
#   NEO4J_a_b__c     becomes the setting a.b_c
#   NEO4J_server_jvm_additional  more JVM options, separated by spaces; the last one of a kind wins
# and one of this image:
#   JVM_START_OPTIONS  what makes the start fast (see the Dockerfile); empty: the JVM's own defaults
set -euo pipefail

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# As root: hands over the volumes and becomes the user neo4j. With `docker run --user` it stays what it is.
become_neo4j=()
if [[ $(id -u) == 0 ]]; then
  become_neo4j=(setpriv --reuid=neo4j --regid=neo4j --clear-groups)
  find /data /logs ! -user neo4j -exec chown --no-dereference neo4j:neo4j {} +
fi
[[ ${1:-} == neo4j ]] || exec "${become_neo4j[@]}" "$@"

for directory in /data /logs; do
  "${become_neo4j[@]}" test -w "$directory" ||
    fail "$directory is not writable for user $("${become_neo4j[@]}" id -u). Change its owner, or start without --user."
done

declare -A settings=(
  [server.default_listen_address]=0.0.0.0
  [server.memory.pagecache.size]=512M
  [server.directories.logs]=/logs
  [db.tx_log.rotation.retention_policy]="2 days 2G"
  # seconds that a stop waits, twice, after the databases are closed; the default of 5 outlasts `docker stop`
  [internal.dbms.bolt.netty_server_shutdown_quiet_period]=0
  [dbms.usage_report.enabled]=false
)

read_login() { # sets $password, and turns the login off for "none"; never prints a password
  local auth=${NEO4J_AUTH:-}
  if [[ -n ${NEO4J_AUTH_PATH:-} ]]; then
    [[ -r $NEO4J_AUTH_PATH ]] || fail "NEO4J_AUTH_PATH names '$NEO4J_AUTH_PATH', which is not a readable file."
    auth=$(<"$NEO4J_AUTH_PATH")
  fi
  password=
  case $auth in
    none) settings[dbms.security.auth_enabled]=false ;;
    '') fail "NEO4J_AUTH is not set. Set it to neo4j/PASSWORD (8 characters or more), or to none for no login." ;;
    neo4j/neo4j) fail "NEO4J_AUTH has the default password, 'neo4j'. Choose another one of 8 characters or more." ;;
    neo4j/*/* | neo4j/) fail "NEO4J_AUTH has an empty password, or one with a slash. Expected: neo4j/PASSWORD." ;;
    neo4j/*) password=${auth#neo4j/} ;;
    */*) fail "NEO4J_AUTH names the user '${auth%%/*}'. The first user is always neo4j: set it to neo4j/PASSWORD." ;;
    *) fail "NEO4J_AUTH is neither neo4j/PASSWORD nor none." ;;
  esac
}

read_settings() { # every other NEO4J_ variable
  local variable name
  for variable in "${!NEO4J_@}"; do
    case $variable in
      NEO4J_AUTH | NEO4J_AUTH_PATH | NEO4J_HOME | NEO4J_EDITION | NEO4J_ACCEPT_LICENSE_AGREEMENT) continue ;;
      NEO4J_DEBUG | NEO4J_SHA256 | NEO4J_TARBALL) continue ;;
      NEO4J_PLUGINS) fail "NEO4J_PLUGINS is '$NEO4J_PLUGINS': this image cannot fetch plugins. Use the official image." ;;
    esac
    [[ -n ${!variable} ]] || continue
    name=${variable#NEO4J_}
    name=${name//__/$'\n'}
    name=${name//_/.}
    settings[${name//$'\n'/_}]=${!variable}
  done
}

heap_option() { # the JVM option $1 from the setting $2
  local size=${settings[$2]:-}
  [[ -n $size ]] || return 0
  [[ $size =~ ^[0-9]+[kmgKMG]?$ ]] || fail "The setting $2 is '$size'. Expected a number with k, m or g: 512m."
  options+=("$1$size")
}

write_settings() {
  local name
  for name in "${!settings[@]}"; do
    printf '%s=%s\n' "$name" "${settings[$name]}"
  done | sort >"$NEO4J_HOME/conf/neo4j.conf"
}

read_login
read_settings
write_settings

read -ra options <<<"${JVM_START_OPTIONS:-} "
read -ra additional <<<"${settings[server.jvm.additional]:-} "
# two collectors at once are fatal to the JVM
[[ " ${additional[*]} " != *' -XX:+Use'*'GC '* ]] || options+=(-XX:-UseSerialGC)
heap_option -Xms server.memory.heap.initial_size
heap_option -Xmx server.memory.heap.max_size
unset NEO4J_AUTH
exec "${become_neo4j[@]}" java @"$NEO4J_HOME/jvm.options" "${options[@]}" "${additional[@]}" \
  @"$NEO4J_HOME/class.path" Start --home-dir="$NEO4J_HOME" --config-dir="$NEO4J_HOME/conf" --console-mode \
  <<<"$password"
