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
  exec 2>/dev/null
  cat >/dev/null

  # An interrupt is a fast shutdown: it does not wait for the clients. It is sent until it is heeded,
  # because initdb, and Postgres in its first moments, ignore it; after 3 s, the hard way.
  (
    tries=0
    while [ "$tries" -lt 30 ] && kill -INT "$postgres"; do
      tries=$((tries + 1))
      sleep 0.1
    done
    kill -QUIT "$postgres" && sleep 1 && kill -KILL "$postgres"
  ) &
  wait "$postgres"
fi
rm -rf "$directory"
wait
