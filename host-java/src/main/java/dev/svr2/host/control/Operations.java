// SPDX-License-Identifier: Apache-2.0
//
// What an operator can ask of a host, whatever the transport.
package dev.svr2.host.control;

import com.google.protobuf.ByteString;
import dev.svr2.proto.EnclaveReply;
import dev.svr2.proto.GetPeersResult;
import dev.svr2.proto.GetStatusResponse;
import dev.svr2.proto.LogLevel;
import dev.svr2.proto.MembershipChangeKind;
import dev.svr2.proto.MinimumLimits;
import java.util.concurrent.CompletableFuture;

/**
 * Thread-safe. No method blocks; failures are {@link dev.svr2.host.enclave.RequestException}s in
 * the future. Futures may complete on a thread inside the enclave, so their dependents must not
 * block.
 */
public interface Operations {
  /** Always answers: an enclave that does not answer is a reason for not being ready. */
  CompletableFuture<GetStatusResponse> status();

  /** Founds a group of one with the group values of the configuration. */
  CompletableFuture<EnclaveReply> createGroup();

  /**
   * Begins to join the group of the peers that the directory knows. Fails with {@code
   * ERROR_PEERS_UNREACHABLE} when it knows none.
   */
  CompletableFuture<EnclaveReply> joinGroup();

  /**
   * Asks the leader for one change; completes when it is committed.
   *
   * @param peerId 32 bytes; empty for this host's own enclave
   */
  CompletableFuture<EnclaveReply> changeMembership(
      MembershipChangeKind kind, ByteString peerId, boolean force);

  /** Hands leadership over; completes when another leads, at once when this replica does not. */
  CompletableFuture<EnclaveReply> relinquishLeadership();

  /** Ends the session with a peer; both sides make a new one. */
  CompletableFuture<EnclaveReply> resetPeer(ByteString peerId);

  /** Asks a peer for a sign of life, through both enclaves. */
  CompletableFuture<EnclaveReply> pingPeer(ByteString peerId);

  /** For comparing replicas. */
  CompletableFuture<EnclaveReply> hash();

  /** Raises or adds minimums; completes when committed. */
  CompletableFuture<EnclaveReply> raiseMinimums(MinimumLimits raise);

  /** The peers that the transport knows, reachable or not. Does not ask the enclave. */
  GetPeersResult peers();

  /** Everything that is measured, in Prometheus text format. */
  CompletableFuture<String> metrics();

  CompletableFuture<EnclaveReply> setEnclaveLogLevel(LogLevel level);

  /** The evidence that clients are shown. */
  CompletableFuture<EnclaveReply> evidence();
}
