// SPDX-License-Identifier: Apache-2.0
//
// One peer's way into this host's enclave.
package dev.svr2.host.peer;

import com.google.protobuf.ByteString;
import dev.svr2.host.enclave.Completion;

/** Thread-safe; neither method blocks. What goes in goes in in order, resets included. */
interface Inbound {
  /**
   * Hands in one message.
   *
   * @return false when there is no enclave any more; the completion is not called then
   */
  boolean deliver(ByteString message, Completion completion);

  /** Messages to or from the peer may have been lost. */
  void reset();
}
