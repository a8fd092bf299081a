// SPDX-License-Identifier: Apache-2.0
//
// Reads, expands, checks and types a configuration file. All problems are found in one go, each
// with its line, with what is wrong and with what to do.
package dev.svr2.host.config;

import com.google.common.base.Splitter;
import dev.svr2.enclave.Platform;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.proto.EnclaveConfig;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.RaftGroupConfig;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** One load of one file; not reusable. */
public final class ConfigLoader {
  /** Keys that people may look for here and that have a reason not to exist. */
  private static final Map<String, String> NEVER =
      Map.of(
          "group.group_id",
              "is drawn inside the enclave that founds the group and cannot be set; remove it",
          "group.db_version", "is fixed by the enclave image and cannot be set; remove it",
          "group.simulated", "stands at the top level as 'simulated'; move it there");

  private final String file;
  private final Path directory;
  private final Environment environment;
  private final List<ConfigProblem> problems = new ArrayList<>();
  private final Map<Key<?>, Object> values = new HashMap<>();
  private final Set<Key<?>> bad = new HashSet<>();
  private Map<String, YamlSource.Entry> entries = Map.of();

  private ConfigLoader(String file, Path directory, Map<String, String> environment) {
    this.file = file;
    this.directory = directory;
    this.environment = new Environment(environment);
  }

  /**
   * Reads {@code path}.
   *
   * @param environment for {@code ${NAME}}, normally {@link System#getenv()}
   * @throws ConfigException with all problems
   */
  public static HostConfig load(Path path, Map<String, String> environment) throws ConfigException {
    String file = path.toString();
    try {
      Path parent = path.toAbsolutePath().getParent();
      return new ConfigLoader(file, parent, environment).parse(Files.readString(path));
    } catch (NoSuchFileException e) {
      throw refusal(file, "there is no such file");
    } catch (CharacterCodingException e) {
      throw refusal(file, "the file is not UTF-8 text");
    } catch (IOException e) {
      throw refusal(file, "the file cannot be read: " + e.getMessage());
    }
  }

  /** As {@link #load}, of text instead of a file. {@code directory} resolves relative paths. */
  public static HostConfig parse(
      String name, Path directory, String text, Map<String, String> environment)
      throws ConfigException {
    return new ConfigLoader(name, directory, environment).parse(text);
  }

  private static ConfigException refusal(String file, String text) {
    return new ConfigException(List.of(new ConfigProblem(file, 0, text)));
  }

  private HostConfig parse(String text) throws ConfigException {
    entries = YamlSource.read(file, text, problems);
    // A file that is not YAML would only yield a list of missing keys beside the true reason.
    if (problems.isEmpty() || !entries.isEmpty()) {
      refuseUnknownKeys();
      Keys.ALL.forEach(this::read);
      checkCombinations();
    }
    AuthSecrets secrets = problems.isEmpty() ? readSecrets() : null;
    if (!problems.isEmpty()) {
      problems.sort(Comparator.comparingInt(p -> p.line() == 0 ? Integer.MAX_VALUE : p.line()));
      throw new ConfigException(problems);
    }
    return build(secrets);
  }

  private void refuseUnknownKeys() {
    Set<String> known = new HashSet<>();
    Keys.ALL.forEach(key -> known.add(key.path()));
    for (YamlSource.Entry entry : entries.values()) {
      String path = entry.path();
      if (NEVER.containsKey(path)) {
        problem(entry.line(), path + " " + NEVER.get(path));
      } else if (!known.contains(path)) {
        String nearest =
            NearestKey.find(path, known)
                .map(key -> "; did you mean '" + key + "'?")
                .orElse("; docs/configuration.md lists the keys");
        problem(entry.line(), "unknown key '" + path + "'" + nearest);
      }
    }
  }

  private void read(Key<?> key) {
    YamlSource.Entry entry = entries.get(key.path());
    if (entry == null && key.isRequired()) {
      problem(0, "%s is missing and has no default (%s)".formatted(key.path(), key.type()));
      bad.add(key);
      return;
    }
    if (key.equals(Keys.AUTH_SECRETS)
        && entry != null
        && !Environment.isOneVariable(entry.text())) {
      problem(
          entry.line(),
          "auth.secrets must be one environment variable such as ${AUTH_SECRET}, not a secret in clear;"
              + " or use auth.secret_file");
      bad.add(key);
      return;
    }
    try {
      String text = environment.expand(entry == null ? key.defaultText() : entry.text());
      values.put(key, key.parser().parse(text));
    } catch (Key.BadValue e) {
      problem(entry == null ? 0 : entry.line(), key.path() + ": " + e.getMessage());
      bad.add(key);
    }
  }

  private void checkCombinations() {
    if (good(Keys.PLATFORM, Keys.SIMULATED)) {
      checkPlatform(get(Keys.PLATFORM), get(Keys.SIMULATED));
    }
    if (good(Keys.MIN_VOTING, Keys.MAX_VOTING) && get(Keys.MIN_VOTING) > get(Keys.MAX_VOTING)) {
      problem(
          line(Keys.MAX_VOTING),
          "group.max_voting_replicas (%d) is less than group.min_voting_replicas (%d)"
              .formatted(get(Keys.MAX_VOTING), get(Keys.MIN_VOTING)));
    }
    if (good(Keys.MIN_VOTING, Keys.SUPER_MAJORITY)
        && get(Keys.SUPER_MAJORITY) >= get(Keys.MIN_VOTING)) {
      problem(
          line(Keys.SUPER_MAJORITY),
          "group.super_majority (%d) must be less than group.min_voting_replicas (%d)"
              .formatted(get(Keys.SUPER_MAJORITY), get(Keys.MIN_VOTING)));
    }
    checkTicks();
    checkPeers();
    checkControl();
    checkTls();
    checkRedis();
    checkAddresses();
    if (good(Keys.LOG_LEVELS)) {
      logLevels();
    }
  }

  private void checkTicks() {
    if (good(Keys.ELECTION_TICKS, Keys.HEARTBEAT_TICKS)
        && get(Keys.HEARTBEAT_TICKS) >= get(Keys.ELECTION_TICKS)) {
      problem(
          line(Keys.HEARTBEAT_TICKS),
          "enclave.heartbeat_ticks (%d) must be less than enclave.election_ticks (%d)"
              .formatted(get(Keys.HEARTBEAT_TICKS), get(Keys.ELECTION_TICKS)));
    }
    if (good(Keys.ELECTION_TICKS, Keys.REPLICA_VOTING_TIMEOUT_TICKS)
        && get(Keys.REPLICA_VOTING_TIMEOUT_TICKS) <= get(Keys.ELECTION_TICKS)) {
      problem(
          line(Keys.REPLICA_VOTING_TIMEOUT_TICKS),
          "enclave.replica_voting_timeout_ticks (%d) must be more than enclave.election_ticks (%d)"
              .formatted(get(Keys.REPLICA_VOTING_TIMEOUT_TICKS), get(Keys.ELECTION_TICKS)));
    }
    if (good(Keys.REPLICA_VOTING_TIMEOUT_TICKS, Keys.REPLICA_MEMBERSHIP_TIMEOUT_TICKS)
        && get(Keys.REPLICA_MEMBERSHIP_TIMEOUT_TICKS) < get(Keys.REPLICA_VOTING_TIMEOUT_TICKS)) {
      problem(
          line(Keys.REPLICA_MEMBERSHIP_TIMEOUT_TICKS),
          "enclave.replica_membership_timeout_ticks (%d) is less than enclave.replica_voting_timeout_ticks (%d)"
              .formatted(
                  get(Keys.REPLICA_MEMBERSHIP_TIMEOUT_TICKS),
                  get(Keys.REPLICA_VOTING_TIMEOUT_TICKS)));
    }
  }

  private void checkPeers() {
    if (good(Keys.PEER_RECONNECT_MIN_MS, Keys.PEER_RECONNECT_MAX_MS)
        && get(Keys.PEER_RECONNECT_MAX_MS) < get(Keys.PEER_RECONNECT_MIN_MS)) {
      problem(
          line(Keys.PEER_RECONNECT_MAX_MS),
          "peer.reconnect_max_ms (%d) is less than peer.reconnect_min_ms (%d)"
              .formatted(get(Keys.PEER_RECONNECT_MAX_MS), get(Keys.PEER_RECONNECT_MIN_MS)));
    }
    if (good(Keys.ON_START, Keys.PEER_DIRECTORY, Keys.PEER_STATIC, Keys.PEER_LISTEN)
        && get(Keys.ON_START) != Keys.OnStart.WAIT
        && get(Keys.PEER_DIRECTORY) == HostConfig.Directory.Kind.STATIC
        && get(Keys.PEER_STATIC).isEmpty()
        && get(Keys.PEER_LISTEN).isEmpty()) {
      problem(
          line(Keys.ON_START),
          "group.on_start is join, but this host finds no other: give peer.static, or peer.listen");
    }
    checkDirectory();
  }

  private void checkDirectory() {
    if (!good(
        Keys.PEER_DIRECTORY,
        Keys.PEER_DNS,
        Keys.PEER_LISTEN,
        Keys.PEER_ADVERTISE,
        Keys.PEER_REDIS_GROUP,
        Keys.REDIS_ADDRESS,
        Keys.ON_START)) {
      return;
    }
    HostConfig.Directory.Kind kind = get(Keys.PEER_DIRECTORY);
    if (kind == HostConfig.Directory.Kind.DNS) {
      try {
        DnsName unused = DnsName.parse(get(Keys.PEER_DNS));
      } catch (IllegalArgumentException e) {
        problem(
            line(Keys.PEER_DNS),
            "peer.dns must be NAME:PORT or _SERVICE._tcp.NAME: " + e.getMessage());
      }
    }
    boolean redis = kind == HostConfig.Directory.Kind.REDIS;
    if (redis && get(Keys.REDIS_ADDRESS).isEmpty()) {
      problem(line(Keys.PEER_DIRECTORY), "peer.directory is redis, but redis.address is not given");
    }
    if (redis && !get(Keys.PEER_REDIS_GROUP).matches("[A-Za-z0-9_-]{1,64}")) {
      problem(
          line(Keys.PEER_REDIS_GROUP), "peer.redis_group must be 1 to 64 letters, digits, - and _");
    }
    boolean unclear =
        get(Keys.PEER_ADVERTISE).isEmpty()
            && get(Keys.PEER_LISTEN)
                .map(at -> at.toSocketAddress().getAddress().isAnyLocalAddress())
                .orElse(false);
    if (redis && unclear) {
      problem(
          line(Keys.PEER_DIRECTORY),
          "peer.listen is no address that others can use; give peer.advertise for Redis");
    }
    if (get(Keys.ON_START) == Keys.OnStart.CLAIM && !redis) {
      problem(line(Keys.ON_START), "group.on_start is claim, which needs peer.directory: redis");
    }
  }

  private void checkControl() {
    if (!good(
        Keys.CONTROL_LISTEN,
        Keys.CONTROL_HTTP_LISTEN,
        Keys.CONTROL_TOKEN_FILE,
        Keys.CONTROL_TLS_CERTIFICATES,
        Keys.CONTROL_TLS_AUTHORITIES)) {
      return;
    }
    boolean tls = !get(Keys.CONTROL_TLS_CERTIFICATES).isBlank();
    boolean token = !get(Keys.CONTROL_TOKEN_FILE).isBlank();
    boolean authorities = !get(Keys.CONTROL_TLS_AUTHORITIES).isBlank();
    HostPort listen = get(Keys.CONTROL_LISTEN);
    if (!listen.isLoopback() && !(tls && (token || authorities))) {
      problem(
          line(Keys.CONTROL_LISTEN),
          "control.listen: %s is not a loopback address; beyond loopback operators are known by control.tls"
                  .formatted(listen)
              + " with control.token_file or control.tls.ca_file: give these, or use 127.0.0.1, [::1] or"
              + " localhost");
    }
    boolean httpBeyond = get(Keys.CONTROL_HTTP_LISTEN).map(at -> !at.isLoopback()).orElse(false);
    if (httpBeyond && token && !tls) {
      problem(
          line(Keys.CONTROL_HTTP_LISTEN),
          "control.http_listen: beyond loopback the token would travel in clear; give control.tls, or leave"
              + " control.token_file out, and only health is served");
    }
    checkTogether(Keys.CONTROL_TLS_CERTIFICATES, Keys.CONTROL_TLS_KEY);
    if (authorities && !tls) {
      problem(
          line(Keys.CONTROL_TLS_AUTHORITIES),
          "control.tls.ca_file is given, but not control.tls.certificate_file");
    }
  }

  private void checkRedis() {
    if (good(Keys.RATE_STORE, Keys.REDIS_ADDRESS)
        && get(Keys.RATE_STORE) == RateSettings.Store.REDIS
        && get(Keys.REDIS_ADDRESS).isEmpty()) {
      problem(line(Keys.RATE_STORE), "client.rate.store is redis, but redis.address is not given");
    }
  }

  /** Empty when the key names none. */
  private Optional<Path> file(Key<String> key) {
    String path = get(key);
    return path.isBlank() ? Optional.empty() : Optional.of(directory.resolve(path).normalize());
  }

  private void checkTls() {
    checkTogether(Keys.CLIENT_TLS_CERTIFICATES, Keys.CLIENT_TLS_KEY);
    checkTogether(Keys.PEER_TLS_CERTIFICATES, Keys.PEER_TLS_KEY, Keys.PEER_TLS_AUTHORITIES);
  }

  /** All of these, or none. */
  @SafeVarargs
  private void checkTogether(Key<String>... files) {
    List<Key<String>> given = new ArrayList<>();
    List<String> missing = new ArrayList<>();
    for (Key<String> file : files) {
      if (!good(file)) {
        return;
      }
      if (get(file).isBlank()) {
        missing.add(file.path());
      } else {
        given.add(file);
      }
    }
    if (!given.isEmpty() && !missing.isEmpty()) {
      problem(
          line(given.get(0)),
          "%s is given, but not %s".formatted(given.get(0).path(), String.join(" and ", missing)));
    }
  }

  private Optional<TlsFiles> tls(
      Key<String> certificates, Key<String> key, Optional<Key<String>> authorities) {
    if (get(certificates).isBlank()) {
      return Optional.empty();
    }
    return Optional.of(
        new TlsFiles(
            directory.resolve(get(certificates)).normalize(),
            directory.resolve(get(key)).normalize(),
            authorities.map(file -> directory.resolve(get(file)).normalize())));
  }

  private void checkAddresses() {
    List<Map.Entry<Key<?>, HostPort>> taken = new ArrayList<>();
    if (good(Keys.CLIENT_LISTEN)) {
      taken.add(Map.entry(Keys.CLIENT_LISTEN, get(Keys.CLIENT_LISTEN)));
    }
    if (good(Keys.CLIENT_WEBSOCKET_LISTEN)) {
      get(Keys.CLIENT_WEBSOCKET_LISTEN)
          .ifPresent(listen -> taken.add(Map.entry(Keys.CLIENT_WEBSOCKET_LISTEN, listen)));
    }
    if (good(Keys.PEER_LISTEN)) {
      get(Keys.PEER_LISTEN).ifPresent(listen -> taken.add(Map.entry(Keys.PEER_LISTEN, listen)));
    }
    if (good(Keys.CONTROL_LISTEN)) {
      taken.add(Map.entry(Keys.CONTROL_LISTEN, get(Keys.CONTROL_LISTEN)));
    }
    if (good(Keys.CONTROL_HTTP_LISTEN)) {
      get(Keys.CONTROL_HTTP_LISTEN)
          .ifPresent(listen -> taken.add(Map.entry(Keys.CONTROL_HTTP_LISTEN, listen)));
    }
    for (int i = 1; i < taken.size(); i++) {
      for (Map.Entry<Key<?>, HostPort> earlier : taken.subList(0, i)) {
        Map.Entry<Key<?>, HostPort> one = taken.get(i);
        if (one.getValue().equals(earlier.getValue()) && one.getValue().port() != 0) {
          problem(
              line(one.getKey()),
              "%s and %s are the same address"
                  .formatted(one.getKey().path(), earlier.getKey().path()));
        }
      }
    }
  }

  private void checkPlatform(Platform platform, boolean simulated) {
    if (!platform.isProtected() && !simulated) {
      problem(
          line(Keys.PLATFORM),
          "platform %s protects nothing; write 'simulated: true' to run it all the same, or use platform sgx"
              .formatted(platform.configName()));
    } else if (platform.isProtected() && simulated) {
      problem(line(Keys.SIMULATED), "simulated: true is refused on platform sgx; remove it");
    }
  }

  private Map<String, String> logLevels() {
    Map<String, String> levels = new HashMap<>();
    for (String pair :
        Splitter.on(',').trimResults().omitEmptyStrings().split(get(Keys.LOG_LEVELS))) {
      int equals = pair.indexOf('=');
      String level = pair.substring(equals + 1).strip().toUpperCase(Locale.ROOT);
      boolean known = false;
      for (Keys.Level value : Keys.Level.values()) {
        known |= value.name().equals(level);
      }
      if (equals < 1 || !known) {
        problem(
            line(Keys.LOG_LEVELS),
            "log.levels: '%s' is not LOGGER=LEVEL with a level of error, warn, info, debug, trace"
                .formatted(pair));
      } else {
        levels.put(pair.substring(0, equals).strip(), level);
      }
    }
    return levels;
  }

  private AuthSecrets readSecrets() {
    String secretFile = get(Keys.AUTH_SECRET_FILE);
    try {
      if (!secretFile.isEmpty()) {
        return AuthSecrets.readFile(directory.resolve(secretFile));
      }
      String text = get(Keys.AUTH_SECRETS);
      if (text.isBlank()) {
        throw new IllegalArgumentException(
            "no secret for client credentials: set the environment variable AUTH_SECRET (base64, for"
                + " example from 'openssl rand -base64 32') or auth.secret_file");
      }
      return AuthSecrets.parse(text);
    } catch (IOException e) {
      problem(line(Keys.AUTH_SECRET_FILE), "auth.secret_file: " + e.getMessage());
    } catch (IllegalArgumentException e) {
      boolean fromFile = !secretFile.isEmpty();
      problem(
          line(fromFile ? Keys.AUTH_SECRET_FILE : Keys.AUTH_SECRETS),
          (fromFile ? "auth.secret_file: " : "auth.secrets: ") + e.getMessage());
    }
    return null;
  }

  private HostConfig build(AuthSecrets secrets) {
    return new HostConfig(
        get(Keys.PLATFORM),
        get(Keys.SIMULATED),
        directory.resolve(get(Keys.IMAGE_PATH)).normalize(),
        get(Keys.IMAGE_DEBUG),
        enclaveConfig(),
        get(Keys.ON_START) != Keys.OnStart.WAIT,
        get(Keys.ON_START) == Keys.OnStart.CLAIM,
        new HostConfig.RuntimeSettings(
            Duration.ofMillis(get(Keys.TICK_INTERVAL_MS)),
            intOf(Keys.ENCLAVE_THREADS),
            intOf(Keys.QUEUE_MAX_ITEMS),
            get(Keys.QUEUE_MAX_BYTES),
            Duration.ofMillis(get(Keys.REQUEST_TIMEOUT_MS)),
            Duration.ofMillis(get(Keys.SHUTDOWN_DEADLINE_MS))),
        new HostConfig.Client(
            get(Keys.CLIENT_LISTEN),
            get(Keys.CLIENT_WEBSOCKET_LISTEN),
            tls(Keys.CLIENT_TLS_CERTIFICATES, Keys.CLIENT_TLS_KEY, Optional.empty()),
            new RateSettings(
                get(Keys.RATE_STORE),
                intOf(Keys.RATE_BURST),
                intOf(Keys.RATE_PER_MINUTE),
                get(Keys.RATE_ON_FAILURE) == Keys.OnFailure.REFUSE),
            intOf(Keys.ITEM_MAX_BYTES),
            Duration.ofSeconds(get(Keys.SESSION_IDLE_SECONDS)),
            intOf(Keys.MAX_SESSIONS),
            get(Keys.OUTBOUND_MAX_BYTES)),
        peerConfig(),
        new HostConfig.Auth(secrets, Duration.ofDays(get(Keys.AUTH_VALIDITY_DAYS))),
        new HostConfig.Control(
            get(Keys.CONTROL_LISTEN),
            get(Keys.CONTROL_HTTP_LISTEN),
            tls(
                Keys.CONTROL_TLS_CERTIFICATES,
                Keys.CONTROL_TLS_KEY,
                get(Keys.CONTROL_TLS_AUTHORITIES).isBlank()
                    ? Optional.empty()
                    : Optional.of(Keys.CONTROL_TLS_AUTHORITIES)),
            file(Keys.CONTROL_TOKEN_FILE)),
        Duration.ofSeconds(get(Keys.TLS_RELOAD_SECONDS)),
        get(Keys.REDIS_ADDRESS)
            .map(
                address ->
                    new RedisSettings(
                        address, file(Keys.REDIS_PASSWORD_FILE), get(Keys.REDIS_TLS))),
        new HostConfig.Log(get(Keys.LOG_LEVEL).name(), logLevels(), get(Keys.LOG_FORMAT)));
  }

  private HostConfig.Peer peerConfig() {
    return new HostConfig.Peer(
        get(Keys.PEER_LISTEN),
        new HostConfig.Directory(
            get(Keys.PEER_DIRECTORY),
            get(Keys.PEER_DIRECTORY) == HostConfig.Directory.Kind.DNS
                ? Optional.of(DnsName.parse(get(Keys.PEER_DNS)))
                : Optional.empty(),
            get(Keys.PEER_DNS_SERVER),
            get(Keys.PEER_REDIS_GROUP),
            get(Keys.PEER_ADVERTISE),
            Duration.ofSeconds(get(Keys.PEER_REFRESH_SECONDS))),
        tls(Keys.PEER_TLS_CERTIFICATES, Keys.PEER_TLS_KEY, Optional.of(Keys.PEER_TLS_AUTHORITIES)),
        get(Keys.PEER_STATIC),
        intOf(Keys.PEER_OUTBOUND_MAX_ITEMS),
        get(Keys.PEER_OUTBOUND_MAX_BYTES),
        intOf(Keys.PEER_INBOUND_MAX_ITEMS),
        Duration.ofMillis(get(Keys.PEER_RECONNECT_MIN_MS)),
        Duration.ofMillis(get(Keys.PEER_RECONNECT_MAX_MS)),
        Duration.ofMillis(get(Keys.PEER_ABANDON_MS)),
        Duration.ofMillis(get(Keys.PEER_ROUTE_TIMEOUT_MS)));
  }

  private EnclaveConfig enclaveConfig() {
    RaftGroupConfig group =
        RaftGroupConfig.newBuilder()
            .setMinVotingReplicas(intOf(Keys.MIN_VOTING))
            .setMaxVotingReplicas(intOf(Keys.MAX_VOTING))
            .setSuperMajority(intOf(Keys.SUPER_MAJORITY))
            .setAttestationTimeout(get(Keys.ATTESTATION_TIMEOUT).intValue()) // uint32
            .setSimulated(get(Keys.SIMULATED))
            .build();
    return EnclaveConfig.newBuilder()
        .setGroup(group)
        .setLogLevel(LogLevel.valueOf("LOG_LEVEL_" + get(Keys.ENCLAVE_LOG_LEVEL).name()))
        .setElectionTicks(intOf(Keys.ELECTION_TICKS))
        .setHeartbeatTicks(intOf(Keys.HEARTBEAT_TICKS))
        .setClientRequestTimeoutTicks(intOf(Keys.CLIENT_REQUEST_TIMEOUT_TICKS))
        .setPeerRequestTimeoutTicks(intOf(Keys.PEER_REQUEST_TIMEOUT_TICKS))
        .setSessionIdleTicks(intOf(Keys.SESSION_IDLE_TICKS))
        .setReplicaVotingTimeoutTicks(intOf(Keys.REPLICA_VOTING_TIMEOUT_TICKS))
        .setReplicaMembershipTimeoutTicks(intOf(Keys.REPLICA_MEMBERSHIP_TIMEOUT_TICKS))
        .setAttestationRefreshTicks(intOf(Keys.ATTESTATION_REFRESH_TICKS))
        .setLogMaxAgeTicks(intOf(Keys.LOG_MAX_AGE_TICKS))
        .setLogMaxBytes(get(Keys.LOG_MAX_BYTES))
        .setLogMinEntries(get(Keys.LOG_MIN_ENTRIES))
        .setMaxRows(get(Keys.MAX_ROWS))
        .setMaxClientSessions(intOf(Keys.ENCLAVE_MAX_CLIENT_SESSIONS))
        .setMaxPendingHandshakes(intOf(Keys.MAX_PENDING_HANDSHAKES))
        .setClientPq(get(Keys.CLIENT_PQ))
        .build();
  }

  private boolean good(Key<?>... keys) {
    for (Key<?> key : keys) {
      if (bad.contains(key) || !values.containsKey(key)) {
        return false;
      }
    }
    return true;
  }

  @SuppressWarnings("unchecked") // Only read() puts values in, each made by its own key's parser.
  private <T> T get(Key<T> key) {
    return (T) values.get(key);
  }

  private int intOf(Key<Long> key) {
    return Math.toIntExact(get(key));
  }

  /** 0 when the key is not in the file. */
  private int line(Key<?> key) {
    YamlSource.Entry entry = entries.get(key.path());
    return entry == null ? 0 : entry.line();
  }

  private void problem(int line, String text) {
    problems.add(new ConfigProblem(file, line, text));
  }
}
