// SPDX-License-Identifier: Apache-2.0
//
// One connection's two directions of frames, whatever carries them.
package dev.svr2.host.peer;

import dev.svr2.proto.PeerFrame;
import io.grpc.Status;

/** Thread-safe; no method blocks. After its end every method does nothing. */
interface Wire {
  /** Called one at a time, in order. */
  interface Listener {
    void onFrame(PeerFrame frame);

    /** {@link Wire#isReady} has become true. */
    void onReady();

    /** The other side, or what lies between, ended it. Not called after {@link Wire#close}. */
    void onClosed(Status why);
  }

  /** Queues a frame. */
  void send(PeerFrame frame);

  /** False while more frames would only pile up. */
  boolean isReady();

  /** Lets one more frame come in. None does without. */
  void request();

  /** Ends it; the other side hears of it, not always why. */
  void close(Status why);
}
