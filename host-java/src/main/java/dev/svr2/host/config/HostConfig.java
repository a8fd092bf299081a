// SPDX-License-Identifier: Apache-2.0
//
// The configuration of one host, read, checked and typed. What each value means stands in Keys
// and in docs/configuration.md.
package dev.svr2.host.config;

import dev.svr2.enclave.Platform;
import dev.svr2.host.auth.AuthSecrets;
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
 * @param claimOnStart founds the group first, if nobody has claimed to
 */
public record HostConfig(
    Platform platform,
    boolean simulated,
    Path imagePath,
    boolean imageDebug,
    EnclaveConfig enclave,
    boolean joinOnStart,
    boolean claimOnStart,
    RuntimeSettings runtime,
    Client client,
    Peer peer,
    Auth auth,
    Control control,
    Duration tlsReload,
    Optional<RedisSettings> redis,
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
      RateSettings rate,
      int itemMaxBytes,
      Duration sessionIdle,
      int maxSessions,
      long outboundMaxBytes) {}

  /**
   * Where other hosts are found.
   *
   * @param dns where the kind is DNS
   * @param dnsServer empty for the machine's
   * @param group under which name of Redis
   * @param advertise where others reach this host; empty where it is the address it listens on
   */
  public record Directory(
      Kind kind,
      Optional<DnsName> dns,
      Optional<HostPort> dnsServer,
      String group,
      Optional<HostPort> advertise,
      Duration refresh) {
    /** Who is asked. */
    public enum Kind {
      STATIC,
      DNS,
      REDIS
    }

    /** The configuration's own list. */
    public static Directory ofList() {
      return new Directory(
          Kind.STATIC,
          Optional.empty(),
          Optional.empty(),
          "",
          Optional.empty(),
          Duration.ofSeconds(5));
    }
  }

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
      Directory directory,
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

  /**
   * The control plane.
   *
   * @param httpListen empty where only gRPC is served
   * @param tls with authorities where operators show certificates; empty: in clear
   * @param tokenFile empty where no token is asked for
   */
  public record Control(
      HostPort listen,
      Optional<HostPort> httpListen,
      Optional<TlsFiles> tls,
      Optional<Path> tokenFile) {}

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
