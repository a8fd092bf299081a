// SPDX-License-Identifier: Apache-2.0
//
// Where the state of an operation goes that must outlive the process.
package dev.svr2.client;

import java.io.IOException;

/**
 * Keeps the last state it was given, durably: when this returns, the state survives a crash. The
 * library calls it before each request that changes what may be done next, and sends nothing
 * further when it fails. One call at a time, on the thread that does the operation's work.
 *
 * @since 0.1
 */
public interface StateSaver {
  /** Keeps nothing: for operations that need not survive the process. */
  StateSaver NONE = state -> {};

  /**
   * Replaces the state kept before.
   *
   * @param state holds secrets until the operation is over ({@link PendingBackup#toBytes}); the
   *     array is wiped when this returns
   * @throws IOException when it is not kept; the operation then ends with {@link Failure.NotSaved}
   */
  void save(byte[] state) throws IOException;
}
