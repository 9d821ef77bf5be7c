/**
 * cAdvisor flags without a function here: storage drivers, passwords of its web
 * pages, its logging library. They cause one warning. Others are in `flags.ts`.
 */
const WITH_VALUE = wordsOf(`
  application-metrics-count-limit bq-account bq-credentials-file bq-id
  bq-project-id bq-secret collector-cert collector-key container-hints
  containerd-env-metadata-whitelist containerd-namespace crio-client-timeout
  docker-env-metadata-whitelist docker-tls-ca docker-tls-cert docker-tls-key
  env-metadata-whitelist http-auth-file http-auth-realm http-digest-file
  http-digest-realm initial-splay-factor jitter-factor log-backtrace-at
  log-dir log-file log-file-max-size max-procs mesos-agent mesos-agent-timeout
  perf-events-config referenced-reset-interval resctrl-interval
  stderrthreshold storage-driver storage-driver-buffer-duration
  storage-driver-db storage-driver-es-host storage-driver-es-index
  storage-driver-es-type storage-driver-host
  storage-driver-influxdb-retention-policy storage-driver-kafka-broker-list
  storage-driver-kafka-ssl-ca storage-driver-kafka-ssl-cert
  storage-driver-kafka-ssl-key storage-driver-kafka-topic
  storage-driver-password storage-driver-table storage-driver-user
  update-machine-info-interval vmodule
`);

/** Values only after `=`. */
const BOOLS = wordsOf(`
  add-dir-header alsologtostderr disable-root-cgroup-stats docker-tls
  enable-load-reader log-cadvisor-usage logtostderr one-output profiling
  skip-headers skip-log-headers storage-driver-es-enable-sniffer
  storage-driver-kafka-ssl-verify storage-driver-secure
`);

/** Ignored flags. */
export const IGNORED_FLAGS: ReadonlyMap<
  string,
  { readonly isBool: boolean }
> = new Map(
  [WITH_VALUE, BOOLS].flatMap((names) =>
    names.map((name) => [name, { isBool: names === BOOLS }])
  ),
);

function wordsOf(text: string): string[] {
  return text.trim().split(/\s+/);
}
