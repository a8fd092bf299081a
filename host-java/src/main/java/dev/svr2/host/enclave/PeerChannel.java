// SPDX-License-Identifier: Apache-2.0
//
// One peer's way into the enclave.
package dev.svr2.host.enclave;

import com.google.protobuf.ByteString;
import dev.svr2.proto.HostItem;
import dev.svr2.proto.PeerInput;
import dev.svr2.proto.PeerReset;

/**
 * Made by {@link EnclaveRuntime#openPeer}. Thread-safe; no method blocks. What goes in through one
 * channel goes in in order.
 */
public final class PeerChannel {
  private final EnclaveRuntime runtime;
  private final ByteString peerId;
  private final Lane lane = new Lane();

  PeerChannel(EnclaveRuntime runtime, ByteString peerId) {
    this.runtime = runtime;
    this.peerId = peerId;
  }

  /**
   * Hands a message of the peer in, also when the queue is full: the caller bounds what is on its
   * way, so that the group's own traffic does not wait behind clients'.
   *
   * @return false when the enclave is closed; the completion is not called then
   */
  public boolean send(ByteString data, Completion completion) {
    PeerInput input = PeerInput.newBuilder().setPeerId(peerId).setData(data).build();
    HostItem item = HostItem.newBuilder().setPeer(input).build();
    return runtime.dispatcher().offerAlways(lane, item, completion) == Dispatcher.Offer.TAKEN;
  }

  /** Tells the enclave that messages to or from the peer may have been lost. */
  public void reset() {
    HostItem item =
        HostItem.newBuilder().setPeerReset(PeerReset.newBuilder().setPeerId(peerId)).build();
    // A closed enclave has no session that could be reset.
    var unused = runtime.dispatcher().offerAlways(lane, item, Completion.NONE);
  }
}
