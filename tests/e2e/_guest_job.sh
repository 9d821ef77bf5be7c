#!/usr/bin/env bash
# Runs in the virtual machine: installs the service, queries it, causes an OOM kill, then reloads,
# crashes, upgrades and removes the service. Then the same with packages: old.deb and new.deb, which
# has other default settings. Exits with 0 if all checks pass.
set -uo pipefail
cd "${JOB:-/job}"
failures=0
check() {
  local what=$1
  shift
  if "$@"; then echo "ok: $what"; else echo "FAILED: $what"; failures=$((failures + 1)); fi
}
# Requests a path of the agent, with $token if it is set; the guest has no curl.
token=
request() {
  exec 3<>/dev/tcp/127.0.0.1/8080 || return 1
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n' "$1" "$token" >&3
  timeout 5 cat <&3
  exec 3<&-
}
responds() { request "$1" 2>/dev/null | grep -q "$2"; }
until_true() {
  for _ in $(seq 300); do if "$@"; then return 0; fi; sleep 0.1; done
  return 1
}
is_ready() { responds /readyz '"ready":true'; }
main_pid() { systemctl show -P MainPID cgwatch; }
has_new_pid() { local now; now=$(main_pid); [[ $now != 0 && $now != "$1" ]]; }
log=/var/log/cgwatch/events.ndjson
in_log() { grep -q "$1" "$log"; }

ip link set lo up
before=$(find /etc /usr /var -xdev -not -path '/var/log/journal*' | sort)

check "the service installs" scripts/install --bin=$PWD/cgwatch
check "it gets ready" until_true is_ready
request /readyz | tail -1
check "no source is degraded" test "$(request /readyz | grep -c '"state":"degraded"')" = 0
check "it is enabled" systemctl is-enabled --quiet cgwatch
pid=$(main_pid)
check "it is not root" test "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' /proc/$pid/status)" -gt 1000
check "it has CAP_SYSLOG and no other" grep -q '^CapEff:.0000000400000000$' /proc/$pid/status
check "it runs under a filter of system calls" grep -q '^Seccomp:.2$' /proc/$pid/status
check "the version is printed" test "$(cgwatch version --server=127.0.0.1:8080 | wc -l)" = 2
check "containers are listed" sh -c 'cgwatch list | grep -q "^cgwatch\.service "'
check "check reports the granted access" sh -c 'cgwatch check | grep -q "^ok *kmsg"'

systemd-run --quiet --scope --unit=greedy -p MemoryMax=20M -p MemorySwapMax=0 tail /dev/zero 2>/dev/null
check "an OOM kill is logged" until_true in_log '"event_type":"oomKill".*greedy.scope'
check "the killed process is reported" in_log '"process_name":"tail".*"attribution":"exact"'
check "the verb prints the kill" sh -c 'cgwatch events --type=oomKill | grep -q tail'

mv "$log" "$log.1"
check "it reloads" systemctl reload cgwatch
check "a new log is there" until_true test -e "$log"

kill -KILL "$pid"
check "it is started again after a crash" until_true has_new_pid "$pid"
check "it gets ready again" until_true is_ready
check "the kill is not reported again" test "$(grep -h '"event_type":"oomKill"' "$log.1" "$log" | grep -c '"process_name":"tail"')" = 1

echo CGWATCH_MAX_STREAMS=3 >>/etc/default/cgwatch
pid=$(main_pid)
check "it upgrades while it runs" scripts/install --bin=$PWD/cgwatch
check "the new one runs" has_new_pid "$pid"
check "it gets ready a third time" until_true is_ready
check "settings stay" grep -q CGWATCH_MAX_STREAMS=3 /etc/default/cgwatch
echo CGWATCH_MAX_STREAMS=many >>/etc/default/cgwatch
systemctl restart cgwatch
has_failed() { [[ $(systemctl show -P ExecMainStatus cgwatch) = 2 ]]; }
check "an invalid setting is reported" until_true has_failed
sleep 3
check "it does not restart for that" test "$(systemctl show -P NRestarts cgwatch)" = 0

# Nothing but the programs of the test remains.
is_gone() {
  local after
  after=$(find /etc /usr /var -xdev -not -path '/var/log/journal*' | sort)
  [[ -z $(comm -13 <(echo "$before") <(echo "$after") | grep -i cgwatch) &&
    -z $(find /run /tmp -name '*cgwatch*' -not -path '/run/systemd/*' | head -1) ]]
}
check "it is removed" scripts/install --uninstall
check "it does not run" test "$(main_pid)" = 0
check "nothing is left" is_gone

check "the package installs" dpkg -i old.deb
check "it gets ready" until_true is_ready
check "it is enabled" systemctl is-enabled --quiet cgwatch
check "it reads the kernel log" grep -q '^CapEff:.0000000400000000$' "/proc/$(main_pid)/status"
echo CGWATCH_MAX_STREAMS=3 >>/etc/default/cgwatch
pid=$(main_pid)
check "the package upgrades while it runs" dpkg --force-confdef --force-confold -i new.deb
check "the new one runs" has_new_pid "$pid"
check "it gets ready again" until_true is_ready
check "settings stay" grep -q CGWATCH_MAX_STREAMS=3 /etc/default/cgwatch
check "the new defaults are next to them" grep -q 'of the new version' /etc/default/cgwatch.dpkg-dist

systemd-run --quiet --unit=engine --socket-property=ListenStream=/run/docker.sock \
  --socket-property=SocketMode=0660 sleep 60
check "the socket of a runtime without permission is off" until_true \
  responds /readyz '"docker","state":"off","detail":"no permission for the socket'
systemctl stop engine.socket

# As in docs/install.md and docs/fleet.md.
groupadd --system cgwatch-secrets
install -d -m 0750 -g cgwatch-secrets /etc/cgwatch
(umask 077 && echo first >/etc/cgwatch/tokens)
cat >>/etc/default/cgwatch <<END
CGWATCH_LISTEN=0.0.0.0:8080
CGWATCH_AUTH_TOKEN_FILE=/etc/cgwatch/tokens
CGWATCH_NODE_NAME=n1
END
install -D -m 0644 /usr/share/doc/cgwatch/examples/secrets.conf \
  /etc/systemd/system/cgwatch.service.d/secrets.conf
systemctl daemon-reload
systemctl restart cgwatch
check "a token file that only root can read is reported" until_true has_failed
chgrp cgwatch-secrets /etc/cgwatch/tokens
chmod 0640 /etc/cgwatch/tokens
systemctl restart cgwatch
token=first
check "it gets ready with tokens of the group" until_true is_ready
check "it is not root" test "$(sed -n 's/^Uid:\t\([0-9]*\).*/\1/p' "/proc/$(main_pid)/status")" -gt 1000
check "events have the name of the node" until_true in_log '"node":"n1"'
pid=$(main_pid)
token=second
check "another token is rejected" responds /readyz ' 401 '
echo second >>/etc/cgwatch/tokens
check "it reloads" systemctl reload cgwatch
check "the added token is accepted" until_true is_ready
token=first
check "the old token as well" is_ready
sed -i /first/d /etc/cgwatch/tokens
check "it reloads" systemctl reload cgwatch
check "the removed token is rejected" until_true responds /readyz ' 401 '
check "without a restart" test "$(main_pid)" = "$pid"
if [[ -e cert.pem ]]; then
  install -m 0644 cert.pem /etc/cgwatch/cert.pem
  install -m 0640 -g cgwatch-secrets key.pem /etc/cgwatch/key.pem
  printf '%s\n' CGWATCH_TLS_{CERT=/etc/cgwatch/cert,KEY=/etc/cgwatch/key}.pem >>/etc/default/cgwatch
  systemctl restart cgwatch
  is_tls() { journalctl -u cgwatch | grep -q 'cgwatch ready https://'; }
  check "it reads a TLS key of the group" until_true is_tls
fi
sed -i -E '/CGWATCH_(LISTEN|AUTH|TLS)/d' /etc/default/cgwatch
rm -r /etc/cgwatch
systemctl restart cgwatch
token=
check "it gets ready without tokens" until_true is_ready

systemctl stop cgwatch
check "a stopped service is not started by an upgrade" sh -c '
  dpkg --force-confold -i new.deb && ! systemctl is-active --quiet cgwatch'
check "the package is removed" dpkg -r cgwatch
check "the program is removed" test ! -e /usr/bin/cgwatch
check "settings and events stay" test -e /etc/default/cgwatch -a -e "$log"
check "the package installs after a removal" dpkg --force-confold -i new.deb
check "it gets ready" until_true is_ready
check "it is enabled" systemctl is-enabled --quiet cgwatch
systemctl disable --quiet --now cgwatch
check "a disabled service stays disabled after an upgrade" sh -c '
  dpkg --force-confold -i new.deb && ! systemctl is-enabled --quiet cgwatch'
check "and is not started" test "$(main_pid)" = 0
systemctl mask --quiet cgwatch
check "a masked service stays masked after removal and installation" sh -c '
  dpkg -r cgwatch && dpkg --force-confold -i new.deb &&
    test "$(systemctl is-enabled cgwatch)" = masked'
check "and is not started" test "$(main_pid)" = 0
systemctl unmask --quiet cgwatch
check "the package is purged" dpkg -P cgwatch
check "nothing is left" is_gone
groupdel cgwatch-secrets
check "no user is left" test -z "$(getent passwd cgwatch)"
if ((failures > 0)); then journalctl -u cgwatch --no-pager -n 30; fi
exit "$failures"
