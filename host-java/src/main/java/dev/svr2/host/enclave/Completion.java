// SPDX-License-Identifier: Apache-2.0
//
// Tells what became of an item that was offered to the enclave.
package dev.svr2.host.enclave;

import dev.svr2.proto.Error;

/** Exactly one of the two is called, once, on a thread of the dispatcher; neither may block. */
public interface Completion {
  /** For items whose fate matters to nobody. */
  Completion NONE =
      new Completion() {
        @Override
        public void handedIn() {}

        @Override
        public void failed(Error error, boolean maybeApplied) {}
      };

  /** The enclave has dealt with the item; the lane may carry the next one. */
  void handedIn();

  /**
   * The item did not go in, or the call that carried it failed.
   *
   * @param maybeApplied false only when the enclave has surely not seen it
   */
  void failed(Error error, boolean maybeApplied);
}
