// SPDX-License-Identifier: Apache-2.0
//
// Every configuration key of the host. docs/configuration.md is made from this list, and a test
// compares the two. Enclave settings: names, ranges and defaults of EnclaveConfig (config.proto).
package dev.svr2.host.config;

import dev.svr2.enclave.Platform;
import java.util.List;
import java.util.Optional;

/** The declarations. Their order is the order of the documentation. */
final class Keys {
  private Keys() {}

  /** Log levels of Java loggers. */
  enum Level {
    ERROR,
    WARN,
    INFO,
    DEBUG,
    TRACE
  }

  /** Log levels of the enclave, which has no trace level. */
  enum EnclaveLevel {
    ERROR,
    WARN,
    INFO,
    DEBUG
  }

  /** What a host does about a group when it starts. */
  enum OnStart {
    WAIT,
    JOIN,
    CLAIM
  }

  /** What a limit that cannot be asked means. */
  enum OnFailure {
    ALLOW,
    REFUSE
  }

  private static final long MAX_TICKS = 1_000_000;

  /** Members of a group at most: kMaxMembers of the enclave. */
  private static final long MAX_REPLICAS = 32;

  private static final long MAX_UINT32 = 0xFFFF_FFFFL;
  private static final String PATH = "path, relative to this file; empty for none";
  private static final long KIB = 1L << 10;
  private static final long GIB = 1L << 30;

  static final Key<Platform> PLATFORM =
      Key.choice(
          "platform",
          Platform.class,
          null,
          "Where the enclave runs. `sgx` is hardware; `oe-simulation` and `local` protect nothing and are for"
              + " development and tests.");
  static final Key<Boolean> SIMULATED =
      Key.bool(
          "simulated",
          "false",
          "Must be `true` on `local` and `oe-simulation`, where it says that you know that nothing is"
              + " protected, and `false` on `sgx`. It is part of the group configuration that clients pin.");

  static final Key<String> IMAGE_PATH =
      Key.string(
          "image.path",
          "path, relative to this file",
          null,
          "The signed enclave image (`make enclave` makes one for `local`).");
  static final Key<Boolean> IMAGE_DEBUG =
      Key.bool(
          "image.debug",
          "false",
          "Loads the enclave with the DEBUG attribute, with which a debugger reads everything; the image's"
              + " properties must allow it. Clients and peers refuse such an enclave.");

  static final Key<Long> MIN_VOTING =
      Key.integer(
          "group.min_voting_replicas",
          null,
          1,
          MAX_REPLICAS,
          "replicas",
          "With fewer voters than this the group answers no client. The same on every replica; clients pin it.");
  static final Key<Long> MAX_VOTING =
      Key.integer(
          "group.max_voting_replicas",
          null,
          1,
          MAX_REPLICAS,
          "replicas",
          "At most this many replicas vote; more are spares that serve clients. Clients pin it.");
  static final Key<Long> SUPER_MAJORITY =
      Key.integer(
          "group.super_majority",
          null,
          0,
          MAX_REPLICAS - 1,
          "replicas",
          "So many voters can be rolled back without the group forgetting a counted guess. Less than"
              + " `min_voting_replicas`. Clients pin it.");
  static final Key<Long> ATTESTATION_TIMEOUT =
      Key.integer(
          "group.attestation_timeout",
          null,
          1,
          MAX_UINT32,
          "seconds",
          "Evidence older than this is refused. Clients pin it.");

  static final Key<OnStart> ON_START =
      Key.choice(
          "group.on_start",
          OnStart.class,
          "wait",
          "`wait`: belongs to no group until 'svr2 admin join' or 'create-group' is ordered. `join`: joins the"
              + " group of the peers that it finds, asking until it is a member; it never creates one. `claim`"
              + " (with `peer.directory: redis`): the first host ever to claim it in Redis founds the group, all"
              + " others join. The claim stays for good, so that no second group comes to be.");

  static final Key<EnclaveLevel> ENCLAVE_LOG_LEVEL =
      Key.choice(
          "enclave.log_level", EnclaveLevel.class, "info", "What the enclave logs at the start.");
  static final Key<Long> ELECTION_TICKS =
      Key.integer(
          "enclave.election_ticks",
          "10",
          2,
          10_000,
          "ticks",
          "Without a leader for one to two times this, a voter stands for election.");
  static final Key<Long> HEARTBEAT_TICKS =
      ticks(
          "heartbeat_ticks", "2", "A leader shows itself this often. Less than `election_ticks`.");
  static final Key<Long> CLIENT_REQUEST_TIMEOUT_TICKS =
      ticks(
          "client_request_timeout_ticks",
          "50",
          "A client request without a result after this is 'unknown'.");
  static final Key<Long> PEER_REQUEST_TIMEOUT_TICKS =
      ticks(
          "peer_request_timeout_ticks",
          "30",
          "What one enclave asks of another is given up after this.");
  static final Key<Long> SESSION_IDLE_TICKS =
      ticks(
          "session_idle_ticks",
          "300",
          "The enclave forgets a client that was silent for this long.");
  static final Key<Long> REPLICA_VOTING_TIMEOUT_TICKS =
      ticks(
          "replica_voting_timeout_ticks",
          "600",
          "A voter that was silent for this long is demoted where another can take its place. More than"
              + " `election_ticks`.");
  static final Key<Long> REPLICA_MEMBERSHIP_TIMEOUT_TICKS =
      ticks(
          "replica_membership_timeout_ticks",
          "36000",
          "A member that was silent for this long is removed for good. Not less than"
              + " `replica_voting_timeout_ticks`.");
  static final Key<Long> ATTESTATION_REFRESH_TICKS =
      ticks("attestation_refresh_ticks", "36000", "The enclave makes new evidence this often.");
  static final Key<Long> LOG_MAX_AGE_TICKS =
      ticks(
          "log_max_age_ticks",
          "36000",
          "Applied log entries are wiped after this, so that an idle group does not keep an erased secret.");
  static final Key<Long> LOG_MAX_BYTES =
      Key.bytes(
          "enclave.log_max_bytes",
          "64 MiB",
          64 * KIB,
          64 * GIB,
          "Bound of the log in the enclave's memory. When entries that cannot go fill it, requests are refused.");
  static final Key<Long> LOG_MIN_ENTRIES =
      Key.integer(
          "enclave.log_min_entries",
          "1000",
          1,
          1_000_000_000,
          "entries",
          "Entries that all members have are kept down to this many.");
  static final Key<Long> MAX_ROWS =
      Key.integer(
          "enclave.max_rows",
          "1000000",
          1,
          4_000_000_000L,
          "rows",
          "Backups held at most. The image's NumHeapPages must have room: 120 bytes a row.");
  static final Key<Long> ENCLAVE_MAX_CLIENT_SESSIONS =
      Key.integer(
          "enclave.max_client_sessions",
          "16384",
          1,
          16_777_216,
          "sessions",
          "Sessions that the enclave holds.");
  static final Key<Long> MAX_PENDING_HANDSHAKES =
      Key.integer(
          "enclave.max_pending_handshakes",
          "1024",
          1,
          16_777_216,
          "handshakes",
          "Clients that are connected and have not finished the handshake.");

  static final Key<Boolean> CLIENT_PQ =
      Key.bool(
          "enclave.client_pq",
          "true",
          "Clients are offered the handshake NKhfs, with ML-KEM-1024 (`true`), or NK (`false`). The same on"
              + " every replica; clients pin it.");

  static final Key<Long> TICK_INTERVAL_MS =
      Key.integer(
          "runtime.tick_interval_ms",
          "100",
          1,
          10_000,
          "milliseconds",
          "Time between two ticks of the enclave.");
  static final Key<Long> ENCLAVE_THREADS =
      Key.integer(
          "runtime.enclave_threads",
          "0",
          0,
          1_024,
          "threads",
          "Threads that carry messages into the enclave, beside the one for ticks. 0 means one per processor."
              + " More than the image's NumTCS - 1 is cut to that, with a warning.");
  static final Key<Long> QUEUE_MAX_ITEMS =
      Key.integer(
          "runtime.queue_max_items",
          "16384",
          1,
          10_000_000,
          "items",
          "Items that wait for the enclave at most. Above it clients get RESOURCE_EXHAUSTED, not applied.");
  static final Key<Long> QUEUE_MAX_BYTES =
      Key.bytes(
          "runtime.queue_max_bytes",
          "64 MiB",
          256 * KIB,
          16 * GIB,
          "Bytes in those items at most.");
  static final Key<Long> REQUEST_TIMEOUT_MS =
      Key.integer(
          "runtime.request_timeout_ms",
          "10000",
          10,
          600_000,
          "milliseconds",
          "The enclave's answer to a request of the host (a new session, delete, status) is awaited this long."
              + " Longer than `enclave.client_request_timeout_ticks`, or deletes end as 'unknown' too early.");
  static final Key<Long> SHUTDOWN_DEADLINE_MS =
      Key.integer(
          "runtime.shutdown_deadline_ms",
          "10000",
          100,
          600_000,
          "milliseconds",
          "After SIGTERM the process ends at the latest after this. Half of it is for handing leadership"
              + " over and leaving the group.");

  static final Key<HostPort> CLIENT_LISTEN =
      Key.listen("client.listen", "127.0.0.1:8443", "Where clients connect (gRPC).");
  static final Key<Optional<HostPort>> CLIENT_WEBSOCKET_LISTEN =
      Key.listenOrNone(
          "client.websocket_listen",
          "Where clients connect over HTTP: WebSockets under `/v1/{measurement}`, and `DELETE /v1/delete`.");
  static final Key<String> CLIENT_TLS_CERTIFICATES =
      Key.string(
          "client.tls.certificate_file",
          PATH,
          "",
          "PEM certificates that clients are shown, this host's own first. With it both `client.listen` and"
              + " `client.websocket_listen` speak TLS (1.2 or 1.3) only. Without it credentials travel in clear:"
              + " for loopback, or behind a proxy that ends TLS.");
  static final Key<String> CLIENT_TLS_KEY =
      Key.string(
          "client.tls.key_file",
          PATH,
          "",
          "Its private key: PEM, PKCS #8, not encrypted. Both files, or neither.");
  static final Key<RateSettings.Store> RATE_STORE =
      Key.choice(
          "client.rate.store",
          RateSettings.Store.class,
          "none",
          "Limits how often one user may begin a session or delete. `none`: no limit (guesses are counted in the"
              + " enclave whatever stands here). `memory`: each host counts for itself. `redis`: all hosts"
              + " count together.");
  static final Key<Long> RATE_BURST =
      Key.integer(
          "client.rate.burst", "20", 1, 1_000_000, "calls", "So many calls of one user at once.");
  static final Key<Long> RATE_PER_MINUTE =
      Key.integer(
          "client.rate.per_minute",
          "10",
          1,
          1_000_000,
          "calls",
          "So many calls of one user in the long run. Above it: RESOURCE_EXHAUSTED with RetryInfo, or 429 with"
              + " Retry-After; nothing was applied.");
  static final Key<OnFailure> RATE_ON_FAILURE =
      Key.choice(
          "client.rate.on_failure",
          OnFailure.class,
          "allow",
          "When Redis does not answer within half a second, calls are let through (`allow`) or refused"
              + " (`refuse`).");
  static final Key<Long> ITEM_MAX_BYTES =
      Key.bytes(
          "client.item_max_bytes",
          "128 KiB",
          4 * KIB,
          128 * KIB,
          "Size of one item of a client at most.");
  static final Key<Long> SESSION_IDLE_SECONDS =
      Key.integer(
          "client.session_idle_seconds",
          "30",
          1,
          86_400,
          "seconds",
          "A session without a read or a write for this long is closed. The enclave's own limit is"
              + " `enclave.session_idle_ticks`.");
  static final Key<Long> MAX_SESSIONS =
      Key.integer(
          "client.max_sessions",
          "16384",
          1,
          16_777_216,
          "sessions",
          "Open sessions at most; more get RESOURCE_EXHAUSTED.");
  static final Key<Long> OUTBOUND_MAX_BYTES =
      Key.bytes(
          "client.outbound_max_bytes",
          "1 MiB",
          64 * KIB,
          1 * GIB,
          "What waits for one client that does not read. A session above it is closed.");

  static final Key<Optional<HostPort>> PEER_LISTEN =
      Key.listenOrNone(
          "peer.listen",
          "Where other hosts of the group connect (gRPC). Without it this host only connects to others, which"
              + " is all that a group of one needs.");
  static final Key<List<HostPort>> PEER_STATIC =
      Key.targets(
          "peer.static",
          "The hosts of the group: each one's `peer.listen` as this host reaches it. This host itself may be"
              + " among them.");
  static final Key<HostConfig.Directory.Kind> PEER_DIRECTORY =
      Key.choice(
          "peer.directory",
          HostConfig.Directory.Kind.class,
          "static",
          "How other hosts are found: `static`, the list in `peer.static`; `dns`, the name in `peer.dns`; `redis`,"
              + " the entries of `peer.redis_group`. A directory that does not answer takes nothing away.");
  static final Key<String> PEER_DNS =
      Key.string(
          "peer.dns",
          "NAME:PORT, or _SERVICE._tcp.NAME for SRV records",
          "",
          "The name of all hosts, such as that of a headless Kubernetes service.");
  static final Key<Optional<HostPort>> PEER_DNS_SERVER =
      Key.targetOrNone("peer.dns_server", "The name server to ask, instead of the machine's.");
  static final Key<String> PEER_REDIS_GROUP =
      Key.string(
          "peer.redis_group",
          "letters, digits, - and _",
          "svr2",
          "Under this name the hosts of one group find each other in Redis.");
  static final Key<Optional<HostPort>> PEER_ADVERTISE =
      Key.targetOrNone(
          "peer.advertise",
          "Where other hosts reach this one, for Redis. Without it `peer.listen`, which must then be an address"
              + " that others can use.");
  static final Key<Long> PEER_REFRESH_SECONDS =
      Key.integer(
          "peer.refresh_seconds", "5", 1, 3_600, "seconds", "DNS and Redis are asked this often.");
  static final Key<String> PEER_TLS_CERTIFICATES =
      Key.string(
          "peer.tls.certificate_file",
          PATH,
          "",
          "PEM certificates that this host shows other hosts, in both directions. All three files, or none:"
              + " then enclaves still attest each other and encrypt, but anyone may connect.");
  static final Key<String> PEER_TLS_KEY =
      Key.string("peer.tls.key_file", PATH, "", "Its private key: PEM, PKCS #8, not encrypted.");
  static final Key<String> PEER_TLS_AUTHORITIES =
      Key.string(
          "peer.tls.ca_file",
          PATH,
          "",
          "PEM certificates of the authorities that sign the hosts' certificates. Names in certificates are not"
              + " compared, so it should sign hosts of this group only.");
  static final Key<Long> PEER_OUTBOUND_MAX_ITEMS =
      Key.integer(
          "peer.outbound_max_items",
          "65536",
          16,
          16_777_216,
          "messages",
          "Messages to one peer that it has not acknowledged, at most. Above it they are dropped and both"
              + " enclaves are told (a peer reset).");
  static final Key<Long> PEER_OUTBOUND_MAX_BYTES =
      Key.bytes(
          "peer.outbound_max_bytes",
          "64 MiB",
          8 << 20,
          16 * GIB,
          "Bytes in those messages at most.");
  static final Key<Long> PEER_INBOUND_MAX_ITEMS =
      Key.integer(
          "peer.inbound_max_items",
          "256",
          1,
          65_536,
          "messages",
          "Messages of one peer on their way into the enclave, at most; the peer is made to wait. They are not"
              + " part of `runtime.queue_max_items`, so that clients cannot crowd them out.");
  static final Key<Long> PEER_RECONNECT_MIN_MS =
      Key.integer(
          "peer.reconnect_min_ms",
          "100",
          1,
          60_000,
          "milliseconds",
          "Pause before a lost connection is tried again; it doubles, with jitter, at each failure.");
  static final Key<Long> PEER_RECONNECT_MAX_MS =
      Key.integer(
          "peer.reconnect_max_ms", "3000", 1, 600_000, "milliseconds", "The longest such pause.");
  static final Key<Long> PEER_ABANDON_MS =
      Key.integer(
          "peer.abandon_ms",
          "10000",
          100,
          3_600_000,
          "milliseconds",
          "What waits for a peer without a connection for this long is dropped, and the enclave is told.");
  static final Key<Long> PEER_ROUTE_TIMEOUT_MS =
      Key.integer(
          "peer.route_timeout_ms",
          "2000",
          10,
          60_000,
          "milliseconds",
          "When the enclave asks for a way to a peer, it is called unreachable after this.");

  static final Key<String> AUTH_SECRETS =
      Key.string(
          "auth.secrets",
          "one environment variable, such as ${AUTH_SECRET}",
          "${AUTH_SECRET:-}",
          "Secrets for client credentials: base64, several separated by commas for rotation, the first"
              + " signs. Refused when written here in clear.");
  static final Key<String> AUTH_SECRET_FILE =
      Key.string(
          "auth.secret_file",
          PATH,
          "",
          "A file with the secrets in the same form, readable by its owner only. Wins over `auth.secrets`.");
  static final Key<Long> AUTH_VALIDITY_DAYS =
      Key.integer(
          "auth.validity_days",
          "120",
          1,
          36_500,
          "days",
          "Credentials are taken when their time differs from now by no more than this, either way.");

  static final Key<HostPort> CONTROL_LISTEN =
      Key.listen(
          "control.listen",
          "127.0.0.1:8444",
          "Where `svr2 admin` connects (gRPC). Another address than loopback needs `control.tls` and, to know"
              + " operators, `control.token_file` or `control.tls.ca_file`.");
  static final Key<Optional<HostPort>> CONTROL_HTTP_LISTEN =
      Key.listenOrNone(
          "control.http_listen",
          "Where `/health/live`, `/health/ready`, `/metrics` and the status page are served (HTTP). On another"
              + " address than loopback only health is, unless `control.token_file` is given.");
  static final Key<String> CONTROL_TOKEN_FILE =
      Key.string(
          "control.token_file",
          PATH,
          "",
          "A file with a token of at least 16 characters, readable by its owner only. Operators show it:"
              + " `svr2 admin --token-file`, `Authorization: Bearer TOKEN` for metrics, the password in browsers.");
  static final Key<String> CONTROL_TLS_CERTIFICATES =
      Key.string(
          "control.tls.certificate_file",
          PATH,
          "",
          "PEM certificates that operators are shown; with it both control addresses speak TLS only.");
  static final Key<String> CONTROL_TLS_KEY =
      Key.string("control.tls.key_file", PATH, "", "Its private key: PEM, PKCS #8, not encrypted.");
  static final Key<String> CONTROL_TLS_AUTHORITIES =
      Key.string(
          "control.tls.ca_file",
          PATH,
          "",
          "PEM certificates of the authorities that sign operators' certificates. With it `svr2 admin` must show"
              + " one; browsers and probes need not.");

  static final Key<Long> TLS_RELOAD_SECONDS =
      Key.integer(
          "tls.reload_seconds",
          "60",
          1,
          86_400,
          "seconds",
          "Files of certificates and keys are looked at this often; new connections use what has changed.");

  static final Key<Optional<HostPort>> REDIS_ADDRESS =
      Key.targetOrNone(
          "redis.address",
          "A Redis server, for what is set to use one. A host runs on without it.");
  static final Key<String> REDIS_PASSWORD_FILE =
      Key.string(
          "redis.password_file",
          PATH,
          "",
          "A file with its password alone, readable by its owner only.");
  static final Key<Boolean> REDIS_TLS =
      Key.bool("redis.tls", "false", "It speaks TLS, with a certificate that this machine trusts.");

  static final Key<Level> LOG_LEVEL =
      Key.choice("log.level", Level.class, "info", "Level of the root logger.");
  static final Key<String> LOG_LEVELS =
      Key.string(
          "log.levels",
          "LOGGER=LEVEL, several separated by commas",
          "",
          "Levels of single loggers, for example `dev.svr2.host=debug,io.grpc=warn`.");
  static final Key<LogFormat> LOG_FORMAT =
      Key.choice("log.format", LogFormat.class, "plain", "How log lines look on standard error.");

  private static Key<Long> ticks(String name, String defaultText, String doc) {
    return Key.integer("enclave." + name, defaultText, 1, MAX_TICKS, "ticks", doc);
  }

  static final List<Key<?>> ALL =
      List.of(
          PLATFORM,
          SIMULATED,
          IMAGE_PATH,
          IMAGE_DEBUG,
          MIN_VOTING,
          MAX_VOTING,
          SUPER_MAJORITY,
          ATTESTATION_TIMEOUT,
          ON_START,
          ENCLAVE_LOG_LEVEL,
          ELECTION_TICKS,
          HEARTBEAT_TICKS,
          CLIENT_REQUEST_TIMEOUT_TICKS,
          PEER_REQUEST_TIMEOUT_TICKS,
          SESSION_IDLE_TICKS,
          REPLICA_VOTING_TIMEOUT_TICKS,
          REPLICA_MEMBERSHIP_TIMEOUT_TICKS,
          ATTESTATION_REFRESH_TICKS,
          LOG_MAX_AGE_TICKS,
          LOG_MAX_BYTES,
          LOG_MIN_ENTRIES,
          MAX_ROWS,
          ENCLAVE_MAX_CLIENT_SESSIONS,
          MAX_PENDING_HANDSHAKES,
          CLIENT_PQ,
          TICK_INTERVAL_MS,
          ENCLAVE_THREADS,
          QUEUE_MAX_ITEMS,
          QUEUE_MAX_BYTES,
          REQUEST_TIMEOUT_MS,
          SHUTDOWN_DEADLINE_MS,
          CLIENT_LISTEN,
          CLIENT_WEBSOCKET_LISTEN,
          CLIENT_TLS_CERTIFICATES,
          CLIENT_TLS_KEY,
          RATE_STORE,
          RATE_BURST,
          RATE_PER_MINUTE,
          RATE_ON_FAILURE,
          ITEM_MAX_BYTES,
          SESSION_IDLE_SECONDS,
          MAX_SESSIONS,
          OUTBOUND_MAX_BYTES,
          PEER_LISTEN,
          PEER_DIRECTORY,
          PEER_STATIC,
          PEER_DNS,
          PEER_DNS_SERVER,
          PEER_REDIS_GROUP,
          PEER_ADVERTISE,
          PEER_REFRESH_SECONDS,
          PEER_TLS_CERTIFICATES,
          PEER_TLS_KEY,
          PEER_TLS_AUTHORITIES,
          PEER_OUTBOUND_MAX_ITEMS,
          PEER_OUTBOUND_MAX_BYTES,
          PEER_INBOUND_MAX_ITEMS,
          PEER_RECONNECT_MIN_MS,
          PEER_RECONNECT_MAX_MS,
          PEER_ABANDON_MS,
          PEER_ROUTE_TIMEOUT_MS,
          AUTH_SECRETS,
          AUTH_SECRET_FILE,
          AUTH_VALIDITY_DAYS,
          CONTROL_LISTEN,
          CONTROL_HTTP_LISTEN,
          CONTROL_TOKEN_FILE,
          CONTROL_TLS_CERTIFICATES,
          CONTROL_TLS_KEY,
          CONTROL_TLS_AUTHORITIES,
          TLS_RELOAD_SECONDS,
          REDIS_ADDRESS,
          REDIS_PASSWORD_FILE,
          REDIS_TLS,
          LOG_LEVEL,
          LOG_LEVELS,
          LOG_FORMAT);
}
