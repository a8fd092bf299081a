// SPDX-License-Identifier: Apache-2.0
package dev.svr2.host.e2e.transcript;

import java.io.IOException;

/** What carries the items of one session. For one thread. */
interface Wire extends AutoCloseable {
  /** Sends one item whole. */
  void send(byte[] item) throws Exception;

  /** The next item; null when the server ended the session in order. */
  byte[] receive() throws Exception;

  /** Ends the session in order. */
  @Override
  void close() throws IOException;

  /** Lets the connection drop, without a word. */
  void drop() throws IOException;
}
