// SPDX-License-Identifier: Apache-2.0
//
// What a group on one machine is made of.
package dev.svr2.host.cluster;

import dev.svr2.enclave.Platform;
import dev.svr2.host.config.HostPort;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/**
 * Immutable.
 *
 * @param replicas hosts, at least {@code group.minVoting}
 * @param image the signed image, absolute
 * @param group the group values of every host
 * @param hostCommand starts a host when {@code --config FILE} and what follows stand behind it
 * @param environment set for the hosts beside what this process has
 * @param moreConfig lines added to every configuration
 * @param routes how replicas reach each other
 * @param stopDeadline hosts that have not ended by then are killed
 */
public record ClusterSettings(
    int replicas,
    Platform platform,
    Path image,
    Group group,
    List<String> hostCommand,
    Map<String, String> environment,
    List<String> moreConfig,
    Routes routes,
    Duration stopDeadline) {

  /** Longer than a host's own deadline (runtime.shutdown_deadline_ms). */
  public static final Duration STOP_DEADLINE = Duration.ofSeconds(15);

  public ClusterSettings {
    hostCommand = List.copyOf(hostCommand);
    environment = Map.copyOf(environment);
    moreConfig = List.copyOf(moreConfig);
  }

  /** Values that clients pin. */
  public record Group(
      int minVoting, int maxVoting, int superMajority, long attestationTimeoutSeconds) {
    /** Three replicas and room for two more; one crash costs nothing. */
    public static final Group DEMO = new Group(3, 5, 0, 604_800);
  }

  /** Where one replica finds another: at its own address, or through something between them. */
  @FunctionalInterface
  public interface Routes {
    /** Straight to where the other listens. */
    Routes DIRECT = (from, to, listening) -> listening;

    /** The address that replica {@code from} dials to reach {@code to}; both from 1. */
    HostPort address(int from, int to, HostPort listening);
  }

  /** What a host's configuration says, as docs/configuration.md describes it. */
  String config(int replica, List<ReplicaAddresses> addresses, boolean joins) {
    ReplicaAddresses own = addresses.get(replica - 1);
    StringBuilder peers = new StringBuilder();
    for (int other = 1; other <= replicas; other++) {
      if (other != replica) {
        peers.append(peers.isEmpty() ? "" : ",");
        peers.append(routes.address(replica, other, addresses.get(other - 1).peer()));
      }
    }
    StringBuilder text = new StringBuilder();
    text.append(
        """
        # SPDX-License-Identifier: Apache-2.0
        # Written by 'svr2 cluster' at each start. docs/configuration.md lists all keys.
        platform: %s
        simulated: %s
        image:
          path: "%s"
        group:
          min_voting_replicas: %d
          max_voting_replicas: %d
          super_majority: %d
          attestation_timeout: %d
          on_start: %s
        client:
          listen: %s
          websocket_listen: 127.0.0.1:0
        control:
          listen: %s
          http_listen: 127.0.0.1:0
        peer:
          listen: %s
          static: "%s"
        auth:
          secret_file: auth-secret
        log:
          # The command that started this host asks how it is several times a second.
          levels: audit=warn
        """
            .formatted(
                platform.configName(),
                !platform.isProtected(),
                yamlText(image.toString()),
                group.minVoting(),
                group.maxVoting(),
                group.superMajority(),
                group.attestationTimeoutSeconds(),
                joins ? "join" : "wait",
                own.client(),
                own.control(),
                own.peer(),
                peers));
    moreConfig.forEach(line -> text.append(line).append('\n'));
    return text.toString();
  }

  /** Inside double quotes; and '${' would start a variable. */
  private static String yamlText(String text) {
    return text.replace("\\", "\\\\").replace("\"", "\\\"").replace("${", "$${");
  }
}
