// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

/**
 * Receives what an enclave outputs.
 *
 * <p>Called on a thread that is inside {@link EnclaveHandle#init} or {@link EnclaveHandle#input},
 * possibly on several threads at once; an implementation must be thread-safe and should be quick,
 * since it holds one of the enclave's threads. It must not call back into the same enclave: such a
 * call fails with {@code ERROR_BRIDGE_REENTERED}.
 */
@FunctionalInterface
public interface OutputHandler {
  /**
   * Takes one serialized {@code EnclaveToHostMessage}. The array is the handler's own to keep.
   *
   * <p>Whatever is thrown here stays on this side: it is counted and given to the enclave's
   * uncaught handler (by default the log), and the enclave is told {@code
   * ERROR_CORE_OUTPUT_FAILED}.
   */
  void onOutput(byte[] enclaveToHostMessage);
}
