// SPDX-License-Identifier: Apache-2.0
//
// How a host is: ready to serve a client, or why not.
package dev.svr2.host;

import com.google.protobuf.ByteString;
import dev.svr2.enclave.ErrorText;
import dev.svr2.host.config.HostConfig;
import dev.svr2.host.enclave.EnclaveRuntime;
import dev.svr2.proto.Error;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.JoinPhase;
import dev.svr2.proto.JoinStatus;
import dev.svr2.proto.StatusReply;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/** Thread-safe. */
final class HostStatus {
  /** Addresses that are known once a host listens. */
  record Addresses(String clients, String webSockets, String control, String http, String peers) {}

  private final HostConfig config;
  private final EnclaveKeeper keeper;
  private final Joiner joiner;
  private final Supplier<Addresses> addresses;
  private final BooleanSupplier closing;
  private final long startedNanos = System.nanoTime();

  HostStatus(
      HostConfig config,
      EnclaveKeeper keeper,
      Joiner joiner,
      Supplier<Addresses> addresses,
      BooleanSupplier closing) {
    this.config = config;
    this.keeper = keeper;
    this.joiner = joiner;
    this.addresses = addresses;
    this.closing = closing;
  }

  /**
   * Describes the host.
   *
   * @param enclave null when it did not answer
   */
  GetStatusResponse describe(StatusReply enclave) {
    String reason = notReadyReason(enclave);
    Addresses at = addresses.get();
    GetStatusResponse.Builder status =
        GetStatusResponse.newBuilder()
            .setPlatform(config.platform().configName())
            .setMeasurement(ByteString.copyFrom(keeper.current().measurement()))
            .setLive(!keeper.termination().isDone())
            .setReady(reason.isEmpty())
            .setNotReadyReason(reason)
            .setNotProtected(!isProtected(config))
            .setClientAddress(at.clients())
            .setControlAddress(at.control())
            .setPeerAddress(at.peers())
            .setHttpAddress(at.http())
            .setWebsocketAddress(at.webSockets())
            .setEnclavesStarted(keeper.started())
            .setVersion(Version.current())
            .setUptimeSeconds(Duration.ofNanos(System.nanoTime() - startedNanos).toSeconds());
    if (enclave != null) {
      status.setEnclave(enclave);
    }
    return status.build();
  }

  /** False on platforms that protect nothing. */
  static boolean isProtected(HostConfig config) {
    return config.platform().isProtected() && !config.imageDebug();
  }

  private String notReadyReason(StatusReply enclave) {
    if (closing.getAsBoolean()) {
      return "this host is shutting down";
    }
    Optional<EnclaveRuntime.Termination> absence = keeper.absence();
    if (absence.isPresent()) {
      String text = "the enclave has ended: " + ErrorText.of(absence.get().error());
      return keeper.termination().isDone() ? text : text + "; another takes its place";
    }
    if (enclave == null) {
      return "the enclave does not answer";
    }
    if (enclave.getServing()) {
      return "";
    }
    if (enclave.getJoin().getPhase() != JoinPhase.JOIN_PHASE_NONE) {
      return joining(enclave.getJoin());
    }
    if (!enclave.hasGroup()) {
      return withoutGroup();
    }
    Error error = enclave.getNotServingReason();
    return error == Error.OK ? "the enclave does not serve yet" : ErrorText.of(error);
  }

  private String withoutGroup() {
    if (joiner.groupIsGone()) {
      return "the group ended with its last replica, which was here, and its secrets are gone; to begin"
          + " a new one, run 'svr2 admin create-group'";
    }
    return joiner.isWanted()
        ? "this replica belongs to no group yet; it joins as soon as a peer of one is found"
        : "this replica belongs to no group yet; to found one, run 'svr2 admin create-group'";
  }

  private static String joining(JoinStatus join) {
    String text =
        "joining the group: "
            + join.getPhase().name().replace("JOIN_PHASE_", "").toLowerCase(Locale.ROOT);
    if (join.getAttemptsFailed() > 0) {
      text +=
          "; attempts that failed: %s, the last since %s"
              .formatted(
                  Integer.toUnsignedString(join.getAttemptsFailed()),
                  ErrorText.of(join.getLastError()));
    }
    return text;
  }
}
