// SPDX-License-Identifier: Apache-2.0
//
// The configuration of one host, read, checked and typed. What each value means stands in Keys
// and in docs/configuration.md.
package dev.svr2.host.config;

import dev.svr2.enclave.Platform;
import dev.svr2.host.auth.AuthSecrets;
import dev.svr2.host.tls.TlsFiles;
import dev.svr2.proto.EnclaveConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Immutable. Made by {@link ConfigLoader}, which has checked every value and their combinations.
 *
 * @param enclave as given to the enclave, group values included
 * @param tlsReload between two looks at the files of certificates and keys
 * @param joinOnStart joins the group of the peers that it finds; false: waits for an order
 */
public record HostConfig(
    Platform platform,
    boolean simulated,
    Path imagePath,
    boolean imageDebug,
    EnclaveConfig enclave,
    boolean joinOnStart,
    RuntimeSettings runtime,
    Client client,
    Peer peer,
    Auth auth,
    HostPort controlListen,
    Duration tlsReload,
    Log log) {

  /**
   * How the host drives its enclave.
   *
   * @param enclaveThreads 0 for one per processor
   */
  public record RuntimeSettings(
      Duration tickInterval,
      int enclaveThreads,
      int queueMaxItems,
      long queueMaxBytes,
      Duration requestTimeout,
      Duration shutdownDeadline) {}

  /**
   * The client plane.
   *
   * @param webSocketListen empty where only gRPC is served
   * @param tls of both; empty where they are served in clear
   */
  public record Client(
      HostPort listen,
      Optional<HostPort> webSocketListen,
      Optional<TlsFiles> tls,
      int itemMaxBytes,
      Duration sessionIdle,
      int maxSessions,
      long outboundMaxBytes) {}

  /**
   * The peer plane.
   *
   * @param listen empty when this host only connects to others
   * @param tls with authorities; empty where hosts talk in clear
   * @param addresses of the hosts of the group, perhaps with this one
   * @param abandon what waits for a peer without a connection is dropped after this
   * @param routeTimeout after this a peer that was asked for is called unreachable
   */
  public record Peer(
      Optional<HostPort> listen,
      Optional<TlsFiles> tls,
      List<HostPort> addresses,
      int outboundMaxItems,
      long outboundMaxBytes,
      int inboundMaxItems,
      Duration reconnectMin,
      Duration reconnectMax,
      Duration abandon,
      Duration routeTimeout) {
    public Peer {
      addresses = List.copyOf(addresses);
    }
  }

  /** Client credentials. */
  public record Auth(AuthSecrets secrets, Duration validity) {}

  /**
   * What is logged and how.
   *
   * @param levels of single loggers; names of levels in upper case
   */
  public record Log(String level, Map<String, String> levels, LogFormat format) {
    public Log {
      levels = Map.copyOf(levels);
    }
  }
}
