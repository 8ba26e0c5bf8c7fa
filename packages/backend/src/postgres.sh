# Runs Postgres in a directory for as long as somebody holds the other end of standard input.
#
#   postgres.sh DIRECTORY TEMPLATE INITDB-FLAGS [POSTGRES-ARGUMENT]...
#
# The first line of standard input tells where the binaries are. Its end is the order to leave.
# Standard error carries the log of initdb and Postgres, and ends when they have ended.

directory=$1
template=$2
flags=$3
shift 3

if IFS= read -r binaries; then
  (
    if [ -r "$template/PG_VERSION" ]; then
      cp -R "$template" "$directory/data"
    else
      "$binaries/initdb" -D "$directory/data" $flags >/dev/null
    fi && exec "$binaries/postgres" -D "$directory/data" "$@"
  ) &
  postgres=$!
  exec 2>/dev/null 3<&0

  # An interrupt is a fast shutdown: it does not wait for the clients. It is sent until it is heeded,
  # because initdb, and Postgres in its first moments, ignore it; after 3 s, the hard way. Nobody must be
  # left to do so when Postgres has ended by itself: its number may be somebody else's by then.
  (
    while IFS= read -r _; do :; done
    tries=0
    while [ "$tries" -lt 30 ] && kill -INT "$postgres"; do
      tries=$((tries + 1))
      sleep 0.1
    done
    kill -QUIT "$postgres" && sleep 1 && kill -KILL "$postgres"
  ) <&3 &
  wait "$postgres"
  kill "$!"
fi
rm -rf "$directory"
wait
