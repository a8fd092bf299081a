// SPDX-License-Identifier: Apache-2.0
//
// What operators ask of a host, given to its enclave and its planes.
package dev.svr2.host;

import com.google.protobuf.ByteString;
import dev.svr2.host.control.Operations;
import dev.svr2.host.metrics.EnclaveMeters;
import dev.svr2.host.metrics.HostMetrics;
import dev.svr2.host.peer.PeerPlane;
import dev.svr2.proto.ChangeMembershipRequest;
import dev.svr2.proto.CreateGroupRequest;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.EvidenceRequest;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.HashRequest;
import dev.svr2.proto.HostRequest;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.MetricsRequest;
import dev.svr2.proto.MinimumLimits;
import dev.svr2.proto.PingPeerRequest;
import dev.svr2.proto.RaiseMinimumsRequest;
import dev.svr2.proto.RelinquishLeadershipRequest;
import dev.svr2.proto.ResetPeerRequest;
import dev.svr2.proto.SetLogLevelRequest;
import dev.svr2.proto.StatusReply;
import dev.svr2.proto.StatusRequest;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** Thread-safe. */
final class HostOperations implements Operations {
  private final EnclaveKeeper keeper;
  private final Joiner joiner;
  private final PeerPlane peers;
  private final HostMetrics metrics;
  private final EnclaveMeters enclaveMeters;
  private final Function<StatusReply, GetStatusResponse> status;

  /**
   * @param status describes the host around an enclave's status, which is null when it did not
   *     answer
   */
  HostOperations(
      EnclaveKeeper keeper,
      Joiner joiner,
      PeerPlane peers,
      HostMetrics metrics,
      Function<StatusReply, GetStatusResponse> status) {
    this.keeper = keeper;
    this.joiner = joiner;
    this.peers = peers;
    this.metrics = metrics;
    this.enclaveMeters = new EnclaveMeters(metrics.registry());
    this.status = status;
  }

  private CompletableFuture<EnclaveReply> request(HostRequest.Builder request) {
    return keeper.current().request(request);
  }

  @Override
  public CompletableFuture<GetStatusResponse> status() {
    return request(HostRequest.newBuilder().setStatus(StatusRequest.getDefaultInstance()))
        .handle(
            (reply, failure) -> {
              if (failure == null) {
                joiner.note(reply.getStatus());
              }
              return status.apply(failure == null ? reply.getStatus() : null);
            });
  }

  @Override
  public CompletableFuture<EnclaveReply> createGroup() {
    return request(HostRequest.newBuilder().setCreateGroup(CreateGroupRequest.getDefaultInstance()))
        .thenApply(
            reply -> {
              joiner.founded();
              return reply;
            });
  }

  @Override
  public CompletableFuture<EnclaveReply> joinGroup() {
    return joiner.joinNow();
  }

  @Override
  public CompletableFuture<EnclaveReply> changeMembership(
      MembershipChangeKind kind, ByteString peerId, boolean force) {
    return request(
        HostRequest.newBuilder()
            .setChangeMembership(
                ChangeMembershipRequest.newBuilder()
                    .setKind(kind)
                    .setPeerId(peerId.isEmpty() ? keeper.current().peerId() : peerId)
                    .setForce(force)));
  }

  @Override
  public CompletableFuture<EnclaveReply> relinquishLeadership() {
    return request(
        HostRequest.newBuilder()
            .setRelinquishLeadership(RelinquishLeadershipRequest.getDefaultInstance()));
  }

  @Override
  public CompletableFuture<EnclaveReply> resetPeer(ByteString peerId) {
    return request(
        HostRequest.newBuilder().setResetPeer(ResetPeerRequest.newBuilder().setPeerId(peerId)));
  }

  @Override
  public CompletableFuture<EnclaveReply> pingPeer(ByteString peerId) {
    return request(
        HostRequest.newBuilder().setPingPeer(PingPeerRequest.newBuilder().setPeerId(peerId)));
  }

  @Override
  public CompletableFuture<EnclaveReply> hash() {
    return request(HostRequest.newBuilder().setHash(HashRequest.getDefaultInstance()));
  }

  @Override
  public CompletableFuture<EnclaveReply> raiseMinimums(MinimumLimits raise) {
    return request(
        HostRequest.newBuilder()
            .setRaiseMinimums(RaiseMinimumsRequest.newBuilder().setRaise(raise)));
  }

  @Override
  public GetPeersResult peers() {
    return peers.describe();
  }

  @Override
  public CompletableFuture<String> metrics() {
    return request(HostRequest.newBuilder().setMetrics(MetricsRequest.getDefaultInstance()))
        .handle(
            (reply, failure) -> {
              // Without the enclave's answer its last values stand; the host's own are true.
              if (failure == null) {
                enclaveMeters.update(reply.getMetrics());
              }
              return metrics.scrape();
            });
  }

  @Override
  public CompletableFuture<EnclaveReply> setEnclaveLogLevel(LogLevel level) {
    return request(
        HostRequest.newBuilder().setSetLogLevel(SetLogLevelRequest.newBuilder().setLevel(level)));
  }

  @Override
  public CompletableFuture<EnclaveReply> evidence() {
    return request(HostRequest.newBuilder().setEvidence(EvidenceRequest.getDefaultInstance()));
  }
}
