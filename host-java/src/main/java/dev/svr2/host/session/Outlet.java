// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.session;

import com.google.protobuf.ByteString;
import io.grpc.StatusRuntimeException;

/**
 * A client's connection as its session sees it, whatever carries it. Called under the session's
 * monitor, on any thread; no method blocks or calls back.
 */
interface Outlet {
  /** False while the connection holds as much as it should; the session is told when it changes. */
  boolean isReady();

  /** Sends one item, behind those before it. */
  void send(ByteString item);

  /** Asks for one more item of the client. */
  void request();

  /**
   * Ends the connection behind what was sent. Nothing follows.
   *
   * @param status why; null for a normal end
   */
  void end(StatusRuntimeException status);
}
