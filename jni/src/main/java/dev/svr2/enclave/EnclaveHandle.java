// SPDX-License-Identifier: Apache-2.0
package dev.svr2.enclave;

/**
 * A running enclave as the host sees it: bytes in, bytes out. {@link Enclave} is the real one;
 * tests put fakes in its place.
 *
 * <p>Thread-safe. Every method but {@link #measurement}, {@link #maxThreads} and {@link #close}
 * fails with {@code ERROR_BRIDGE_CLOSED} once {@code close} was called, and with {@code
 * ERROR_BRIDGE_REENTERED} when called from inside this enclave's {@link OutputHandler}.
 */
public interface EnclaveHandle extends AutoCloseable {
  /**
   * Starts the replica; once per enclave, before any {@link #input}.
   *
   * @param enclaveConfig a serialized {@code EnclaveConfig}; copied
   * @return the new replica's peer id, 32 bytes
   * @throws EnclaveException with the enclave's error: {@code ERROR_CORE_ALREADY_INITIALIZED} the
   *     second time, {@code ERROR_CORE_BAD_CONFIG} for a configuration it cannot read
   */
  byte[] init(byte[] enclaveConfig) throws EnclaveException;

  /**
   * Hands one message to the enclave and returns when the enclave has dealt with it. What it causes
   * comes out through the {@link OutputHandler}, before this returns or during a later call.
   *
   * <p>At most {@link #maxThreads} calls are inside at once; more wait here, first come first
   * served, so that {@code ERROR_BRIDGE_OUT_OF_THREADS} never reaches a caller. The wait does not
   * end on interruption; the interrupted status is kept.
   *
   * @param hostToEnclaveMessage a serialized {@code HostToEnclaveMessage}; copied
   * @throws EnclaveException with the enclave's or the bridge's error
   */
  void input(byte[] hostToEnclaveMessage) throws EnclaveException;

  /** The running image's measurement, 32 bytes, a copy. Answers after close too. */
  byte[] measurement();

  /** NumTCS of the image: how many calls can be inside at once. Answers after close too. */
  int maxThreads();

  /**
   * Waits for calls that are inside, then destroys the enclave and everything in it. Calls that
   * wait to enter fail with {@code ERROR_BRIDGE_CLOSED}. Calling it again does nothing but wait for
   * the first call to finish.
   *
   * @throws IllegalStateException when called from inside this enclave's {@link OutputHandler},
   *     where it would wait for itself; the enclave stays open
   */
  @Override
  void close();
}
