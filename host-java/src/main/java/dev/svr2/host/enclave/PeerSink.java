// SPDX-License-Identifier: Apache-2.0
//
// Where the enclave's messages to other enclaves go, and who finds ways to them.
package dev.svr2.host.enclave;

import com.google.protobuf.ByteString;
import java.util.function.Consumer;

/**
 * The peer plane as the enclave sees it. Called on threads that are inside the enclave, one call at
 * a time for one peer, in the order in which the enclave made the messages. Must not block and must
 * not throw.
 */
public interface PeerSink {
  /** To be carried to that peer in order, or its channel to be reset. */
  void onPeerOutput(ByteString peerId, ByteString data);

  /**
   * The enclave asks for a way to a peer.
   *
   * @param answer called once, true when a stream to that peer stands, on any thread, also before
   *     this returns
   */
  void onRouteWanted(ByteString peerId, Consumer<Boolean> answer);
}
