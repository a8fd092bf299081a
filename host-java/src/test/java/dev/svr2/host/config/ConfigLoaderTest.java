// SPDX-License-Identifier: Apache-2.0
//
// What a configuration means, and every way to refuse one: the messages are what an operator works
// with, so they stand here word for word.
package dev.svr2.host.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.svr2.enclave.Platform;
import dev.svr2.proto.EnclaveConfig;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.RaftGroupConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigLoaderTest {
  private static final String SECRET = "c2VjcmV0IHNlY3JldCBzZWNyZXQ=";
  private static final Map<String, String> ENVIRONMENT =
      Map.of("AUTH_SECRET", SECRET, "MIN", "3", "EMPTY", "");

  private static final String GOOD =
      """
      platform: local
      simulated: true
      image.path: enclave.signed.local
      group:
        min_voting_replicas: 3
        max_voting_replicas: 5
        super_majority: 1
        attestation_timeout: 604800
      """;

  private static HostConfig parse(String text) throws ConfigException {
    return ConfigLoader.parse("host.yaml", Path.of("/etc/svr2"), text, ENVIRONMENT);
  }

  private static String refusal(String text) {
    return assertThrows(ConfigException.class, () -> parse(text)).getMessage();
  }

  @Test
  void aMinimalFileGetsTheDefaultsOfTheDesign() throws ConfigException {
    HostConfig config = parse(GOOD);
    assertEquals(Platform.LOCAL, config.platform());
    assertEquals(Path.of("/etc/svr2/enclave.signed.local"), config.imagePath());
    assertFalse(config.imageDebug());
    assertEquals(
        EnclaveConfig.newBuilder()
            .setGroup(
                RaftGroupConfig.newBuilder()
                    .setMinVotingReplicas(3)
                    .setMaxVotingReplicas(5)
                    .setSuperMajority(1)
                    .setAttestationTimeout(604_800)
                    .setSimulated(true))
            .setLogLevel(LogLevel.LOG_LEVEL_INFO)
            .setElectionTicks(10)
            .setHeartbeatTicks(2)
            .setClientRequestTimeoutTicks(50)
            .setPeerRequestTimeoutTicks(30)
            .setSessionIdleTicks(300)
            .setReplicaVotingTimeoutTicks(600)
            .setReplicaMembershipTimeoutTicks(36_000)
            .setAttestationRefreshTicks(36_000)
            .setLogMaxAgeTicks(36_000)
            .setLogMaxBytes(64 << 20)
            .setLogMinEntries(1_000)
            .setMaxRows(1_000_000)
            .setMaxClientSessions(16_384)
            .setMaxPendingHandshakes(1_024)
            .setClientPq(true)
            .build(),
        config.enclave());
    assertEquals(Duration.ofMillis(100), config.runtime().tickInterval());
    assertEquals(128 << 10, config.client().itemMaxBytes());
    assertEquals(Duration.ofSeconds(30), config.client().sessionIdle());
    assertEquals(Duration.ofDays(120), config.auth().validity());
    assertTrue(config.control().listen().isLoopback());
    assertFalse(config.joinOnStart());
    assertEquals(Optional.empty(), config.peer().listen());
    assertEquals(List.of(), config.peer().addresses());
    assertEquals(Duration.ofSeconds(10), config.peer().abandon());
  }

  @Test
  void peersAreAListOfAddresses() throws ConfigException {
    HostConfig config =
        parse(
            GOOD.replace("group:", "group:\n  on_start: join")
                + "peer.listen: 10.0.0.1:8445\npeer.static: 10.0.0.1:8445, b.example:8445,[::1]:9,\n"
                + "enclave.client_pq: false\n");
    assertTrue(config.joinOnStart());
    assertFalse(config.enclave().getClientPq());
    assertEquals("10.0.0.1:8445", config.peer().listen().orElseThrow().toString());
    assertEquals("[10.0.0.1:8445, b.example:8445, [::1]:9]", config.peer().addresses().toString());
  }

  @Test
  void theWholeRangeOfUnsignedValuesReachesTheEnclave() throws ConfigException {
    String text = GOOD.replace("604800", "4294967295") + "enclave.max_rows: 4_000_000_000\n";
    EnclaveConfig enclave = parse(text).enclave();
    assertEquals(
        4_294_967_295L, Integer.toUnsignedLong(enclave.getGroup().getAttestationTimeout()));
    assertEquals(4_000_000_000L, enclave.getMaxRows());
  }

  @Test
  void allProblemsAreReportedAtOnceWithTheirLines() {
    assertEquals(
        """
        host.yaml:1: platform: 'locall' is not one of local, oe-simulation, sgx
        host.yaml:2: simulated: 'yes' is neither true nor false
        host.yaml:4: unknown key 'group.min_voting_replica'; did you mean 'group.min_voting_replicas'?
        host.yaml:5: group.max_voting_replicas: 'five' is not a whole number
        host.yaml:6: group.super_majority: 255 is outside 0 to 31 replicas
        host.yaml:8: unknown key 'tick_interval_ms'; did you mean 'runtime.tick_interval_ms'?
        host.yaml:9: unknown key 'zzzzzzzzzzzz'; docs/configuration.md lists the keys
        host.yaml: image.path is missing and has no default (path, relative to this file)
        host.yaml: group.min_voting_replicas is missing and has no default (replicas, 1 to 32)
        host.yaml: group.attestation_timeout is missing and has no default (seconds, 1 to 4,294,967,295)"""
            .strip(),
        refusal(
            """
            platform: locall
            simulated: yes
            group:
              min_voting_replica: 3
              max_voting_replicas: five
              super_majority: 255
            # a comment
            tick_interval_ms: 5
            zzzzzzzzzzzz: 1
            """));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "platform: local|platform: sgx"
            + "|host.yaml:2: simulated: true is refused on platform sgx; remove it",
        "simulated: true|simulated: false"
            + "|host.yaml:1: platform local protects nothing; write 'simulated: true' to run it all the"
            + " same, or use platform sgx",
        "max_voting_replicas: 5|max_voting_replicas: 2"
            + "|host.yaml:6: group.max_voting_replicas (2) is less than group.min_voting_replicas (3)",
        "super_majority: 1|super_majority: 3"
            + "|host.yaml:7: group.super_majority (3) must be less than group.min_voting_replicas (3)",
        "image.path|enclave.heartbeat_ticks: 10\\nimage.path"
            + "|host.yaml:3: enclave.heartbeat_ticks (10) must be less than enclave.election_ticks (10)",
        "image.path|control.listen: 0.0.0.0:8444\\nimage.path"
            + "|host.yaml:3: control.listen: 0.0.0.0:8444 is not a loopback address; beyond loopback"
            + " operators are known by control.tls with control.token_file or control.tls.ca_file: give"
            + " these, or use 127.0.0.1, [::1] or localhost",
        "image.path|client.tls.key_file: k\\nimage.path"
            + "|host.yaml:3: client.tls.key_file is given, but not client.tls.certificate_file",
        "image.path|peer.tls.ca_file: c\\nimage.path"
            + "|host.yaml:3: peer.tls.ca_file is given, but not peer.tls.certificate_file and"
            + " peer.tls.key_file",
        "image.path|control.tls.ca_file: c\\nimage.path"
            + "|host.yaml:3: control.tls.ca_file is given, but not control.tls.certificate_file",
        "image.path|client.rate.store: redis\\nimage.path"
            + "|host.yaml:3: client.rate.store is redis, but redis.address is not given",
        "image.path|peer.directory: redis\\nimage.path"
            + "|host.yaml:3: peer.directory is redis, but redis.address is not given",
        "image.path|peer.directory: dns\\npeer.dns: _svr2._udp.example\\nimage.path"
            + "|host.yaml:4: peer.dns must be NAME:PORT or _SERVICE._tcp.NAME: SRV records have names such"
            + " as _svr2._tcp.example.org",
        "image.path|group.on_start: claim\\npeer.listen: 127.0.0.1:1\\nimage.path"
            + "|host.yaml:3: group.on_start is claim, which needs peer.directory: redis",
        "image.path|control.listen: 127.0.0.1:8443\\nimage.path"
            + "|host.yaml:3: control.listen and client.listen are the same address",
        "image.path|group.group_id: 7\\nimage.path"
            + "|host.yaml:3: group.group_id is drawn inside the enclave that founds the group and cannot be"
            + " set; remove it",
        "image.path|client.listen: 127.0.0.1\\nimage.path"
            + "|host.yaml:3: client.listen: '127.0.0.1' is not HOST:PORT: there is no port",
        "image.path|enclave.log_max_bytes: 1 KiB\\nimage.path"
            + "|host.yaml:3: enclave.log_max_bytes: '1 KiB' is outside 64 KiB to 64 GiB",
        "image.path|enclave.log_max_bytes: 64 MB\\nimage.path"
            + "|host.yaml:3: enclave.log_max_bytes: '64 MB' is not a number of bytes such as 65536 or 64 KiB",
        "image.path|peer.listen: 127.0.0.1:8443\\nimage.path"
            + "|host.yaml:3: peer.listen and client.listen are the same address",
        "image.path|peer.static: 'a:1, b'\\nimage.path"
            + "|host.yaml:3: peer.static: 'b' is not HOST:PORT: there is no port",
        "image.path|group.on_start: join\\nimage.path"
            + "|host.yaml:3: group.on_start is join, but this host finds no other: give peer.static, or"
            + " peer.listen",
        "image.path|peer.reconnect_max_ms: 99\\nimage.path"
            + "|host.yaml:3: peer.reconnect_max_ms (99) is less than peer.reconnect_min_ms (100)",
        "image.path|enclave.replica_voting_timeout_ticks: 10\\nimage.path"
            + "|host.yaml:3: enclave.replica_voting_timeout_ticks (10) must be more than"
            + " enclave.election_ticks (10)",
        "image.path|enclave.replica_membership_timeout_ticks: 599\\nimage.path"
            + "|host.yaml:3: enclave.replica_membership_timeout_ticks (599) is less than"
            + " enclave.replica_voting_timeout_ticks (600)",
        "image.path|log.levels: a.b=loud\\nimage.path"
            + "|host.yaml:3: log.levels: 'a.b=loud' is not LOGGER=LEVEL with a level of error, warn, info,"
            + " debug, trace",
        "image.path|simulated: true\\nimage.path"
            + "|host.yaml:3: simulated stands here a second time; the first is in line 2",
        "image.path|client: [1, 2]\\nimage.path"
            + "|host.yaml:3: client: a single value is expected, not a list or a deeper section",
        "min_voting_replicas: 3|min_voting_replicas: ${NO}"
            + "|host.yaml:5: group.min_voting_replicas: the environment variable NO is not set; set it, or"
            + " write ${NO:-default}",
        "min_voting_replicas: 3|min_voting_replicas: ${N-O}"
            + "|host.yaml:5: group.min_voting_replicas: '${' starts a variable, ${NAME} or"
            + " ${NAME:-default}; write $${ for a literal ${",
        "image.path|auth.secret_file: /no/such\\nimage.path"
            + "|host.yaml:3: auth.secret_file: /no/such does not exist",
      })
  void eachMistakeHasItsMessage(String from, String to, String expected) {
    assertEquals(expected, refusal(GOOD.replace(from, to.replace("\\n", "\n"))));
  }

  @Test
  void aSecretInClearIsRefusedAndNotShown() {
    for (String clear :
        new String[] {SECRET, "${AUTH_SECRET:-" + SECRET + "}", "x${AUTH_SECRET}"}) {
      String message = refusal(GOOD + "auth.secrets: " + clear + "\n");
      assertTrue(message.startsWith("host.yaml:9: auth.secrets must be one environment variable"));
      assertFalse(message.contains(SECRET), message);
    }
  }

  @Test
  void aMissingSecretSaysWhatToDo() {
    String message =
        assertThrows(
                ConfigException.class,
                () -> ConfigLoader.parse("host.yaml", Path.of("/"), GOOD, Map.of()))
            .getMessage();
    assertEquals(
        "host.yaml: auth.secrets: no secret for client credentials: set the environment variable"
            + " AUTH_SECRET (base64, for example from 'openssl rand -base64 32') or auth.secret_file",
        message);
  }

  @Test
  void theSecretFileWinsAndIsFoundBesideTheConfiguration(@TempDir Path directory) throws Exception {
    Path secret = directory.resolve("secret");
    Files.writeString(secret, "QUJDREVGR0hJSktMTU5PUA==,QUJD\n");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    Path file = directory.resolve("host.yaml");
    Files.writeString(file, GOOD + "auth.secret_file: secret\n");
    assertEquals(
        "AuthSecrets[2]", ConfigLoader.load(file, ENVIRONMENT).auth().secrets().toString());
  }

  @Test
  void environmentVariablesExpand() throws ConfigException {
    String text =
        GOOD.replace("replicas: 3", "replicas: ${MIN}")
                .replace("enclave.signed.local", "/${NO:-a}/${EMPTY:-b}${EMPTY}/$${c}")
            + "auth.secrets: ${AUTH_SECRET}\n";
    HostConfig config = parse(text);
    assertEquals(3, config.enclave().getGroup().getMinVotingReplicas());
    assertEquals("/a/b/${c}", config.imagePath().toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"platform: [local", "platform: local\n\tsimulated: true", "a: b: c"})
  void whatIsNotYamlSaysWhereAndShowsNothingOfTheFile(String text) {
    String message = refusal(text);
    assertTrue(message.matches("host\\.yaml:\\d: not YAML: .*"), message);
    assertEquals(1, message.lines().count());
  }

  @Test
  void anEmptyFileAndAMissingOneSaySo(@TempDir Path directory) {
    assertEquals("host.yaml: the file is empty; docs/configuration.md lists the keys", refusal(""));
    Path none = directory.resolve("none.yaml");
    ConfigException missing =
        assertThrows(ConfigException.class, () -> ConfigLoader.load(none, ENVIRONMENT));
    assertEquals(none + ": there is no such file", missing.getMessage());
  }

  @Test
  void logLevelsAreRead() throws ConfigException {
    HostConfig.Log log =
        parse(GOOD + "log.levels: dev.svr2=debug, io.grpc=WARN\nlog.format: json\n").log();
    assertEquals(Map.of("dev.svr2", "DEBUG", "io.grpc", "WARN"), log.levels());
    assertEquals(LogFormat.JSON, log.format());
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1:1, true", "127.8.9.1:1, true", "[::1]:1, true", "localhost:1, true",
    "0.0.0.0:1, false", "10.0.0.1:1, false", "[::]:1, false", "example.invalid:1, false"
  })
  void onlyThisMachineIsLoopback(String address, boolean loopback) {
    assertEquals(loopback, HostPort.parse(address).isLoopback());
  }
}
