// SPDX-License-Identifier: Apache-2.0
//
// Where a client's items from the enclave go.
package dev.svr2.host.enclave;

import com.google.protobuf.ByteString;
import dev.svr2.proto.CloseReason;
import dev.svr2.proto.Error;

/**
 * One client session as the enclave side sees it. Called on threads that are inside the enclave,
 * one call at a time for one client, in the order in which the enclave made the items. Must not
 * block and must not throw.
 */
public interface ClientSink {
  /** The enclave took the client; {@code handshakeStart} is the first item to send. */
  void onOpened(ByteString handshakeStart);

  /**
   * One item, or the end.
   *
   * @param data empty when the session just ends
   * @param fin not UNSET: send the data, then close for this reason; nothing follows
   */
  void onOutput(ByteString data, CloseReason fin, Error error);

  /**
   * There is no session or it is lost. Nothing follows.
   *
   * @param maybeApplied false only when no request of this client can have been applied by what was
   *     lost
   */
  void onFailure(Error error, boolean maybeApplied);
}
